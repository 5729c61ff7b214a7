"""Columns beside a share of held-out images: its interval, its rank as a range, and whether it is at chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reporter.model import Reading, Record
from reporter.report import units
from reporter.report.language import Language
from reporter.report.rank_ranges import Rank
from reporter.report.table import Builder, Cell, Column, group_title
from reporter.report.training.held_out_accuracy import interval, is_at_chance, is_one_ranking, resolves
from reporter.stats.shared_ranks import shared_ranks


def add_intervals(rows: Builder, key: str) -> None:
    """A column with the interval of each share, in words where it shows no difference; left out where none has one."""
    cells = [_interval(record, key, rows.language) for record in rows.records]
    if all(cell.status == "missing" for cell in cells):
        return
    _, quantity = rows.language._, rows.comparison.quantities[key]
    title = _("95 % interval: {what}, %").format(what=_(quantity.title))
    group = group_title(quantity.group, rows.language) if rows.grouped else ""
    column = Column(f"interval_{key}", title, group=group, short=_("95 % interval, %"))
    rows.add(column, cells)


def add_ranks(rows: Builder, key: str) -> None:
    """The rank of each share, where all networks were trained from weights of one kind by one protocol."""
    _ = rows.language._
    placed = {machine: ranks(rows, machine, key) for machine in rows.comparison.machines}
    found = [placed[record.machine].get(record.architecture) for record in rows.records]
    if any(found):
        title = _("Rank: {what}").format(what=_(rows.comparison.quantities[key].title))
        cells = [_rank(record, key, rank, rows.language) for record, rank in zip(rows.records, found, strict=True)]
        rows.add(Column(f"rank_{key}", title, numeric=True, interval=True), cells)


def ranks(rows: Builder, machine: str, key: str) -> dict[str, Rank]:
    """The rank of each architecture of a machine whose training is long enough to be ranked, the best first."""
    records = _resolved(rows, machine, key)
    if len(records) < 2 or not is_one_ranking(record.readings[key] for record in records):
        return {}
    shares = rows.comparison.shares(machine, key)
    numbers = {record.architecture: number for number, record in enumerate(records)}
    alike = [[numbers[name] for name in shares.like(each) if name in numbers] for each in numbers]
    placed = shared_ranks([record.value(key) or 0 for record in records], alike, True)
    return {name: Rank(*rank) for name, rank in zip(numbers, placed, strict=True)}


def rank_notes(rows: Builder, keys: Sequence[str]) -> Iterator[str]:
    """What ranks are, and which of the shares `keys` have none because their trainings differ, on which machines."""
    _ = rows.language._
    if any(column.key.startswith("rank_") for column in rows.columns):
        yield _("Ranks: the first and last rank of all architectures that the run does not distinguish from the row's.")
    every = rows.comparison.machines
    names: list[str] = []
    for key in keys:
        mixed = [machine for machine in every if not is_one_ranking(_readings(rows, machine, key))]
        if mixed:
            where = f" ({', '.join(mixed)})" if len(mixed) < len(every) else ""
            names.append(_(rows.comparison.quantities[key].title) + where)
    if names:
        message = _(
            "No ranks for {what}: the architectures differ in initial weights, data set, images, steps or batch."
        )
        yield message.format(what=rows.language.listing(names))


def _readings(rows: Builder, machine: str, key: str) -> list[Reading]:
    """The shares of a machine that are long enough to be ranked."""
    return [record.readings[key] for record in _resolved(rows, machine, key)]


def _resolved(rows: Builder, machine: str, key: str) -> list[Record]:
    """The records of a machine whose training is long enough to be ranked."""
    records = [record for record in rows.comparison.of(machine) if record.value(key) is not None]
    return [record for record in records if resolves(record.readings[key])]


def _interval(record: Record, key: str, language: Language) -> Cell:
    """The bounds in percent, with a remark where they include the share of guessing; a file has the remark alone.

    The bounds are numbers in other columns of the file.
    """
    reading = record.readings.get(key)
    found = interval(reading) if reading else None
    if reading is None or found is None:
        return Cell("–", status="missing")
    text = "–".join(units.share(language, bound, found) for bound in found)
    if not resolves(reading):
        return Cell(language._("{interval}, too short to rank").format(interval=text), "too short to rank")
    if is_at_chance(reading):
        return Cell(language._("{interval}, at chance").format(interval=text), "at chance")
    return Cell(text, "")


def _rank(record: Record, key: str, rank: Rank | None, language: Language) -> Cell:
    return Cell(rank.text(language), rank.rank, rank.low, rank.high) if rank else Cell("–", status="missing")
