"""Lines on two logarithmic axes: a panel for each machine and device, colored by family, dashed by execution mode."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from reporter.report.modes import mode_words

WIDTH, NARROW, HEIGHT = 760, 300, 380
TALLEST = 560
"""Height of a panel whose names need more than the usual height."""
LINE = 14
"""Height of a name at the end of a line."""
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
            mine = (line for line in drawn if line.device == device)
            rows = list(_rows(mine, coordinates, unit, comparison, language))
            several = [machine] if len(comparison.machines) > 1 else []
            title = ", ".join([*several, language._(DEVICE_TITLES.get(device, device))])
            found.append({"title": title, **_panel(rows, titles, styles, width)})
    return {"vconcat": found} if found else None


def marks(axis: Axis) -> Callable[[Comparison, Language], str]:
    """What the marks of the modes on the curves over an axis mean, of those that occur, and how many have no name."""

    def explained(comparison: Comparison, language: Language) -> str:
        drawn = [line for line in lines(comparison.records, axis) if line.measured]
        found = {mode_words.marked_mode(line.record, line.mode, comparison, language).status for line in drawn}
        meanings = {
            "wrong": language._("(wrong): the output of the mode is wrong."),
            "unchecked": language._("?: the output of the mode cannot be checked."),
        }
        words = [meaning for verdict, meaning in meanings.items() if verdict in found]
        if more := _unnamed(drawn):
            without = language.ngettext(
                "{count} line has no label; hover over it for its name.",
                "{count} lines have no label; hover over them for their names.",
                more,
            )
            words.append(without.format(count=more))
        return " ".join(words)

    return explained


def _unnamed(drawn: Iterable[CurveLine]) -> int:
    """The number of lines for whose names the panels have no room."""
    panels = Counter((line.record.machine, line.device) for line in drawn)
    return sum(max(0, count - _height(count) // LINE) for count in panels.values())


def _styles(drawn: Sequence[CurveLine], shades: Mapping[str, str], language: Language) -> tuple[Spec, Spec]:
    """The color and the dash of the lines of all panels, which share a legend."""
    modes = list(dict.fromkeys(line.mode for line in drawn))
    dashes = {"domain": modes, "range": [DASHES[rank % len(DASHES)] for rank in range(len(modes))]}
    legend = {"title": None, "orient": "top"} if len(modes) > 1 else None
    return coloured(shades, language), {"field": "mode", "type": "nominal", "scale": dashes, "legend": legend}


def _panel(rows: Sequence[Spec], titles: tuple[str, str], styles: tuple[Spec, Spec], width: int) -> Spec:
    """The lines of a machine and device, interrupted where a point was not measured."""
    ys = [row["y"] for row in rows]
    axes = [
        {"field": field, "type": "quantitative", "title": title, "scale": scale, "axis": {"format": "~g", **ticks}}
        for field, title, scale, ticks in (
            ("x", titles[0], {"type": "log", "base": 2, "nice": False, "domain": _wide(rows, width)}, {"grid": False}),
            ("y", titles[1], {"type": "log", "nice": False, "domain": [min(ys) / 1.2, max(ys) * 1.2]}, {}),
        )
    ]
    color, dash = styles
    height = _height(len({row["line"] for row in rows}))
    shared = {"detail": [{"field": "line"}, {"field": "part"}], "color": color}
    return {
        "width": width,
        "height": height,
        "encoding": {"x": axes[0], "y": axes[1]},
        "layer": [
            {
                "data": data(rows),
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": {**shared, "strokeDash": dash},
            },
            pointed({"data": data(rows), "mark": {"type": "point", "filled": True, "size": 40}, "encoding": shared}),
            *map(pointed, text(_ends(rows, height), "label", 12, align="left", dx=8)),
        ],
    }


def _rows(
    drawn: Iterable[CurveLine], coordinates: Coordinates, unit: str, comparison: Comparison, language: Language
) -> Iterator[Spec]:
    """The measured points of some curves; `part` counts the points before them that were not measured.

    The label of a curve has the mark of its mode, and the value if the curve has a single point.
    """
    for line in drawn:
        mode = mode_words.marked_mode(line.record, line.mode, comparison, language)
        label = pair_name(display_name(line.record.architecture), line.mode) + mode.text.removeprefix(line.mode)
        part = 0
        for point in line.points:
            if not point.measured:
                part += 1
                continue
            x, y = coordinates(point)
            value = f", {units.text(language, y)} {unit}" if len(line.measured) == 1 else ""
            yield {
                "line": line.name,
                "part": part,
                "label": label + value,
                "mode": line.mode,
                "family": line.record.family,
                "x": x,
                "y": y,
                "about": about(line.record, line.mode, _words(point, language), *filter(None, [mode.note])),
            }


def _words(point: CurvePoint, language: Language) -> str:
    """What a point was measured with, and its time and rate."""
    rate = language.number(point.throughput or 0.0, 1)
    seconds = language.number(1e3 * (point.latency or 0.0), 3)
    words = language._("batch {batch}, {size} px: {ms} ms, {rate} images/s")
    return words.format(batch=point.batch, size=point.size, ms=seconds, rate=rate)


def _wide(rows: Sequence[Spec], width: int) -> list[float]:
    """The domain of x, with room for the names at the ends of the lines."""
    low, high = min(row["x"] for row in rows), max(row["x"] for row in rows)
    return [low / 1.1, high * max(1.3, (high / low) ** (0.3 if width == WIDTH else 1.4))]


def _height(count: int) -> int:
    """The height of a panel of so many lines: with room for all names, as far as it is no taller than TALLEST."""
    return max(HEIGHT, min(TALLEST, LINE * count))


def _ends(rows: Sequence[Spec], height: int) -> list[Spec]:
    """The last point of each line with its name, pushed apart so that names do not cover each other.

    Of more lines than there is room for, some are named, evenly spaced in the order of their ends.
    """
    last = sorted({row["line"]: row for row in rows}.values(), key=lambda row: float(row["y"]))
    most = height // LINE
    if len(last) > most:
        last = [last[round(place * (len(last) - 1) / (most - 1))] for place in range(most)]
    logs = [log10(row["y"]) for row in rows]
    low, high = min(logs) - 0.08, max(logs) + 0.08
    gap = LINE * (high - low) / height
    places = spread([log10(row["y"]) for row in last], gap, low, high)
    return [{**row, "y": 10**place} for row, place in zip(last, places, strict=True)]
