"""Claim about the gradients of plain, residual and dense networks, compared at one depth and with the records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reporter.model import Claim, Number, Record
from reporter.registry.selection import sets
from reporter.report.claim_verdicts import Answer, Case, MissingError, Row, cell, sentences

KEY = "gradient_flow"
SHALLOW, DEEP = 20, 56
PLAIN, NORMED, RESIDUAL, DENSE = "plain", "plain_norm", "residual_norm", "dense_norm"
CLEAR = 10.0
"""Ratios less than this many times apart are called alike: they change with initialization and images."""
WITH_SKIPS = ("ResNet", "ResNeXt", "SE-ResNet", "SE-ResNeXt", "DenseNet")
NORMED_PLAIN = ("vgg19_bn", "vgg16_bn")


def measure() -> Mapping[str, Number]:
    """The ratio for each kind of network at two depths, and the relative gradients of all layers of the deep ones."""
    from reporter.worker.learning.relative_gradients import curves, early_over_late

    found: dict[str, Number] = {}
    for depth in (SHALLOW, DEEP):
        for kind, gradients in curves(depth).items():
            ratio = early_over_late(gradients)
            found[f"{kind}_{depth}"] = ratio or 0.0
            if depth == DEEP:
                found |= {f"{kind}_{depth}_{number}": value for number, value in enumerate(gradients, start=1)}
    return found


def uneven(ratio: float) -> float:
    """How many times early and late layers differ, whichever have the larger gradients."""
    return max(ratio, 1 / ratio) if ratio else float("inf")


def verdict(case: Case) -> Answer:
    """True if depth harms the plain network clearly, and skips and dense links reduce that clearly.

    Half true if it does so with batch norm only.
    """
    _ = case.language._
    shallow, deep, skips, dense = (
        case[name] for name in (f"{NORMED}_{SHALLOW}", *(f"{kind}_{DEEP}" for kind in (NORMED, RESIDUAL, DENSE)))
    )
    rows = _rows(case)
    explanation = _(
        "ρ compares relative gradients, gradient norm over weight norm, of the first and the last quarter of layers; 1 "
        "is even. Of networks with batch norm and {deep} layers, the plain one has ρ = {plain}, the residual one "
        "{skips} and the dense one {dense}; with {shallow} layers the plain one has {before}."
    ).format(
        deep=DEEP,
        shallow=SHALLOW,
        plain=case.ratio(deep),
        skips=case.ratio(skips),
        dense=case.ratio(dense),
        before=case.ratio(shallow),
    )
    if CLEAR * max(uneven(skips), uneven(dense)) > uneven(deep):
        return Answer("false", (explanation, _("That is no clear difference.")), rows)
    if CLEAR * uneven(shallow) > uneven(deep):
        return Answer("doubtful", (explanation, _("Depth makes no clear difference.")), rows)
    without_norm = _initialization(case, deep)
    footnotes = sentences(_direction(case, (deep, skips, dense)), without_norm, _counterexample(case))
    if not footnotes:
        return Answer("true", (explanation,), rows)
    corrected = _(
        "At {deep} layers with batch norm, early gradients are {plain} times late ones in plain networks, {skips} with "
        "skip connections, {dense} with dense links."
    ).format(deep=DEEP, plain=case.ratio(deep), skips=case.ratio(skips), dense=case.ratio(dense))
    return Answer("doubtful" if without_norm else "noted", (explanation, *footnotes), rows, corrected)


def _direction(case: Case, ratios: Sequence[float]) -> str | None:
    """Whether the gradients of all these networks grow toward the first layers."""
    message = case.language._("In these networks the gradients do not vanish: they grow toward the first layers.")
    return message if min(ratios) > 1 else None


def _initialization(case: Case, deep: float) -> str | None:
    """Whether a plain network without batch norm is more even."""
    plain = case[f"{PLAIN}_{DEEP}"]
    message = case.language._(
        "Depth alone is not the cause: without batch norm, with He's initialization, the plain network has ρ = {ratio}."
    )
    return message.format(ratio=case.ratio(plain)) if CLEAR * uneven(plain) <= uneven(deep) else None


def _counterexample(case: Case) -> str | None:
    """The network with skips whose gradients differ most, if a plain one with batch norm is more even."""
    skipping = [(record, flow) for record, flow in _flows(case) if record.family in WITH_SKIPS]
    plain = {record.architecture: flow for record, flow in _flows(case) if record.architecture in NORMED_PLAIN}
    if not skipping or not plain:
        return None
    worst, flow = max(skipping, key=lambda pair: uneven(pair[1]))
    name = next(each for each in NORMED_PLAIN if each in plain)
    message = case.language._(
        "Architectures of the lecture differ in more than their skips: {network}, with them, has ρ = {ratio}, "
        "{plain}, without, {other}."
    )
    text = message.format(network=worst.architecture, ratio=case.ratio(flow), plain=name, other=case.ratio(plain[name]))
    return text if uneven(flow) > uneven(plain[name]) else None


def _flows(case: Case) -> list[tuple[Record, float]]:
    """The records of the lecture with their ratio; raises MissingError if some were not measured for it."""
    lecture = sets()["lecture"]
    records = [record for record in case.comparison.networks if record.architecture in lecture]
    missing = [record.architecture for record in records if KEY not in record.readings]
    if missing:
        message = case.language._("This run has not measured what it takes: {quantity} of {networks}.")
        title = case.language._("Gradient flow")
        raise MissingError(message.format(quantity=title, networks=case.language.listing(missing)))
    values = ((record, record.value(KEY)) for record in records)
    return [(record, value) for record, value in values if value is not None]


def _rows(case: Case) -> tuple[Row, ...]:
    """The networks that differ in one thing, then those of the records."""
    _ = case.language._
    kinds = {
        NORMED: (_("badly"), _("plain, batch norm, {shallow} and {deep} layers")),
        RESIDUAL: (_("well"), _("skip connections, batch norm, {shallow} and {deep} layers")),
        DENSE: (_("well"), _("dense links, batch norm, {shallow} and {deep} layers")),
        PLAIN: ("", _("plain, without batch norm, {shallow} and {deep} layers")),
    }
    rows = []
    for kind, (stated, title) in kinds.items():
        here = cell([case.ratio(case[f"{kind}_{depth}"]) for depth in (SHALLOW, DEEP)])
        rows.append(Row(title.format(shallow=SHALLOW, deep=DEEP), stated, here, case.measured))
    families: dict[str, list[tuple[Record, float]]] = {}
    for record, flow in _flows(case):
        families.setdefault(record.family, []).append((record, flow))
    for members in families.values():
        here = cell([case.ratio(flow) for _record, flow in members])
        rows.append(Row(cell([record.architecture for record, _flow in members]), "", here, case.measured))
    return tuple(rows)


ENTRIES = (
    Claim(
        "gradient_flow",
        "Gradients flow worse through deep networks; skip connections and dense links ease that.",
        verdict,
        measure,
        formula=r"g_i = \frac{\lVert \partial L / \partial W_i \rVert}{\lVert W_i \rVert}"
        "\n"
        r"\rho = \frac{\mathrm{med}(g_1, \ldots, g_{N/4})}{\mathrm{med}(g_{3N/4}, \ldots, g_N)}",
        needs=("gradient_flow",),
        order=110,
    ),
)
