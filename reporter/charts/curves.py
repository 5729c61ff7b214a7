"""Learning curves of a few networks, from the one that learned most to the one that learned least."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reporter.model import Chart, Reading, Record
from reporter.report.comparison import Comparison, number
from reporter.report.display_names import display_name
from reporter.report.drawing.family_colors import colors
from reporter.report.drawing.label_placement import spread
from reporter.report.drawing.tooltips import about, pointed
from reporter.report.drawing.vega import GRID, Spec, data, text
from reporter.report.language import Language

KEY = "finetune_top1"
WIDTH, NARROW, HEIGHT = 760, 300, 320
CROWD = 24
"""With more networks than this the pale lines in the background show nothing."""
MOST = 5
"""So many networks are drawn with their names."""
CUT = 8
"""A loss above this is drawn at the upper edge, so that the others stay apart."""
PALE_POINTS = 10
DASHES = ([1, 0], [7, 3], [2, 3], [9, 3, 2, 3], [4, 2], [1, 2])
Drawing = Callable[[Comparison, Language], Spec | None]


def loss(comparison: Comparison, language: Language) -> Spec | None:
    return _chart(comparison, "curve", "loss", language._("cross-entropy of the training images"), language)


def top1(comparison: Comparison, language: Language) -> Spec | None:
    return _chart(comparison, "evaluations", "top1", language._("held-out top-1 (%)"), language)


def narrow(draw: Drawing) -> Drawing:
    """The chart for phones, with more room for names behind the last step."""

    def drawn(comparison: Comparison, language: Language) -> Spec | None:
        spec = draw(comparison, language)
        if spec is None:
            return None
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
    top = 100 if field == "top1" else min(highest, CUT) * 1.05
    last = max(point["x"] for record in plotted for point in lines[record.architecture])
    capped = [_cut_off_line(record, lines[record.architecture], top, (title, language)) for record in plotted]
    everything = [point for line in capped for point in line]
    behind = [point for line in capped for point in _thin(line)] if len(plotted) <= CROWD else []
    scales = ([1 if field == "loss" else 0, last * 1.2], [0, top], title, language._("step"))
    return _panel(_shown(plotted), (everything, behind), colors(comparison, comparison.records), scales)


def _ticks(domain: list[float]) -> list[int]:
    """The first step and whole multiples up to the last one; the room behind it is for names."""
    first, last = int(domain[0]), round(domain[1] / 1.2)
    steps = (base * 10**power for power in range(9) for base in (1, 2, 5))
    step = next(step for step in steps if 6 * step >= last - first)
    return [first, *(place for place in range(0, last + 1, step) if place >= first + step / 2)]


def _shown(plotted: list[Record]) -> list[Record]:
    """Up to MOST networks, evenly spaced in the order of the accuracy that they reached, the highest first."""
    order = sorted(plotted, key=lambda record: -(record.value(KEY) or 0))
    if len(order) <= MOST:
        return order
    return [order[round(place * (len(order) - 1) / (MOST - 1))] for place in range(MOST)]


def _panel(
    shown: list[Record], lines: tuple[list[Spec], list[Spec]], colours: dict[str, str], scales: tuple[Any, ...]
) -> Spec:
    everything, behind = lines
    xs, ys, title, step = scales
    members = [record.architecture for record in shown]
    rows = [row for row in everything if row["name"] in members]
    ends = _ends(rows, members, ys[1])
    labels = [{**end, "name": display_name(end["name"])} for end in ends]
    dash = {"domain": members, "range": [DASHES[rank % len(DASHES)] for rank in range(len(members))]}
    style = {"field": "name", "type": "nominal", "scale": dash, "legend": None}
    colour = {"domain": members, "range": [colours[record.family] for record in shown]}
    tint = {"field": "name", "type": "nominal", "scale": colour, "legend": None}
    pale = {"type": "line", "color": GRID, "strokeWidth": 1.2, "clip": False}
    axis = {"grid": False, "tickCount": 4}
    return {
        "width": WIDTH,
        "height": HEIGHT,
        "encoding": {
            "x": {
                "field": "x",
                "type": "quantitative",
                "title": step,
                "scale": {"domain": xs, "nice": False},
                "axis": {"grid": False, "values": _ticks(xs)},
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
                    "mark": {"type": "line", "strokeWidth": 2.4},
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


def _thin(line: list[Spec]) -> list[Spec]:
    """A few points of a line, its last among them: enough for a shape in the background."""
    stride = max(1, len(line) // PALE_POINTS)
    return line[-1::-stride][::-1]


def _ends(rows: list[Spec], members: list[str], top: float) -> list[Spec]:
    """The names at the ends of their lines, pushed apart."""
    last = [[row for row in rows if row["name"] == name][-1] for name in members]
    gap = 13 * top / HEIGHT
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
        caption="Cross-entropy of the training images of each step, without label smoothing and auxiliary "
        "losses; values above 8 are clipped. Named: up to five networks from the highest to the lowest accuracy; all "
        "others are pale.",
        draw=loss,
        narrow=narrow(loss),
        chapter="finetune",
        order=2,
    ),
    Chart(
        name="learning_accuracy",
        title="Accuracy while learning",
        caption="Held-out accuracy at each evaluation, after the batch-norm statistics were estimated again.",
        draw=top1,
        narrow=narrow(top1),
        chapter="finetune",
        order=4,
    ),
)
