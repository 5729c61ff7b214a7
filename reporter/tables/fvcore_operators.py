"""Multiply-adds counted by fvcore by operator, the operators it does not count, and the verdict where it differs."""

from __future__ import annotations

from reporter.model import Record
from reporter.report import units
from reporter.report.comparison import Comparison, number
from reporter.report.language import Language
from reporter.report.table import Builder, Cell, Column, Table, Tabulation, status_word

KEY = "macs_fvcore"


def make(comparison: Comparison, language: Language) -> Table | None:
    """A column for each operator that any network has: multiply-adds as fvcore counts them."""
    records = [record for record in comparison.networks if KEY in record.readings]
    names = sorted({name for record in records for name in _counted(record)})
    if not names:
        return None
    _ = language._
    rows = Builder(comparison, language, records)
    rows.names(machines=False)
    rows.sizes()
    verdicts = [verdict(record, language) for record in records]
    shared = verdicts[0] if len(records) > 1 and len(set(verdicts)) == 1 else ""
    if not shared:
        rows.text("verdict", _("Verdict"), verdicts)
    for name in names:
        rows.add(
            Column(name, name.replace("_", " "), base="1", numeric=True),
            [_cell(_counted(record), name, language) for record in records],
        )
    if any(unexplained := [_unexplained(record) for record in records]):
        column = Column("unexplained", _("Unexplained difference"), base="1", numeric=True)
        rows.add(column, [Cell(units.text(language, count), count) if count else Cell("0", 0) for count in unexplained])
    rows.text("unsupported", _("Not counted by fvcore"), [_uncounted(record) for record in records])
    notes = [_shared(records[0], shared, language)] if shared else []
    return rows.table("operators", _("fvcore, operator by operator"), notes)


def _shared(record: Record, verdict: str, language: Language) -> str:
    """The verdict that all networks have, as a sentence."""
    _ = language._
    sentences = {
        "agree": _("fvcore counts the same MACs for all architectures."),
        "differ": _("fvcore counts other MACs for all architectures, because of the operators in the table."),
        "undercount": _("fvcore leaves out MACs of all architectures, those of the operators in the table."),
    }
    other = _("The same for all: {parts}.").format(parts=f"{_('Verdict')}: {verdict}")
    return sentences.get(str(record.readings[KEY].detail.get("verdict", "")), other)


def verdict(record: Record, language: Language) -> str:
    """Whether the second counter agrees, in a word, or what became of it; empty where it was never asked."""
    _ = language._
    words = {"agree": _("agree"), "differ": _("differ"), "undercount": _("undercount")}
    reading = record.readings.get(KEY)
    if reading is None:
        return ""
    word = str(reading.detail.get("verdict", ""))
    return words.get(word, word) or status_word(reading.verdict.status, language)


def _counted(record: Record) -> dict[str, int]:
    operators = record.readings[KEY].detail.get("operators")
    counts = ((name, number(count)) for name, count in operators.items()) if isinstance(operators, dict) else ()
    return {name: int(count) for name, count in counts if count is not None}


def _unexplained(record: Record) -> int:
    """What fvcore counts beyond the MACs and the operators that they leave out, less than 0 if it counts fewer."""
    because = record.readings[KEY].detail.get("because")
    found = because if isinstance(because, dict) else {}
    return int(number(found.get("unexplained")) or 0) - int(number(found.get("missing")) or 0)


def _uncounted(record: Record) -> str:
    operators = record.readings[KEY].detail.get("unsupported")
    return ", ".join(f"{name} × {count}" for name, count in operators.items()) if isinstance(operators, dict) else ""


def _cell(counted: dict[str, int], name: str, language: Language) -> Cell:
    """A count in full digits; a dash where the network has no such operator."""
    count = counted.get(name)
    return Cell("–", status="missing") if count is None else Cell(units.text(language, count), count)


ENTRIES = (Tabulation("operators", make, chapter="size", order=7),)
