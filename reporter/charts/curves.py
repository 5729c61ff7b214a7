"""Learning curves: a panel for each family, or a few networks in one panel where there are many families."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reporter.model import Chart, Reading, Record
from reporter.report.comparison import Comparison, number
from reporter.report.display_names import display_name
from reporter.report.drawing.family_colors import colors
from reporter.report.drawing.label_placement import spread
from reporter.report.drawing.narrowing import wrapped
from reporter.report.drawing.tooltips import about, pointed
from reporter.report.drawing.vega import GRID, SIZE, Spec, data, text
from reporter.report.language import Language

KEY = "finetune_top1"
WIDTH, NARROW, HEIGHT = 760, 300, 320
COLUMNS, SMALL_WIDTH, SMALL_HEIGHT = 4, 230, 100
"""Of the panels of families."""
FAMILIES = 12
"""So many families have panels at most."""
TITLE_LINE = 28
"""Characters in a line of the title, on a phone."""
CROWD = 24
"""With more networks than this the pale lines in the background show nothing."""
MOST = 5
"""So many networks of a panel are drawn with their names."""
CUT = 8
"""A loss above this is drawn at the upper edge, so that the others stay apart."""
POINTS, PALE_POINTS = 120, 10
"""Points of a line at most, in the panel of a family and in the background."""
DASHES = ([1, 0], [7, 3], [2, 3], [9, 3, 2, 3], [4, 2], [1, 2])
Drawing = Callable[[Comparison, Language], Spec | None]
Steps = tuple[int, float, str]
"""The first step, the last one, and the title of their axis."""


def loss(comparison: Comparison, language: Language) -> Spec | None:
    return _chart(comparison, "curve", "loss", language._("cross-entropy of the training images"), language)


def top1(comparison: Comparison, language: Language) -> Spec | None:
    return _chart(comparison, "evaluations", "top1", language._("held-out top-1 (%)"), language)


def first_seed(comparison: Comparison, language: Language) -> str:
    """Which seed the curves are of, where there are several."""
    readings = (record.readings.get(KEY) for record in comparison.networks)
    if not any(reading and len(reading.samples) > 1 for reading in readings):
        return ""
    return language._("Each curve is that of the first seed; the table has the mean over all seeds.")


def narrow(draw: Drawing) -> Drawing:
    """The chart for phones: wider panels of families, or more room for names behind the last step."""

    def drawn(comparison: Comparison, language: Language) -> Spec | None:
        spec = draw(comparison, language)
        if spec is None:
            return None
        if "concat" in spec:
            panels = [{**panel, "width": NARROW - 30} for panel in spec["concat"]]
            return {**spec, "title": wrapped(spec["title"], TITLE_LINE), "concat": panels}
        across = spec["encoding"]["x"]
        first, end = across["scale"]["domain"]
        across = {**across, "scale": {**across["scale"], "domain": [first, end * 1.5]}}
        return {**spec, "width": NARROW, "encoding": {**spec["encoding"], "x": across}}

    return drawn


def _chart(comparison: Comparison, curve: str, field: str, title: str, language: Language) -> Spec | None:
    lines = {record.architecture: _points(record, curve, field) for record in comparison.networks}
    plotted = [record for record in comparison.networks if len(lines[record.architecture]) > 2]
    if not plotted:
        return None
    highest = max(point["y"] for record in plotted for point in lines[record.architecture])
    top = 103 if field == "top1" else min(highest, CUT) * 1.05
    last = max(point["x"] for record in plotted for point in lines[record.architecture])
    cut = 100 if field == "top1" else min(highest, CUT)
    capped = [_cut_off_line(record, lines[record.architecture], cut, (title, language)) for record in plotted]
    drawn = {record.architecture: line for record, line in zip(plotted, capped, strict=True)}
    shades = colors(comparison, comparison.records)
    steps = (1 if field == "loss" else 0, last, language._("step"))
    families = list(dict.fromkeys(record.family for record in plotted))
    if 1 < len(families) <= FAMILIES:
        of_each = ([record for record in plotted if record.family == family] for family in families)
        below = [""] * (len(families) - COLUMNS) + [steps[2]] * COLUMNS
        panels = [
            _of_family(members, drawn, shades, (*steps[:2], word), top)
            for members, word in zip(of_each, below[-len(families) :], strict=True)
        ]
        apart = {"scale": {"strokeDash": "independent", "color": "independent"}}
        return {"title": title, "columns": COLUMNS, "spacing": 22, "concat": panels, "resolve": apart}
    pale = [point for line in capped for point in _thin(line, PALE_POINTS)] if len(plotted) <= CROWD else []
    scales = ([steps[0], last * 1.2], [0, top], title, steps)
    return _panel(_shown(plotted), drawn, pale, colours=shades, scales=scales, size=(WIDTH, HEIGHT))


def _of_family(
    members: list[Record], drawn: Mapping[str, list[Spec]], shades: dict[str, str], steps: Steps, top: float
) -> Spec:
    """The panel of a family, half of it for names; its other networks than the named ones are pale."""
    shown = _shown(members)
    lines = {record.architecture: _thin(drawn[record.architecture], POINTS) for record in members}
    others = [record.architecture for record in members if record not in shown]
    pale = [point for name in others for point in _thin(lines[name], PALE_POINTS)]
    scales = ([steps[0], steps[1] * 2.1], [0, top], None, steps)
    panel = _panel(shown, lines, pale, colours=shades, scales=scales, size=(SMALL_WIDTH, SMALL_HEIGHT))
    return {"title": {"text": members[0].family, "fontSize": SIZE - 1}, **panel}


def _ticks(first: int, last: float, parts: int = 6) -> list[int]:
    """The first step and whole multiples up to the last one, about so many parts apart."""
    end = round(last)
    steps = (base * 10**power for power in range(9) for base in (1, 2, 5))
    step = next(step for step in steps if parts * step >= end - first)
    return [first, *(place for place in range(0, end + 1, step) if place >= first + step / 2)]


def _shown(plotted: list[Record]) -> list[Record]:
    """Up to MOST networks, evenly spaced in the order of the accuracy that they reached, the highest first."""
    order = sorted(plotted, key=lambda record: -(record.value(KEY) or 0))
    if len(order) <= MOST:
        return order
    return [order[round(place * (len(order) - 1) / (MOST - 1))] for place in range(MOST)]


def _panel(
    shown: list[Record],
    lines: Mapping[str, list[Spec]],
    behind: list[Spec],
    *,
    colours: dict[str, str],
    scales: tuple[list[float], list[float], str | None, Steps],
    size: tuple[int, int],
) -> Spec:
    """The lines of the shown networks with their names, over pale ones `behind`; `size` is its width and height."""
    xs, ys, title, (first, last, step) = scales
    width, height = size
    members = [record.architecture for record in shown]
    rows = [row for name in members for row in lines[name]]
    ends = _ends([lines[name][-1] for name in members], ys[1], height)
    labels = [{**end, "name": display_name(end["name"])} for end in ends]
    dash = {"domain": members, "range": [DASHES[rank % len(DASHES)] for rank in range(len(members))]}
    style = {"field": "name", "type": "nominal", "scale": dash, "legend": None}
    colour = {"domain": members, "range": [colours[record.family] for record in shown]}
    tint = {"field": "name", "type": "nominal", "scale": colour, "legend": None}
    pale = {"type": "line", "color": GRID, "strokeWidth": 1.2, "clip": False}
    axis = {"grid": False, "tickCount": 4}
    return {
        "width": width,
        "height": height,
        "encoding": {
            "x": {
                "field": "x",
                "type": "quantitative",
                "title": step or None,
                "scale": {"domain": xs, "nice": False},
                "axis": {"grid": False, "values": _ticks(first, last, 6 if width == WIDTH else 3)},
            },
            "y": {
                "field": "y",
                "type": "quantitative",
                "title": title,
                "scale": {"domain": ys, "nice": False},
                "axis": axis,
            },
        },
        "layer": [
            {"data": data(behind), "mark": pale, "encoding": {"detail": {"field": "name"}}},
            pointed(
                {
                    "data": data(rows),
                    "mark": {"type": "line", "strokeWidth": 2.4, "strokeJoin": "round"},
                    "encoding": {"strokeDash": style, "color": tint},
                }
            ),
            *map(pointed, text(labels, "name", 12, align="left", dx=4)),
        ],
    }


def _cut_off_line(record: Record, line: list[Spec], top: float, words: tuple[str, Language]) -> list[Spec]:
    """A line cut off at the top, whose every point says where the line begins and ends."""
    title, language = words
    ends = (f"{language.number(p['y'], 2)} ({language._('step')} {p['x']})" for p in (line[0], line[-1]))
    label = about(record, f"{title}: {' → '.join(ends)}")
    return [{**point, "y": min(point["y"], top), "about": label} for point in line]


def _thin(line: list[Spec], most: int) -> list[Spec]:
    """About so many points of a line, its first and last among them."""
    stride = max(1, len(line) // most)
    return [*line[:1], *line[-1:0:-stride][::-1]]


def _ends(last: list[Spec], top: float, height: int) -> list[Spec]:
    """The names at the last points of lines, pushed apart."""
    gap = 13 * top / height
    places = spread([row["y"] for row in last], gap, gap / 2, top - gap / 2)
    return [{**row, "y": y} for row, y in zip(last, places, strict=True)]


def _points(record: Record, curve: str, field: str) -> list[Spec]:
    reading = record.readings.get(KEY)
    points = reading.detail.get(curve) if reading and (field != "loss" or _is_plain(reading)) else None
    factor = 100 if field == "top1" else 1
    rows = [point for point in points if isinstance(point, dict)] if isinstance(points, list) else []
    values = [(point.get("step"), point.get(field)) for point in rows]
    numbers = [(number(x), number(y)) for x, y in values]
    return [
        {"name": record.architecture, "x": x, "y": y * factor}
        for x, y in numbers
        if x is not None and y is not None and min(x, y) >= 0
    ]


def _is_plain(reading: Reading) -> bool:
    """Whether its curve has the cross-entropy alone; older records include label smoothing and auxiliary losses."""
    recipe = reading.detail.get("recipe")
    added = [recipe.get(key) for key in ("label_smoothing", "auxiliary_loss")] if isinstance(recipe, dict) else []
    return "curve_shows" in reading.detail or not any(added)


ENTRIES = (
    Chart(
        name="learning_curves",
        title="Learning curves",
        caption=(
            "Cross-entropy of the training images of each step, without label smoothing and auxiliary losses; values "
            "above 8 are clipped. All panels have the same axes. Of more than five architectures in a panel, five "
            "are named, from the highest to the lowest accuracy; the others are pale."
        ),
        draw=loss,
        narrow=narrow(loss),
        remark=first_seed,
        chapter="finetune",
        order=2,
    ),
    Chart(
        name="learning_accuracy",
        title="Accuracy while learning",
        caption="Held-out accuracy at each evaluation, after the batch-norm statistics were estimated again.",
        draw=top1,
        narrow=narrow(top1),
        remark=first_seed,
        chapter="finetune",
        order=4,
    ),
)
