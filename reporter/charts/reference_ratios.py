"""History of ratios: the time of each architecture over the pinned reference, a line for each kind of machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from reporter.compare.ratio_levels import RatioCourse
from reporter.model import Chart
from reporter.report.between_runs.run_history import EVERY, PANELS, drawn_courses, selection_note, time_note
from reporter.report.comparison import Comparison
from reporter.report.drawing.vega import INK, MUTED, SPARE, Spec, data, literal, text
from reporter.report.language import Language

COLUMNS, WIDTH, HEIGHT = 3, 300, 90
LEAST_REACH = 2.0
"""The axis shows at least so many percent above and below zero."""


def draw(comparison: Comparison, language: Language) -> Spec | None:
    courses = drawn_courses(comparison)
    if not courses:
        return None
    kinds = list(dict.fromkeys(course.curve.machine_kind for course in courses))
    colors = {kind: INK if not rank else SPARE[(rank - 1) % len(SPARE)] for rank, kind in enumerate(kinds)}
    moments = sorted({moment for course in courses for moment in course.curve.moments})
    by_name = _by_name(courses)
    shown = sorted(by_name, key=lambda group: not any(course.steps for course in group))[:PANELS]
    values = [_percent(ratio) for group in shown for course in group for ratio in course.curve.ratios]
    reach = [1.3 * min(*values, -LEAST_REACH), 1.3 * max(*values, LEAST_REACH)]
    panels = [_panel(group, moments, reach, colors, language) for group in shown]
    if len(kinds) > 1:
        panels[0]["layer"].append(_legend(colors))
    note = selection_note(len(by_name), language)
    return {**({"title": note} if note else {}), "columns": COLUMNS, "spacing": 18, "concat": panels}


def _panel(
    group: Sequence[RatioCourse],
    moments: Sequence[str],
    reach: Sequence[float],
    colors: dict[str, str],
    language: Language,
) -> Spec:
    """The curves of one architecture, with changes of level and moves of the reference."""
    places = {moment: index for index, moment in enumerate(moments)}
    x, y = _axes(moments, reach, language)
    points = [point for number, course in enumerate(group) for point in _points(course, number, places, colors)]
    steps = [step for course in group for step in _steps(course, places, reach, colors, language)]
    moves = [{"x": places[course.curve.moments[at]] - 0.5} for course in group for at in course.moves]
    line = {"x": x, "y": y, "color": literal(), "detail": {"field": "line", "type": "nominal"}}
    layers: list[Spec] = [
        {"data": data([{"y": 0}]), "encoding": {"y": y},
         "mark": {"type": "rule", "color": MUTED, "strokeDash": [2, 3]}},
        {"data": data(moves), "encoding": {"x": x},
         "mark": {"type": "rule", "color": MUTED, "strokeDash": [6, 3]}},
        {"data": data(points), "encoding": line, "mark": {"type": "line"}},
        {"data": data(points), "encoding": line, "mark": {"type": "point", "filled": True, "size": 24}},
        {"data": data(steps), "encoding": {"x": x, "color": literal()}, "mark": {"type": "rule", "strokeWidth": 1.5}},
    ]  # fmt: skip
    for late, align, dx in ((False, "left", 5), (True, "right", -5)):
        words = text([step for step in steps if step["late"] is late], "change", align=align, dx=dx)
        layers += [{**layer, "encoding": {**layer["encoding"], "x": x, "y": y}} for layer in words]
    return {"title": _name(group[0]), "width": WIDTH, "height": HEIGHT, "layer": layers}


def _axes(moments: Sequence[str], reach: Sequence[float], language: Language) -> tuple[dict[str, Any], dict[str, Any]]:
    """Runs by their days, and percent."""
    days = [language.day(moment) for moment in moments]
    x = {
        "field": "x",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": [-0.5, len(moments) - 0.5], "nice": False},
        "axis": {"grid": False, "tickMinStep": 1, "tickCount": 4, "labelExpr": f"{days!r}[datum.value] || ''"},
    }
    y = {
        "field": "y",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": list(reach), "nice": False},
        "axis": {"tickCount": 3, "labelExpr": "datum.label + ' %'"},
    }
    return x, y


def _points(
    course: RatioCourse, number: int, places: Mapping[str, int], colors: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """The ratios of a machine kind, which is the line of that number."""
    for moment, ratio in zip(course.curve.moments, course.curve.ratios, strict=True):
        color = colors[course.curve.machine_kind]
        yield {"x": places[moment], "y": _percent(ratio), "line": number, "colour": color}


def _steps(
    course: RatioCourse,
    places: Mapping[str, int],
    reach: Sequence[float],
    colors: dict[str, str],
    language: Language,
) -> Iterator[dict[str, Any]]:
    """The changes of level of a machine kind; the text of one near the right end is on its left."""
    for step in course.steps:
        place = places[course.curve.moments[step.index]]
        yield {
            "x": place - 0.5,
            "y": 0.85 * reach[1 if step.ratio < 1 else 0],  # where the line is not
            "change": f"{language.signed(_percent(step.ratio))} %",
            "late": place > 0.75 * len(places),
            "colour": colors[course.curve.machine_kind],
        }


def _legend(colors: dict[str, str]) -> Spec:
    """The names of the kinds of machines: points without a size that only make the legend."""
    scale = {"domain": list(colors), "range": list(colors.values())}
    legend = {"title": None, "orient": "top", "columns": 1, "symbolOpacity": 1, "symbolType": "circle"}
    return {
        "data": data([{"kind": kind} for kind in colors]),
        "mark": {"type": "point", "opacity": 0, "filled": True},
        "encoding": {"fill": {"field": "kind", "type": "nominal", "scale": scale, "legend": legend}},
    }


def remark(comparison: Comparison, language: Language) -> str:
    """Which time is shown, which ratios may be of other machines, and which architectures have panels."""
    courses = drawn_courses(comparison)
    times = [time_note(key, language) for key in {course.curve.row[1] for course in courses}]
    selection = selection_note(len(_by_name(courses)), language)
    return " ".join(filter(None, (*times, earlier(comparison, language), selection)))


def _by_name(courses: Sequence[RatioCourse]) -> list[list[RatioCourse]]:
    """The courses of each architecture, which are one after the other."""
    return [list(group) for _, group in groupby(courses, key=_name)]


def earlier(comparison: Comparison, language: Language) -> str:
    """Which ratios may be of other machines than the curve that they are shown in; empty if none are."""
    curves = [course.curve for course in drawn_courses(comparison) if course.curve.earlier]
    if not curves:
        return ""
    last = max(curve.moments[curve.earlier - 1] for curve in curves)
    return language._(
        "Ratios up to {date} were stored without all instructions of the processor and without the number of threads; "
        "they may belong to other machines of the same name."
    ).format(date=language.date(last))


def _name(course: RatioCourse) -> str:
    return course.curve.row[0]


def _percent(ratio: float) -> float:
    return 100 * (ratio - 1)


ENTRIES = (
    Chart(
        "reference_ratios",
        "Time over the pinned reference",
        "Time of each architecture over that of the first pinned reference, run by run; each kind of machine has a "
        "line of its own. A solid vertical line marks a run from which on the level is another, with the change; a "
        "dashed one a move of the reference, across which ratios are chained.",
        draw,
        remark=remark,
        narrow=draw,
        most=EVERY,
        chapter="history",
        order=2,
    ),
)
