"""Claim about the formula of label smoothing, compared with torch's cross-entropy."""

from __future__ import annotations

from reporter.model import Claim
from reporter.report.claim_verdicts import Answer, Case, Row

ALPHAS = (0.0, 0.1, 0.5, 1.0)
ROUNDING = 1e-12
"""Relative to the loss; double precision keeps sixteen digits."""


def measure() -> dict[str, float]:
    """The largest difference between the two losses over the alphas, and the smallest loss, in double precision."""
    import torch
    from torch.nn.functional import cross_entropy, one_hot

    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(64, 1000, dtype=torch.float64, generator=generator)
    labels = torch.randint(1000, (64,), generator=generator)
    losses = [cross_entropy(outputs, labels, label_smoothing=alpha) for alpha in ALPHAS]
    differences = []
    for alpha, loss in zip(ALPHAS, losses, strict=True):
        smooth = (1 - alpha) * one_hot(labels, 1000).double() + alpha / 1000
        differences.append(-(smooth * outputs.log_softmax(1)).sum(1).mean() - loss)
    return {"difference": max(abs(float(each)) for each in differences), "loss": min(float(loss) for loss in losses)}


def verdict(case: Case) -> Answer:
    """True where the two agree to the last digits."""
    _ = case.language._
    difference, loss = case["difference"], case.language.number(case["loss"], 2)
    amount = f"{difference:.0e}" if difference else "0"
    rows = (Row(_("Largest difference between the formula and torch"), "0", amount, case.measured),)
    if difference > ROUNDING * case["loss"]:
        explanation = _("The formula and torch differ by {amount} at a loss of {loss}.")
        return Answer("false", (explanation.format(amount=amount, loss=loss),), rows)
    explanation = _(
        "With these targets, cross-entropy equals torch's label_smoothing = α to floating-point precision, "
        "for α = 0, 0.1, 0.5 and 1, on 64 random outputs for 1,000 classes (loss {loss})."
    ).format(loss=loss)
    more = _("At α = 0 it is the plain cross-entropy, at α = 1 all classes are equal: as the lecture says.")
    return Answer("true", (explanation, more), rows)


ENTRIES = (
    Claim(
        "label_smoothing",
        "Label smoothing trains on (1 − α) · one-hot + α/C in place of the one-hot answer.",
        verdict,
        measure,
        formula=r"y_{\mathrm{smooth}} = (1 - \alpha) y_{\mathrm{onehot}} + \frac{\alpha}{C}",
        order=80,
    ),
)
