"""Claim about the connections of a dense block, counted in a forward pass of torchvision's DenseNet."""

from __future__ import annotations

from typing import Any

from reporter.model import Claim
from reporter.report.claim_verdicts import Answer, Case, Row

BLOCKS = range(1, 5)


def measure() -> dict[str, int]:
    """For each block: its layers, and the feature maps that they are handed, the block's input among them."""
    import torch
    from torchvision.models import densenet121

    handed: list[int] = []

    def count(_: Any, inputs: tuple[Any, ...]) -> None:
        handed.append(len(inputs[0]))

    with torch.device("meta"):
        network: Any = densenet121().eval()
        numbers: dict[str, int] = {}
        for block in BLOCKS:
            layers = list(getattr(network.features, f"denseblock{block}").children())
            hooks = [layer.register_forward_pre_hook(count) for layer in layers]
            handed.clear()
            network(torch.empty(1, 3, 224, 224))
            numbers |= {f"layers_{block}": len(layers), f"connections_{block}": sum(handed)}
            for hook in hooks:
                hook.remove()
    return numbers


def verdict(case: Case) -> Answer:
    """True where every block has as many as the formula says; the footnote is for the network as a whole."""
    _, number = case.language._, case.language.number
    layers = [int(case[f"layers_{block}"]) for block in BLOCKS]
    found = [int(case[f"connections_{block}"]) for block in BLOCKS]
    expected = [_formula(length) for length in layers]
    source = f"{case.counted}; {_('Huang et al., arXiv 1608.06993, sect. 1')}"
    rows = [
        Row(_("Block of {count} layers").format(count=length), number(stated), number(counted), source)
        for length, stated, counted in zip(layers, expected, found, strict=True)
    ]
    explanation = _(
        "In DenseNet-121 every layer of a block is handed all the maps made before it in that block; counted while an "
        "image passes through, the blocks of {layers} layers have {found} connections."
    ).format(
        layers=case.language.listing([number(length) for length in layers]),
        found=case.language.listing([number(count) for count in found]),
    )
    if found != expected:
        return Answer("false", (explanation,), tuple(rows))
    if sum(found) == _formula(sum(layers)):
        return Answer("true", (explanation,), tuple(rows))
    footnote = _(
        "L counts the layers of one block (the lecture says blocks): between blocks there is a single connection. "
        "DenseNet-121 has {layers} such layers and {found} connections, not the {expected} of one large block."
    ).format(layers=number(sum(layers)), found=number(sum(found)), expected=number(_formula(sum(layers))))
    corrected = _("A dense block has L(L + 1)/2 connections; L counts the layers of that block.")
    return Answer("noted", (explanation, footnote), tuple(rows), corrected)


def _formula(layers: int) -> int:
    return layers * (layers + 1) // 2


ENTRIES = (
    Claim(
        "dense_connections",
        "A dense block of L layers has L(L + 1)/2 connections.",
        verdict,
        measure,
        formula=r"1 + 2 + \dots + L = \sum_{l=1}^{L} l = \frac{L(L+1)}{2}",
        order=40,
    ),
)
