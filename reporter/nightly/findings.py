"""Findings from the records of two runs.

Exact values are compared with the newest record of the architecture, whatever its machine. Times and readings that
failed on a machine are compared with the record of the same machine only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from reporter.compare import kernel_changes, kernel_digests, matching, output_changes, times
from reporter.compare.differences import Change, Differences, Gap, Level, Timing
from reporter.compare.matching import Pair, is_exact, is_time, newest
from reporter.compare.times import ABSOLUTE_EFFECT, MIN_EFFECT
from reporter.model import Record
from reporter.model.device_readings import REFUSED, of_device
from reporter.model.modes import OUTPUT_ERROR
from reporter.model.records import EAGER
from reporter.nightly.state import TIMES, Acceptance, Finding, Kind, NightlyRun
from reporter.store.history import PastRun

Row = Timing | Level
Records = Mapping[tuple[str, str], Sequence[Record]]
"""The records of each architecture and mode."""
KINDS = {"exact": "exact", "failed": "failed", "removed": "removed"}
"""The kinds of change that are findings."""
NOT_COMPARED = "not compared in this run"


def differences(
    base: Sequence[Record],
    tonight: Sequence[Record],
    past: Sequence[PastRun],
    ledgers: kernel_changes.Sides = kernel_changes.NONE,
) -> Differences:
    """What changed; `past` has earlier runs, oldest first, without this one, `ledgers` the kernels of both sides."""
    latest = newest(base)
    eager = [record for record in tonight if record.mode == EAGER]
    exact = [Pair(latest[record.architecture], record) for record in eager if record.architecture in latest]
    here = [pair for pair in matching.pairs(base, tonight) if pair.one_machine]
    timings, bases, left = times.verdicts(here, past)
    kernels, unequal = kernel_changes.compare(here, timings, ledgers)
    return Differences(
        changes=(*matching.rows(base, tonight), *_changes(exact, here), *kernels),
        timings=tuple(timings),
        bases=tuple(bases),
        gaps=(*_gaps(exact, here), *left, *unequal),
    )


def findings(
    found: Differences, tonight: Sequence[Record], last: NightlyRun | None, accepted: Sequence[Acceptance], now: str
) -> tuple[Finding, ...]:
    """The regressions since the baseline, each with the start of the first run that had it and whether it is accepted.

    A slower time is gone when it is judged as unchanged or faster; one that was not judged in this run remains, and so
    does a count that changed, a kernel or a failure that was not measured, or taken under other settings. A mode that
    was not measured in this run keeps its findings, unless it is removed itself; its removal remains until it is tried
    again. An accepted one that is above its level is gone, because a new level starts.
    """
    made = [*_changed(found, now), *(_slower(row, now) for row in _above(found))]
    former = last.findings if last else ()
    made_again = {each.identity for each in made}
    removed = {_pair(each) for each in made if each.kind == "removed"}
    others = [each for each in former if each.identity not in made_again and _pair(each) not in removed]
    records = _by_pair(tonight)
    made += [*_remaining(found, records, others), *_left_out(found, records, others), *_still_removed(records, others)]
    first_seen = {each.identity: each.since for each in former}
    dated = [each.model_copy(update={"since": _since(each, first_seen) or now}) for each in made]
    return tuple(
        each.model_copy(
            update={"accepted": any(acceptance.covers(each) for acceptance in accepted), "information": False}
        )
        for each in dated
    )


def _since(finding: Finding, first_seen: Mapping[tuple[object, ...], str]) -> str | None:
    """When the first run had a finding, also one that was stored without its device."""
    without_device = finding.model_copy(update={"device": ""})
    return first_seen.get(finding.identity) or first_seen.get(without_device.identity)


def for_information(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The same in a run with --against, whose times are judged by the reference: slower times are shown only.

    They are relative to the other architectures, of which many may have become faster.
    """
    return tuple(each.model_copy(update={"information": each.kind in TIMES}) for each in findings)


def _changes(exact: Iterable[Pair], here: Iterable[Pair]) -> Iterator[Change]:
    for paired, of_exact in ((exact, True), (here, False)):
        for change in (*matching.changes(paired), *output_changes.changes(paired)):
            if change.quantity and is_exact(change.quantity) == of_exact:
                yield change


def _gaps(exact: Sequence[Pair], here: Sequence[Pair]) -> Iterator[Gap]:
    measured = {(pair.new.architecture, pair.new.machine) for pair in here}
    elsewhere = [pair for pair in exact if (pair.new.architecture, pair.new.machine) not in measured]
    yield from (gap for gap in matching.gaps(elsewhere) if gap.quantity is None)
    yield from (gap for gap in matching.gaps(exact) if gap.quantity and is_exact(gap.quantity))
    yield from (gap for gap in matching.gaps(here) if gap.quantity and not is_exact(gap.quantity))


def _changed(found: Differences, now: str) -> Iterator[Finding]:
    for change in found.changes:
        if change.kind in KINDS:
            quantity = change.quantity
            yield Finding.model_validate(
                {
                    "kind": change.kind,
                    "architecture": change.architecture,
                    "mode": change.mode,
                    "metric": quantity.key if quantity else "",
                    "title": quantity.title if quantity else "",
                    "unit": quantity.unit if quantity else "1",
                    "machine": change.machine,
                    "base": change.base,
                    "new": change.new,
                    "reason": change.reason if change.kind in ("failed", "removed") or change.kernels else None,
                    "kernels": kernel_changes.names_in_words(change.kernels) if change.kernels else "",
                    "device": change.device,
                    "since": now,
                }
            )


def _slower(row: Row, now: str) -> Finding:
    return Finding(
        kind=_kind(row),
        runs=row.runs if isinstance(row, Level) else None,
        architecture=row.architecture,
        mode=row.mode,
        metric=row.quantity.key,
        title=row.quantity.title,
        unit=row.quantity.unit,
        machine=row.machine,
        base=row.base,
        new=row.new,
        ratio=row.ratio,
        floor=row.floor,
        since=now,
    )


def _above(found: Differences) -> Iterator[Row]:
    yield from found.with_verdict("regressed")
    yield from found.above_level()


def _kind(row: Row) -> Kind:
    return "level" if isinstance(row, Level) else "slower"


def _remaining(found: Differences, records: Records, others: Iterable[Finding]) -> Iterator[Finding]:
    """Slowdowns of the last run that this one neither confirms nor refutes.

    A small one is relative to other architectures: absolute times, of too few of them, do not show that it is gone.
    """
    compared: list[Row] = [*found.timings, *found.levels]
    rows = {(_kind(row), row.architecture, row.mode, row.quantity.key, row.machine): row for row in compared}
    for before in others:
        if before.kind not in TIMES or not _of_pair(before, records):
            continue
        if before.kind == "level" and before.accepted:
            continue
        row = rows.get((before.kind, *_pair(before), before.metric, before.machine))
        if row is None:
            yield before.model_copy(update={"reason": NOT_COMPARED})
        elif row.verdict == "unchanged" and not row.relative and (before.ratio or 0.0) <= 1 + ABSOLUTE_EFFECT:
            yield before.model_copy(update={"reason": f"{NOT_COMPARED} with other architectures"})
        elif row.verdict == "noisy" and row.ratio > 1 + MIN_EFFECT:
            why = row.reason if isinstance(row, Timing) else None
            reason = f"now within noise: {why}" if why else "now within noise"
            yield _slower(row, before.since).model_copy(update={"reason": reason})


def _left_out(found: Differences, records: Records, others: Iterable[Finding]) -> Iterator[Finding]:
    """Exact changes and failures of the last run that this one did not measure, as with a budget or other --metrics.

    Or that it took under other settings, or kernels that it could not compare for any reason. Kernels are those of a
    machine: a run on another one is not about them. Output errors are, too, unless only other machines were measured.
    """
    gaps = defaultdict[tuple[str, str, str], list[str]](list)
    for gap in found.gaps:
        if gap.quantity:
            for name in gap.architectures:
                gaps[name, gap.mode, gap.quantity.key].append(gap.why)
    for before in others:
        if before.kind not in ("exact", "failed"):
            continue
        here = _of_pair(before, records)
        if before.kernels or before.metric == OUTPUT_ERROR.key:
            same = [each for each in here if each.machine == before.machine]
            here = same if same or before.kernels else here
        is_unlike = before.kind == "exact" and _is_unlike(before, gaps.get((*_pair(before), before.metric), ()))
        if here and (is_unlike or not any(_is_answered(before, record) for record in here)):
            yield before.model_copy(update={"reason": _reason_left_out(before)})


def _still_removed(records: Records, others: Iterable[Finding]) -> Iterator[Finding]:
    """Modes that the last run reported as removed and this one neither tried nor compared, as without times of eager.

    An accepted one is gone with the first run that times eager: the mode is no longer in the baseline.
    """
    for before in others:
        if before.kind != "removed" or before.mode == EAGER:
            continue
        eager = records.get((before.architecture, EAGER), ())
        is_tried = any(_was_tried(record) for record in records.get(_pair(before), ()))
        if eager and not is_tried and not (before.accepted and any(_is_timed(record) for record in eager)):
            yield before


def _was_tried(record: Record) -> bool:
    """Whether a mode ran or failed; it was not tried if it is not available, or was left out."""
    return any(reading.status not in REFUSED for reading in record.readings.values())


def _is_timed(record: Record) -> bool:
    return any(is_time(reading.quantity) and reading.measured for reading in record.readings.values())


def _is_unlike(finding: Finding, gaps: Iterable[str]) -> bool:
    """Whether an exact value was not compared for these reasons: a count under other settings, kernels for any."""
    return any(finding.kernels or why.startswith(matching.OTHER_SETTINGS) for why in gaps)


def _reason_left_out(before: Finding) -> str:
    """Why it remains; of a failure with the reason that it had."""
    reason = before.reason or ""
    if before.kind == "exact" or not reason:
        return NOT_COMPARED
    return reason if reason.startswith(NOT_COMPARED) else f"{NOT_COMPARED}; before: {reason}"


def _is_answered(finding: Finding, record: Record) -> bool:
    """Whether a record of its mode has what a finding is about, or the reason why it cannot be measured.

    That another mode than eager is not available is no answer, and to a failure of what depends on the machine neither
    is a record of another one.
    """
    if record.mode != finding.mode or (record.mode != EAGER and not _was_tried(record)):
        return False
    if finding.kernels:
        return kernel_digests.setting_of(finding.metric) in kernel_digests.sources(record)
    reading = record.readings.get(finding.metric)
    if finding.device:
        reading = of_device(reading, finding.device)
    elif finding.kind == "failed" and reading and not is_exact(reading.quantity) and record.machine != finding.machine:
        return False
    return reading is not None and reading.status != "skipped"


def _by_pair(tonight: Iterable[Record]) -> Records:
    """The records of each architecture and mode, those of several machines together."""
    records: dict[tuple[str, str], list[Record]] = {}
    for record in tonight:
        records.setdefault((record.architecture, record.mode), []).append(record)
    return records


def _of_pair(finding: Finding, records: Records) -> Sequence[Record]:
    """The records of its architecture and mode; where the mode was not measured, as without times, those of eager."""
    return records.get(_pair(finding)) or records.get((finding.architecture, EAGER), ())


def _pair(finding: Finding) -> tuple[str, str]:
    return finding.architecture, finding.mode
