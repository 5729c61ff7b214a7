"""Lines on two logarithmic axes: a panel for each machine and device, colored by family, dashed by execution mode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import log10

from reporter.charts.curves import DASHES
from reporter.model.devices import DEVICE_TITLES
from reporter.model.records import pair_name
from reporter.model.scaling_curves import Axis, CurvePoint
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.display_names import display_name
from reporter.report.drawing.curve_lines import CurveLine, devices, lines
from reporter.report.drawing.family_colors import colors
from reporter.report.drawing.label_placement import spread
from reporter.report.drawing.tooltips import about, pointed
from reporter.report.drawing.vega import Spec, coloured, data, text
from reporter.report.language import Language

WIDTH, NARROW, HEIGHT = 760, 300, 380
Coordinates = Callable[[CurvePoint], tuple[float, float]]


def panels(
    comparison: Comparison,
    axis: Axis,
    coordinates: Coordinates,
    titles: tuple[str, str],
    language: Language,
    *,
    unit: str,
    width: int,
) -> Spec | None:
    """A chart of all curves over an axis; `coordinates` gives x and y of a point, y in `unit`. None without a point.

    A curve of a single point is a dot with its value.
    """
    found, every = [], [line for line in lines(comparison.records, axis) if line.measured]
    styles = _styles(every, colors(comparison, [line.record for line in every]), language)
    for machine in comparison.machines:
        drawn = [line for line in every if line.record.machine == machine]
        for device in devices(drawn):
            mine = [line for line in drawn if line.device == device]
            several = [machine] if len(comparison.machines) > 1 else []
            title = ", ".join([*several, language._(DEVICE_TITLES.get(device, device))])
            found.append(
                {"title": title, **_panel(mine, coordinates, titles, styles, language, unit=unit, width=width)}
            )
    return {"vconcat": found} if found else None


def _styles(drawn: Sequence[CurveLine], shades: Mapping[str, str], language: Language) -> tuple[Spec, Spec]:
    """The color and the dash of the lines of all panels, which share a legend."""
    modes = list(dict.fromkeys(line.mode for line in drawn))
    dashes = {"domain": modes, "range": [DASHES[rank % len(DASHES)] for rank in range(len(modes))]}
    legend = {"title": None, "orient": "top"} if len(modes) > 1 else None
    return coloured(shades, language), {"field": "mode", "type": "nominal", "scale": dashes, "legend": legend}


def _panel(
    drawn: Sequence[CurveLine],
    coordinates: Coordinates,
    titles: tuple[str, str],
    styles: tuple[Spec, Spec],
    language: Language,
    *,
    unit: str,
    width: int,
) -> Spec:
    rows = [_row(line, point, coordinates(point), language) for line in drawn for point in line.measured]
    ys = [row["y"] for row in rows]
    axes = [
        {"field": field, "type": "quantitative", "title": title, "scale": scale, "axis": {"format": "~g", **ticks}}
        for field, title, scale, ticks in (
            ("x", titles[0], {"type": "log", "base": 2, "nice": False, "domain": _wide(rows, width)}, {"grid": False}),
            ("y", titles[1], {"type": "log", "nice": False, "domain": [min(ys) / 1.2, max(ys) * 1.2]}, {}),
        )
    ]
    color, dash = styles
    shared = {"detail": {"field": "line"}, "color": color}
    return {
        "width": width,
        "height": HEIGHT,
        "encoding": {"x": axes[0], "y": axes[1]},
        "layer": [
            {
                "data": data(rows),
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": {**shared, "strokeDash": dash},
            },
            pointed({"data": data(rows), "mark": {"type": "point", "filled": True, "size": 40}, "encoding": shared}),
            *map(pointed, text(_ends(_valued(rows, unit, language)), "label", 12, align="left", dx=8)),
        ],
    }


def _row(line: CurveLine, point: CurvePoint, place: tuple[float, float], language: Language) -> Spec:
    rate = language.number(point.throughput or 0.0, 1)
    seconds = language.number(1e3 * (point.latency or 0.0), 3)
    words = language._("batch {batch}, {size} px: {ms} ms, {rate} images/s")
    shown = words.format(batch=point.batch, size=point.size, ms=seconds, rate=rate)
    return {
        "line": line.name,
        "label": pair_name(display_name(line.record.architecture), line.mode),
        "mode": line.mode,
        "family": line.record.family,
        "x": place[0],
        "y": place[1],
        "about": about(line.record, line.mode, shown),
    }


def _valued(rows: Sequence[Spec], unit: str, language: Language) -> list[Spec]:
    """The rows, those of curves of a single point with the value in their label."""
    count = Counter(row["line"] for row in rows)
    return [
        {**row, "label": f"{row['label']}, {units.text(language, row['y'])} {unit}"} if count[row["line"]] == 1 else row
        for row in rows
    ]


def _wide(rows: Sequence[Spec], width: int) -> list[float]:
    """The domain of x, with room for the names at the ends of the lines."""
    low, high = min(row["x"] for row in rows), max(row["x"] for row in rows)
    return [low / 1.1, high * max(1.3, (high / low) ** (0.3 if width == WIDTH else 1.4))]


def _ends(rows: Sequence[Spec]) -> list[Spec]:
    """The last point of each line, pushed apart so that names do not cover each other."""
    last = list({row["line"]: row for row in rows}.values())
    logs = [log10(row["y"]) for row in rows]
    low, high = min(logs) - 0.08, max(logs) + 0.08
    gap = 14 * (high - low) / HEIGHT
    places = spread([log10(row["y"]) for row in last], gap, low, high)
    return [{**row, "y": 10**place} for row, place in zip(last, places, strict=True)]
