"""Ablation: what batch norm, skip connections, groups and squeeze-and-excitation cost and bring."""

from __future__ import annotations

from reporter import facts
from reporter.facts import Row
from reporter.model import Record
from reporter.report.comparison import Comparison
from reporter.report.display_names import display_name
from reporter.report.findings.pair_sentences import LARGE, interval_ends, top1_gain
from reporter.report.headline_latency import how, timing
from reporter.report.language import Language
from reporter.report.table import Cell, Column, Table, Tabulation, mark, plain

COUNTS = ("parameters", "macs")
MISSING = Cell("–", status="missing")


def make(comparison: Comparison, language: Language) -> Table | None:
    """None if no pair was measured; a pair that only a paper has is a row beside measured ones."""
    _ = language._
    key, _records = timing(comparison)
    steps = facts.ablations()
    measured = {name: record for record in comparison.networks for name in [record.architecture]}
    pairs = [step for step in steps if step["points"] or {step["new"], step["old"]} <= set(measured)]
    if all(step["points"] for step in pairs):
        return None
    columns = (
        Column("step", _("Added")),
        Column("new", _("Architecture")),
        Column("old", _("Without it")),
        Column("parameters", _("Parameters"), "%", "%", numeric=True),
        Column("macs", _("MACs"), "%", "%", numeric=True),
        Column("time", _("Time ({how})").format(how=how(key, language)), "%", "%", numeric=True, interval=True),
        Column("top1", _("Top-1"), _("points"), "points", numeric=True),
        Column("source", _("Accuracy from")),
    )
    rows = tuple(
        _published(step, language)
        if step["points"]
        else _measured(step, measured[step["new"]], measured[step["old"]], comparison, language)
        for step in pairs
    )
    at = [column.key for column in columns].index("time")
    paired = _("Times are compared round by round; the quotient of the medians in other tables may differ.")
    notes = (
        _("Changes in percent, of accuracy in points. An interval of time that includes 0 shows no difference."),
        *((paired,) if any(row[at].value is not None for row in rows) else ()),
        _("Weights of torchvision may differ in their training recipe, too, which moves accuracy."),
    )
    return Table("ablation", _("Ablation: cost and gain of each component"), columns, rows, notes)


def _measured(step: Row, new: Record, old: Record, comparison: Comparison, language: Language) -> tuple[Cell, ...]:
    names = (Cell(display_name(record.architecture), record.architecture) for record in (new, old))
    gain = top1_gain(new, old, language)
    top1 = MISSING if gain is None else _signed(gain.points, 1, language)
    counts = (_count(new.value(key), old.value(key), language) for key in COUNTS)
    source = plain("" if gain is None else gain.source)
    return (plain(language._(step["step"])), *names, *counts, _time(new, old, comparison, language), top1, source)


def _published(step: Row, language: Language) -> tuple[Cell, ...]:
    """A pair of which a paper states that it differs in neither parameters nor MACs, with its gain in accuracy."""
    names = (plain(step[key]) for key in ("new", "old"))
    zero, top1 = Cell("0", 0.0), _signed(float(step["points"]), 1, language)
    return (
        plain(language._(step["step"])),
        *names,
        zero,
        zero,
        MISSING,
        top1,
        plain(language.translate(step["source"])),
    )


def _count(new: float | None, old: float | None, language: Language) -> Cell:
    return MISSING if not new or not old else _signed(100 * (new / old - 1), 1, language)


def _time(new: Record, old: Record, comparison: Comparison, language: Language) -> Cell:
    """The relative difference of two times with its interval, in percent; none of times of two machines."""
    key, _records = timing(comparison)
    readings = [record.readings.get(key) for record in (new, old)]
    if new.machine != old.machine or any(reading is None or reading.value is None for reading in readings):
        return MISSING
    found = comparison.times(new.machine, key).ratio(new.architecture, old.architecture)
    middle, low, high = (100 * (each - 1) for each in (found.ratio, found.low, found.high))
    ends = " – ".join(interval_ends(found, language))
    signs = max((mark(reading) for reading in readings), key=len)
    return Cell(f"{_text(middle, 1, language)} [{ends}]{signs}", middle, low, high)


def _signed(value: float, digits: int, language: Language) -> Cell:
    return Cell(_text(value, digits, language), value)


def _text(value: float, digits: int, language: Language) -> str:
    """With its sign; 0 without decimals, where it is exactly that."""
    if not value:
        return "0"
    places = 0 if abs(value) >= LARGE else digits
    return ("+" if value > 0 else "") + language.number(value, places)


ENTRIES = (Tabulation("ablation", make, chapter="overview", order=2, edition="lecture"),)
