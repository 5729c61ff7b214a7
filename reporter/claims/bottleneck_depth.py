"""Claim about the depth at which ResNets have bottlenecks, counted on torchvision's models."""

from __future__ import annotations

from reporter.model import Claim
from reporter.report.claim_verdicts import Answer, Case, Row

DEPTHS = (18, 34, 50, 101, 152)
BORDER = 52
"""Up to here, the lecture says, there are none."""


def measure() -> dict[str, int]:
    """Blocks, and bottlenecks among them, of every ResNet; and whether there is one of 52 layers."""
    import torch
    from torchvision.models import get_model, list_models
    from torchvision.models.resnet import BasicBlock, Bottleneck

    numbers: dict[str, int] = {f"resnet{BORDER}": int(f"resnet{BORDER}" in list_models())}
    for depth in DEPTHS:
        with torch.device("meta"):
            modules = list(get_model(f"resnet{depth}").modules())
        numbers[f"blocks_{depth}"] = sum(isinstance(module, BasicBlock | Bottleneck) for module in modules)
        numbers[f"bottlenecks_{depth}"] = sum(isinstance(module, Bottleneck) for module in modules)
    return numbers


def verdict(case: Case) -> Answer:
    """True where no network up to the border has bottlenecks and all beyond have."""
    _, number = case.language._, case.language.number
    source = f"{case.counted}; {_('He et al., arXiv 1512.03385, Table 1')}"
    has = {depth: case[f"bottlenecks_{depth}"] > 0 for depth in DEPTHS}
    rows = tuple(
        Row(
            _("ResNet-{depth}: bottlenecks among its blocks").format(depth=depth),
            _("all") if depth > BORDER else _("none"),
            _("{some} of {all}").format(some=case.count(f"bottlenecks_{depth}"), all=case.count(f"blocks_{depth}")),
            source,
        )
        for depth in DEPTHS
    )
    if all(has[depth] == (depth > BORDER) for depth in DEPTHS):
        return Answer("true", (_("The border is where the lecture draws it."),), rows)
    basic = [f"ResNet-{depth}" for depth in DEPTHS if not has[depth]]
    explanation = _(
        "The border lies lower: {basic} are built of pairs of 3×3, {first} and all deeper ones of bottlenecks."
    )
    names = {"basic": case.language.listing(basic), "first": f"ResNet-{next(d for d in DEPTHS if has[d])}"}
    explanation = explanation.format(**names)
    same = _("ResNet-34 and ResNet-50 have {blocks} blocks each; the third convolution in each block turns 34 into 50.")
    none = _("There is no ResNet-{depth} in torchvision or in the paper.").format(depth=BORDER)
    sentences = [explanation]
    if case["blocks_34"] == case["blocks_50"]:
        sentences.append(same.format(blocks=number(case["blocks_50"])))
    if not case[f"resnet{BORDER}"]:
        sentences.append(none)
    corrected = _("{basic} do without bottlenecks; from {first} on ResNets have them.")
    return Answer("false", tuple(sentences), rows, corrected.format(**names))


ENTRIES = (
    Claim(
        "bottleneck_depth",
        "ResNets up to “resnet52” do without bottlenecks; from resnet101 on they have them.",
        verdict,
        measure,
        formula=r"34 = 2 + 2 \cdot 16"
        "\n"
        r"50 = 2 + 3 \cdot 16",
        order=50,
    ),
)
