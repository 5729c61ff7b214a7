"""Texts of a pair in the output of `reporter choose`: values with their units, marks and intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reporter.report import units
from reporter.report.choosing.amounts import outwards
from reporter.report.choosing.limits import ACCURACIES, CRITERIA, FLOORS
from reporter.report.language import SOURCE, language

UNITS = {"parameters": "1", "macs": "1", "memory": "B", "process_memory": "B"}
"""The unit of what is limited; latencies are in seconds, throughputs in images per second."""
ENGLISH = language(SOURCE)


def accuracy_text(row: Mapping[str, Any]) -> str:
    """The published accuracy with its marks."""
    mark = ("*" if row["source"] == "paper" else "") + ("" if row["fp32"] else "†") + size_mark(row, "")
    top1 = row["imagenet_top1"]
    return "no top-1" if top1 is None else f"{units.share(ENGLISH, top1)} %{mark}"


def size_mark(row: Mapping[str, Any], which: str) -> str:
    """The mark of an accuracy that was taken at another image size, with the size."""
    return f"¶ ({row[f'{which}accuracy_size']} px)" if row[f"{which}other_size"] else ""


def speedup_text(row: Mapping[str, Any]) -> str:
    """The speedup of a mode, marked ≈ if it is noisy; empty for eager."""
    sign = " ≈" if row["speedup_status"] == "noisy" else ""
    return "" if row["speedup"] is None else f"speedup {row['speedup']:.2f}x{sign}"


def batch_text(row: Mapping[str, Any]) -> str:
    """The batch size of the highest throughput, with this and its interval; empty without a curve."""
    found = row.get("batch")
    if not found:
        return ""
    rate = value_text("best_throughput_cpu", {**found, "value": found["throughput"]})  # of whichever device
    return f"batch {found['batch']} on {found['device']}: {rate}"


def value_text(key: str, figure: Mapping[str, Any]) -> str:
    """A value with its unit, its mark and its interval."""
    value = figure["value"]
    if key in ACCURACIES:
        return f"{units.share(ENGLISH, value)} %"
    if key not in CRITERIA:
        return f"{units.rough(ENGLISH, value, units.PERCENT)} %"  # an output error, as in the table of modes
    unit = "1/s" if key in FLOORS else UNITS.get(key, "s")
    choices = {"1": units.COUNTS, "B": (units.MEBIBYTES,), "s": units.SECONDS, "1/s": (units.RATE,)}
    scales: Sequence[units.Scale] = choices[unit]
    scale = next((each for each in scales if value >= each.factor), scales[-1])
    bounds = None if figure["low"] is None else (figure["low"], figure["high"])
    rough = bounds is None and unit in ("s", "1/s")
    text = units.rough(ENGLISH, value, scale) if rough else units.text(ENGLISH, value, scale, bounds)
    mark = "≈ " if figure["status"] == "noisy" else ""
    return f"{mark}{text} {scale.word}".strip() + (_span(value, scale, bounds) if bounds else "")


def _span(value: float, scale: units.Scale, interval: tuple[float, float]) -> str:
    """An interval with its ends rounded outwards, in three digits at least: they are compared with limits."""
    low, high = (end / scale.factor for end in interval)
    decimals = units.decimals(value / scale.factor, (low, high))
    ends = (outwards(low, 1.0, down=True, decimals=decimals), outwards(high, 1.0, down=False, decimals=decimals))
    return f" [{' – '.join(ENGLISH.number(*end) for end in ends)}]"
