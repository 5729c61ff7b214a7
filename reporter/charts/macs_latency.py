"""Multiply-adds vs. latency: a scatter plot with the rank correlation."""

from __future__ import annotations

from collections.abc import Callable

from reporter.charts._plane import across, plane, upward
from reporter.model import Chart, Record
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.drawing.tooltips import about, reading
from reporter.report.drawing.vega import Spec
from reporter.report.findings.pair_sentences import doubted
from reporter.report.language import Language
from reporter.stats.correlation import spearman


def against(key: str) -> Callable[[Comparison, Language], Spec | None]:
    """Draws a time over MACs, with Spearman's correlation and its interval as the title."""

    def draw(comparison: Comparison, language: Language) -> Spec | None:
        records = comparison.of(comparison.machines[0])
        plotted = [r for r in records if r.value("macs") and r.value(key) and r.value("parameters")]
        if len(plotted) < 2:
            return None
        scales = [units.scale(comparison.quantities[k], [r.value(k) for r in plotted]) for k in ("macs", key)]
        rows = [_row(record, key, scales, language) for record in plotted]
        titles = [language._(comparison.quantities[k].title) for k in ("macs", key)]
        axes = [f"{title}, {language._(scale.word)}" for title, scale in zip(titles, scales, strict=True)]
        x = across([row["x"] for row in rows], axes[0])
        y = upward([row["y"] for row in rows], axes[1], log=True)
        families = list(dict.fromkeys(record.family for record in plotted))
        return {**plane(rows, x, y, families), "title": correlated(plotted, key, language)}

    return draw


def correlated(records: list[Record], key: str, language: Language) -> str:
    """Spearman's correlation of MACs and a time in words, with its interval."""
    found = spearman([record.value("macs") or 0 for record in records], [record.value(key) or 0 for record in records])
    message = language._("Spearman's rank correlation {rho}, 95 % interval {low} to {high}, {count} networks")
    if found is None:
        return language._("too few networks for a correlation")
    numbers = {name: units.coefficient(language, value) for name, value in found._asdict().items()}
    numbers["rho"] = doubted(numbers["rho"], *(record.readings[key] for record in records))
    return message.format(count=len(records), **numbers)


def _row(record: Record, key: str, scales: list[units.Scale], language: Language) -> Spec:
    texts = (reading(record, each, language) for each in ("macs", key))
    return {
        "name": record.architecture,
        "family": record.family,
        "about": about(record, f"{record.image_size} px", *texts),
        "parameters": record.value("parameters"),
        "x": (record.value("macs") or 0) / scales[0].factor,
        "y": (record.value(key) or 0) / scales[1].factor,
        "hollow": False,
        "front": False,
    }


CAPTION = (
    "Both axes logarithmic; the area of a bubble is proportional to the parameters. The correlation compares ranks "
    "(95 % interval by Bonett and Wright, 2000)."
)
ENTRIES = (
    Chart(
        "macs_latency",
        "MACs vs. latency",
        CAPTION,
        against("latency_cpu_1thread"),
        chapter="time",
        order=6,
        eager=True,
    ),
    Chart(
        "macs_latency_cuda",
        "MACs vs. latency on the GPU",
        CAPTION,
        against("latency_cuda"),
        chapter="time",
        order=7,
        eager=True,
    ),
)
