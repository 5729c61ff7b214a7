"""Comparison of two lists of records, or two folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

from reporter.compare import document, kernel_changes, matching, output_changes, recent_level, times
from reporter.compare.differences import Differences
from reporter.documents.comparisons import ComparedRun
from reporter.host import accelerators
from reporter.host.machine import key as this_machine
from reporter.model import ComparedRecord, Record, ReporterError, option_values
from reporter.model.profiles import KernelLedger
from reporter.model.settings import FailOn, Settings, check_gate
from reporter.stats.samples import FEWEST_ROUNDS
from reporter.store import history, kernel_files, record_files
from reporter.store.history import PastRun


@dataclass(frozen=True)
class ResultsFolder:
    """What a results folder holds, read before anything is written to it."""

    folder: Path
    records: tuple[Record, ...]
    history: tuple[PastRun, ...] = ()
    complaints: tuple[str, ...] = ()
    accepted: tuple[PastRun, ...] | None = None
    """The history with the times that a level is made of, None if that is all of it."""
    copied: TemporaryDirectory[str] | None = None
    """A folder with copies of the ledgers of kernels, if a run will write to `folder`."""

    @property
    def measured(self) -> str:
        """When its newest record was begun, ISO 8601."""
        return max(record.started for record in self.records)

    def ledgers(self, machine: str, architecture: str) -> KernelLedger:
        """The ledger of kernels of an architecture; raises ReporterError if there is none."""
        return ledgers_of(Path(self.copied.name) if self.copied else self.folder)(machine, architecture)

    def side(self, name: str) -> ComparedRun:
        """What a document contains of it: its ids, times and versions."""
        return document.side(name, self.records, self.history)


def ledgers_of(folder: Path) -> kernel_changes.Ledgers:
    """Reads the ledgers of kernels of a results folder."""

    def read(machine: str, architecture: str) -> KernelLedger:
        path = record_files.record_path(folder, machine, architecture)
        if found := kernel_files.load(path):
            return found
        raise ReporterError(f"{kernel_files.kernels_path(path)}: there is no ledger of kernels")

    return read


def compare(
    base: Sequence[Record],
    new: Sequence[Record],
    past: Sequence[PastRun] = (),
    level: Sequence[PastRun] | None = None,
    ledgers: kernel_changes.Sides = kernel_changes.NONE,
) -> Differences:
    """What changed from base to new; `past` has earlier runs, oldest first, `level` the accepted times of these.

    `ledgers` reads the ledgers of kernels of both sides.
    """
    paired = matching.pairs(base, new)
    timings, bases, left = times.verdicts(paired, past)
    kernels, unequal = kernel_changes.compare(paired, timings, ledgers)
    levels, without = recent_level.verdicts(new, past if level is None else level)
    return Differences(
        changes=(*matching.rows(base, new), *matching.changes(paired), *output_changes.changes(paired), *kernels),
        timings=tuple(timings),
        bases=tuple(bases),
        gaps=(*matching.gaps(paired), *left, *unequal),
        levels=tuple(levels),
        without_level=tuple(without),
    )


def compare_results(base: ResultsFolder, new: ResultsFolder) -> Differences:
    """The same for two folders, with the history of both."""
    ledgers = base.ledgers, new.ledgers
    past = _past(base.history, new.history, new.records)
    return compare(base.records, new.records, past, past_level(base, new), ledgers)


def past_level(base: ResultsFolder, new: ResultsFolder) -> list[PastRun]:
    """The runs of both histories that the level of new's times is made of."""
    before, after = (side.history if side.accepted is None else side.accepted for side in (base, new))
    return _past(before, after, new.records)


def _past(base: Sequence[PastRun], new: Sequence[PastRun], records: Iterable[Record]) -> list[PastRun]:
    """The runs of both histories, oldest first, without those that are compared.

    These are the newest of NEW on each machine, and each that measured the newest rounds of a time in its records: the
    newest run may have measured some of the architectures only.
    """
    newest, measured = {run.machine: run.moment for run in new}, _newest_runs(records)
    return [
        run
        for run in _merged(base, new)
        if run.moment != newest.get(run.machine) and (run.machine, run.name) not in measured
    ]


def _merged(*histories: Iterable[PastRun]) -> list[PastRun]:
    """The runs of several histories, oldest first."""
    runs = {(run.machine, run.moment, run.name): run for each in histories for run in each}
    return sorted(runs.values(), key=lambda run: run.moment)


def _newest_runs(records: Iterable[Record]) -> set[tuple[str, str]]:
    """The machines and runs that measured the newest rounds of times, as far as their runs are known."""
    newest = (
        (record.machine, reading.origins[-1].run)
        for record in records
        for reading in record.readings.values()
        if reading.origins and matching.is_time(reading.quantity)
    )
    return {(machine, run) for machine, run in newest if run}


def check_level(fail_on: FailOn, past: Sequence[PastRun], machines: Collection[str], where: str) -> None:
    """ReporterError if --fail-on is for levels only, and no machine has enough earlier runs to make one."""
    most = max(Counter(run.machine for run in past if run.machine in machines).values(), default=0)
    if fail_on == "level" and most < recent_level.FEWEST_RUNS:
        least = recent_level.FEWEST_RUNS
        why = f"history.jsonl of {where} has {_runs(most)} of the machine, and a level takes {least}"
        raise ReporterError(f"--fail-on level: {why}; compare within the folder of reporter nightly --out")


def _runs(count: int) -> str:
    return f"{count} earlier {'run' if count == 1 else 'runs'}"


def baseline(settings: Settings, out: Path | None = None) -> ResultsFolder | None:
    """What --baseline names, read before anything is measured: it may be the folder of --out, which is `out`."""
    check_gate(settings)
    if settings.baseline:
        before = read(Path(option_values.path(settings.baseline)), "--baseline")
        if settings.against is None:  # else times are judged by the reference
            if not accelerators.are_unlisted():  # else the key of this machine is known when torch was asked
                check_this_machine(settings, before, out)
            check_rounds(settings.fail_on, [before])
        return _with_copies(before) if out and out.resolve() == before.folder.resolve() else before
    if settings.fail_on != "never" and settings.against is None:
        why = "there is nothing to compare with; name an earlier run: --baseline DIR"
        raise ReporterError(f"--fail-on: {why}; or an environment: --against ENV")
    return None


def check_this_machine(settings: Settings, before: ResultsFolder, out: Path | None) -> None:
    """ReporterError if --fail-on is for times only, and --baseline has none that those of this machine compare with.

    For `level`, it and `out`, the folder of --out, need enough earlier runs. The machines of a cluster are its nodes,
    which are not known yet.
    """
    if settings.against is not None:
        return
    _check_machine(settings, before)
    if settings.fail_on == "level":
        machines = {this_machine()} if settings.executor == "local" else {run.machine for run in before.history}
        earlier = _history(out, machines) if out else []
        where = f"{before.folder} and {out}" if earlier else f"{before.folder}"
        check_level(settings.fail_on, _merged(before.history, earlier), machines, where)


def check_times(settings: Settings, before: ResultsFolder | None) -> None:
    """ReporterError if --fail-on is for times only, and --baseline has none that those of a nightly run compare with.

    The levels of nightly runs are those of their own folder, and are not checked.
    """
    if before and settings.against is None:  # else times are judged by the reference
        _check_machine(settings, before)
        check_rounds(settings.fail_on, [before])


def _check_machine(settings: Settings, before: ResultsFolder) -> None:
    """ReporterError if --fail-on is for times only, and --baseline is of other machines; a cluster is not checked."""
    if settings.executor == "local":
        why = f"{before.folder} is of another machine"
        check_machines(settings.fail_on, machines_of(before), [this_machine()], why)


def _history(folder: Path, machines: Collection[str]) -> list[PastRun]:
    """The latest runs of the machines in the history of a folder; none if it cannot be read."""
    try:
        return history.recent(folder / "history.jsonl", machines)
    except ReporterError:
        return []


def _with_copies(side: ResultsFolder) -> ResultsFolder:
    """The same with copies of its ledgers, which the run will replace."""
    copied = TemporaryDirectory(prefix="reporter-")
    for path in side.folder.glob(f"records/*/*{kernel_files.SUFFIX}"):
        target = Path(copied.name) / path.relative_to(side.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):  # a ledger that cannot be read is missing in the comparison, with the reason
            if path.is_file():
                copyfile(path, target)
    return replace(side, copied=copied)


def machines_of(side: ResultsFolder) -> set[str]:
    """The machines that its records were measured on."""
    return {record.machine for record in side.records}


def check_machines(fail_on: FailOn, base: Iterable[str], new: Iterable[str], why: str) -> None:
    """ReporterError if --fail-on is for times only, and no machine is on both sides: no time would be compared."""
    if fail_on == "timing" and not {*base} & {*new}:
        remedy = "compare with a run of the same machine, or use --fail-on exact"
        raise ReporterError(f"--fail-on timing: {why}, and times are compared on one machine only; {remedy}")


def check_rounds(fail_on: FailOn, sides: Iterable[ResultsFolder]) -> None:
    """ReporterError if --fail-on is for times only, and a side has no time with enough rounds for a verdict."""
    for side in sides if fail_on == "timing" else ():
        readings = [reading for record in side.records for reading in record.readings.values()]
        rounds = max(
            (len(each.rounds) for each in readings if each.measured and matching.is_time(each.quantity)), default=0
        )
        if rounds < FEWEST_ROUNDS:
            few = f"its times have {rounds} of the {FEWEST_ROUNDS} rounds that a verdict on times needs"
            why = few if rounds else "it has no times"
            raise ReporterError(f"--fail-on timing: {side.folder}: {why}; measure it with --preset standard")


def read(folder: Path, name: str) -> ResultsFolder:
    """A results folder; ReporterError, with the option's or argument's name, where it has no records."""
    return read_sides({name: folder})[0]


def read_sides(sides: Mapping[str, Path]) -> list[ResultsFolder]:
    """Results folders by the names of their options or arguments; raises ReporterError as `read` does."""
    loaded = record_files.load_folders(sides.values(), ComparedRecord)
    return [_side(folder, name, *found) for (name, folder), found in zip(sides.items(), loaded, strict=True)]


def _side(folder: Path, name: str, records: list[Record], complaints: list[str]) -> ResultsFolder:
    if not records:
        why = complaints[0] if complaints else "there are no records in it"
        raise ReporterError(f"{name}: {folder} cannot be compared with: {why}; name a folder of reporter --out")
    machines = {record.machine for record in records}
    keys = {key for record in records for key, reading in record.readings.items() if matching.is_time(reading.quantity)}
    try:
        past = history.recent(folder / "history.jsonl", machines, keys=keys)
    except ReporterError as error:
        return ResultsFolder(folder, tuple(records), (), (*complaints, str(error)))
    unreadable = history.complaint(folder / "history.jsonl")
    return ResultsFolder(folder, tuple(records), tuple(past), (*complaints, *([unreadable] if unreadable else [])))
