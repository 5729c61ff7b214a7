"""Execution modes that are faster or slower than eager: a row for each operator that makes the difference."""

from __future__ import annotations

from dataclasses import replace

from reporter.model.readings import SPEEDUP
from reporter.report import headline_latency, units
from reporter.report.comparison import Comparison
from reporter.report.language import Language
from reporter.report.modes import mode_kernels, mode_ranking, mode_words
from reporter.report.table import Builder, Cell, Column, Table, Tabulation, mark, plain
from reporter.report.why import operator_names

MOST = 30
"""Rows on a page; the file has all."""


def make(comparison: Comparison, language: Language) -> Table | None:
    """None where no mode that differs from eager has operators."""
    _ = language._
    found = [(each, row) for each in mode_kernels.explained(comparison) for row in each.operators]
    if not found:
        return None
    rows = Builder(comparison, language, [each.record for each, _row in found])
    rows.names()
    marked = {id(each.record): mode_words.marked(each.record, comparison, language) for each, _row in found}
    rows.add(Column("mode", _("Mode")), [marked[id(each.record)] for each, _row in found])
    rows.add(
        Column("speedup", _("Speedup"), base="1", numeric=True, interval=True),
        [_speedup(each, language) for each, _row in found],
    )
    rows.add(Column("threads", _("Threads")), [threads(each.setting, language) for each, _row in found])
    rows.add(
        Column("operator", _("Operator")), [plain(operator_names.words(row.kind, language)) for _each, row in found]
    )
    kernels = [(_("Kernels in eager"), "kernels_eager"), (_("Kernels in the mode"), "kernels")]
    for number, (title, key) in enumerate(kernels):
        sides = [row.kernels if number else row.kernels_before for _each, row in found]
        rows.add(Column(key, title), [plain(mode_kernels.names(side)) for side in sides])
    for title, key in ((_("Eager"), "before"), (_("Mode"), "now")):
        column = Column(f"seconds_{key}", title, _("ms"), "s", numeric=True)
        rows.add(column, [_time(getattr(row, key), each, language) for each, row in found])
    gained = Column("gained", _("Gained"), _("ms"), "s", _("Eager minus the mode; negative: lost."), numeric=True)
    rows.add(gained, [_time(row.before - row.now, each, language) for each, row in found])
    settings = dict.fromkeys(headline_latency.how(f"latency_{each.setting}", language) for each, _row in found)
    notes = _notes(list(settings), language)
    table = rows.table("mode_kernels", _("Gains and losses of execution modes, by operator"), notes)
    return replace(table, most=MOST)


def threads(setting: str, language: Language) -> Cell:
    """The threads of a setting, or the kind of device."""
    _ = language._
    return Cell(*{"cpu_1thread": ("1", "1"), "cpu": (_("all"), "all")}.get(setting, (_("GPU"), "GPU")))


def _speedup(explained: mode_kernels.Explained, language: Language) -> Cell:
    """The gain of a mode with its interval, marked if it is doubtful."""
    sign = mark(explained.record.readings.get(f"{SPEEDUP}latency_{explained.setting}"))
    return Cell(mode_ranking.stated(explained.gain, language) + sign, *explained.gain[:3])


def _time(seconds: float, explained: mode_kernels.Explained, language: Language) -> Cell:
    """A part of the latency of a mode, or of that times its speedup, marked if either is doubtful; 0 is exact."""
    key = f"latency_{explained.setting}"
    readings = [explained.record.readings.get(each) for each in (key, f"{SPEEDUP}{key}")]
    sign = next(filter(None, map(mark, readings)), "") if seconds else ""
    return Cell(units.derived(language, seconds, units.MILLISECONDS, *readings) + sign, seconds)


def _notes(settings: list[str], language: Language) -> tuple[str, ...]:
    least = language.number(100 * mode_kernels.LEAST)
    return (
        language._(
            "Only modes that differ from eager beyond noise, and operators that gain or lose at least {least} % of "
            "eager's time, or run other kernels. Kernels: oneDNN's names; gemm, a matrix product of a BLAS library; "
            "native, torch's own code. An engine may merge several operators into one."
        ).format(least=least),
        language._(
            "Times ({settings}) of all operators sum to the latency of the mode; those of eager are scaled to it times "
            "the speedup."
        ).format(settings=language.listing(settings)),
    )


ENTRIES = (Tabulation("mode_kernels", make, chapter="why", order=6),)
