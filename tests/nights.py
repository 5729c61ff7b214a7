"""Nightly runs on made-up records: the command's own steps, with a measurement that only stores what it is given."""

from __future__ import annotations

import importlib
import resource
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import reduce
from io import StringIO
from pathlib import Path
from typing import Any

from samples import ROWS, record

from reporter.cli.progress import Lines
from reporter.host import files
from reporter.model import Reading, Record
from reporter.model.records import EAGER
from reporter.nightly import acceptance, dates, one_run
from reporter.nightly.run_folder import Folder
from reporter.registry import plugins, selection
from reporter.report.comparison import compare
from reporter.report.output.summary import summary
from reporter.run.request import Outcome, Progress, Request
from reporter.run.slots import Executor
from reporter.store import record_files

NAMES = ("alexnet", "vgg16", "resnet18", "resnet50")
FIRST = datetime.fromisoformat("2026-11-01T02:17:00+00:00")
Change = Callable[[Record], Record]


def made(names: Sequence[str] = NAMES, machine: str = "quiet", torch: str = "2.14.1") -> list[Record]:
    """Records of the sample rows with their counts and their times in three rounds."""
    rows = [row for row in ROWS if row[0] in names]
    return [_trimmed(record(row, machine), torch) for row in rows]


def with_reading(name: str, key: str, **fields: Any) -> Change:
    """Changes a reading of one architecture, for example its samples."""

    def change(each: Record) -> Record:
        if each.architecture != name:
            return each
        reading = each.readings[key].model_copy(update=fields)
        return each.model_copy(update={"readings": each.readings | {key: reading}})

    return change


def failed(name: str, reason: str = "RuntimeError: no kernel") -> Change:
    """All readings of one architecture fail."""

    def change(each: Record) -> Record:
        if each.architecture != name:
            return each
        broken = {"status": "failed", "reason": reason, "samples": (), "rounds": ()}
        readings = {key: reading.model_copy(update=broken) for key, reading in each.readings.items()}
        return each.model_copy(update={"readings": readings})

    return change


def slower(name: str, factor: float) -> Change:
    """One architecture takes longer."""

    def change(each: Record) -> Record:
        if each.architecture != name:
            return each
        reading = each.readings["latency_cpu_1thread"]
        samples = tuple(sample * factor for sample in reading.samples)
        return with_reading(name, reading.quantity.key, samples=samples)(each)

    return change


@contextmanager
def full_disk() -> Iterator[None]:
    """Every write beyond the first bytes of a file is refused by the system, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def summarize(folder: Path) -> None:
    """The only file of the report that these tests read; drawing the others takes most of the time of a run."""
    comparison = compare(record_files.load_all(folder)[0])
    files.write(folder / "summary.json", files.dumps(summary(comparison)))


@dataclass
class Nights:
    """A results folder and the nights that were played in it."""

    out: Path
    count: int = 0
    shown: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    report: Callable[[Path, Sequence[str]], object] = lambda folder, _: summarize(folder)
    beside: Callable[[Path, Record], None] = lambda folder, record: None
    """Saves other files of a record, such as its ledger of kernels."""

    def play(self, records: Sequence[Record], *changes: Change, room: int | None = None, **options: Any) -> int:
        """One run; gives the exit code. The disk has room for so many records, and then is full until the run ends."""
        self.count += 1
        self.shown, self.messages = [], []
        now = (FIRST + timedelta(days=self.count - 1)).isoformat()
        asked = {"architectures": ",".join(NAMES), "metrics": "size,compute", "preset": "quick", "device": "cpu"}
        work = _on_the_machine_of(records, one_run.plan(self.out, None, asked | options, {}))

        def measure(request: Request, _: Executor, __: Progress) -> Outcome:
            lines = []
            for number, each in enumerate(each for each in records if each.mode == EAGER):
                if number == room:
                    disk.enter_context(full_disk())
                of_modes = [
                    other for other in records if other.mode != EAGER and other.architecture == each.architecture
                ]
                changed, *modes = [reduce(lambda made, change: change(made), changes, one) for one in (each, *of_modes)]
                stored = changed.model_copy(update={"started": f"{now[:17]}{number:02}+00:00"})
                record_files.save(request.folder, stored, modes)
                self.beside(request.folder, stored)
                lines.append(_line(stored, now, str(self.count)))
            record_files.append_history(request.folder, lines)
            if room == len(records):
                disk.enter_context(full_disk())
            return Outcome()

        output = one_run.Output(self.messages.append, self.shown.append)
        with ExitStack() as disk:
            return one_run.run(work, Lines(StringIO()), output, one_run.Steps(measure, self.report, lambda: now))

    @property
    def headline(self) -> str:
        return self.shown[0]

    @property
    def lines(self) -> list[str]:
        return [line for line in self.shown if line.startswith("- ")]

    def accept(self, architecture: str | None = None, metric: str | None = None, mode: str | None = None) -> int:
        """Accepts findings; gives how many."""
        names, metrics, modes = ([each] if each else [] for each in (architecture, metric, mode))
        return len(acceptance.accept(Folder(self.out), names, metrics, "meant", FIRST.isoformat(), modes=modes))

    def value(self, name: str, key: str, folder: str = "") -> float | None:
        """The stored value of the only record of an architecture."""
        (path,) = (self.out / folder).glob(f"records/*/{name}.json")
        return record_files.load(path).value(key)

    def day(self, count: int | None = None) -> str:
        """The day of a night as it is printed."""
        return dates.day((FIRST + timedelta(days=(count or self.count) - 1)).isoformat())


def killed(nights: Nights, records: Sequence[Record]) -> None:
    """Leaves the folder as a run that was killed after its records were stored."""
    nights.count += 1
    folder = Folder(nights.out)
    folder.mark_started((FIRST + timedelta(days=nights.count - 1)).isoformat())
    for each in records:
        record_files.save(folder.tonight, each)


def main_job(count: int, records: Iterable[Record]) -> list[dict[str, Any]]:
    """The lines of the history of a run of the main job in the hours after a night."""
    now = (FIRST + timedelta(days=count - 1, hours=12)).isoformat()
    return [_line(each, now, f"main {count}") for each in records]


PLUG_IN = """
from reporter.model import Architecture

{first}


def build(classes):
    from torch import nn

    {build}
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes))


TEAMNET = Architecture("teamnet", "Team", 2026, "none", build, input_size=32)
"""
BROKEN_LIBRARY = "raise OSError('libteam.so: cannot open shared object file')"
BROKEN_LAYER = "raise RuntimeError('no such layer')"


def plug_in(site: Path, first: str = "", build: str = "") -> None:
    """Installs a package that adds the architecture teamnet; `first` and `build` are lines of its code."""
    about = site / "team_nets-1.0.dist-info"
    about.mkdir(parents=True, exist_ok=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: team-nets\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[reporter.architectures]\nteamnet = team_nets:TEAMNET\n")
    (site / "team_nets.py").write_text(PLUG_IN.format(first=first, build=build))


def reload_packages() -> None:
    """Makes this process load the installed packages again, as each run of the command does."""
    sys.modules.pop("team_nets", None)
    importlib.invalidate_caches()
    for cached in (plugins.points, plugins._entries, selection.catalog_entries):
        cached.cache_clear()
    plugins._complaints.clear()


def _on_the_machine_of(records: Sequence[Record], work: one_run.Plan) -> one_run.Plan:
    """The same run on the machine of these records: the rows of missing architectures are of it, too."""
    here = {key: getattr(each, key) for each in records[:1] for key in ("machine", "environment")}
    return replace(work, request=replace(work.request, about={**work.request.about, **here}))


def _trimmed(each: Record, torch: str) -> Record:
    keys = ("parameters", "macs", "depth", "latency_cpu_1thread")
    readings: Mapping[str, Reading] = {key: each.readings[key] for key in keys}
    time = readings["latency_cpu_1thread"]
    count = len(time.samples) // 3
    rounds = {
        "latency_cpu_1thread": time.model_copy(update={"samples": time.samples[: 3 * count], "rounds": (count,) * 3})
    }
    environment = each.environment | {"torch": torch}
    return each.model_copy(update={"readings": {**readings, **rounds}, "environment": environment})


def _line(each: Record, now: str, name: str) -> dict[str, Any]:
    values = {key: reading.value for key, reading in each.readings.items() if reading.value is not None}
    return {
        "generated": now,
        "run": name,
        "architecture": each.architecture,
        "machine": each.machine,
        "environment": each.environment,
        "values": values,
    }
