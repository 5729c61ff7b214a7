"""Claim about the pooling of squeeze-and-excitation, measured on the gate of se_resnet50."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reporter.model import Claim
from reporter.report.claim_verdicts import Answer, Case, Row

if TYPE_CHECKING:
    from torch import Tensor

ROUNDING = 1e-9
"""Rounding in double precision is far below, a change that the gate depends on far above."""


def measure() -> dict[str, float]:
    """How far the gate's weights move when each channel's maximum changes alone, and when its average does."""
    import torch

    from reporter.worker.lookup import find

    torch.manual_seed(0)
    network: Any = find("se_resnet50").build(10)
    gate = network.layer1[0].se.double()
    plain = torch.rand(1, 256, 8, 8, dtype=torch.float64) + 1
    plain[..., 0, 0] = 3.0
    taller = plain - 1 / 64
    taller[..., 0, 0] += 1
    lower = plain / 2
    lower[..., 0, 0] = 3.0

    def weights(images: Tensor) -> Tensor:
        found: Tensor = (gate(images) / images)[..., 0, 0]
        return found

    with torch.inference_mode():
        before = weights(plain)
        return {
            "moved_by_maximum": float((weights(taller) - before).abs().max()),
            "moved_by_average": float((weights(lower) - before).abs().max()),
        }


def verdict(case: Case) -> Answer:
    """True where the gate depends on the maximum and not on the average."""
    _ = case.language._
    to_maximum, to_average = (case[f"moved_by_{what}"] > ROUNDING for what in ("maximum", "average"))
    maximum, average = (_errors(case, what) for what in ("maximum", "average"))
    source = case.fact("maximum_top1_error").source
    rows = (
        Row(_("The gate moves with the maximum alone"), _("yes"), _answer(case, "maximum"), case.measured),
        Row(_("The gate moves with the average alone"), _("no"), _answer(case, "average"), case.measured),
        Row(_("Error with the maximum, top-1 / top-5"), "", maximum, source),
        Row(_("Error with the average, top-1 / top-5"), "", average, source),
    )
    if to_maximum and not to_average:
        return Answer("true", (_("The gate depends on the maximum only."),), rows)
    if to_maximum:
        return Answer("doubtful", (_("The gate depends on the maximum and on the average."),), rows)
    explanation = _(
        "It takes the average (eq. 2 of the paper). The gate of se_resnet50 was tested: its weights stay the same "
        "if the maximum of every channel rises and its average does not, and change with the average."
    )
    tried = _("The authors tried the maximum too, and found it slightly worse: {maximum} against {average}.")
    found = (explanation, tried.format(maximum=maximum, average=average))
    return Answer("false", found, rows, _("Squeeze-and-excitation takes the average of each channel."))


def _answer(case: Case, what: str) -> str:
    """Whether the gate moved, and how far at most."""
    moved, _ = case[f"moved_by_{what}"], case.language._
    if moved <= ROUNDING:
        return _("no")
    return _("yes, by {amount}").format(amount=case.language.number(moved, 3))


def _errors(case: Case, what: str) -> str:
    errors = (float(case.fact(f"{what}_{top}_error").value) for top in ("top1", "top5"))
    return " / ".join(f"{case.language.number(error, 2)} %" for error in errors)


ENTRIES = (
    Claim(
        "squeeze",
        "Squeeze-and-excitation takes the maximum of each channel.",
        verdict,
        measure,
        formula=r"z_c = \frac{1}{H W} \sum_{i=1}^{H} \sum_{j=1}^{W} u_c(i, j)",
        order=60,
    ),
)
