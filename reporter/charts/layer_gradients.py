"""Relative gradients of all layers: networks that differ in skips and batch norm, and a panel per family."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10

from reporter.charts.curves import DASHES
from reporter.model import Chart, Evidence, Record
from reporter.report.comparison import Comparison, number
from reporter.report.display_names import display_name
from reporter.report.drawing.family_colors import colors
from reporter.report.drawing.label_placement import spread
from reporter.report.drawing.tooltips import about, pointed
from reporter.report.drawing.vega import MUTED, Spec, data, palette, text
from reporter.report.language import Language
from reporter.report.training.gradient_ratios import start_note

KEY, DEPTH = "gradient_flow", 56
COLUMNS, WIDTH, HEIGHT = 4, 230, 150
FAMILIES = {"plain": "AlexNet", "plain_norm": "VGG", "residual_norm": "ResNet", "dense_norm": "DenseNet"}
"""The color of each kind of network: that of the family which is built like it."""
PLAIN = ("AlexNet", "VGG")
"""Families that share a panel."""
ACROSS, SAMPLE = 225, (107, 128)
"""The end of the axis of depth in percent, with room for names, and the place of the sample of each line."""
Points = list[Spec]


def draw(comparison: Comparison, language: Language) -> Spec | None:
    """None if no run has measured relative gradients."""
    lines = [(record, _recorded(record, language)) for record in comparison.networks]
    drawn = [(record, points) for record, points in lines if len(points) > 1]
    controlled = _controlled(comparison.evidence.get(KEY), language)
    if not drawn and not controlled:
        return None
    every = [point for _, points in drawn for point in points] + [p for points in controlled for p in points]
    logs = [log10(point["y"]) for point in every]
    scale = (min(logs), max(logs) + 0.05)
    title = language._("Networks of {count} layers").format(count=DEPTH)
    panels = [_panel(title, controlled, scale, language)] if controlled else []
    shades = colors(comparison, comparison.records)
    by_title: dict[str, list[Points]] = {}
    for record, points in drawn:
        colored = [{**point, "color": shades[record.family]} for point in points]
        by_title.setdefault(", ".join(PLAIN) if record.family in PLAIN else record.family, []).append(colored)
    panels += [_panel(title, lines_of, scale, language) for title, lines_of in by_title.items()]
    apart = {"scale": {"strokeDash": "independent"}}
    return {"columns": COLUMNS, "spacing": 22, "concat": panels, "resolve": apart}


def remark(comparison: Comparison, language: Language) -> str:
    """What the first panel compares where it is drawn, and which networks have other weights than random ones."""
    first = language._(
        "The first panel compares networks of one depth that differ in skip connections, dense links and batch norm."
    )
    drawn = _controlled(comparison.evidence.get(KEY), language)
    return " ".join(filter(None, (first if drawn else "", start_note(comparison.networks, language))))


def _recorded(record: Record, language: Language) -> Points:
    """The relative gradients of a record's layers, those of zero left out."""
    reading = record.readings.get(KEY)
    values = reading.detail.get("relative_gradients") if reading else None
    found = [number(value) for value in values] if isinstance(values, list) else []
    flow = record.value(KEY)
    words = "" if flow is None else f"ρ = {language.number(flow, 2)}"
    return _points(display_name(record.architecture), found, about(record, words))


def _controlled(evidence: Evidence | None, language: Language) -> list[Points]:
    """The curves of networks of one depth that were measured for the claim."""
    if evidence is None:
        return []
    _ = language._
    titles = {
        "plain": _("plain"),
        "plain_norm": _("plain, batch norm"),
        "residual_norm": _("residual, batch norm"),
        "dense_norm": _("dense, batch norm"),
    }
    lines = []
    for kind, title in titles.items():
        values = [evidence.numbers.get(f"{kind}_{DEPTH}_{place}") for place in range(1, DEPTH + 1)]
        color = palette([FAMILIES[kind]])[FAMILIES[kind]]
        lines.append([{**point, "color": color} for point in _points(title, values, about(None, title))])
    return [line for line in lines if len(line) > 1]


def _points(name: str, values: Sequence[float | None], label: str) -> Points:
    last = max(1, len(values) - 1)
    return [
        {"name": name, "x": round(100 * place / last, 1), "y": value, "about": label}
        for place, value in enumerate(values)
        if value is not None and value > 0
    ]


def _panel(title: str, lines: Sequence[Points], scale: tuple[float, float], language: Language) -> Spec:
    names = [line[0]["name"] for line in lines]
    rows = [point for line in lines for point in line]
    dash = {"domain": names, "range": [DASHES[rank % len(DASHES)] for rank in range(len(names))]}
    low, high = scale
    axis = {"grid": False, "tickCount": 4}
    x = {"domain": [0, ACROSS], "nice": False}
    ends = _ends(lines, low, high)
    to_samples = [{**end, "x": 100, "x2": SAMPLE[0], "y": end["last"], "y2": end["y"]} for end in ends]
    samples = [{**end, "x": SAMPLE[0], "x2": SAMPLE[1], "y2": end["y"]} for end in ends]
    corners = {"x2": {"field": "x2"}, "y2": {"field": "y2"}}
    y = {"type": "log", "domain": [10**low, 10**high], "nice": False}
    color = {"field": "color", "type": "nominal", "scale": None, "legend": None}
    style = {"strokeDash": {"field": "name", "type": "nominal", "scale": dash, "legend": None}, "color": color}
    return {
        "title": title,
        "width": WIDTH,
        "height": HEIGHT,
        "encoding": {
            "x": {"field": "x", "type": "quantitative", "title": language._("depth (%)"), "scale": x,
                  "axis": {**axis, "values": [0, 50, 100]}},
            "y": {"field": "y", "type": "quantitative", "title": language._("gradient / weights"), "scale": y,
                  "axis": {**axis, "format": "~g", "titlePadding": 14}},
        },
        "layer": [
            pointed({"data": data(rows), "mark": {"type": "line", "strokeWidth": 1.6},
                     "encoding": style}),
            {"data": data(to_samples), "encoding": corners,
             "mark": {"type": "rule", "color": MUTED, "strokeWidth": 0.7}},
            pointed({"data": data(samples), "mark": {"type": "rule", "strokeWidth": 2},
                     "encoding": {**corners, **style}}),
            *map(pointed, text([{**end, "x": SAMPLE[1]} for end in ends], "name", 12, align="left", dx=4)),
        ],
    }  # fmt: skip


def _ends(lines: Sequence[Points], low: float, high: float) -> list[Spec]:
    """The names at the ends of their lines, pushed apart; `last` is where the line ends."""
    gap = 13 * (high - low) / HEIGHT
    places = spread([log10(line[-1]["y"]) for line in lines], gap, low + gap / 2, high - gap / 2)
    return [{**line[-1], "last": line[-1]["y"], "y": 10**place} for line, place in zip(lines, places, strict=True)]


ENTRIES = (
    Chart(
        name="gradient_flow",
        title="Gradients from the first layer to the last",
        caption="Norm of the gradient over the norm of the weights in each layer, logarithmic, against its place "
        "between the first layer (0) and the last (100 %): random weights, one batch. Level curves have even "
        "gradients.",
        draw=draw,
        narrow=draw,
        remark=remark,
        chapter="finetune",
        order=40,
        edition="lecture",
    ),
)
