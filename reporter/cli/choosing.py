"""Output of `reporter choose` as JSON and text: the (architecture, mode) pairs that fit limits."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from reporter.host import printing
from reporter.model import WITHIN
from reporter.model.records import EAGER, pair_name
from reporter.report import units
from reporter.report.comparison import compare
from reporter.report.language import SOURCE, language
from reporter.report.limits import CRITERIA, OF_PAIRS, Candidate, LimitedValue, choose, unreliable, within
from reporter.report.modes import mode_pairs
from reporter.store import record_files

ORDER = "published single-crop ImageNet top-1 of the weights, else the paper's own (*), then networks without either"
UNITS = {"parameters": "1", "macs": "1", "memory": "B"}
"""The unit of what is limited; latencies are in seconds."""
ENGLISH = language(SOURCE)
NAMED = 3
"""Networks in one mode that are named; more are counted."""


def chosen(folder: Path, limits: Mapping[str, float], modes: Collection[str] = ()) -> dict[str, Any]:
    """Which pairs fit, are undecided, lack a value or are above which limit, JSON-able."""
    records, complaints = record_files.load_all_modes(folder)
    comparison = compare(records)
    pairs = mode_pairs.pairs(comparison, modes, limits)
    networks = pairs.candidates
    found = choose(networks, limits)
    missing = [{k: why for k, why in each.reasons.items() if k in limits} for each in found.unknown]

    def row(each: Candidate) -> dict[str, Any]:
        return _row(each, limits)

    return {
        "machine": comparison.machines[0],
        "limits": dict(limits),
        "order": ORDER,
        "coverage": comparison.coverage._asdict(),
        "unreliable": unreliable(networks, limits or CRITERIA),
        "within_one_process": within(networks, limits or CRITERIA),
        "fits": [row(each) for each in found.fits],
        "undecided": [{**row(each), "straddles": each.straddling(limits)} for each in found.undecided],
        "unknown": [{**row(each), "reasons": why} for each, why in zip(found.unknown, missing, strict=True)],
        "out": [{**row(each), "above": each.above(limits)} for each in found.out],
        "wrong": mode_pairs.names(pairs.wrong),
        "on_request": mode_pairs.names(pairs.on_request),
        "unreadable": complaints,
    }


def in_words(found: Mapping[str, Any]) -> str:
    """The same for people: a line per pair that fits, then the others."""
    parts = [found[part] for part in ("fits", "undecided", "unknown", "out")]
    fits, undecided, unknown, out = parts
    count = sum(map(len, parts))
    modes = any(row["mode"] != EAGER for part in parts for row in part)
    what = "(architecture, mode) pairs" if modes else "networks"
    unsure = f", {len(undecided)} undecided" if undecided else ""
    lines = [f"{len(fits)} of {count} {what} fit{unsure}; times of {found['machine']}"]
    lines += [f"no reliable {key}: all values are noisy or without an interval (≈)" for key in found["unreliable"]]
    if within := found["within_one_process"]:
        lines.append(f"fewer than three rounds: {WITHIN} for {', '.join(within)}")
    lines += [_order(found), "", *_columns([_printed(row) for row in fits])] if fits else []
    if undecided:
        lines += ["", "undecided, because the 95 % interval (or, without one, a factor of 2) includes the limit:"]
        lines += _columns([[*_printed(row), f"limited: {', '.join(row['straddles'])}"] for row in undecided])
    if unknown:
        lines += ["", "cannot be judged, because a limited value is missing:"]
        lines += [f"- {line}" for line in _unknown(unknown)]
    if out:
        names = [f"{_name(row)} ({', '.join(_above(row, key) for key in row['above'])})" for row in out]
        lines += ["", f"above a limit: {', '.join(names)}"]
    lines += _notes(found, fits + undecided)
    return printing.text([*lines, *(f"note: {line}" for line in found["unreadable"])])


def _notes(found: Mapping[str, Any], shown: Iterable[Mapping[str, Any]]) -> list[str]:
    """What is left out, and what the mark at an accuracy means."""
    wrong, on_request = (", ".join(_by_mode(found[part])) for part in ("wrong", "on_request"))
    lines = [f"left out because the output error exceeds its limit: {wrong}"] if wrong else []
    lines += [f"left out unless --modes names them: {on_request}"] if on_request else []
    marked = any(row["imagenet_top1"] is not None and not row["fp32"] for row in shown)
    lines += ["† accuracy measured in fp32; this mode has another precision"] if marked else []
    return ["", *lines] if lines else []


def _unknown(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Why a limited value is missing: a line for each network, and one for all networks in a mode with that reason."""
    reasons: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        alone = _name(row) if row["mode"] == EAGER else ""
        reasons.setdefault((_why(row["reasons"]), alone), []).append(row)
    return (f"{', '.join(_by_mode(group))}: {why}" for (why, _), group in reasons.items())


def _by_mode(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Pairs by name; of many in one mode only how many there are."""
    modes: dict[str, list[str]] = {}
    for row in rows:
        modes.setdefault(row["mode"], []).append(row["architecture"])
    return [
        pair_name(name, mode)
        for mode, names in modes.items()
        for name in (names if len(names) <= NAMED else [f"{len(names)} networks"])
    ]


def _name(row: Mapping[str, Any]) -> str:
    return pair_name(row["architecture"], row["mode"])


def _order(found: Mapping[str, Any]) -> str:
    """By what the networks are sorted; the first is called the best only where all have the same kind of accuracy."""
    weights, _published, count = found["coverage"].values()
    if weights == count:
        return f"best first: {found['order']}"
    return f"{weights} of {count} have a published accuracy of weights; in the order of: {found['order']}"


def _row(each: Candidate, limits: Collection[str]) -> dict[str, Any]:
    """`fp32` is whether the mode has the precision of the published accuracy."""
    source = None if each.accuracy.top1 is None else "paper" if each.accuracy.paper else "weights"
    mode, gain = each.record.mode, mode_pairs.speedup(each, limits)
    about = {"architecture": each.record.architecture, "mode": mode, "family": each.record.family}
    figures = {key: _figure(figure) for key, figure in each.figures.items()}
    size = each.record.input_size if each.record.input_width is None else str(each.record.image_size)
    compared = {"input_size": size, "imagenet_top1": each.accuracy.top1, "source": source}
    of_mode = {
        "fp32": mode_pairs.is_fp32(mode),
        "speedup": gain.value if gain else None,
        "speedup_interval": gain.interval if gain else None,
        "output_error": mode_pairs.output_error(each),
    }
    return {**about, "year": each.record.year, **compared, **of_mode, "values": each.values, "figures": figures}


def _figure(figure: LimitedValue) -> dict[str, Any]:
    low, high = figure.interval or (None, None)
    return {"value": figure.value, "low": low, "high": high, "status": figure.status}


def _printed(row: Mapping[str, Any]) -> list[str]:
    """The pair, the accuracy, the image size, every value that there is, and of a mode its speedup."""
    top1 = row["imagenet_top1"]
    mark = ("*" if row["source"] == "paper" else "") + ("" if row["fp32"] else "†")
    share = "no top-1" if top1 is None else f"{units.share(ENGLISH, top1)} %{mark}"
    values = (_value(key, row["figures"].get(key)) for key in OF_PAIRS)
    gain = "" if row["speedup"] is None else f"speedup {row['speedup']:.2f}x"
    return [_name(row), share, f"{row['input_size']} px", *values, gain]


def _above(row: Mapping[str, Any], key: str) -> str:
    """A limited value that is above its limit: only a doubtful one is printed, with its mark."""
    return key if row["figures"][key]["status"] == "ok" else _value(key, row["figures"][key])


def _value(key: str, figure: Mapping[str, Any] | None) -> str:
    """A value with its unit, its mark and its interval."""
    if figure is None:
        return ""
    value, low, high = (figure[part] for part in ("value", "low", "high"))
    if key not in CRITERIA:
        return f"{key} {value:.2g}"
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
