"""Claim about the savings of a 3x3 convolution split into 1x3 and 3x1, counted on the layers."""

from __future__ import annotations

from reporter.model import Claim
from reporter.report.claim_verdicts import Answer, Case, Row


def measure() -> dict[str, int]:
    """Weights for one channel, without bias, and the window of the pair."""
    from torch.nn import Conv2d, Sequential

    from reporter.worker.counts.receptive_field import receptive_field, weights

    def pair(size: int) -> Sequential:
        return Sequential(Conv2d(1, 1, (1, size), bias=False), Conv2d(1, 1, (size, 1), bias=False))

    def whole(size: int) -> Conv2d:
        return Conv2d(1, 1, size, bias=False)

    return {
        "window": min(receptive_field(pair(3))),
        "pair": weights(pair(3)),
        "whole": weights(whole(3)),
        "two_whole": weights(Sequential(whole(3), whole(3))),
        "pair_7": weights(pair(7)),
        "whole_7": weights(whole(7)),
    }


def verdict(case: Case) -> Answer:
    """True where the pair has 6 weights and what it replaces 18."""
    _, count = case.language._, case.count
    rows = (
        Row(_("Weights of 1×3 and 3×1"), "6", count("pair"), case.counted),
        Row(_("Weights of the 3×3 that they replace"), "18", count("whole"), case.counted),
        Row(_("Weights of two 3×3"), "", count("two_whole"), case.counted),
        Row(_("The same at 7×7: split / whole"), "", f"{count('pair_7')} / {count('whole_7')}", case.counted),
        Row(_("Saved"), _("two thirds"), _share(case), _("Szegedy et al., arXiv 1512.00567, sect. 3.2")),
    )
    if (case["pair"], case["whole"]) == (6, 18):
        return Answer("true", (_("The numbers are as the lecture has them."),), rows)
    explanation = _(
        "The pair has {pair} weights, as the lecture says, but the one 3×3 that it replaces has {whole}: {two} is what "
        "the two 3×3 of the step before have together."
    ).format(pair=count("pair"), whole=count("whole"), two=count("two_whole"))
    more = _("What is saved is {share}, as the paper has it, and more for larger kernels.").format(share=_share(case))
    corrected = _("Splitting a 3×3 convolution into a 1×3 and a 3×1 leaves {pair} weights out of {whole}.")
    counts = {"pair": count("pair"), "whole": count("whole")}
    return Answer("false", (explanation, more), rows, corrected.format(**counts))


def _share(case: Case) -> str:
    return f"{case.language.number(100 * (1 - case['pair'] / case['whole']))} %"


ENTRIES = (
    Claim(
        "split_kernel",
        "Splitting a 3×3 convolution into a 1×3 and a 3×1 leaves 6 weights out of 18.",
        verdict,
        measure,
        formula=r"3 \cdot 3 = 9 \to 1 \cdot 3 + 3 \cdot 1 = 6"
        "\n"
        r"n \cdot n = n^2 \to 1 \cdot n + n \cdot 1 = 2n",
        order=30,
    ),
)
