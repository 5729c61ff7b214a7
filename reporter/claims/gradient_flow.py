"""Claim about the gradients of plain, residual and dense networks, compared with the records."""

from __future__ import annotations

from reporter.model import Claim
from reporter.report.claim_verdicts import Answer, Case, Row, sentences

PLAIN, NORMED, SKIPS, DENSE, SHALLOW = "vgg19", "vgg19_bn", "resnet18", "densenet121", "alexnet"
CLEAR = 10.0
"""Ratios less than this many times apart are called alike: they change with initialisation and images."""


def verdict(case: Case) -> Answer:
    """True if skips and dense links are clearly ahead of the plain network; half true if a shallow one is no better.

    A footnote is for batch norm.
    """
    _ = case.language._
    plain, normed, skips, dense = case.values("gradient_ratio", PLAIN, NORMED, SKIPS, DENSE)
    rows = _rows(case)
    explanation = _(
        "The gradient of the first layer has ρ times the norm of the last layer's. Before the first step of training, "
        "ρ is {small} in {plain}, {first} in {skips} and {second} in {dense}."
    ).format(
        plain=PLAIN,
        skips=SKIPS,
        dense=DENSE,
        small=case.ratio(plain),
        first=case.ratio(skips),
        second=case.ratio(dense),
    )
    if min(skips, dense) <= CLEAR * plain:
        return Answer("false", (explanation, _("That is no clear difference.")), rows)
    shallow = _depth(case, plain)
    footnotes = sentences(_norm(case, plain, normed), shallow)
    if not footnotes:
        return Answer("true", (explanation,), rows)
    corrected = _("The first layers of plain networks without batch norm get small gradients, at any depth.")
    if shallow is None:
        corrected = _("Gradients flow worse through deep plain networks without batch norm.")
    return Answer("doubtful" if shallow else "noted", (explanation, *footnotes), rows, corrected)


def _norm(case: Case, plain: float, normed: float) -> str | None:
    """Whether batch norm does as much without any skip."""
    message = case.language._(
        "Batch norm does as much without any skip: {normed}, as deep and as plain, has ρ = {ratio}. The authors of "
        "ResNet state the same of their plain networks with batch norm (sect. 4.1)."
    )
    return message.format(normed=NORMED, ratio=case.ratio(normed)) if normed > CLEAR * plain else None


def _depth(case: Case, plain: float) -> str | None:
    """Whether a shallow plain network is no better than the deep one."""
    shallow = case.value("gradient_ratio", SHALLOW)
    message = case.language._("Nor is it depth alone: {shallow} with its eight layers has ρ = {ratio}.")
    alike = shallow is not None and plain / CLEAR < shallow < plain * CLEAR
    return message.format(shallow=SHALLOW, ratio=case.ratio(shallow or 1)) if alike else None


def _rows(case: Case) -> tuple[Row, ...]:
    """The ratio of each network before and, where it was trained, after the fine-tuning."""
    _ = case.language._
    kinds = {
        SHALLOW: ("", _("plain")),
        PLAIN: (_("badly"), _("plain")),
        NORMED: ("", _("plain, batch norm")),
        SKIPS: (_("well"), _("skip connections, batch norm")),
        DENSE: (_("well"), _("dense links, batch norm")),
    }
    rows = []
    for network, (stated, kind) in kinds.items():
        before, after = (case.value(key, network) for key in ("gradient_ratio", "gradient_ratio_trained"))
        depth = case.value("depth", network)
        layers = "" if depth is None else ", " + _("{count} layers").format(count=case.language.number(depth))
        if before is not None:
            here = case.ratio(before)
            explanation = (
                here
                if after is None
                else _("{before}; trained: {after}").format(before=here, after=_ratio_text(after, case))
            )
            rows.append(Row(f"{network} ({kind}{layers})", stated, explanation, case.measured))
    others = [record for record in case.comparison.networks if record.architecture not in kinds]
    measured = [(record.architecture, record.value("gradient_ratio")) for record in others]
    rows += [Row(name, "", case.ratio(ratio), case.measured) for name, ratio in measured if ratio is not None]
    return tuple(rows)


def _ratio_text(ratio: float, case: Case) -> str:
    return case.ratio(ratio) if ratio else "0"


ENTRIES = (
    Claim(
        "gradient_flow",
        "Gradients flow worse through deep plain networks; skip connections and dense links ease that.",
        verdict,
        formula=r"\rho = \frac{\lVert \partial L / \partial W_1 \rVert}{\lVert \partial L / \partial W_N \rVert}"
        "\n"
        r"\frac{\partial L}{\partial W_1} = \frac{\partial L}{\partial F_N} "
        r"\frac{\partial F_N}{\partial F_{N-1}} \cdots \frac{\partial F_2}{\partial F_1} "
        r"\frac{\partial F_1}{\partial W_1}",
        needs=("gradient_ratio", "depth"),
        order=110,
    ),
)
