"""Speedup of each architecture in each mode as a heat map; every cell has its number or a word."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, product

from reporter.charts.bars import names_axis
from reporter.model import Chart, Record
from reporter.report.comparison import Comparison
from reporter.report.drawing.label_placement import CHARACTER
from reporter.report.drawing.tooltips import about, pointed
from reporter.report.drawing.vega import GRID, INK, MUTED, PAPER, Spec, data
from reporter.report.headline_latency import TIMES
from reporter.report.language import Language
from reporter.report.modes import mode_ranking, mode_words
from reporter.report.output_verdicts import output_of
from reporter.report.table import status_word

CLASSES = (
    (0.8, "#b35806", "#ffffff"),
    (1.0, "#f1a340", "#10151a"),
    (1.25, "#c6dbef", "#10151a"),
    (1.6, "#8fbfe0", "#10151a"),
    (2.0, "#4a94c8", "#10151a"),
    (2.8, "#1f6aa5", "#ffffff"),
    (float("inf"), "#0b3a6b", "#ffffff"),
)
"""Upper ends of the classes of speedups, their color, and that of the number on it: slower orange, faster blue."""
STEP, WIDTH, WIDEST = 26, 980, 104
"""Height of a row, width of all panels, and of a cell at most, in pixels."""
NARROW, FEW = 144, 4
"""Width of a panel on a phone, and so many modes in it at most."""
LINE = 17
"""Height of a line of a name."""
FONT = 12.5
"""Size of the texts in cells."""
MISSING, WRONG = "–", "×"
"""Signs for the words in cells that are too narrow for them."""


@dataclass(frozen=True)
class HeatMap:
    """The names of the architectures and modes of a machine, and its cells for each kind of latency."""

    machine: str
    names: list[str]
    modes: list[str]
    kinds: Mapping[str, list[Spec]]

    @property
    def cells(self) -> list[Spec]:
        return [cell for some in self.kinds.values() for cell in some]

    def step(self, narrow: bool) -> int:
        """The width of a cell."""
        modes = len(self.modes)
        return min(WIDEST, NARROW // min(modes, FEW) if narrow else WIDTH // (modes * len(self.kinds)))

    def has_signs(self, narrow: bool) -> bool:
        """Whether a cell is too narrow for its word."""
        return any(_fitted(cell, self.step(narrow)) is not cell for cell in self.cells)


def draw(comparison: Comparison, language: Language, narrow: bool = False) -> Spec | None:
    """A row of panels per machine, one for each kind of latency; on a phone one for each few modes."""
    found = list(_heat_maps(comparison, language))
    legend = _legend({cell["kind"] for each in found for cell in each.cells}, language)
    rows = [_row(each, comparison, legend, language, narrow=narrow) for each in found]
    return {"vconcat": rows} if rows else None


def _heat_maps(comparison: Comparison, language: Language) -> Iterator[HeatMap]:
    """Those of the machines that have modes with a latency."""
    for machine in comparison.machines:
        keys = [key for key in mode_ranking.keys(comparison, machine) if key in TIMES]
        records = [record for record in comparison.of(machine) if comparison.modes_of(record)]
        measured = [each for record in records for each in comparison.modes_of(record)]
        if keys and measured:
            kinds = {key: [_cell(each, key, comparison, language) for each in measured] for key in keys}
            modes = list(dict.fromkeys(each.mode for each in measured))
            yield HeatMap(machine, [record.architecture for record in records], modes, kinds)


def _row(found: HeatMap, comparison: Comparison, legend: Spec, language: Language, *, narrow: bool) -> Spec:
    """The panels of a machine."""
    modes, step = found.modes, found.step(narrow)
    several = [modes[at : at + FEW] for at in range(0, len(modes), FEW)] if narrow else [modes]
    panels: list[Spec] = []
    for (key, some), mine in product(found.kinds.items(), several):
        panel = _panel([_fitted(cell, step) for cell in some if cell["mode"] in mine], (found.names, mine), legend)
        panel["encoding"]["x"]["axis"] = _names_of_modes(mine, step)
        panel["encoding"]["x"]["title"] = mode_ranking.conditions(comparison, key, language)
        panel["encoding"]["y"]["axis"] = names_axis() if narrow or not panels else None
        panels.append({"width": {"step": step}, "height": {"step": STEP}, **panel})
    named = {"title": found.machine} if len(comparison.machines) > 1 else {}
    return {"hconcat": panels, "spacing": 24, **named}


def _fitted(cell: Spec, step: int) -> Spec:
    """The cell with a sign instead of a word that is wider than it."""
    wide = CHARACTER * FONT * len(cell["text"]) > step - 2
    return {**cell, "text": cell["sign"]} if wide and "sign" in cell else cell


def signs(comparison: Comparison, language: Language) -> str:
    """What the signs in narrow cells mean, if there are any, also on a phone."""
    if not any(found.has_signs(narrow) for found in _heat_maps(comparison, language) for narrow in (False, True)):
        return ""
    words = language._("In narrow cells, {wrong} means a wrong output, and {missing} a missing value.")
    return words.format(wrong=WRONG, missing=MISSING)


def _cell(record: Record, key: str, comparison: Comparison, language: Language) -> Spec:
    """A mode of an architecture: its speedup, with a question mark if it is unchecked; a word if wrong or missing."""
    _ = language._
    place = {"name": record.architecture, "mode": record.mode}
    found = mode_ranking.gain(comparison, record, key)
    reading = record.readings.get(key)
    if found is None:
        status, reason = (reading.status, reading.reason) if reading else ("", _("not measured"))
        word, why = (status_word(status, language) if status else "–"), language.translate(reason)
        shown = {"text": word, "sign": MISSING}
        return {**place, **shown, "about": about(record, record.mode, word, why), "kind": "", "ink": MUTED}
    number = mode_ranking.factor(found.ratio, language)
    words = [record.mode, _("speedup {gain}").format(gain=mode_ranking.stated(found, language))]
    words += map(language.translate, mode_ranking.remarks(record, [key]))
    if why := mode_words.wrong_output(record, comparison, language):
        words.append(why)
        wrong = output_of(comparison, record) == "wrong"
        shown = {"text": _("wrong"), "sign": WRONG} if wrong else {"text": f"{number}?"}
        return {**place, **shown, "about": about(record, *words), "kind": "", "ink": MUTED}
    if why := mode_words.unstated(found, language):
        words.append(why)
        return {**place, "text": number, "about": about(record, *words), "kind": "", "ink": MUTED}
    kind, ink = _kind(found.ratio, language)
    return {**place, "text": number, "about": about(record, *words), "kind": kind, "ink": ink}


def _kind(ratio: float, language: Language) -> tuple[str, str]:
    """The name of the class of a speedup in the legend, and the color of its number."""
    labels = _labels(language)
    at = next(index for index, (end, _color, _ink) in enumerate(CLASSES) if ratio < end)
    return labels[at], CLASSES[at][2]


def _labels(language: Language) -> list[str]:
    """The classes as the legend names them."""
    ends = [language.number(end, 2).rstrip("0").rstrip(".,") for end, *_ in CLASSES[:-1]]
    between = [f"{low}–{high}" for low, high in pairwise(ends)]
    return [f"< {ends[0]}", *between, f"≥ {ends[-1]}"]


def _legend(shown: set[str], language: Language) -> Spec:
    """The scale of the classes that occur, and their legend."""
    colors = [color for _, color, _ in CLASSES]
    known = {label: color for label, color in zip(_labels(language), colors, strict=True) if label in shown}
    keys = {
        "orient": "top",
        "title": language._("speedup over eager"),
        "columns": 8,
        "symbolType": "square",
        "titleLimit": 700,
    }
    return {"scale": {"domain": list(known), "range": list(known.values())}, "legend": keys}


def _panel(cells: list[Spec], names: tuple[list[str], list[str]], legend: Spec) -> Spec:
    """The cells of one kind of latency: colored rectangles, framed ones without color, and the texts."""
    order, modes = names
    y = {"field": "name", "type": "nominal", "sort": order, "scale": {"domain": order}, "title": None}
    x = {"field": "mode", "type": "nominal", "sort": modes, "scale": {"domain": modes}}
    filled, framed = ([cell for cell in cells if bool(cell["kind"]) is known] for known in (True, False))
    box = {"type": "rect", "stroke": PAPER, "strokeWidth": 2}
    frame = {"type": "rect", "fill": PAPER, "stroke": GRID, "strokeWidth": 1}
    color = {"field": "kind", "type": "nominal", **legend}
    return {
        "encoding": {"y": y, "x": x},
        "layer": [
            pointed({"data": data(filled), "mark": box, "encoding": {"color": color}}),
            pointed({"data": data(framed), "mark": frame}),
            *(
                _texts([cell for cell in cells if cell["ink"] == ink], ink)
                for ink in dict.fromkeys(c["ink"] for c in cells)
            ),
        ],
    }


def _names_of_modes(modes: list[str], step: int) -> Spec:
    """The axis of modes: a line for each part of a name where the cells are wide enough, else upright names."""
    look = {"orient": "top", "domain": False, "ticks": False, "labelColor": INK}
    if step < WIDEST:
        return {**look, "labelAngle": -90, "titlePadding": 28}
    lines = max(mode.count("+") for mode in modes) + 1
    split = r"split(replace(datum.label, /\+/g, '+\n'), '\n')"
    level = f"length({split}) == 1 && {lines} == 2 ? ['', datum.label] : {split}"
    room = {"labelPadding": 4 + LINE * (lines - 1), "titlePadding": 10}
    return {**look, **room, "labelAngle": 0, "labelLimit": step, "labelExpr": level}


def _texts(cells: list[Spec], ink: str) -> Spec:
    mark = {"type": "text", "fontSize": FONT, "color": ink}
    return pointed({"data": data(cells), "mark": mark, "encoding": {"text": {"field": "text"}}})


ENTRIES = (
    Chart(
        name="mode_speedups",
        title="Speedup of every mode",
        caption="Eager divided by the mode for one image, measured alternately in one process: blue is faster than "
        "eager, orange slower. Without color: no difference beyond noise or in more than one round, wrong output, or "
        "not available; a question mark: the output cannot be checked.",
        draw=draw,
        remark=signs,
        narrow=partial(draw, narrow=True),
        chapter="modes",
        order=3,
        per_machine=True,
    ),
)
