"""Output of `reporter list`: architectures, data sets, metrics and modes; torch is imported only if it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reporter.cli import mode_list
from reporter.host import printing
from reporter.model import Metric
from reporter.registry.catalog import collect
from reporter.registry.selection import datasets
from reporter.run.executors.local import LocalExecutor
from reporter.run.roster import chosen


def as_dict(words: Sequence[str], references: Sequence[str] = ()) -> dict[str, Any]:
    """Everything there is, JSON-able, with the user's networks that references name."""
    metrics = collect("reporter.metrics", Metric).values()
    return {
        "architectures": [
            {"name": entry.name, "family": entry.family, "year": entry.year, "input_size": entry.input_size}
            for entry in chosen(words, references, LocalExecutor())
        ],
        "datasets": [{"name": entry.name, "title": entry.title} for entry in datasets().values()],
        "metrics": [
            {"key": q.key, "group": q.group, "unit": q.unit, "title": q.title} for m in metrics for q in m.quantities
        ],
        **modes(),
    }


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
    widths = [max(len(row[index]) for row in table) for index in range(len(table[0]))]
    return printing.text("- " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in table)
