"""Execution modes: a row per architecture and mode, with its gain over eager, its output error and its preparation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from reporter.compare.mode_gains import MIN_GAIN
from reporter.model import Record
from reporter.model.device_readings import of_device
from reporter.model.devices import device_in
from reporter.model.modes import AGREEMENT, ALTERNATION, OUTPUT_ERROR, PREPARE
from reporter.model.readings import SPEEDUP
from reporter.model.records import EAGER
from reporter.report import units
from reporter.report.comparison import Comparison, accuracy
from reporter.report.language import Language
from reporter.report.modes import mode_pairs, mode_ranking, mode_words, pair_ranks, separate_times
from reporter.report.output_verdicts import decision_of, output_of
from reporter.report.published.accuracy_marks import footnotes, special
from reporter.report.table import Builder, Cell, Column, Table, Tabulation, mark, reading_cell

MOST = 2000
"""So many rows are on a page: a few modes of some hundred architectures."""
UNRESOLVED, WRONG, OF_FP32 = "unresolved", "wrong", "fp32"
"""Status of a speedup that noise explains, of an output error above its limit, and of another precision's accuracy."""
MISSING = Cell("–", status="missing")


def make(comparison: Comparison, language: Language) -> Table | None:
    """None where no mode besides eager was measured."""
    if not comparison.modes:
        return None
    _ = language._
    shown = [each for record in comparison.records for each in _rows(record, comparison)]
    rows = Builder(comparison, language, shown)
    rows.names()
    keys = list(dict.fromkeys(key for m in comparison.machines for key in mode_ranking.keys(comparison, m)))
    fastest = {key: _fastest(comparison, key) for key in keys}
    best = fastest[keys[0]] if keys else set()
    rows.add(Column("mode", _("Mode")), [Cell(r.mode, r.mode, best=id(r) in best) for r in shown])
    for key in keys:
        _timed(rows, key, fastest[key])
    _places(rows, keys)
    _error(rows)
    _accuracy(rows)
    _prepared(rows, keys)
    rows.text("notes", _("Notes"), [_remarks(record, keys, rows) for record in shown])
    table = rows.table("modes", _("Execution modes"), _notes(rows, keys))
    return replace(table, most=MOST)


def _rows(record: Record, comparison: Comparison) -> Sequence[Record]:
    """An architecture in eager and in its other modes; nothing where it has no others."""
    modes = comparison.modes_of(record)
    return (record, *modes) if modes else ()


def _remarks(record: Record, keys: Sequence[str], rows: Builder) -> str:
    """Why a mode is emulated or not available, and what alternation changes; nothing for eager."""
    found = () if record.mode == EAGER else mode_ranking.remarks(record, keys)
    return "; ".join([*map(rows.language.translate, found), *_alternated(record, keys, rows)])


def _alternated(record: Record, keys: Sequence[str], rows: Builder) -> Iterator[str]:
    """The times of an engine that differ in alternation with eager from those alone by more than they may.

    Doubtful ones are marked: the time is noisy, or not all rounds have a difference in that direction.
    """
    _, language = rows.language._, rows.language
    for key in keys:
        reading, time = record.readings.get(ALTERNATION + key), record.readings.get(key)
        ratio = reading.value if reading else None
        if reading and ratio is not None and abs(ratio - 1) > AGREEMENT:
            doubtful = mark(time) or any((each > 1) != (ratio > 1) for each in reading.samples)
            longer = _("{how}: {percent} % longer in alternation with eager than alone")
            shorter = _("{how}: {percent} % shorter in alternation with eager than alone")
            how, percent = mode_ranking.conditions(rows.comparison, key, language), 100 * abs(ratio - 1)
            share = ("≈ " if doubtful else "") + language.number(percent, 0 if percent >= 10 else 1)
            yield (longer if ratio > 1 else shorter).format(how=how, percent=share)


def _fastest(comparison: Comparison, key: str) -> set[int]:
    """The identities of the records that are the fastest mode of their architecture, or may be it."""
    known = (record for record in comparison.records if comparison.modes_of(record) and record.value(key))
    return {id(each) for record in known for each in mode_ranking.fastest(comparison, record, key)}


def _timed(rows: Builder, key: str, fastest: set[int]) -> None:
    """The time in each mode, and how many times as fast as eager that is."""
    _, language = rows.language._, rows.language
    readings = [record.readings.get(key) for record in rows.records]
    recorded = next(reading.quantity for reading in readings if reading)
    quantity = rows.comparison.quantities.get(key, recorded)
    scale, title = units.scale(quantity, [record.value(key) for record in rows.records]), _(quantity.title)
    times = [reading_cell(reading, scale, language, False) for reading in readings]
    gains = [_gain(record, key, rows, id(record) in fastest) for record in rows.records]
    column = Column(
        key,
        title,
        unit=_(scale.word),
        base=quantity.unit,
        hint=_(quantity.definition),
        numeric=True,
        interval=True,
        group=title,
        short=_("time") if quantity.unit == "s" else _("rate"),
    )
    rows.add(column, times)
    column = Column(
        SPEEDUP + key,
        _("Speedup: {what}").format(what=title),
        base="1",
        hint=_("Eager divided by the mode, measured alternately in one process, with the 95 % interval over rounds."),
        numeric=True,
        interval=True,
        group=title,
        short=_("speedup"),
    )
    rows.add(column, gains)


def _gain(record: Record, key: str, rows: Builder, best: bool) -> Cell:
    """A speedup with its interval; why there is none; 1 for eager."""
    if record.mode == EAGER:
        return Cell("1", 1, best=best) if record.value(key) is not None else MISSING
    reading = record.readings.get(SPEEDUP + key)
    cell = reading_cell(reading, units.PLAIN, rows.language, best)
    found = mode_ranking.gain(rows.comparison, record, key)
    if found is None or reading is None:
        return cell
    text = mode_ranking.stated(found, rows.language)
    if wrong := mode_words.wrong_output(record, rows.comparison, rows.language):
        return Cell(text, found.ratio, found.low, found.high, output_of(rows.comparison, record), wrong)
    note = mode_words.unstated(found, rows.language)
    if note and not found.unconfirmed:
        return Cell(f"{text} {unresolved(rows.language)}", found.ratio, found.low, found.high, UNRESOLVED, note)
    sign, notes = " ≈" if cell.status == "noisy" else "", "; ".join(filter(None, (note, cell.note)))
    return replace(cell, text=text + sign, low=found.low, high=found.high, note=notes)


def _places(rows: Builder, keys: Sequence[str]) -> None:
    """The rank of each pair by the time that decides, and a sign if it is on the Pareto front of time and accuracy."""
    _, comparison = rows.language._, rows.comparison
    if not keys:
        return
    shown = [(record.machine, (record.architecture, record.mode)) for record in rows.records]
    places = [pair_ranks.ranks(comparison, machine, keys[0]).get(pair) for machine, pair in shown]
    if any(places):
        what = mode_ranking.conditions(comparison, keys[0], rows.language)
        title = _("Rank: {what}").format(what=what)
        cells = [Cell(each.text(rows.language), each.rank, each.low, each.high) if each else MISSING for each in places]
        rows.add(Column("rank", title, numeric=True, interval=True, short=_("Rank"), extra=True), cells)
    fronts = [pair in pair_ranks.ahead(comparison, machine, keys[0]) for machine, pair in shown]
    if any(fronts):
        signs = [Cell("◇", "time") if first else Cell("") for first in fronts]
        rows.add(Column("pareto", _("Pareto"), extra=True), signs)


def unresolved(language: Language) -> str:
    """The sign of a speedup that noise explains."""
    return language._("n.s.")


def _error(rows: Builder) -> None:
    """The output error in percent of the range of the scores, with the limit where a mode is wrong."""
    language = rows.language
    if all(record.readings.get(OUTPUT_ERROR.key) is None for record in rows.records):
        return
    title, hint = language._(OUTPUT_ERROR.title), language._(OUTPUT_ERROR.definition)
    column = Column(OUTPUT_ERROR.key, title, "%", "1", hint, numeric=True)
    rows.add(column, [_error_cell(record, rows.comparison, language) for record in rows.records])


def _error_cell(record: Record, comparison: Comparison, language: Language) -> Cell:
    decision, text = decision_of(comparison, record), mode_words.error(record, comparison, language)
    reading = decision.reading
    if reading is None or not text:
        return reading_cell(reading, units.PERCENT, language, False)
    why = mode_words.wrong_output(record, comparison, language)
    if decision.verdict != WRONG:
        return Cell(text, reading.value, note=why)
    words = f"{mode_words.wrong_on(decision.devices, language)}: {text}"
    return Cell(words, reading.value, status=WRONG, note=why)


def _accuracy(rows: Builder) -> None:
    """The published accuracy of each architecture, marked in the modes of another precision than it was measured in."""
    networks = {(record.machine, record.architecture): record for record in rows.comparison.records}
    found = [accuracy(networks[record.machine, record.architecture]) for record in rows.records]
    top1 = [each.top1 if each else None for each in found]
    if all(share is None for share in top1):
        return
    _ = rows.language._
    cells = []
    for record, each, share in zip(rows.records, found, top1, strict=True):
        if each is None or share is None:
            cells.append(MISSING)
            continue
        signs = ("*" if each.paper else "") + special(networks[record.machine, record.architecture])
        text = units.share(rows.language, share) + signs
        if mode_pairs.is_fp32(record.mode):
            cells.append(Cell(text, share))
        else:
            cells.append(Cell(f"{text}†", share, status=OF_FP32, note=_("measured in fp32, not in this mode")))
    rows.add(Column("imagenet_top1", _("ImageNet top-1, published"), "%", "1", numeric=True), cells)


def _prepared(rows: Builder, keys: Sequence[str]) -> None:
    """The seconds of the preparation, and after how many images the faster calls have paid for them."""
    _, language = rows.language._, rows.language
    readings = [None if record.mode == EAGER else record.readings.get(PREPARE.key) for record in rows.records]
    if all(reading is None or reading.value is None for reading in readings):
        return
    cells = [
        Cell(units.rough(language, reading.value), reading.value)
        if reading and reading.value is not None
        else reading_cell(reading, units.PLAIN, language, False)
        for reading in readings
    ]
    column = Column(PREPARE.key, _(PREPARE.title), _("s"), "s", _(PREPARE.definition), numeric=True)
    rows.add(column, cells)
    latencies = [key for key in keys if key.startswith("latency_")]
    if latencies:
        column = Column("break_even", _("Break-even"), _("images"), "1", numeric=True)
        rows.add(column, [_break_even(record, latencies[0], rows) for record in rows.records])


def _break_even(record: Record, key: str, rows: Builder) -> Cell:
    """After how many images a mode has paid for its preparation; why there is none where its output is not right."""
    found, time = mode_ranking.gain(rows.comparison, record, key), record.value(key)
    preparation = of_device(record.readings.get(PREPARE.key), device_in(key))
    prepare = preparation.value if preparation else None
    if found is None or not time or prepare is None:
        return MISSING
    if wrong := mode_words.wrong_output(record, rows.comparison, rows.language):
        return Cell("–", status=output_of(rows.comparison, record), note=wrong)
    if why := mode_words.unstated(found, rows.language):
        return Cell("–", status=UNRESOLVED, note=why)
    images = mode_ranking.break_even(prepare, time, found.ratio)
    if math.isinf(images):
        return Cell(rows.language._("never"), status="never", note=rows.language._("slower than eager"))
    return Cell(units.rough(rows.language, images) if images >= 10 else rows.language.number(images), images)


def _signs(rows: Builder) -> str:
    """What the signs of accuracies mean, of those that occur."""
    _ = rows.language._
    columns = (cells for column, cells in zip(rows.columns, rows.cells, strict=True) if column.key == "imagenet_top1")
    text = "".join(cell.text for cells in columns for cell in cells)
    precision = _("†: accuracy measured in fp32; this mode has another precision.") if "†" in text else ""
    return " ".join(filter(None, (precision, _("*: the paper's own figure.") if "*" in text else "")))


def _notes(rows: Builder, keys: Sequence[str]) -> Sequence[str]:
    _, comparison = rows.language._, rows.comparison
    cells = [cell.status for column in rows.cells for cell in column]
    first = keys[0] if keys else ""
    how = mode_ranking.conditions(comparison, first, rows.language) if first else ""
    paid = any(column.key == "break_even" for column in rows.columns)
    return (
        mode_words.explained((record.mode for record in rows.records), rows.language),
        _(
            "Speedup: eager divided by the mode, measured alternately in one process, with its 95 % interval; above 1 "
            "the mode is faster. All other tables and charts show eager (fp32), and so does the published accuracy."
        ),
        separate_times.note(comparison, rows.language, keys),
        mode_ranking.bold(comparison, first, rows.language),
        pair_ranks.explained(comparison, {column.key for column in rows.columns}, how, rows.language),
        _("{sign}: not significant, no difference from eager beyond noise, or less than {least} %.").format(
            sign=unresolved(rows.language), least=rows.language.number(100 * MIN_GAIN)
        )
        if UNRESOLVED in cells
        else "",
        _(
            "Engines are also timed without calls of eager in between; the notes have times that differ in alternation "
            "by more than {most} %."
        ).format(most=rows.language.number(100 * AGREEMENT))
        if any(any(_alternated(record, keys, rows)) for record in rows.records)
        else "",
        _(
            "Output error: {definition} An error above its limit (>) is wrong, and the mode is never the fastest."
        ).format(definition=_(OUTPUT_ERROR.definition)),
        mode_words.unchecked_errors(rows.records, comparison, rows.language),
        _signs(rows),
        *(footnotes(comparison.networks, rows.language) if any(c.key == "imagenet_top1" for c in rows.columns) else ()),
        _(
            "Preparation: converting, compiling and loading with an empty cache, measured once. Break-even: after so "
            "many single images the mode has paid for its preparation, compared with eager ({how})."
        ).format(how=how)
        if paid
        else "",
    )


ENTRIES = (Tabulation("modes", make, chapter="modes", order=5),)
