"""Tables as data: one source for HTML, Markdown, CSV and LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from reporter.model import Group, Reading, Record
from reporter.model.extensions import Chapter, Edition
from reporter.report import units
from reporter.report.comparison import NUMBERS, Comparison
from reporter.report.language import Language

Value = int | float | str | None
MOST_WITH_ENDS = 250
"""Tables of more rows have the ends of intervals in their files only: a page of 1,300 networks would exceed 12 MB."""


@dataclass(frozen=True)
class Column:
    """`key` and `base` (the unit of the raw values) head the column in CSV, `title` and `unit` where people read.

    `group` is the heading over columns that stand together, `short` the title where that heading is seen. `bounded`:
    low and high of its cells are what a limit is compared with, and the page has them. `extra`: the page shows it on
    request.
    """

    key: str
    title: str
    unit: str = ""
    base: str = ""
    hint: str = ""
    numeric: bool = False
    interval: bool = False
    group: str = ""
    short: str = ""
    bounded: bool = False
    extra: bool = False

    @property
    def heading(self) -> str:
        """The column's name in files: its key, and the unit of the raw values where they have one."""
        return f"{self.key} [{self.base}]" if self.base not in ("", "1") else self.key


@dataclass(frozen=True, slots=True)
class Cell:
    """`text` is read, `value` is sorted and kept; `status` other than ok comes with a `note` that says why.

    `order` is what the page sorts by, where that is not the value.
    """

    text: str
    value: Value = None
    low: float | None = None
    high: float | None = None
    status: str = "ok"
    note: str = ""
    best: bool = False
    order: float | None = None


@dataclass(frozen=True)
class Table:
    """`families` has the family of each row where rows are networks; then the first column names them.

    `most` rows of it stand on a page; its files have all. `wrapped` names the column that takes the rest of a page's
    width in LaTeX, where the table is meant for one. `stacked`: on narrow screens a page shows each row as a card, with
    the titles of the columns above the values.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    most: int = 500
    wrapped: str = ""
    stacked: bool = False
    kind = "table"

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables of a block that go into files; every kind of block that contains some has this property."""
        return (self,)

    @property
    def groups(self) -> list[tuple[str, int]]:
        """The headings over the columns, each with how many it spans; none where no column has one."""
        runs = [(title, len(list(run))) for title, run in groupby(column.group for column in self.columns)]
        return runs if any(title for title, _ in runs) else []

    @property
    def has_ends(self) -> bool:
        """Whether the page has the ends of intervals, for what is downloaded from it."""
        return len(self.rows) <= MOST_WITH_ENDS

    @property
    def marked(self) -> bool:
        """Whether a cell has a reason to report."""
        return any(cell.note and cell.status != "ok" for row in self.rows for cell in row)


@dataclass(frozen=True)
class Tabulation:
    """One table of the report: `make` returns None if there is nothing to show.

    It is placed in its `chapter` by `order`, and belongs to one `edition` or all, as a chart.
    """

    name: str
    make: Callable[[Comparison, Language], Table | None]
    chapter: Chapter = "more"
    order: int = 100
    edition: Edition | None = None


@dataclass
class Builder:
    """Collects columns, each with its cells from top to bottom."""

    comparison: Comparison
    language: Language
    records: Sequence[Record]
    grouped: bool = False
    columns: list[Column] = field(default_factory=list)
    cells: list[list[Cell]] = field(default_factory=list)

    def add(self, column: Column, cells: Sequence[Cell]) -> None:
        self.columns.append(column)
        self.cells.append(list(cells))

    def names(self, machines: bool = True) -> None:
        """The column of names, and that of machines where there are several."""
        _ = self.language._
        self.add(Column("architecture", _("Architecture")), [plain(record.architecture) for record in self.records])
        if machines and len(self.comparison.machines) > 1:
            self.add(Column("machine", _("Machine")), [plain(record.machine) for record in self.records])

    def text(self, key: str, title: str, texts: Sequence[object]) -> None:
        """A column of words or small numbers; left out where all are empty."""
        if any(text not in ("", None) for text in texts):
            self.add(Column(key, title), [plain(text) for text in texts])

    def sizes(self) -> None:
        """The column of image sizes, which the costs of a network depend on."""
        cells = [_size(record, self.language) for record in self.records]
        self.add(Column("input_size", self.language._("Input, pixels")), cells)

    def quantity(self, key: str, whole: bool = False, empty: bool = False) -> None:
        """The column of a quantity, with all digits of counts if `whole`.

        It is left out where no record has a value, unless `empty`.
        """
        quantity = self.comparison.quantities.get(key)
        values = [record.value(key) for record in self.records]
        if quantity is None or (all(value is None for value in values) and not empty):
            return
        scale = units.PLAIN if whole and quantity.unit == "1" else units.scale(quantity, values)
        readings = [record.readings.get(key) for record in self.records]
        wide = any(reading and reading.interval for reading in readings)
        column = Column(
            key=key,
            title=self.language._(quantity.title),
            unit=self.language._(scale.word),
            base=quantity.unit,
            hint=self.language._(quantity.definition),
            numeric=True,
            interval=wide,
            group=group_title(quantity.group, self.language) if self.grouped else "",
        )
        best = [self.comparison.is_best(record, key) for record in self.records]
        self.add(column, [reading_cell(r, scale, self.language, b) for r, b in zip(readings, best, strict=True)])

    def table(self, name: str, title: str, notes: Sequence[str] = ()) -> Table:
        rows = tuple(zip(*self.cells, strict=True))
        families = tuple(record.family for record in self.records)
        return Table(name, title, tuple(self.columns), rows, tuple(note for note in notes if note), families)


def group_title(group: Group, language: Language) -> str:
    """The heading over the columns of a group of quantities."""
    _ = language._
    titles = {"size": _("Size"), "compute": _("Compute"), "memory": _("Memory"), "latency": _("Time")}
    return titles.get(group) or _("Accuracy")


def _size(record: Record, language: Language) -> Cell:
    """The image size, marked where it is not the architecture's own."""
    if record.own_input_size is None:
        return plain(record.input_size)
    note = language._("the architecture's own size is {pixels} pixels").format(pixels=record.own_input_size)
    return Cell(f"{record.image_size}*", str(record.image_size), note=note)


def plain(value: object) -> Cell:
    """A cell of words or of a number that is shown as it is; a cell stays one."""
    if isinstance(value, Cell):
        return value
    if value is None or value == "":
        return Cell("")
    return Cell(str(value), value if isinstance(value, int | float | str) else str(value))


def reading_cell(reading: Reading | None, scale: units.Scale, language: Language, best: bool) -> Cell:
    """A reading as a cell: the number, or what became of it and why."""
    if reading is None:
        return Cell("–", status="missing")
    verdict, value, interval = reading.verdict, reading.value, reading.interval
    note = "; ".join(map(language.translate, reading.notes))
    if verdict.status not in NUMBERS or value is None:
        return Cell(status_word(verdict.status, language), None, status=verdict.status, note=note)
    low, high = interval or (None, None)
    return Cell(units.figure(language, reading, scale), value, low, high, verdict.status, note, best)


def mark(reading: Reading | None) -> str:
    """The sign behind every number of a doubtful reading, and of what is computed from it."""
    return " ≈" if reading and units.is_doubtful(reading) else ""


def status_word(status: str, language: Language) -> str:
    """What a cell says instead of a number."""
    _ = language._
    words = {
        "failed": _("failed"),
        "oom": _("out of memory"),
        "timeout": _("timed out"),
        "skipped": _("skipped"),
        "unsupported": _("n/a"),
        "noisy": _("noisy"),
    }
    return words.get(status, status)
