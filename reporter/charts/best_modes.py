"""From eager to the fastest mode of each architecture: two dots on a logarithmic axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from reporter.charts.bars import names_axis
from reporter.model import Chart, Record
from reporter.model.devices import ACCELERATORS, DEVICE_TITLES
from reporter.model.readings import SPEEDUP
from reporter.model.records import EAGER
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.drawing.family_colors import colors
from reporter.report.drawing.tooltips import about, pointed, reading
from reporter.report.drawing.vega import PAPER, Spec, data, text, tinted
from reporter.report.language import Language
from reporter.report.modes import mode_ranking, separate_times
from reporter.report.table import mark

WIDTH, STEP = 900, 26
NARROW, TALL = 160, 45


def best(key: str, narrow: bool = False) -> Callable[[Comparison, Language], Spec | None]:
    """Draws a time in eager and in the fastest mode, in a panel per machine: times of two machines share no axis."""

    def draw(comparison: Comparison, language: Language) -> Spec | None:
        panels = [(machine, _panel(comparison, machine, key, language, narrow)) for machine in comparison.machines]
        shown = [(machine, panel) for machine, panel in panels if panel]
        several = len(comparison.machines) > 1
        named = [{**panel, "title": machine} if several else panel for machine, panel in shown]
        return {"vconcat": named} if named else None

    return draw


def _panel(comparison: Comparison, machine: str, key: str, language: Language, narrow: bool) -> Spec | None:
    """The architectures that have a mode besides eager, the fastest in its best mode on top."""
    if key not in mode_ranking.keys(comparison, machine):
        return None
    known = [r for r in comparison.of(machine) if r.value(key) and comparison.modes_of(r)]
    if not known:
        return None
    quantity = comparison.quantities[key]
    scale = units.scale(quantity, [record.value(key) for record in known])
    rows = [_row(record, key, comparison, scale, language) for record in known]
    rows.sort(key=lambda row: row["best"])
    low, high = min(row["best"] for row in rows), max(row["right"] for row in rows)
    domain = [low / 1.25, high * 1.25 * (1 if narrow else (high / low) ** 0.3)]
    title = f"{language._(quantity.title)}, {language._(scale.word)}"
    order = [row["name"] for row in rows]
    y = {"field": "name", "type": "nominal", "sort": order, "scale": {"domain": order}, "title": None}
    x = {
        "field": "best",
        "type": "quantitative",
        "title": title,
        "axis": {"tickCount": 3 if narrow else 6, "format": "~g"},
    }
    return {
        "width": NARROW if narrow else WIDTH,
        "height": {"step": TALL if narrow else STEP},
        "encoding": {
            "y": {**y, "axis": names_axis()},
            "x": {**x, "scale": {"type": "log", "domain": domain, "nice": False}},
        },
        "layer": _layers(rows, colors(comparison, comparison.records), domain[0] if narrow else None),
    }


def _row(record: Record, key: str, comparison: Comparison, scale: units.Scale, language: Language) -> Spec:
    """The times of an architecture in eager and in its fastest mode, and what the marks say."""
    fastest = mode_ranking.fastest(comparison, record, key)
    first, eager = fastest[0], (record.value(key) or 0) / scale.factor
    found = mode_ranking.gain(comparison, first, key)
    time = (first.value(key) or 0) / scale.factor
    names = " / ".join(each.mode for each in fastest)
    doubt = mark(first.readings.get(SPEEDUP + key))
    words = f"{names}, {mode_ranking.factor(found.ratio, language)}×{doubt}" if found else EAGER
    gain = [language._("speedup {gain}").format(gain=mode_ranking.stated(found, language))] if found else []
    return {
        "name": record.architecture,
        "family": record.family,
        "eager": eager,
        "best": time,
        "right": max(eager, time),
        "text": words,
        "about": about(record, names, *gain, reading(first, key, language)),
        "base": about(record, EAGER, reading(record, key, language)),
    }


def _layers(rows: Sequence[Spec], shown: Mapping[str, str], left: float | None) -> list[Spec]:
    """A line from eager to the best mode, a ring for eager, a dot for the mode, and its name with the speedup.

    The name is right of the line, or below it from `left` on.
    """
    colour = {"color": tinted(shown)}
    moved = [row for row in rows if row["best"] != row["eager"]]
    line = {"type": "rule", "strokeWidth": 4, "opacity": 0.45}
    ring = {"type": "point", "filled": False, "fill": PAPER, "size": 95, "strokeWidth": 2, "opacity": 1}
    dot = {"type": "point", "filled": True, "size": 120, "opacity": 1, "stroke": PAPER, "strokeWidth": 0.8}
    eager = [{**row, "about": row["base"]} for row in rows]
    names = [{**row, "best": row["right"] if left is None else left} for row in rows]
    place: Spec = {"dx": 10} if left is None else {"dx": -90, "dy": 16}
    return [
        pointed({"data": data(moved), "mark": line, "encoding": {"x2": {"field": "eager"}, **colour}}),
        pointed({"data": data(moved), "mark": dot, "encoding": colour}),
        pointed({"data": data(eager), "mark": ring, "encoding": {"x": {"field": "eager"}, **colour}}),
        *map(pointed, text(names, "text", 13, align="left", **place)),
    ]


CAPTION = (
    "Ring: eager (fp32, contiguous). Dot: the fastest mode that is faster than eager beyond noise, in more than one "
    "round if it is noisy (≈), and whose output is right, with its speedup; several names: modes that this run does "
    "not distinguish. Logarithmic axis."
)
SHOWN = {
    "modes": ("latency_cpu", "From eager to the fastest mode, all CPU threads"),
    "modes_1thread": ("latency_cpu_1thread", "From eager to the fastest mode, one CPU thread"),
    **{
        f"modes_{each}": (f"latency_{each}", f"From eager to the fastest mode, {DEVICE_TITLES[each]}")
        for each in ACCELERATORS
    },
}
"""The charts by name: the key of their time, and their title."""
LAST = 2
"""The place of the charts of accelerators in the chapter, before the speedups of all modes."""
ENTRIES = tuple(
    Chart(
        name,
        title,
        CAPTION,
        best(key),
        "modes",
        min(place, LAST),
        narrow=best(key, narrow=True),
        remark=separate_times.of(key),
        per_machine=True,
    )
    for place, (name, (key, title)) in enumerate(SHOWN.items())
)
