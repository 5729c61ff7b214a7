"""Accuracy vs. cost: a bubble per architecture, sized by its parameters, and the Pareto front."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise, zip_longest
from typing import Any

from reporter.charts._bubbles import DASHES, MOST, NARROW, WIDTH, Plane
from reporter.charts._plane import across, chart, upward
from reporter.model import Chart, Record
from reporter.report import units
from reporter.report.comparison import Comparison, accuracy, front
from reporter.report.drawing import thinning
from reporter.report.drawing.family_colors import colors
from reporter.report.drawing.tooltips import about, reading
from reporter.report.drawing.vega import FRONT, Spec, data
from reporter.report.headline_latency import machine_of_times
from reporter.report.language import Language
from reporter.report.published.accuracy_marks import hollow, legend, special


def against(key: str, width: int = WIDTH) -> Callable[[Comparison, Language], Spec | None]:
    """Draws published top-1 over a price; a time is that of the newest machine alone."""

    def draw(comparison: Comparison, language: Language) -> Spec | None:
        shown, ahead = _shown(comparison, key)
        plotted = _plotted(shown, key)
        if len(plotted) < 2:
            return None
        quantity = comparison.quantities[key]
        scale = units.GIGA if key == "macs" else units.scale(quantity, [record.value(key) for record in plotted])
        first = {record.architecture for record in ahead}
        rows = [_row(record, key, scale.factor, record.architecture in first, language) for record in plotted]
        x = across([row["x"] for row in rows], _title(comparison, key, scale.word, language), width)
        y = upward([row["y"] for row in rows], language._("ImageNet top-1, single crop (%)"), width=width)
        ranked = sorted((row for row in rows if row["front"]), key=lambda row: row["x"])
        under, lines = ([_front(ranked)], [_corners(ranked)]) if first else ([], [])
        given = Plane(rows, x, y, colors(comparison, plotted), language, under, lines)
        return {**chart(given), **_front_title(comparison, bool(first), language)}

    return draw


def marks(key: str) -> Callable[[Comparison, Language], str]:
    """What the front, hollow bubbles and signs in the chart against this price mean, and the machine of its times."""

    def explained(comparison: Comparison, language: Language) -> str:
        shown, ahead = _shown(comparison, key)
        dashed = _dashed(key, language) if ahead else ""
        machine = "" if key == "macs" else machine_of_times(comparison, language)
        return " ".join(
            filter(None, (dashed, hollow(_plotted(shown, key), language), legend(shown, language), machine))
        )

    return explained


def _dashed(key: str, language: Language) -> str:
    """What the Pareto front is."""
    if key == "macs":
        return language._("Dashed: the Pareto front, filled bubbles than which none is more accurate for as few MACs.")
    return language._(
        "Dashed: the Pareto front, filled bubbles than which none is more accurate in a time that is as short or that "
        "this run does not distinguish."
    )


def _shown(comparison: Comparison, key: str) -> tuple[Comparison, tuple[Record, ...]]:
    """As many networks as are to be shown, those of the Pareto front among them, and this front, that of all networks.

    It is empty where a network lacks the cost or a published accuracy.
    """
    whole = thinning.whole(comparison)
    if not _complete(whole, key):
        return comparison, ()
    ahead = front(_plotted(whole, key), key)
    ahead = ahead if key == "macs" else whole.unmatched(ahead, key)
    return thinning.chosen(whole, len(comparison.networks), ahead), ahead


def _records(comparison: Comparison, key: str) -> Sequence[Record]:
    return comparison.networks if key == "macs" else comparison.latest


def _plotted(comparison: Comparison, key: str) -> list[Record]:
    """The networks that have a bubble."""
    records = _records(comparison, key)
    return [record for record in records if record.value(key) and _top1(record) and record.value("parameters")]


def _complete(comparison: Comparison, key: str) -> bool:
    """Whether every network has a published accuracy and the cost, so that none is missing from the front."""
    _weights, published, count = comparison.coverage
    costly = sum(bool(record.value(key)) for record in _records(comparison, key))
    return published == count == costly


def _front_title(comparison: Comparison, drawn: bool, language: Language) -> Spec:
    """A title that says of which networks the front is, or why there is none; nothing where it is of all."""
    weights, published, count = comparison.coverage
    if drawn and weights == count:
        return {}
    if drawn:
        message = language._("Pareto front of {known} of {count} architectures (filled bubbles)")
        return {"title": message.format(known=weights, count=count)}
    if published == count and not weights:
        return {"title": language._("No Pareto front: no architecture has the accuracy of published weights")}
    if published == count:
        return {"title": language._("No Pareto front: not every architecture has a measured cost")}
    message = language.ngettext(
        "No Pareto front: {known} of {count} architectures has a published accuracy",
        "No Pareto front: {known} of {count} architectures have a published accuracy",
        published,
    )
    return {"title": message.format(known=published, count=count)}


def _title(comparison: Comparison, key: str, word: str, language: Language) -> str:
    if key == "macs":
        return language._("MACs (G), one image; FLOPs = 2 × MACs")
    return f"{language._(comparison.quantities[key].title)}, {language._(word)}"


def _top1(record: Record) -> float | None:
    found = accuracy(record)
    return found.top1 if found else None


def _row(record: Record, key: str, factor: float, first: bool, language: Language) -> dict[str, Any]:
    found, value = accuracy(record), record.value(key) or 0
    top1, paper = (found.top1 or 0, found.paper) if found else (0, False)
    source = language._("the paper's own figure") if paper else language._("published weights")
    top1_text = f"{language._('ImageNet top-1')}: {units.share(language, top1)} % ({source})"
    size = f"{record.image_size} px"
    words = about(record, top1_text, size, *(reading(record, each, language) for each in (key, "parameters")))
    low, high = record.readings[key].interval or (value, value)
    return {
        "name": record.architecture,
        "family": record.family,
        "about": words,
        "parameters": record.value("parameters"),
        "x": value / factor,
        "low": low / factor,
        "high": high / factor,
        "y": 100 * top1,
        "mark": special(record),
        "hollow": paper,
        "front": first,
    }


def _front(rows: list[dict[str, Any]]) -> Spec:
    """Steps from each network of the front to the next that is dearer and better."""
    mark = {"type": "line", "color": FRONT, "strokeDash": DASHES, "strokeWidth": 2, "interpolate": "step-after"}
    return {"data": data(rows), "mark": mark}


def _corners(rows: list[dict[str, Any]]) -> list[tuple[float, float]]:
    """The points of these steps."""
    points = [(row["x"], row["y"]) for row in rows]
    turns = [(after[0], before[1]) for before, after in pairwise(points)]
    return [point for pair in zip_longest(points, turns) for point in pair if point]


CAPTION = "Published single-crop ImageNet accuracy; the area of a bubble is proportional to the parameters."
ENTRIES = (
    Chart(
        "accuracy_macs",
        "Accuracy vs. MACs",
        CAPTION,
        against("macs"),
        narrow=against("macs", NARROW),
        most=MOST,
        remark=marks("macs"),
        chapter="accuracy",
        order=0,
    ),
    Chart(
        "accuracy_latency",
        "Accuracy vs. latency",
        CAPTION,
        against("latency_cpu_1thread"),
        narrow=against("latency_cpu_1thread", NARROW),
        most=MOST,
        remark=marks("latency_cpu_1thread"),
        chapter="accuracy",
        order=1,
        eager=True,
    ),
    Chart(
        "accuracy_latency_all_threads",
        "Accuracy vs. latency, all CPU threads",
        CAPTION,
        against("latency_cpu"),
        narrow=against("latency_cpu", NARROW),
        most=MOST,
        remark=marks("latency_cpu"),
        chapter="accuracy",
        order=2,
        eager=True,
        edition="choice",
    ),
    Chart(
        "accuracy_latency_cuda",
        "Accuracy vs. latency on the GPU",
        CAPTION,
        against("latency_cuda"),
        narrow=against("latency_cuda", NARROW),
        most=MOST,
        remark=marks("latency_cuda"),
        chapter="accuracy",
        order=3,
        eager=True,
    ),
)
