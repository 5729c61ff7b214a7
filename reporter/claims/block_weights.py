"""Claim about the weights of a ResNet bottleneck and a ResNeXt block, counted on torchvision's blocks."""

from __future__ import annotations

from reporter.model import Claim
from reporter.report.claim_verdicts import Answer, Case, Row

SAID = {"resnet": 69_632, "resnext": 70_144}
TITLES = {"resnet": "256-64-64-256", "resnext": "256-128-128-256, 32 × 4d"}


def measure() -> dict[str, int]:
    """Weights of the convolutions, and all with batch norm."""
    import torch
    from torch.nn import Conv2d
    from torchvision.models.resnet import Bottleneck

    from reporter.worker.counts.receptive_field import weights

    with torch.device("meta"):
        blocks = {"resnet": Bottleneck(256, 64), "resnext": Bottleneck(256, 64, groups=32, base_width=4)}
    counted = {name: weights(block, Conv2d) for name, block in blocks.items()}
    return counted | {f"{name}_normed": weights(block) for name, block in blocks.items()}


def verdict(case: Case) -> Answer:
    """True where both numbers are those of the convolutions."""
    _, number, count = case.language._, case.language.number, case.count
    titles = {name: f"{family}, {TITLES[name]}" for name, family in (("resnet", "ResNet"), ("resnext", "ResNeXt"))}
    rows = [Row(_("{block}: weights").format(block=titles[n]), number(SAID[n]), count(n), case.counted) for n in SAID]
    rows += [
        Row(_("{block}: with batch norm").format(block=titles[n]), "", count(f"{n}_normed"), case.counted) for n in SAID
    ]
    if any(case[name] != stated for name, stated in SAID.items()):
        explanation = _("Counted on torchvision's blocks, they have {resnet} and {resnext}.")
        return Answer("false", (explanation.format(resnet=count("resnet"), resnext=count("resnext")),), tuple(rows))
    explanation = _(
        "Counted on torchvision's blocks, both numbers are right: ResNeXt has twice the width inside for the same "
        "price. Batch norm adds a scale and a shift per channel: {resnet} and {resnext}."
    ).format(resnet=count("resnet_normed"), resnext=count("resnext_normed"))
    return Answer("true", (explanation,), tuple(rows))


ENTRIES = (
    Claim(
        "block_weights",
        "A bottleneck 256-64-64-256 has 69,632 weights, and the ResNeXt block of 32 paths that takes its place 70,144.",
        verdict,
        measure,
        formula=r"256 \cdot 64 + 3^2 \cdot 64 \cdot 64 + 64 \cdot 256 = 69632"
        "\n"
        r"32 \cdot (256 \cdot 4 + 3^2 \cdot 4 \cdot 4 + 4 \cdot 256) = 70144",
        order=70,
    ),
)
