"""Claim about two 3x3 convolutions instead of a 5x5 one: receptive fields by gradients, and weights."""

from __future__ import annotations

from reporter.model import Claim
from reporter.report.claim_verdicts import Answer, Case, Row

WIDENING = (16, 32)
"""Channels before and after the 5x5 of GoogLeNet's first module, 3a (arXiv 1409.4842, Table 1)."""


def measure() -> dict[str, int]:
    """Windows and weights for one channel, and weights where the layer widens."""
    from torch.nn import Conv2d, Sequential

    from reporter.worker.counts.receptive_field import receptive_field, weights

    def two(before: int, after: int) -> Sequential:
        return Sequential(Conv2d(before, after, 3, bias=False), Conv2d(after, after, 3, bias=False))

    return {
        "window_two": receptive_field(two(1, 1))[0],
        "window_one": receptive_field(Conv2d(1, 1, 5, bias=False))[0],
        "weights_two": weights(two(1, 1)),
        "weights_one": weights(Conv2d(1, 1, 5, bias=False)),
        "widening_two": weights(two(*WIDENING)),
        "widening_one": weights(Conv2d(*WIDENING, 5, bias=False)),
    }


def verdict(case: Case) -> Answer:
    """True where window and weights are as said; the footnote is for layers that widen."""
    _, count = case.language._, case.count
    rows = (
        Row(_("Window of two 3×3, pixels"), "5 × 5", f"{count('window_two')} × {count('window_two')}", case.measured),
        Row(_("Window of one 5×5, pixels"), "5 × 5", f"{count('window_one')} × {count('window_one')}", case.measured),
        Row(_("Weights of two 3×3"), "18", count("weights_two"), case.counted),
        Row(_("Weights of one 5×5"), "25", count("weights_one"), case.counted),
        Row(_("Weights of two 3×3, from 16 channels to 32"), "", count("widening_two"), case.counted),
        Row(_("Weights of one 5×5, from 16 channels to 32"), "", count("widening_one"), case.counted),
    )
    if case["window_two"] != case["window_one"] or (case["weights_two"], case["weights_one"]) != (18, 25):
        return Answer("false", (_("Window and weights are not as the lecture has them."),), rows)
    explanation = _(
        "Followed back from one output pixel, the gradient reaches a window of {window} × {window} pixels in both, and "
        "the numbers of weights are those of the claim."
    ).format(window=count("window_two"))
    always = case["widening_two"] < case["widening_one"]
    footnote = _(
        "The weights are those of one pair of channels, without bias, in layers of equal width. Where a layer widens, "
        "as in GoogLeNet's first module from 16 channels to 32, the two 3×3, with 32 channels between them, need {two} "
        "weights and the 5×5 {one}."
    ).format(two=count("widening_two"), one=count("widening_one"))
    if always:
        return Answer("true", (explanation,), rows)
    corrected = _("Two 3×3 convolutions see what one 5×5 sees, with 18 weights instead of 25 if both are equally wide.")
    return Answer("noted", (explanation, footnote), rows, corrected)


ENTRIES = (
    Claim(
        "two_small_kernels",
        "Two 3×3 convolutions in a row see what one 5×5 sees, with 18 weights instead of 25.",
        verdict,
        measure,
        formula=r"2 \cdot 3^2 = 18 \lt 25 = 5^2",
        order=20,
    ),
)
