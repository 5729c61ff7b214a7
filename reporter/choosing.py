"""`reporter choose`: the networks of a results folder that fit limits, as data and in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reporter import store
from reporter.telling import units
from reporter.telling.comparison import compare
from reporter.telling.language import SOURCE, language
from reporter.telling.limits import CRITERIA, Candidate, candidates, choose

ORDER = "published single-crop ImageNet top-1 of the weights, else the paper's own (*), then networks without either"
UNITS = {"parameters": "1", "macs": "1", "memory": "B"}
"""The unit of what is limited; latencies are in seconds."""


def chosen(folder: Path, limits: Mapping[str, float]) -> dict[str, Any]:
    """Who fits, who cannot be judged and why, and who is above which limit, JSON-able."""
    records, complaints = store.load_all(folder)
    comparison = compare(records)
    found = choose(candidates(comparison), limits)
    missing = [{k: why for k, why in each.reasons.items() if k in limits} for each in found.unknown]
    above = [[key for key, limit in limits.items() if each.values.get(key, 0) > limit] for each in found.out]
    return {
        "machine": comparison.machines[0],
        "limits": dict(limits),
        "order": ORDER,
        "fits": [_row(each) for each in found.fits],
        "unknown": [{**_row(each), "reasons": why} for each, why in zip(found.unknown, missing, strict=True)],
        "out": [{**_row(each), "above": keys} for each, keys in zip(found.out, above, strict=True)],
        "unreadable": complaints,
    }


def in_words(found: Mapping[str, Any]) -> str:
    """The same for people: a line per network that fits, then the others."""
    fits, unknown, out = found["fits"], found["unknown"], found["out"]
    lines = [f"{len(fits)} of {len(fits) + len(unknown) + len(out)} networks fit; times of {found['machine']}"]
    lines += [f"best first: {found['order']}", "", *_columns([_told(row) for row in fits])] if fits else []
    if unknown:
        lines += ["", "cannot be judged, because a limited value is missing:"]
        lines += [f"  {row['architecture']}: {_why(row['reasons'])}" for row in unknown]
    if out:
        names = [f"{row['architecture']} ({', '.join(row['above'])})" for row in out]
        lines += ["", f"above a limit: {', '.join(names)}"]
    return "\n".join([*lines, *found["unreadable"]])


def _row(each: Candidate) -> dict[str, Any]:
    source = None if each.accuracy.top1 is None else "paper" if each.accuracy.paper else "weights"
    about = {"architecture": each.record.architecture, "family": each.record.family, "year": each.record.year}
    return {**about, "imagenet_top1": each.accuracy.top1, "source": source, "values": each.values}


def _told(row: Mapping[str, Any]) -> list[str]:
    """The name, the accuracy, and every value that there is."""
    top1 = row["imagenet_top1"]
    share = "no top-1" if top1 is None else f"{100 * top1:.1f} %" + ("*" if row["source"] == "paper" else "")
    return [row["architecture"], share, *(_value(key, row["values"].get(key)) for key in CRITERIA)]


def _value(key: str, value: float | None) -> str:
    if value is None:
        return ""
    unit = UNITS.get(key, "s")
    scales: Sequence[units.Scale] = {"1": units.COUNTS, "B": (units.MEBIBYTES,), "s": units.SECONDS}[unit]
    scale = next((each for each in scales if value >= each.factor), scales[-1])
    return f"{key} {units.text(language(SOURCE), value, scale)} {scale.word}".strip()


def _why(reasons: Mapping[str, str]) -> str:
    return "; ".join(f"{key}: {reason}" for key, reason in reasons.items())


def _columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows as aligned columns; one that is empty everywhere takes no room."""
    table = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[index]) for row in table) for index in range(len(table[0]))]
    cells = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width] for row in table)
    return [f"  {'  '.join(row)}".rstrip() for row in cells]
