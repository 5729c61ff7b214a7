"""The table that can be filtered by limits, best architecture first, with a slider for each limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reporter.report import units
from reporter.report.accuracy_marks import footnotes, marked
from reporter.report.comparison import Comparison
from reporter.report.language import Language
from reporter.report.limits import CRITERIA, Candidate, LimitedValue, candidates, limited
from reporter.report.table import Builder, Cell, Column, Table, status_word

STOPS = 40
"""A slider has at most this many stops: values of networks, so that each stop leaves one network less."""


@dataclass(frozen=True)
class Slider:
    """Stops from the lowest value to the highest, each a limit in base units with its words, then no limit."""

    key: str
    title: str
    stops: tuple[tuple[float | None, str], ...]


@dataclass(frozen=True)
class ChoiceSection:
    title: str
    table: Table
    sliders: tuple[Slider, ...]
    kind = "choice"

    @property
    def tables(self) -> tuple[Table, ...]:
        return (self.table,)


def choice(comparison: Comparison, language: Language) -> ChoiceSection | None:
    """None where there is nothing to choose between, or nothing to limit."""
    networks, keys = candidates(comparison), limited(comparison)
    if len(networks) < 2 or not keys:
        return None
    _ = language._
    rows = Builder(comparison, language, [each.record for each in networks])
    rows.names(machines=False)
    rows.text("family", _("Family"), [each.record.family for each in networks])
    rows.add(
        Column("imagenet_top1", _("ImageNet top-1, published"), "%", "1", numeric=True),
        [marked(_accuracy(each, language), each.record) for each in networks],
    )
    rows.sizes()
    sliders = []
    for key in keys:
        title, scale = _heading(comparison, key, [each.values.get(key) for each in networks], language)
        unit = _(scale.word)
        base = comparison.quantities[CRITERIA[key][0]].unit
        cells = [_cell(each, key, scale, language) for each in networks]
        rows.add(Column(key, title, unit, base, numeric=True, bounded=True), cells)
        sliders.append(Slider(key, title, _stops([each.figures.get(key) for each in networks], scale, language)))
    first = (
        _("Best first: by the published single-crop top-1 of the weights.")
        if comparison.coverage.whole
        else _("In the order of published single-crop top-1: of the weights, * else the paper's own; then the others.")
    )
    notes = (
        first,
        _("A network is undecided where a limit lies within its 95 % interval, or within a factor of 2 without one."),
        _("Memory: weights and peak activations of one inference of one image."),
        *footnotes((each.record for each in networks), language),
        _("On the command line: reporter choose DIR --max-latency-cpu 0.05 --max-parameters 30e6"),
    )
    title = _("Which network fits")
    return ChoiceSection(title, rows.table("choosing", title, notes), tuple(sliders))


def _heading(
    comparison: Comparison, key: str, values: Sequence[float | None], language: Language
) -> tuple[str, units.Scale]:
    quantity = comparison.quantities[CRITERIA[key][0]]
    title = language._("Memory") if key == "memory" else language._(quantity.title)
    return title, units.scale(quantity, values)


def _accuracy(each: Candidate, language: Language) -> Cell:
    top1, paper = each.accuracy.top1, each.accuracy.paper
    if top1 is None:
        return Cell("–", status="missing")
    return Cell(units.share(language, top1) + ("*" if paper else ""), top1)


def _cell(each: Candidate, key: str, scale: units.Scale, language: Language) -> Cell:
    """The value that is limited with its bounds, or why there is none."""
    found = each.figures.get(key)
    if found is None:
        return _absent(each, key, language)
    reading = each.record.readings[CRITERIA[key][0]]
    one = len(CRITERIA[key]) == 1
    text = units.figure(language, reading, scale) if one else units.text(language, found.value, scale)
    return Cell(text, found.value, *found.bounds, status=found.status, note=language.translate(reading.verdict.reason))


def _absent(each: Candidate, key: str, language: Language) -> Cell:
    """What stands where a value is missing, and why it is."""
    missing = next((part for part in CRITERIA[key] if each.record.value(part) is None), None)
    if missing is None:
        return Cell("–", status="missing", note=language._("measured on another machine"))
    reading = each.record.readings.get(missing)
    if reading is None:
        return Cell("–", status="missing", note=language._("not measured"))
    return Cell(status_word(reading.status, language), status=reading.status, note=language.translate(reading.reason))


def _stops(
    figures: Sequence[LimitedValue | None], scale: units.Scale, language: Language
) -> tuple[tuple[float | None, str], ...]:
    """The limits that one network after the other keeps, thinned where there are many, then the stop without limit."""
    texts = {each.bounds[1]: units.text(language, each.bounds[1], scale, each.interval) for each in figures if each}
    values, unit = sorted(texts), language._(scale.word)
    chosen = values if len(values) <= STOPS else [values[i * (len(values) - 1) // (STOPS - 1)] for i in range(STOPS)]
    stops = [(value, f"≤ {texts[value]} {unit}".strip()) for value in dict.fromkeys(chosen)]
    return (*stops, (None, language._("any")))
