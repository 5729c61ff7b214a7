"""The benchmarks of profiling and of the gate on kernels: which bounds hold, and what is kept of an interrupted one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import kernel_controls
import mode_samples
import profile_samples as profiles
import profiling
import pytest
import yardstick
from commands import ROOT
from samples import few

from reporter.model.records import EAGER
from reporter.registry.selection import sets

NAMES = ("alexnet", "vgg16")


def row(name: str, *, operators: float = 1.0, stages: float = 1.0, seconds: float | None = 3.0) -> profiling.Row:
    values = (operators, stages, 0.8, None)
    return profiling.Row(name, dict(zip(profiling.KEYS, values, strict=True)), seconds)


def test_a_bound_that_is_exceeded_is_named() -> None:
    good = [row("a"), row("b", seconds=None)]
    assert [holds for _, holds in profiling.bounds(good)] == [True] * 3
    assert profiling.bounds(good)[2][0].startswith("seconds: 6 for 2 architectures, 1 of them counted as the mean")
    for bad in (row("b", operators=0.94), row("b", stages=1.06), row("b", seconds=58.0)):
        lines = profiling.bounds([row("a"), bad])
        assert sum(holds for _, holds in lines) == 2
    assert "outside: b" in profiling.bounds([row("a"), row("b", stages=1.06)])[1][0]
    assert not profiling.bounds([])[0][1], "a run without coverages is not one that is within the bounds"
    assert "| **0.940** | 1.000 | 0.800 | – | 3.0 |" in list(profiling.table([row("b", operators=0.94)]))[-1]


def test_the_longest_ledger_is_named() -> None:
    line, holds = profiling.ledger_bound({"a": 0.5, "b": 3.0})
    assert (line, holds) == ("ledgers alone: at most 3.00 s (b) for one of 2 architectures; bound 3", True)
    assert not profiling.ledger_bound({"a": 3.1, "b": 0.5})[1]
    assert not profiling.ledger_bound({})[1]


def test_the_committed_run_is_printed_without_measuring(capsys: pytest.CaptureFixture[str]) -> None:
    profiling.show(ROOT / "results" / "reference")
    printed = capsys.readouterr().out
    assert "operators, 1 thread: 18 of 18 within 0.95 to 1.05" in printed
    assert printed.count("\n| ") == 19


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Runs whose capped side has other kernels; the paths of those that were taken."""
    places: list[Path] = []

    def run(place: Path, names: Any, variables: Any, modes: str = EAGER) -> float:
        made = [record for record in few() if record.architecture in names]
        made += [mode_samples.mode(each, name, 0.8) for each in made for name in modes.split(",") if name != EAGER]
        rows = profiles.calls(**({"kernel": "jit:sse41"} if variables else {}))
        fields = {"settings": {"variables": dict(variables)}}
        records = [profiles.profiled(each, ledger=rows, **fields) for each in made]
        profiles.saved(place, records, [profiles.ledger_of_modes(records, name, rows) for name in names])
        places.append(place)
        return 59.0

    monkeypatch.setattr(kernel_controls, "SIDES", 3)
    monkeypatch.setattr(kernel_controls, "taken", run)
    monkeypatch.setattr(yardstick, "milliseconds", lambda: 8.0)
    return places


def test_the_controls_of_the_gate_resume_and_name_every_architecture(taken: list[Path], tmp_path: Path) -> None:
    """Equal runs, each two of which are compared; then the capped ones."""
    done = kernel_controls.collect(tmp_path, NAMES, 1.5)
    assert len(done) == len(taken) == 5
    (tmp_path / "runs.json").write_text(json.dumps({name: done[name] for name in list(done)[:4]}))
    assert len(kernel_controls.collect(tmp_path, NAMES, 0.5)) == 4, "no run is begun that would not end in time"
    lines, good = kernel_controls.report(tmp_path, NAMES, kernel_controls.collect(tmp_path, NAMES, math.inf))
    assert good
    assert len(taken) == 6
    text = "\n".join(lines)
    assert "| ledgers of a run: one of each architecture, mode and number of threads | 4 | |" in text
    assert "with a finding | 0 of 3 | 0 |" in text
    assert "are named with ONEDNN_MAX_CPU_ISA=SSE41 on one side | 2 of 2 | 2 |" in text
    assert "| capped: seconds of the whole command, 1 architectures | 59 s | 60 s |" in text
    assert "- vgg16: `jit:avx512_core` → `jit:sse41` (layer1.0.conv1, 1 layers)" in text
    done["capped"]["seconds"] = 61.0
    assert not kernel_controls.report(tmp_path, NAMES, done)[1]


def test_the_controls_of_modes_name_each_architecture_in_each_mode(taken: list[Path], tmp_path: Path) -> None:
    """Of a run of two architectures, eager and two modes, with one thread and with all: twelve ledgers."""
    modes = "channels_last,torchscript"
    done = kernel_controls.collect(tmp_path, NAMES, math.inf, modes)
    lines, good = kernel_controls.report(tmp_path, NAMES, done, modes)
    assert (good, len(taken)) == (True, 5)
    text = "\n".join(lines)
    assert "one thread and all, channels_last, torchscript." in text
    assert "| ledgers of a run: one of each architecture, mode and number of threads | 12 | |" in text
    assert "with a finding | 0 of 3 | 0 |" in text
    for mode in ("", " (channels_last)", " (torchscript)"):
        assert f"- vgg16{mode}: `jit:avx512_core` → `jit:sse41` (layer1.0.conv1, 1 layers)" in text
    done["capped"]["seconds"] = 61.0
    assert kernel_controls.report(tmp_path, NAMES, done, modes)[1], "the bound is one of eager with one thread"


def rows_of(text: str) -> dict[str, list[str]]:
    """The cells of a Markdown table after the title of each row."""
    lines = [[cell.strip() for cell in line.split("|")[1:]] for line in text.splitlines() if line.startswith("| ")]
    return {title: cells for title, *cells in lines if title.strip("-: ")}


def test_the_committed_controls_hold_all_bounds() -> None:
    """Its rows are those that the benchmark writes, but for the number of ledgers, which is newer than the file."""
    names = sets()["lecture"]
    done = {name: {"seconds": 1.0, "yardstick": 8.0} for name in kernel_controls.plan(names)}
    written = rows_of("\n".join(kernel_controls._table(names, done, "0 of 21", "18 of 18", 18, modes=EAGER)))
    committed = rows_of(kernel_controls.TABLE.read_text("utf-8"))
    newer = "ledgers of a run: one of each architecture, mode and number of threads"
    assert list(committed) == [title for title in written if title != newer]
    findings, named, *runs = committed.values()
    assert findings[:2] == ["0 of 21", "0"]
    assert named[:2] == ["18 of 18", "18"]
    seconds, bound = (float(cell.removesuffix(" s")) for cell in runs[kernel_controls.SIDES][:2])
    assert seconds <= bound == kernel_controls.LONGEST


def test_a_finding_between_equal_runs_exceeds_the_bound(taken: list[Path], tmp_path: Path) -> None:
    done = kernel_controls.collect(tmp_path, NAMES, math.inf)
    kernel_controls.taken(tmp_path / "run 3", NAMES, kernel_controls.CAP)
    lines, good = kernel_controls.report(tmp_path, NAMES, done)
    assert not good
    assert "with a finding | 2 of 3 | 0 |" in "\n".join(lines)
