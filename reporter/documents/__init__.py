"""The JSON that programs read, as models: a name has the same meaning in all documents.

comparisons.py  `compare --json`, `ab --json`, comparison.json
run_files.py    summary.json, history.jsonl
reference_verdicts.py  the block `against` of summary.json

docs/files.md is generated from these models by docs/files.py.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from reporter.model.readings import Quantity

SUMMARY, COMPARE, COMPARISON, AB, HISTORY = 1, 2, 2, 2, 2
"""The schema numbers. A new key does not change a number. What has no number is of schema 1."""

Better = Literal["lower", "higher"] | None


class Document(BaseModel):
    """A part of a document: it has the keys that are listed, and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class MetricPart(Document):
    """What every row says of its metric."""

    metric: str | None
    """The key of the metric, for example `latency_cpu`; null if the row is about a whole architecture."""
    key: str | None
    """The same as `metric`."""
    title: str | None
    """The metric in words."""
    unit: str | None
    """`s`, `B`, `1/s`, or `1` for a count or a fraction."""
    better: Better
    """Which direction is better; null if neither is."""


def metric_part(quantity: Quantity | None) -> dict[str, Any]:
    """The values of `MetricPart` for a metric, or for a whole architecture."""
    if quantity is None:
        return dict.fromkeys(MetricPart.model_fields)
    return {
        "metric": quantity.key,
        "key": quantity.key,
        "title": quantity.title,
        "unit": quantity.unit,
        "better": better(quantity),
    }


def better(quantity: Quantity) -> Better:
    """Which direction is better, None if neither is."""
    return None if quantity.better == "neither" else quantity.better
