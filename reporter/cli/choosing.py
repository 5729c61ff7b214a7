"""Output of `reporter choose` as JSON and text: the architectures that fit limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reporter.host import printing
from reporter.model import WITHIN
from reporter.report import units
from reporter.report.comparison import compare
from reporter.report.language import SOURCE, language
from reporter.report.limits import CRITERIA, Candidate, LimitedValue, candidates, choose, unreliable, within
from reporter.store import record_files

ORDER = "published single-crop ImageNet top-1 of the weights, else the paper's own (*), then networks without either"
UNITS = {"parameters": "1", "macs": "1", "memory": "B"}
"""The unit of what is limited; latencies are in seconds."""
ENGLISH = language(SOURCE)


def chosen(folder: Path, limits: Mapping[str, float]) -> dict[str, Any]:
    """Which networks fit, are undecided, lack a value or are above which limit, JSON-able."""
    records, complaints = record_files.load_all(folder)
    comparison = compare(records)
    networks = candidates(comparison)
    found = choose(networks, limits)
    missing = [{k: why for k, why in each.reasons.items() if k in limits} for each in found.unknown]
    return {
        "machine": comparison.machines[0],
        "limits": dict(limits),
        "order": ORDER,
        "coverage": comparison.coverage._asdict(),
        "unreliable": unreliable(networks, limits or CRITERIA),
        "within_one_process": within(networks, limits or CRITERIA),
        "fits": [_row(each) for each in found.fits],
        "undecided": [{**_row(each), "straddles": each.straddling(limits)} for each in found.undecided],
        "unknown": [{**_row(each), "reasons": why} for each, why in zip(found.unknown, missing, strict=True)],
        "out": [{**_row(each), "above": each.above(limits)} for each in found.out],
        "unreadable": complaints,
    }


def in_words(found: Mapping[str, Any]) -> str:
    """The same for people: a line per network that fits, then the others."""
    fits, undecided, unknown, out = (found[part] for part in ("fits", "undecided", "unknown", "out"))
    count = sum(map(len, (fits, undecided, unknown, out)))
    unsure = f", {len(undecided)} undecided" if undecided else ""
    lines = [f"{len(fits)} of {count} networks fit{unsure}; times of {found['machine']}"]
    lines += [f"no reliable {key}: all values are noisy or without an interval (≈)" for key in found["unreliable"]]
    if within := found["within_one_process"]:
        lines.append(f"fewer than three rounds: {WITHIN} for {', '.join(within)}")
    lines += [_order(found), "", *_columns([_printed(row) for row in fits])] if fits else []
    if undecided:
        lines += ["", "undecided, because the 95 % interval (or, without one, a factor of 2) includes the limit:"]
        lines += _columns([[*_printed(row), f"limited: {', '.join(row['straddles'])}"] for row in undecided])
    if unknown:
        lines += ["", "cannot be judged, because a limited value is missing:"]
        lines += [f"- {row['architecture']}: {_why(row['reasons'])}" for row in unknown]
    if out:
        names = [f"{row['architecture']} ({', '.join(_above(row, key) for key in row['above'])})" for row in out]
        lines += ["", f"above a limit: {', '.join(names)}"]
    return printing.text([*lines, *(f"note: {line}" for line in found["unreadable"])])


def _order(found: Mapping[str, Any]) -> str:
    """By what the networks are sorted; the first is called the best only where all have the same kind of accuracy."""
    weights, _published, count = found["coverage"].values()
    if weights == count:
        return f"best first: {found['order']}"
    return f"{weights} of {count} have a published accuracy of weights; in the order of: {found['order']}"


def _row(each: Candidate) -> dict[str, Any]:
    source = None if each.accuracy.top1 is None else "paper" if each.accuracy.paper else "weights"
    about = {"architecture": each.record.architecture, "family": each.record.family, "year": each.record.year}
    figures = {key: _figure(figure) for key, figure in each.figures.items()}
    size = each.record.input_size if each.record.input_width is None else str(each.record.image_size)
    compared = {"input_size": size, "imagenet_top1": each.accuracy.top1, "source": source}
    return {**about, **compared, "values": each.values, "figures": figures}


def _figure(figure: LimitedValue) -> dict[str, Any]:
    low, high = figure.interval or (None, None)
    return {"value": figure.value, "low": low, "high": high, "status": figure.status}


def _printed(row: Mapping[str, Any]) -> list[str]:
    """The name, the accuracy, the image size, and every value that there is."""
    top1 = row["imagenet_top1"]
    share = (
        "no top-1" if top1 is None else f"{units.share(ENGLISH, top1)} %" + ("*" if row["source"] == "paper" else "")
    )
    values = (_value(key, row["figures"].get(key)) for key in CRITERIA)
    return [row["architecture"], share, f"{row['input_size']} px", *values]


def _above(row: Mapping[str, Any], key: str) -> str:
    """A limited value that is above its limit: only a doubtful one is printed, with its mark."""
    return key if row["figures"][key]["status"] == "ok" else _value(key, row["figures"][key])


def _value(key: str, figure: Mapping[str, Any] | None) -> str:
    """A value with its unit, its mark and its interval."""
    if figure is None:
        return ""
    value, low, high = (figure[part] for part in ("value", "low", "high"))
    unit = UNITS.get(key, "s")
    scales: Sequence[units.Scale] = {"1": units.COUNTS, "B": (units.MEBIBYTES,), "s": units.SECONDS}[unit]
    scale = next((each for each in scales if value >= each.factor), scales[-1])
    bounds = None if low is None else (low, high)
    rough = bounds is None and unit == "s"
    text = units.rough(ENGLISH, value, scale) if rough else units.text(ENGLISH, value, scale, bounds)
    mark = "≈ " if figure["status"] == "noisy" else ""
    span = f" [{' – '.join(units.text(ENGLISH, end, scale, bounds) for end in bounds)}]" if bounds else ""
    return f"{key} {mark}{text} {scale.word}".strip() + span


def _why(reasons: Mapping[str, str]) -> str:
    return "; ".join(f"{key}: {reason}" for key, reason in reasons.items())


def _columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows as aligned columns; one that is empty everywhere takes no room."""
    table = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[index]) for row in table) for index in range(len(table[0]))]
    cells = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width] for row in table)
    return [f"- {'  '.join(row)}".rstrip() for row in cells]
