"""The ImageNet timeline of 2010-2017: error and depth of the entries, and the architectures of this report."""

from __future__ import annotations

from typing import Any, NamedTuple

from reporter.charts import _timeline_rows
from reporter.model import Chart, Record
from reporter.report import challenge_entries
from reporter.report.challenge_entries import Entry
from reporter.report.comparison import Comparison, accuracy
from reporter.report.display_names import display_name
from reporter.report.drawing.family_colors import colors
from reporter.report.drawing.label_placement import spread
from reporter.report.drawing.tooltips import about, pointed
from reporter.report.drawing.vega import INK, MUTED, PAPER, Spec, data, literal, text
from reporter.report.language import Language
from reporter.report.published.accuracy_marks import legend, special
from reporter.report.published.paper_depth import paper_depth, source

WIDTH, BARS, DOTS, DEPTHS = 1340, 230, 200, 170
"""Pixels: the width, and the heights of the panels of entries, of this report's architectures, and of depths."""
HIGHEST, HIGHEST_DOT, DEEPEST, SMALL = 32, 24, 220, 12
HANDMADE, NETWORK, HUMAN = "#9aa0a8", "#5c7391", "#c0392b"
"""Colors that no family has: those of the families are for the dots."""
BAR = 0.15
"""Width of a bar, in years."""
LEGEND_AT = 2013.42
SHEETS = (2, 1, 0)
"""How far the sheets of an ensemble's stack are moved, the last one in front."""


class Bar(NamedTuple):
    entry: Entry
    left: float
    right: float
    align: str

    @property
    def colour(self) -> str:
        return HANDMADE if self.entry.handmade else NETWORK

    @property
    def middle(self) -> float:
        return (self.left + self.right) / 2


def draw(comparison: Comparison, language: Language) -> Spec | None:
    entries = challenge_entries.bars()
    if not entries:
        return None
    _ = language._
    bars = _bars(entries)
    domain = _domain(entries)
    points = _shown(comparison, language, domain)
    error = _("top-5 error (%)")
    entered = [*_human(domain, language), *_error_bars(bars, language), *_legend(language)]
    measured = [*_dots(points, "error", []), *_legend_of_dots(language)]
    depths = [*_depth_bars(bars, language), *_dots(points, "depth", bars)]
    panels = [{**_panel(domain, HIGHEST, error, BARS, years=False), "layer": entered}]
    if any(point["error"] is not None for point in points):
        panels.append({**_panel(domain, HIGHEST_DOT, error, DOTS, years=False), "layer": measured})
    panels.append({**_panel(domain, DEEPEST, _("depth (weighted layers)"), DEPTHS, years=True), "layer": depths})
    return {"spacing": 14, "vconcat": panels}


def narrow(comparison: Comparison, language: Language) -> Spec | None:
    """The same for phones, with a row for each entry and each architecture."""
    found = challenge_entries.bars()
    if not found:
        return None
    rows = [_entry_row(entry, language) for entry in found]
    human = next((person.error for person in challenge_entries.humans()), None)
    panels = [_timeline_rows.entries(rows, human, _dashed(), language)]
    titles = {"error": language._("top-5 error (%)"), "depth": language._("depth (weighted layers)")}
    points = sorted(_shown(comparison, language, _domain(found)), key=lambda point: float(point["year"]))
    for what, title in titles.items():
        if mine := [_network_row(point, what) for point in points if point[what] is not None]:
            panels.append(_timeline_rows.architectures(mine, what, title, language))
    return {"spacing": 20, "vconcat": panels}


def _entry_row(entry: Entry, language: Language) -> dict[str, Any]:
    layers, words = entry.layers, about(None, *challenge_entries.tooltip_lines(entry, language))
    depth = "" if layers is None else language.ngettext("{count} layer", "{count} layers", layers).format(count=layers)
    color = HANDMADE if entry.handmade else NETWORK
    name = {"name": f"{entry.year} {entry.label}", "colour": color, "about": words}
    return {**name, "error": entry.error, "depth": depth, "ensemble": entry.ensemble}


def _network_row(point: dict[str, Any], what: str) -> dict[str, Any]:
    return {**point, "name": point["name"] + point["signs"] if what == "error" else point["name"]}


def _domain(entries: list[Entry]) -> list[float]:
    return [int(entries[0].year) - 0.5, int(entries[-1].year) + 0.99]


def _panel(domain: list[float], top: float, title: str, height: int, years: bool) -> Spec:
    axis = {"values": list(range(int(domain[0] + 1), int(domain[1]) + 1)), "format": "d", "grid": False, "title": None}
    look = {"labels": years, "ticks": years, "labelFontSize": 17, "labelFontWeight": 600, "labelColor": INK}
    x = {"scale": {"domain": domain, "nice": False}, "axis": axis | look}
    y = {"scale": {"domain": [0, top], "nice": False}, "axis": {"tickCount": 5, "title": title, "titlePadding": 10}}
    places = {"x": {"field": "x", "type": "quantitative", **x}, "y": {"field": "y", "type": "quantitative", **y}}
    return {"width": WIDTH, "height": height, "encoding": places}


def _bars(entries: list[Entry]) -> list[Bar]:
    """Where each bar stands: on its year, which the two of a year share."""
    placed = []
    for entry in entries:
        year = [other for other in entries if other.year == entry.year]
        rank, step = year.index(entry), BAR + 0.03
        left = int(entry.year) - BAR / 2 + (rank - (len(year) - 1) / 2) * step
        align = "center" if len(year) == 1 else "right" if rank == 0 else "left"
        placed.append(Bar(entry, left, left + BAR, align))
    return placed


def _error_bars(bars: list[Bar], language: Language) -> list[Spec]:
    """A bar per entry, an ensemble as a stack of sheets, with its value and its team above."""
    rects, values = [], []
    for bar in bars:
        sheets = _sheets((bar.left, bar.right), 0, bar.entry.error, bar.colour, bar.entry.ensemble)
        rects += [
            {**sheet, "about": about(None, *challenge_entries.tooltip_lines(bar.entry, language))} for sheet in sheets
        ]
        place = {"center": bar.middle, "right": bar.right, "left": bar.left}[bar.align]
        label = {"text": language.number(bar.entry.error, 1), "name": _name(bar.entry), "align": bar.align}
        values.append({"x": place, "y": bar.entry.error + 2.3, **label})
    texts: list[Spec] = []
    for align in ("center", "right", "left"):
        rows = [row for row in values if row["align"] == align]
        texts += text(rows, "text", 16, fontWeight=600, align=align)
        texts += text([row for row in rows if "\n" not in str(row["name"])], "name", 13, dy=-17, align=align)
        texts += text(
            [row for row in rows if "\n" in str(row["name"])], "name", 13, dy=-31, align=align, lineBreak="\n"
        )
    return [pointed(_rects(rects)), *texts]


def _name(entry: Entry) -> str:
    """The label of a bar, a long one in two lines."""
    return entry.label.replace("-", "-\n") if len(entry.label) > 12 else entry.label


def _sheets(ends: tuple[float, float], bottom: float, top: float, colour: str, ensemble: bool) -> list[dict[str, Any]]:
    """A rectangle between two ends, or a stack of them."""
    rows = []
    for shift in SHEETS if ensemble else (0,):
        across = {"x": ends[0] + 0.016 * shift, "x2": ends[1] + 0.016 * shift}
        rows.append({**across, "y": bottom, "y2": top + 0.5 * shift, "colour": colour, "opacity": 0.3 if shift else 1})
    return rows


def _rects(rows: list[dict[str, Any]]) -> Spec:
    opacity = {"field": "opacity", "type": "quantitative", "scale": None, "legend": None}
    ends = {"x2": {"field": "x2"}, "y2": {"field": "y2"}}
    mark = {"type": "rect", "stroke": PAPER, "strokeWidth": 0.7}
    return {"data": data(rows), "mark": mark, "encoding": {**ends, "color": literal(), "opacity": opacity}}


def _human(domain: list[float], language: Language) -> list[Spec]:
    ends = {"x": domain[0], "x2": domain[1]}
    rows = [
        {**ends, "y": person.error, "about": about(None, *challenge_entries.tooltip_lines(person, language))}
        for person in challenge_entries.humans()[:1]
    ]
    return [pointed({"data": data(rows), "mark": _dashed(), "encoding": {"x2": {"field": "x2"}}})]


def _dashed() -> Spec:
    return {"type": "rule", "color": HUMAN, "strokeDash": [7, 4], "strokeWidth": 2}


def _depth_bars(bars: list[Bar], language: Language) -> list[Spec]:
    _ = language._
    rects, texts = [], []
    for bar in bars:
        depth = bar.entry.layers
        sheets = _sheets((bar.left, bar.right), 0, depth or 0, bar.colour, False)
        rects += [
            {**sheet, "about": about(None, *challenge_entries.tooltip_lines(bar.entry, language))} for sheet in sheets
        ]
        absent = _("shallow") if bar.entry.handmade else _("mixed") if bar.entry.depth.startswith("none") else "?"
        texts.append({"x": bar.middle, "y": depth or 0, "text": str(depth or absent)})
    return [pointed(_rects(rects)), *text(texts, "text", 14, dy=-13)]


def _shown(comparison: Comparison, language: Language, domain: list[float]) -> list[dict[str, Any]]:
    return [point for point in _points(comparison, language) if domain[0] < point["year"] < domain[1]]


def _points(comparison: Comparison, language: Language) -> list[dict[str, Any]]:
    """The networks of this report, each at its year, with the colour of its family."""
    rows, colours = [], colors(comparison, comparison.records)
    for record in comparison.networks:
        if record.year is None:
            continue
        found = accuracy(record)
        error = 100 * (1 - found.top5) if found and found.top5 else None
        row = {"name": display_name(record.architecture), "colour": colours[record.family], "year": record.year}
        error_text = [f"{language._('top-5 error')} {language.number(error, 1)} %"] if error else []
        origin = (
            [language._("the paper's own figure") if found.paper else language._("published weights")] if found else []
        )
        words = about(record, str(record.year), *error_text, *origin, *_depth_words(record, language))
        row["signs"] = f" {signs}" if (signs := special(record)) else ""
        rows.append({**row, "error": error, "depth": paper_depth(record), "about": words})
    return rows


def _depth_words(record: Record, language: Language) -> list[str]:
    """The paper's depth with its source, and the counted one."""
    depth = paper_depth(record)
    where = f" ({found})" if (found := source(record, language)) else ""
    stated = [] if depth is None else [f"{language._('Depth')}: {language.number(depth)}{where}"]
    counted = record.value("depth")
    return [*stated, *([] if counted is None else [f"{language._('Longest path')}: {language.number(counted)}"])]


def _dots(points: list[dict[str, Any]], what: str, bars: list[Bar]) -> list[Spec]:
    """Dots on their year, or right of its bars, with names beside them, pushed apart where they would collide."""
    top, height = (HIGHEST_DOT, DOTS) if what == "error" else (DEEPEST, DEPTHS)
    gap, rows = (SMALL + 1) * top / height, []
    for year in sorted({point["year"] for point in points}):
        here = [point for point in points if point["year"] == year and point[what] is not None]
        x = max((bar.right for bar in bars if bar.entry.year == str(year)), default=year) + 0.04
        for point, y in zip(here, spread([p[what] for p in here], gap, gap / 2, top - gap / 2), strict=True):
            rows.append({**point, "x": x, "x2": x + 0.04, "y": min(point[what], top), "y2": y})
    dots = {"type": "point", "filled": True, "size": 66, "stroke": PAPER, "strokeWidth": 0.8, "opacity": 1}
    names = [{**_network_row(row, what), "x": row["x2"] + 0.006, "y": row["y2"]} for row in rows]
    lines = {"type": "rule", "color": MUTED, "strokeWidth": 0.7}
    return [
        pointed({"data": data(rows), "mark": lines, "encoding": {"x2": {"field": "x2"}, "y2": {"field": "y2"}}}),
        pointed({"data": data(rows), "mark": dots, "encoding": {"color": literal()}}),
        *map(pointed, text(names, "name", SMALL, align="left")),
    ]


def _legend(language: Language) -> list[Spec]:
    """What bars, sheets and the line mean, in the empty upper right of the plot."""
    _ = language._
    left, right = LEGEND_AT, LEGEND_AT + 0.18
    words = [_("hand-crafted features, official test error"), _("network, official test error")]
    words += [_("shadow behind a bar: ensemble of several networks"), _human_words(language)]
    lines = [30 - 3.1 * rank for rank in range(len(words))]
    kinds = ((HANDMADE, False), (NETWORK, False), (NETWORK, True))
    rects = [
        row for y, kind in zip(lines, kinds, strict=False) for row in _sheets((left, right), y - 1, y + 0.8, *kind)
    ]
    rule = {"x": left, "x2": right, "y": lines[3]}
    return [
        _rects(rects),
        {"data": data([rule]), "mark": _dashed(), "encoding": {"x2": {"field": "x2"}}},
        *text([{"x": right + 0.1, "y": y, "text": t} for y, t in zip(lines, words, strict=True)], "text", align="left"),
    ]


def _legend_of_dots(language: Language) -> list[Spec]:
    """What a dot is."""
    spot = {"type": "point", "filled": True, "size": 66, "color": NETWORK, "opacity": 1}
    words = language._("network of this report: one network, one crop, validation set")
    place = {"x": LEGEND_AT + 0.09, "y": HIGHEST_DOT - 2.4}
    return [
        {"data": data([place]), "mark": spot},
        *text([{**place, "x": LEGEND_AT + 0.28, "text": words}], "text", align="left"),
    ]


def _human_words(language: Language) -> str:
    first, second = ([language.number(person.error, 1) for person in challenge_entries.humans()] + ["?", "?"])[:2]
    message = language._("human, one trained annotator: {first} %; a second one: {second} %")
    return message.format(first=first, second=second)


ENTRIES = (
    Chart(
        name="timeline",
        title="The ImageNet challenge, 2010 to 2017",
        caption="Bars: official top-5 errors of the challenge's entries on its test sets; a shadow behind a bar is an "
        "ensemble, gray marks hand-crafted features. Dots: the networks of this report, one network and one crop on "
        "the validation set, with the depth that its paper states. Bars and dots follow different protocols; do not "
        "compare them directly.",
        draw=draw,
        narrow=narrow,
        remark=legend,
        chapter="timeline",
        order=0,
        edition="lecture",
    ),
)
