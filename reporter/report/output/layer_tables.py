"""Tables of stages and layers, which are written to files only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reporter.model import Record
from reporter.report import units
from reporter.report.cards import record_structure
from reporter.report.cards.record_structure import Layer
from reporter.report.comparison import Comparison
from reporter.report.language import Language
from reporter.report.table import Cell, Column, Table, plain


@dataclass(frozen=True)
class Sheets:
    """Tables that a report links to."""

    tables: tuple[Table, ...]
    kind = "sheets"


def stages(comparison: Comparison, language: Language) -> Sheets:
    """The stages of all networks in one table; none where no network has any."""
    rows = [
        (plain(record.architecture), *_cells(stage, language))
        for record in comparison.networks
        for stage in record_structure.stages(record)
    ]
    columns = (Column("architecture", language._("Architecture")), *_columns("stage", language._("Stage"), language))
    return Sheets((Table("stages", language._("Stages of all architectures"), columns, tuple(rows)),) if rows else ())


def layers(record: Record, name: str, language: Language) -> tuple[Table, ...]:
    """The layers of one network, in a file called after `name`; nothing where they are not known."""
    rows: Sequence[Layer] = record_structure.layers(record)
    title = language._("All layers of {name}").format(name=record.architecture)
    columns = _columns("layer", language._("Name"), language)
    return (Table(f"layers-{name}", title, columns, tuple(_cells(row, language) for row in rows)),) if rows else ()


def _columns(key: str, title: str, language: Language) -> tuple[Column, ...]:
    _ = language._
    return (
        Column(key, title),
        Column("kind", _("Made of")),
        Column("output", _("Output")),
        Column("parameters", _("Parameters"), base="1", numeric=True),
        Column("macs", _("MACs"), base="1", numeric=True),
    )


def _cells(part: Layer, language: Language) -> tuple[Cell, ...]:
    words = (plain(part.name), plain(part.kind), plain(part.output))
    return (*words, *(Cell(units.text(language, count), count) for count in (part.parameters, part.macs)))
