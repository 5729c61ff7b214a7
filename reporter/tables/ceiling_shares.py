"""How close each architecture comes to the ceilings of the machine, and which of them bounds it.

Both are those of the roofline charts, which follow from the latency that the report prints: the share that a record has
is of another latency, that of the process in which its operators were profiled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reporter.model import Record
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.headline_latency import how
from reporter.report.language import Language
from reporter.report.table import Builder, Cell, Column, Table, Tabulation, mark, reading_cell
from reporter.report.why.record_profiles import SETTINGS
from reporter.report.why.rooflines import (
    GIGA,
    INTENSITY,
    Point,
    Roofline,
    ceiling,
    conditions_of_ceilings,
    rooflines,
    without_peak,
)

PREFIX = "ceiling_share_"
Placed = Mapping[int, tuple[Roofline, Point]]
"""The point of each record, by its identity, below the roofline of its machine."""


def make(comparison: Comparison, language: Language) -> Table | None:
    """A row for each architecture and machine with a ceiling; None without any."""
    _ = language._
    keys = [f"{PREFIX}{setting}" for setting in SETTINGS]
    records = [record for record in comparison.records if any(record.value(key) is not None for key in keys)]
    if not records:
        return None
    rows = Builder(comparison, language, records)
    rows.names()
    rows.add(Column(INTENSITY, _("MACs per byte"), base="1", numeric=True), [_intensity(r, language) for r in records])
    for setting, key in zip(SETTINGS, keys, strict=True):
        if any(record.value(key) is not None for record in records):
            placed = _placed(comparison, setting)
            group = how(f"latency_{setting}", language)
            title = _("Share of the ceiling")
            column = Column(key, f"{title}, {group}", "%", "1", numeric=True, group=group, short=title)
            rows.add(column, [_share(record, setting, placed, language) for record in records])
            bound = Column(f"bound_{setting}", f"{_('Bound')}, {group}", group=group, short=_("Bound"))
            rows.add(bound, [_bound(record, key, placed, language) for record in records])
    return rows.table("ceilings", _("Share of the machine's ceiling"), _notes(comparison, language))


def _intensity(record: Record, language: Language) -> Cell:
    value = record.value(INTENSITY)
    return Cell("–", status="missing") if value is None else Cell(units.text(language, float(value)), value)


def _placed(comparison: Comparison, setting: str) -> Placed:
    """The points of all records that have a latency in a setting, each below the peak of its precision."""
    return {id(point.record): (line, point) for line in rooflines(comparison, (setting,)) for point in line.points}


def _share(record: Record, setting: str, placed: Placed, language: Language) -> Cell:
    """The share of the ceiling, marked if the latency is doubtful.

    That of the record if it has no latency, or if no ceiling was measured under the conditions of the latency.
    """
    reading = record.readings.get(f"{PREFIX}{setting}")
    if reading is None or reading.value is None:
        return reading_cell(reading, units.PERCENT, language, False)
    share, sign = reading.value, ""
    if found := placed.get(id(record)):
        line, point = found
        share, sign = line.share(point), mark(record.readings.get(f"latency_{setting}"))
    return Cell(units.part(language, share) + sign, share)


def _bound(record: Record, key: str, placed: Placed, language: Language) -> Cell:
    _ = language._
    reading = record.readings.get(key)
    bound = str(reading.detail.get("bound", "")) if reading and reading.measured else ""
    if bound and (found := placed.get(id(record))):
        line, point = found
        bound = line.bound(point)
    words = {"compute": _("computation"), "memory": _("memory")}
    return Cell(words.get(bound, bound), bound)


def _notes(comparison: Comparison, language: Language) -> Sequence[str]:
    """The ceilings of each machine, what the share is of, and which modes are in the charts."""
    _ = language._
    share = _(
        "Share of the ceiling: MACs per second in one inference over the lower of the peak and memory bandwidth times "
        "MACs per byte. Bound: the lower of the two."
    )
    notes = [share]
    message = _("Measured on {machine}, {how}: {peak} G MACs per second, {bandwidth} GB/s.")
    for machine in comparison.machines:
        records = comparison.of(machine)
        for setting, under in ((each, under) for each in SETTINGS for under in conditions_of_ceilings(records, each)):
            keys = (f"ceiling_macs_{setting}", f"ceiling_bandwidth_{setting}")
            values = [ceiling(records, key, under) for key in keys]
            if all(values):
                peak, bandwidth = (units.text(language, value / GIGA) for value in values)
                where = ", ".join(filter(None, (how(f"latency_{setting}", language), under)))
                notes.append(message.format(machine=machine, how=where, peak=peak, bandwidth=bandwidth))
    return [*notes, *_modes(comparison, language)]


def _modes(comparison: Comparison, language: Language) -> Iterator[str]:
    """Which modes have points in the roofline charts; nothing where only eager was measured."""
    _ = language._
    if comparison.modes:
        yield _(
            "The roofline charts follow from latency. They have eager and, for float32 models, the fastest mode in "
            "each other precision with a ceiling whose output is within its limit."
        )
    message = _("{machine}: no ceiling was measured for {precisions}; modes in such a precision have no points.")
    for machine, precisions in without_peak(comparison).items():
        yield message.format(machine=machine, precisions=language.listing(precisions))


ENTRIES = (Tabulation("ceilings", make, chapter="why", order=15),)
