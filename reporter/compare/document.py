"""Differences as the documents for programs (reporter/documents/comparisons.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

from reporter import documents
from reporter.compare.differences import (
    Basis,
    Change,
    Differences,
    Gap,
    KernelChange,
    Kind,
    Level,
    TimeChange,
    TimeVerdict,
    Timing,
)
from reporter.compare.matching import NO_NUMBER, pairs
from reporter.documents import comparisons, metric_part
from reporter.documents.comparisons import ComparedRun, Sides, SpeedVerdict, StillFailing
from reporter.model import Number, Reading, Record
from reporter.model.settings import FailOn
from reporter.store.history import PastRun
from reporter.version import __version__

VERDICTS: dict[TimeVerdict, SpeedVerdict] = {
    "regressed": "slower",
    "improved": "faster",
    "unchanged": "unchanged",
    "noisy": "noisy",
}
LARGEST = 1e300
"""The largest factor that is written."""


@dataclass(frozen=True)
class Context:
    """What a document contains besides the differences."""

    base: ComparedRun
    new: ComparedRun
    headline: str
    fail_on: FailOn = "never"
    exit_code: int | None = None
    still_failing: Sequence[StillFailing] = ()
    complaints: Sequence[str] = ()
    fails: Callable[[FailOn], bool] | None = None
    """Whether a value of `--fail-on` gives exit code 1, if that does not depend on the differences alone."""


def as_json(found: Differences, context: Context, schema: int = documents.COMPARE) -> dict[str, Any]:
    """The whole document."""
    fails = context.fails or found.fails
    document = comparisons.ComparisonDocument(
        schema=schema,
        reporter=__version__,
        generated=datetime.now(UTC).isoformat(timespec="seconds"),
        base=context.base.name,
        new=context.new.name,
        sides=Sides(base=context.base, new=context.new),
        changed=found.changed,
        headline=context.headline,
        fail_on=context.fail_on,
        fails=tuple(on for on in get_args(FailOn) if fails(on)),
        exit_code=context.exit_code,
        counts=_counts(found, context.still_failing),
        changes=tuple(map(_change, found.changes)),
        times=tuple(map(_time, found.timings)),
        levels=tuple(map(_level, found.levels)),
        bases=tuple(map(_basis, found.bases)),
        still_failing=tuple(context.still_failing),
        not_compared=tuple(map(_gap, found.gaps)),
        complaints=tuple(context.complaints),
    )
    return document.model_dump(by_alias=True)


def side(name: str, records: Sequence[Record], past: Sequence[PastRun] = (), run: str | None = None) -> ComparedRun:
    """The ids, times and versions of one side.

    The id is that of the newest round, if it is not given. Only times have rounds: without any it is that of the first
    run in the history whose lines were written after the newest record was started.
    """
    newest = max(records, key=lambda record: record.started, default=None)
    return ComparedRun(
        name=name,
        run=run or newest_run(records) or (_run_of(newest, past) if newest else None),
        started=newest.started if newest else None,
        machines=tuple(sorted({record.machine for record in records})),
        environment=newest.environment if newest else {},
    )


def newest_run(records: Iterable[Record]) -> str | None:
    """The run that measured the newest round, None if there are no rounds."""
    readings = (reading for record in records for reading in record.readings.values())
    origins = ((origin.started, origin.run) for reading in readings for origin in reading.origins)
    return max(origins, default=("", ""))[1] or None


def _run_of(record: Record, past: Sequence[PastRun]) -> str | None:
    names = (run.name for run in past if run.machine == record.machine and run.moment >= record.started)
    return next(names, None) or None


def still_failing(base: Sequence[Record], new: Sequence[Record]) -> Iterator[StillFailing]:
    """The readings that failed on both sides."""
    for pair in pairs(base, new):
        for _, before, now in pair.readings:
            if before and now and {before.status, now.status} <= set(NO_NUMBER):
                yield failure(pair.new, now, pair.base.started)


def failure(record: Record, reading: Reading, since: str) -> StillFailing:
    """A row for a reading that failed."""
    return StillFailing(
        **metric_part(reading.quantity),
        architecture=record.architecture,
        mode=record.mode,
        machine=record.machine,
        status=reading.status,
        reason=reading.reason,
        since=since,
    )


def ratio(base: Number | None, new: Number | None) -> float | None:
    """The new value divided by the one before."""
    return new / base if base and new is not None else None


def factor(growth: float | None) -> float | None:
    """A growth of 0.08 as the factor 1.08."""
    return None if growth is None else 1 + growth


def _counts(found: Differences, failing: Sequence[StillFailing]) -> dict[str, int]:
    counts = Counter[str](change.kind for change in found.changes)
    counts.update(VERDICTS[row.verdict] for row in found.timings)
    kinds = (*get_args(Kind), *get_args(SpeedVerdict))
    above = {"above_level": len(found.above_level())}
    return (
        {kind: counts[kind] for kind in kinds}
        | above
        | {"still_failing": len(failing), "not_compared": len(found.gaps)}
    )


def _change(change: Change) -> comparisons.ChangeRow:
    return comparisons.ChangeRow(
        **metric_part(change.quantity),
        kind=change.kind,
        architecture=change.architecture,
        mode=change.mode,
        machine=change.machine,
        base=change.base,
        new=change.new,
        ratio=ratio(change.base, change.new),
        reason=change.reason,
        kernels=kernel_row(change.kernels) if change.kernels else None,
        device=change.device or None,
    )


def kernel_row(found: KernelChange) -> comparisons.KernelChangeRow:
    """A row for the changed kernels of an architecture."""
    swaps = tuple(comparisons.KernelSwapRow(base=each.base, new=each.new, layers=each.layers) for each in found.swaps)
    return comparisons.KernelChangeRow(
        setting=found.setting,
        swaps=swaps,
        compared=found.compared,
        time=found.time,
        ratio=found.ratio,
        variables=found.variables,
        libraries=found.libraries,
    )


def _time_change(row: TimeChange) -> dict[str, Any]:
    """What all rows about times have; `ratio` is that of the values."""
    return {
        **metric_part(row.quantity),
        "architecture": row.architecture,
        "mode": row.mode,
        "machine": row.machine,
        "verdict": VERDICTS[row.verdict],
        "base": row.base,
        "new": row.new,
        "ratio": row.new / row.base,
        "slowdown": row.ratio,
        "relative": row.relative,
    }


def _time(row: Timing) -> comparisons.Time:
    """The interval of `ratio` is as wide as that of the change that the verdict is based on."""
    common = _time_change(row)
    margin = row.high / row.ratio if row.high else None
    return comparisons.Time(
        **common,
        judgement=row.verdict,
        low=None if margin is None else common["ratio"] / margin,
        high=None if margin is None else min(common["ratio"] * margin, LARGEST),
        slowdown_low=row.low,
        slowdown_high=row.high,
        floor=factor(row.floor),
        rank=row.rank,
        reason=row.reason,
    )


def _level(row: Level) -> comparisons.LevelRow:
    return comparisons.LevelRow(**_time_change(row), floor=1 + row.floor, runs=row.runs, over=row.over)


def _basis(basis: Basis) -> comparisons.BasisRow:
    return comparisons.BasisRow(
        **metric_part(basis.quantity),
        machine=basis.machine,
        mode=basis.mode,
        networks=basis.networks,
        relative=basis.relative,
        common=basis.common,
        floor=factor(basis.floor),
    )


def _gap(gap: Gap) -> comparisons.NotCompared:
    return comparisons.NotCompared(
        **metric_part(gap.quantity), architectures=gap.architectures, mode=gap.mode, reason=gap.why, why=gap.why
    )
