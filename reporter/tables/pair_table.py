"""Pairs of architectures whose order by MACs and by time differs, with the operators that make the difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reporter.compare.kernel_changes import no_ledgers
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.headline_latency import how
from reporter.report.language import Language
from reporter.report.table import Builder, Cell, Column, Table, Tabulation, plain
from reporter.report.why import operator_names, operator_pairs
from reporter.report.why.operator_pairs import MOST, Reason, SlowerPair
from reporter.report.why.pair_candidates import TRIED, are_too_many
from reporter.tables.mode_operators import threads

SHOWN = 10
"""Rows on a page; the file has all."""
RATED = 40
"""Sentences with the MACs per second of operators: the ledgers of very many architectures take long to read."""


def make(comparison: Comparison, language: Language) -> Table | None:
    """A row for each pair, the largest disagreement first; None without any."""
    _ = language._
    pairs = operator_pairs.pairs(comparison)
    if not pairs:
        return None
    rows = Builder(comparison, language, [pair.few for pair in pairs])
    rows.add(Column("architecture", _("Architecture")), [plain(pair.few.architecture) for pair in pairs])
    rows.add(Column("other", _("Compared with")), [plain(pair.many.architecture) for pair in pairs])
    settings = list(dict.fromkeys(pair.setting for pair in pairs))
    if len(settings) > 1:
        rows.add(Column("threads", _("Threads")), [threads(pair.setting, language) for pair in pairs])
    time = _("Time") if len(settings) > 1 else f"{_('Time')}, {how(pairs[0].key, language)}"
    columns = {"macs": _("MACs"), "time": time}
    for key, title in columns.items():
        values = [pair.macs if key == "macs" else pair.longer for pair in pairs]
        column = Column(f"{key}_ratio", title, "×", "1", numeric=True)
        rows.add(column, [Cell(units.unequal_ratio(language, value), value) for value in values])
    for number in range(operator_pairs.NAMED):
        _reason(rows, pairs, number)
    sentences = [plain(operator_pairs.sentence(pair, language)) for pair in _with_rates(pairs)]
    rows.add(Column("sentence", _("In a sentence"), extra=True), sentences)
    note = _(
        "Each architecture has fewer MACs than the one that it is compared with, but takes longer beyond noise. The "
        "operators are those whose share of the time is larger by the most; if no share is larger by 5 points, those "
        "whose time is."
    )
    cut = _("The {count} pairs that differ most.").format(count=language.number(MOST)) if len(pairs) == MOST else ""
    message = _(
        "Of the pairs whose order by MACs and by time differs, only the {count} that differ most were examined."
    )
    tried = message.format(count=language.number(TRIED)) if are_too_many(comparison) else ""
    table = rows.table(
        "operator_pairs", _("Fewer MACs, but slower: the operators that make the difference"), (note, cut, tried)
    )
    return replace(table, most=SHOWN)


def _with_rates(pairs: Sequence[SlowerPair]) -> list[SlowerPair]:
    """The pairs, of which the first RATED read the ledgers of kernels for the rates in their sentences."""
    return [pair if at < RATED else pair._replace(ledgers=no_ledgers) for at, pair in enumerate(pairs)]


def _reason(rows: Builder, pairs: tuple[SlowerPair, ...], number: int) -> None:
    """The columns of one operator: its name, and its share of the time in both."""
    language = rows.language
    found: list[Reason | None] = [pair.reasons[number] if number < len(pair.reasons) else None for pair in pairs]
    if not any(found):
        return
    names = [operator_names.words(each.label, language) if each else "" for each in found]
    group = language._("Operator {number}").format(number=number + 1)
    at = number + 1
    rows.add(Column(f"operator_{at}", group, group=group, short=language._("name")), [plain(name) for name in names])
    for key, title in (("share", language._("share")), ("other", language._("share in the other"))):
        column = Column(f"{key}_{at}", f"{group}, {title}", "%", "1", numeric=True, group=group, short=title)
        values = [getattr(each, key) if each else None for each in found]
        rows.add(column, [_share(value, language) for value in values])


def _share(value: float | None, language: Language) -> Cell:
    return Cell("–", status="missing") if value is None else Cell(units.part(language, value), value)


ENTRIES = (Tabulation("operator_pairs", make, chapter="why", order=2),)
