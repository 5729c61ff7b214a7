"""Architectures of the lecture for a slide: idea, year, depth, cost and published accuracy of each."""

from __future__ import annotations

from reporter import facts
from reporter.model import Record
from reporter.report import units
from reporter.report.comparison import Comparison, accuracy
from reporter.report.display_names import display_name
from reporter.report.language import Language
from reporter.report.published.accuracy_marks import footnotes, marked
from reporter.report.published.paper_depth import depth_cell
from reporter.report.table import Cell, Column, Table, plain

FIELD = "receptive_field"
COSTS = {"parameters": (1e6, "M"), "macs": (1e9, "G")}


def slide_table(comparison: Comparison, language: Language) -> Table | None:
    """None if fewer than two of its architectures were measured."""
    _ = language._
    ideas = facts.slides()
    records = [record for name in ideas if (record := comparison.network(name))]
    if len(records) < 2:
        return None
    columns: tuple[Column, ...] = (
        Column("architecture", _("Architecture")),
        Column("idea", _("Idea")),
        Column("year", _("Year"), numeric=True),
        Column("depth_paper", _("Depth"), numeric=True),
        Column("parameters", _("Parameters"), _("M"), "1", numeric=True),
        Column("macs", _("MACs"), _("G"), "1", numeric=True),
        Column("imagenet_top1", _("Top-1"), "%", "1", numeric=True),
        Column("imagenet_top5", _("Top-5"), "%", "1", numeric=True),
    )
    if seen := any(record.value(FIELD) is not None for record in records):
        columns = (*columns[:4], Column(FIELD, _("Receptive field"), _("px"), "1", numeric=True), *columns[4:])
    rows = tuple(_row(record, _(ideas[record.architecture]), language, seen) for record in records)
    own = _("*: the paper's own figure.") if any("*" in cell.text for row in rows for cell in row[-2:]) else ""
    weights = _("Accuracy: torchvision's weights, one crop.")
    notes = (f"{weights} {own}".strip(), *footnotes(records, language))
    families = tuple(record.family for record in records)
    return Table("slides", _("Architectures for a slide"), columns, rows, notes, families, wrapped="idea")


def _row(record: Record, idea: str, language: Language, seen: bool) -> tuple[Cell, ...]:
    first = Cell(display_name(record.architecture), record.architecture)
    costs = [_cost(record, key, language) for key in COSTS]
    shares = [_share(record, top, language) for top in ("top1", "top5")]
    field = record.value(FIELD)
    windows = [Cell("–", status="missing") if field is None else Cell(language.number(field), field)] if seen else []
    return (first, plain(idea), plain(record.year), depth_cell(record, language), *windows, *costs, *shares)


def _cost(record: Record, key: str, language: Language) -> Cell:
    value, scale = record.value(key), units.Scale(*COSTS[key])
    return Cell("–", status="missing") if value is None else Cell(units.text(language, value, scale), value)


def _share(record: Record, top: str, language: Language) -> Cell:
    """A published accuracy in percent with its signs."""
    found = accuracy(record)
    share: float | None = getattr(found, top) if found else None
    if found is None or share is None:
        return Cell("–", status="missing")
    return marked(Cell(units.share(language, share) + ("*" if found.paper else ""), share), record)
