"""Output of `reporter choose` as JSON and text: the (architecture, mode) pairs that fit limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from reporter.host import printing
from reporter.model import WITHIN, ReporterError
from reporter.model.plurals import counted
from reporter.model.records import EAGER, pair_name
from reporter.report.choosing.batch_sizes import best_batch
from reporter.report.choosing.licenses import UNNAMED, by_license, check, license_of, matches
from reporter.report.choosing.limits import (
    ACCURACIES,
    BEST_TOP1,
    CRITERIA,
    FLOORS,
    OF_PAIRS,
    TOP1,
    Candidate,
    LimitedValue,
    choose,
    how_to_measure,
    ordered,
    unmeasured,
    unreliable,
    within,
)
from reporter.report.choosing.relaxed import Relaxed, relaxed, strictest, without_effect
from reporter.report.choosing.row_text import accuracy_text, batch_text, size_mark, speedup_text, value_text
from reporter.report.comparison import compare
from reporter.report.modes import mode_pairs
from reporter.report.published.accuracy_marks import evaluated_size, other_size
from reporter.store import record_files

ORDER = "published single-crop ImageNet top-1 of the weights, else the paper's own (*), then those without either"
PARTS = ("fits", "undecided", "unknown", "out")
"""The keys of the pairs in the output."""
NAMED = 3
"""Networks in one mode other than eager that are named; more are counted."""
LISTED = 60
"""Pairs that are above a limit, or lack a value, of which each is named; more are counted."""
MEASURE = "; measure more rounds, or on a quiet machine"
"""What to do where no value of a criterion is reliable."""


def criterion(option: str) -> str:
    """The criterion of a parameter of the command, `max_macs` or `min_top1`."""
    key = option.removeprefix("max_").removeprefix("min_")
    return f"imagenet_{key}" if key.endswith("top1") else key


def chosen(
    folder: Path,
    limits: Mapping[str, float],
    modes: Collection[str] = (),
    *,
    licenses: Sequence[str] = (),
    sort: str = "",
) -> dict[str, Any]:
    """Which pairs fit, are undecided, lack a value or are above which limit, JSON-able."""
    records, complaints = record_files.load_for_report(folder)
    comparison = compare(records)
    key = _sort_key(sort)
    for line in check(comparison.networks, licenses):
        printing.note(line)
    pairs = mode_pairs.pairs(comparison, modes, limits)
    networks = ordered(pairs.candidates, key) if key else pairs.candidates
    found = by_license(choose(networks, limits), networks, licenses)
    open_ones = [each for each in networks if not licenses or matches(each.record, licenses)]
    missing = [{k: why for k, why in each.reasons.items() if k in limits} for each in found.unknown]

    def row(each: Candidate) -> dict[str, Any]:
        return row_of(each, limits) | {"batch": best_batch(each, limits, comparison.machines[0])}

    return {
        "machine": comparison.machines[0],
        "limits": dict(limits),
        "licenses": list(licenses),
        "order": f"{key}, the best value first" if key else ORDER,
        "sort": key or None,
        "coverage": comparison.coverage._asdict(),
        "unreliable": unreliable(networks, limits or CRITERIA),
        "within_one_process": within(networks, limits or CRITERIA),
        "fits": [row(each) for each in found.fits],
        "undecided": [{**row(each), "straddles": each.straddling(limits)} for each in found.undecided],
        "unknown": [
            {**row(each), "reasons": why or {"license": UNNAMED}}
            for each, why in zip(found.unknown, missing, strict=True)
        ],
        "out": [{**row(each), "above": each.above(limits) or ["license"]} for each in found.out],
        "relaxed": [] if found.fits else [_relaxed(each) for each in relaxed(open_ones, limits)],
        "strictest": [] if found.fits else [_relaxed(each) for each in strictest(open_ones, limits)],
        "without_effect": [_without_effect(each) for each in without_effect(networks, limits)],
        "unmeasured": unmeasured(networks, limits),
        "wrong": mode_pairs.names(pairs.wrong),
        "unchecked": mode_pairs.names(pairs.unchecked),
        "on_request": mode_pairs.names(pairs.on_request),
        "unreadable": complaints,
    }


def _relaxed(each: Relaxed) -> dict[str, Any]:
    record = each.candidate.record
    about = {"architecture": record.architecture, "mode": record.mode}
    return {"key": each.key, "limit": each.limit, "option": each.written, **about}


def _without_effect(each: Relaxed) -> dict[str, Any]:
    """A limit that excludes nothing, and the value closest to it: perhaps it was typed in another unit."""
    return {"option": each.written, "key": each.key, "closest": _figure(each.candidate.figures[each.key])}


def _sort_key(sort: str) -> str:
    """The criterion that --sort names; ReporterError where there is none of that name."""
    known = (*ACCURACIES, *OF_PAIRS)
    key = criterion(sort.replace("-", "_"))
    key = key if key in known else sort
    if key and key not in known:
        close = get_close_matches(key, known, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
        raise ReporterError(f"--sort: unknown key {sort!r}; {hint}")
    return key


def in_words(found: Mapping[str, Any]) -> str:
    """The same for people: a line per pair that fits, then the others."""
    parts = [found[part] for part in PARTS]
    fits, undecided, unknown, out = parts
    count = sum(map(len, parts))
    modes = any(row["mode"] != EAGER for part in parts for row in part)
    what = counted(count, "(architecture, mode) pair" if modes else "architecture")
    unsure = f", {len(undecided)} undecided" if undecided else ""
    lines = [f"{len(fits)} of {what} {'fits' if len(fits) == 1 else 'fit'}{unsure}; times of {found['machine']}"]
    lines += [
        f"no reliable {key}: all values are noisy or without an interval (≈){MEASURE}" for key in found["unreliable"]
    ]
    lines += [
        f"no pair is excluded by {each['option']}: the {'smallest' if each['key'] in FLOORS else 'largest'} "
        f"{each['key']} is {value_text(each['key'], each['closest'])}"
        for each in found["without_effect"]
    ]
    if within := found["within_one_process"]:
        lines.append(f"fewer than three rounds: {WITHIN} for {', '.join(within)}")
    lines += [_order(found), "", *_columns([_printed(row) for row in fits])] if fits else []
    lines += [] if fits else _advice(found)
    if undecided:
        lines += ["", "undecided, because the 95 % interval (or, without one, a factor of 2) includes the limit:"]
        lines += _columns([[*_printed(row), f"limited: {', '.join(row['straddles'])}"] for row in undecided])
    if unknown:
        lines += ["", "no verdict, because a limited value is missing:"]
        lines += [f"- {line}" for line in _shortened(list(_unknown(unknown)))]
    lines += ["", _outside(out)] if out else []
    lines += _notes(found, fits + undecided)
    return printing.text([*lines, *(f"note: {line}" for line in found["unreadable"])])


def _advice(found: Mapping[str, Any]) -> list[str]:
    """What to change where no pair fits: one limit, else the strictest value of each, and what to measure."""
    one, each = ([f"- {row['option']}: {_name(row)}" for row in found[part]] for part in ("relaxed", "strictest"))
    why = "one does if a single limit is relaxed" if one else "relaxing one limit is not enough; the best of each"
    lines = ["", f"no pair fits; {why}:", *(one or each)] if one or len(each) > 1 else []
    options = how_to_measure(found["unmeasured"], {row["mode"] for part in PARTS for row in found[part]})
    return [*lines, *(["", f"no value is measured: measure with {options}"] if options else [])]


def _outside(rows: Sequence[Mapping[str, Any]]) -> str:
    """The pairs that miss a limit, each with the values; of many only how many miss each."""
    limits = Counter(key for row in rows for key in row["above"])
    side = "outside" if {*FLOORS, "license"} & limits.keys() else "above"
    if len(rows) > LISTED:
        counts = ", ".join(f"{key} {count}" for key, count in limits.most_common())
        return f"{side} a limit: {len(rows)} ({counts}); --json names them"
    names = (f"{_name(row)} ({', '.join(_above(row, key) for key in row['above'])})" for row in rows)
    return f"{side} a limit: {', '.join(names)}"


def _shortened(lines: Sequence[str]) -> list[str]:
    more = len(lines) - LISTED
    return [*lines[:LISTED], f"{more} more; --json names them"] if more > 0 else list(lines)


def _notes(found: Mapping[str, Any], shown: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is left out, and what the mark at an accuracy means."""
    left_out = ("wrong", "unchecked", "on_request")
    wrong, unchecked, on_request = (", ".join(_by_mode(found[part])) for part in left_out)
    lines = [f"left out because the output error exceeds its limit: {wrong}"] if wrong else []
    lines += [f"left out because the output cannot be checked: {unchecked}"] if unchecked else []
    lines += [f"left out unless --modes names them: {on_request}"] if on_request else []
    marked = any(row["imagenet_top1"] is not None and not row["fp32"] for row in shown)
    lines += ["† accuracy measured in fp32; this mode has another precision"] if marked else []
    sized = any(row["other_size"] or row["best_other_size"] for row in shown)
    lines += ["¶ accuracy taken at another image size than the architecture was measured at"] if sized else []
    return ["", *lines] if lines else []


def _unknown(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Why a limited value is missing: a line for each reason."""
    reasons: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        why = "; ".join(f"{key}: {reason}" for key, reason in row["reasons"].items())
        reasons.setdefault(why, []).append(row)
    return (f"{', '.join(_by_mode(group))}: {why}" for why, group in reasons.items())


def _by_mode(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Pairs by name; of many in one mode only how many there are."""
    modes: dict[str, list[str]] = {}
    for row in rows:
        modes.setdefault(row["mode"], []).append(row["architecture"])
    return [
        pair_name(name, mode)
        for mode, names in modes.items()
        for name in (names if len(names) <= (LISTED if mode == EAGER else NAMED) else [f"{len(names)} architectures"])
    ]


def _name(row: Mapping[str, Any]) -> str:
    return pair_name(row["architecture"], row["mode"])


def _order(found: Mapping[str, Any]) -> str:
    """By what the networks are sorted; the first is called the best only where all have the same kind of accuracy."""
    if found["sort"]:
        return f"in the order of: {found['order']}"
    weights, _published, count = found["coverage"].values()
    if weights == count:
        return f"best first: {found['order']}"
    have = "has" if weights == 1 else "have"
    return f"{weights} of {count} {have} an accuracy of named weights; in the order of: {found['order']}"


def row_of(each: Candidate, limits: Collection[str]) -> dict[str, Any]:
    """A pair with all that is printed of it; `fp32` is whether the mode has the precision of the published accuracy."""
    source = None if each.accuracy.top1 is None else "paper" if each.accuracy.paper else "weights"
    mode, gain = each.record.mode, mode_pairs.speedup(each, limits)
    about = {"architecture": each.record.architecture, "mode": mode, "family": each.record.family}
    figures = {key: _figure(figure) for key, figure in each.figures.items()}
    size = each.record.input_size if each.record.input_width is None else str(each.record.image_size)
    compared = {"input_size": size, "imagenet_top1": each.accuracy.top1, "source": source}
    compared |= {BEST_TOP1: each.values.get(BEST_TOP1), "best_weights": _weights(each, BEST_TOP1)}
    compared |= {
        "accuracy_size": evaluated_size(each.record),
        "best_accuracy_size": evaluated_size(each.record, BEST_TOP1),
        "other_size": bool(other_size(each.record)),
        "best_other_size": bool(other_size(each.record, BEST_TOP1)),
    }
    compared |= {"weights": _weights(each, TOP1), "license": license_of(each.record)}
    of_mode = {
        "fp32": mode_pairs.is_fp32(mode),
        "speedup": gain.value if gain else None,
        "speedup_interval": gain.interval if gain else None,
        "speedup_status": gain.verdict.status if gain else None,
        "output_error": mode_pairs.output_error(each),
    }
    return {**about, "year": each.record.year, **compared, **of_mode, "values": each.values, "figures": figures}


def _weights(each: Candidate, key: str) -> str | None:
    """The name of the weights that a published accuracy is of."""
    reading = each.record.readings.get(key)
    return str(reading.detail.get("weights")) if reading and reading.measured else None


def _figure(figure: LimitedValue) -> dict[str, Any]:
    low, high = figure.interval or (None, None)
    return {"value": figure.value, "low": low, "high": high, "status": figure.status}


def _printed(row: Mapping[str, Any]) -> list[str]:
    """The pair, the accuracy, the image size, every value that there is, the speedup of a mode, and the best batch."""
    top1 = row["imagenet_top1"]
    values = (_value(key, row["figures"].get(key)) for key in OF_PAIRS)
    best = row[BEST_TOP1]
    better = best is not None and best != top1
    best_share = f"best weights {value_text(BEST_TOP1, {'value': best})}{size_mark(row, 'best_')}" if better else ""
    about = [_name(row), accuracy_text(row), best_share, f"{row['input_size']} px"]
    return [*about, *values, row["license"] or "", speedup_text(row), batch_text(row)]


def _above(row: Mapping[str, Any], key: str) -> str:
    """What misses a limit, with its value."""
    return f"license {row['license']}" if key == "license" else _value(key, row["figures"][key])


def _value(key: str, figure: Mapping[str, Any] | None) -> str:
    """The key and its value."""
    return "" if figure is None else f"{key} {value_text(key, figure)}"


def _columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows as aligned columns; one that is empty everywhere takes no room."""
    table = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[index]) for row in table) for index in range(len(table[0]))]
    cells = ([cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width] for row in table)
    return [f"- {'  '.join(row)}".rstrip() for row in cells]
