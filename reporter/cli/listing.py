"""Output of `reporter list`: architectures, data sets, metrics and modes; torch is imported only if it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reporter import facts
from reporter.architectures import timm
from reporter.cli import mode_list
from reporter.host import printing
from reporter.model import Architecture, Metric, ReporterError
from reporter.registry.catalog import collect
from reporter.registry.selection import datasets
from reporter.run.executors.local import LocalExecutor
from reporter.run.roster import chosen


def as_dict(words: Sequence[str], references: Sequence[str] = ()) -> dict[str, Any]:
    """Everything there is, JSON-able, with the user's networks that references name."""
    metrics = collect("reporter.metrics", Metric).values()
    return {
        "architectures": [
            {
                "name": entry.name,
                "family": entry.family,
                "year": entry.year,
                "input_size": entry.input_size,
                **_published(entry),
            }
            for entry in chosen(words, references, LocalExecutor())
        ],
        "datasets": [{"name": entry.name, "title": entry.title} for entry in datasets().values()],
        "metrics": [
            {"key": q.key, "group": q.group, "unit": q.unit, "title": q.title} for m in metrics for q in m.quantities
        ],
        **modes(),
    }


def every() -> list[str]:
    """The words for all architectures: with those of timm where it is installed."""
    try:
        timm.require()
    except ReporterError:
        return ["all"]
    return ["all", f"{timm.PREFIX}*"]


def _published(entry: Architecture) -> dict[str, Any]:
    """The published accuracy of a network of timm and the license of its weights; nothing of others."""
    if not entry.name.startswith(timm.PREFIX):
        return {}
    model, tag = entry.name.removeprefix(timm.PREFIX).partition(".")[0], entry.published.get(timm.TAG)
    row = facts.timm_accuracy(facts.timm_accuracies().get(f"{model}.{tag}", ()), entry.input_size)
    top1 = round(float(row["top1"]) / 100, 7) if row else None
    return {"weights": tag, "imagenet_top1": top1, "license": entry.published.get(timm.LICENSE)}


def modes() -> dict[str, Any]:
    """Execution modes, JSON-able, with the reason where one is not available or emulated on this machine."""
    return {"modes": mode_list.listed()}


def in_words(listed: dict[str, Any]) -> str:
    """The same as aligned lists, one for each key."""
    tables = {title: mode_list.in_words(rows) if title == "modes" else rows for title, rows in listed.items()}
    blocks = [f"{title}\n{_columns(rows)}" for title, rows in tables.items()]
    return "\n\n".join(blocks)


def _columns(rows: list[dict[str, Any]]) -> str:
    table = [["" if cell is None else str(cell) for cell in row.values()] for row in rows]
    columns = max(map(len, table), default=0)
    table = [[*row, *[""] * (columns - len(row))] for row in table]
    widths = [max(len(row[index]) for row in table) for index in range(columns)]
    return printing.text("- " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in table)
