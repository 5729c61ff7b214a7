"""Editions of a report: which one follows from the architectures, and the order of the sections in each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reporter.model.extensions import Edition
from reporter.registry.selection import sets
from reporter.report.comparison import Comparison
from reporter.report.sections import Section

ORDERS: dict[Edition, tuple[str, ...]] = {
    "lecture": (
        *(
            "found",
            "claims",
            "timeline",
            "changed",
            "against",
            "overview",
            "modes",
            "why",
            "choice",
            "years",
            "accuracy",
            "size",
        ),
        *("memory", "time", "finetune", "history", "more", "architectures", "evidence", "sources"),
        *("measured", "glossary", "failed", "environment", "cite"),
    ),
    "choice": (
        *(
            "accuracy",
            "choice",
            "modes",
            "why",
            "found",
            "years",
            "changed",
            "against",
            "overview",
            "size",
            "memory",
            "time",
        ),
        *("finetune", "history", "more", "architectures", "claims", "timeline", "evidence", "sources"),
        *("measured", "glossary", "failed", "environment", "cite"),
    ),
}
"""The names of the sections of each edition in their order; sections that are not listed come before `measured`."""
SHARE = 0.5
"""A report is the lecture's if more than this share of its architectures are."""


def from_lecture(comparison: Comparison) -> int:
    """The number of architectures that are the lecture's."""
    return sum(record.architecture in sets()["lecture"] for record in (*comparison.networks, *comparison.hidden))


def edition(comparison: Comparison, asked: Edition | None = None) -> Edition:
    """The edition that was asked for, else the one that follows from the architectures."""
    if asked is not None:
        return asked
    return "lecture" if from_lecture(comparison) > SHARE * len(comparison.networks) else "choice"


def parts(comparison: Comparison, chosen: Edition) -> frozenset[Edition]:
    """The editions whose own charts, tables and claims a report contains.

    Those of the lecture are at the end of the other edition if any of its architectures was measured, or if its claims
    were asked for by name.
    """
    metrics = comparison.newest.settings.get("metrics")
    asked = isinstance(metrics, list) and "claims" in metrics
    return frozenset({chosen, "lecture"} if from_lecture(comparison) or asked else {chosen})


def ordered(sections: Iterable[Section], chosen: Edition) -> tuple[Section, ...]:
    """The sections in the order of an edition."""
    order: Sequence[str] = ORDERS[chosen]
    last = order.index("measured") - 0.5
    return tuple(sorted(sections, key=lambda each: order.index(each.name) if each.name in order else last))
