"""The timeline of the ImageNet challenge for a slide: bars only, in large type, 16:9."""

from __future__ import annotations

from reporter.charts.timeline import HANDMADE, HUMAN, NETWORK
from reporter.model import Chart
from reporter.report import challenge_entries
from reporter.report.challenge_entries import Entry
from reporter.report.comparison import Comparison
from reporter.report.drawing.vega import INK, MUTED, Spec, data, literal, text
from reporter.report.language import Language

WIDTH, HEIGHT = 1600, 900
BAR = 92
HIGHEST = 34


def draw(comparison: Comparison, language: Language) -> Spec | None:
    """One bar per year: the winner, with its error and depth."""
    _ = language._
    best = {entry.year: entry for entry in sorted(challenge_entries.bars(), key=lambda each: -each.error)}
    if not best:
        return None
    human = [person.error for person in challenge_entries.humans()[:1]]
    rows = [_row(entry, language) for entry in sorted(best.values(), key=lambda each: each.year)]
    names = [{**row, "y": max([row["y"], *human])} for row in rows]
    years = {"type": "ordinal", "title": None, "axis": {"labelAngle": 0, "labelFontSize": 28, "labelPadding": 10}}
    errors = {
        "type": "quantitative",
        "title": _("top-5 error (%)"),
        "scale": {"domain": [0, HIGHEST], "nice": False},
        "axis": {"labelFontSize": 24, "titleFontSize": 26, "tickCount": 6},
    }
    line = [{"y": error} for error in human]
    legend = _("dashed: one trained annotator, {error} %")
    words = [{"text": legend.format(error=language.number(error, 1))} for error in human]
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "autosize": {"type": "fit", "contains": "padding"},
        "title": {"text": _("The ImageNet challenge, 2010 to 2017"), "fontSize": 34, "offset": 18},
        "encoding": {"x": {"field": "year", **years}, "y": {"field": "y", **errors}},
        "layer": [
            {"data": data(rows), "mark": {"type": "bar", "width": BAR}, "encoding": {"color": literal()}},
            {"data": data(line), "mark": {"type": "rule", "color": HUMAN, "strokeDash": [9, 6], "strokeWidth": 3},
             "encoding": {"x": {"value": 0}, "x2": {"value": "width"}}},
            *({**layer, "encoding": {**layer["encoding"], "x": {"value": "width"}, "y": {"value": 30}}}
              for layer in text(words, "text", 26, colour=HUMAN, align="right", dx=-16)),
            *text(names, "error", 30, dy=-84, fontWeight=600),
            *text(names, "name", 24, dy=-52, colour=INK),
            *text(names, "depth", 20, dy=-22, colour=MUTED),
        ],
    }  # fmt: skip


def _row(entry: Entry, language: Language) -> Spec:
    _ = language._
    depth = entry.layers
    absent = _("shallow") if entry.handmade else _("mixed") if entry.depth.startswith("none") else ""
    layers = absent if depth is None else language.ngettext("{count} layer", "{count} layers", depth)
    color = HANDMADE if entry.handmade else NETWORK
    return {
        "year": entry.year,
        "y": entry.error,
        "error": language.number(entry.error, 1),
        "name": entry.label,
        "depth": layers.format(count=depth),
        "colour": color,
    }


ENTRIES = (
    Chart(
        name="timeline_slide",
        title="The ImageNet challenge on a slide",
        caption="The best entry of each year with its top-5 error and depth; dashed: one trained annotator. 16:9.",
        draw=draw,
        chapter="timeline",
        order=1,
        edition="lecture",
        slide=True,
    ),
)
