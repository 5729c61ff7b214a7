"""Which readings of a folder decide the exit code: those that failed and that the run asks for."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from io import StringIO
from pathlib import Path

import pytest
import torch
from networks import CONDITIONS, own
from simulated import METRICS, Simulated, Slot
from torch import nn

from reporter.cli import main
from reporter.cli.progress import Lines
from reporter.host.job import Job
from reporter.model import Engine, Reading, ReporterError, UnsupportedError, Verdict, absent
from reporter.model.attempts import attempt
from reporter.model.modes import OUTPUT_ERROR, Mode
from reporter.model.records import EAGER
from reporter.run import experiment
from reporter.run.request import Outcome, Request
from reporter.run.slots import Event
from reporter.store import history, record_files
from reporter.worker.input_format import Form
from reporter.worker.variants.mode_variants import in_engine

KEY = "latency_cpu"
CPU: Mapping[str, str] = {"cpu": "cpu", "any": "cpu"}
CUDA: Mapping[str, str] = {**CPU, "cuda": "cuda:0", "any": "cuda:0"}
Ends = Callable[[str, Reading], Verdict | None]
"""How a reading of a mode ends, None if it succeeds."""


def succeeds(mode: str, reading: Reading) -> None:
    """Nothing fails."""


@dataclass
class Ending(Simulated):
    """Workers whose readings end as they are told."""

    ends: Ends = succeeds

    def listen(self) -> Event:
        event = super().listen()
        if event and isinstance(event[1], dict) and "reading" in event[1]:
            slot, message = event
            made, mode = Reading.model_validate(message["reading"]), message["mode"]
            if verdict := self.ends(mode, made):
                (lost,) = absent([made.quantity], verdict.status, verdict.reason or "")
                lost = lost.model_copy(update={"settings": made.settings})
                return slot, {"reading": lost.model_dump(mode="json"), "mode": mode}
        return event


def measured(
    folder: Path,
    *modes: str,
    ends: Ends = succeeds,
    keys: Sequence[str] = (KEY,),
    devices: Mapping[str, str] = CPU,
    rounds: int = 2,
) -> tuple[Outcome, list[Job]]:
    """What a run was, and its jobs."""
    folder.mkdir(exist_ok=True)
    slot = Slot("", "cuda:0", {"machine": "here", "machine_facts": {}, "environment": {"torch": "2"}})
    conditions = CONDITIONS.model_copy(update={"rounds": rounds})
    metrics = {key: METRICS[key] for key in keys}
    request = Request(folder, [own()], metrics, devices, conditions, about=slot.about, modes=modes or (EAGER,))
    executor = Ending([slot], ends=ends)
    outcome = experiment.run(request, executor, Lines(StringIO()))
    return outcome, [done.job for done in executor.done]


def status(folder: Path, mode: str, key: str = KEY) -> str:
    [path] = folder.glob("records/*/*.json")
    return {record.mode: record for record in record_files.load_modes(path)}[mode].readings[key].status


def test_a_mode_that_failed_earlier_does_not_fail_a_run_without_it(tmp_path: Path) -> None:
    def late(mode: str, reading: Reading) -> Verdict | None:
        return Verdict("timeout", "not done after 5 s") if mode == "torchscript" else None

    assert measured(tmp_path, "torchscript", ends=late)[0].failed
    outcome, jobs = measured(tmp_path, EAGER)
    assert (outcome.failed, jobs) == (0, [])
    assert status(tmp_path, "torchscript") == "timeout", "it stays in the record"
    assert measured(tmp_path, "torchscript", ends=late)[0].failed, "asked for again"


def test_a_mode_that_lost_a_round_earlier_does_not_fail_a_run_without_it(tmp_path: Path) -> None:
    def chance(mode: str, reading: Reading) -> Verdict | None:
        return Verdict("failed", "by chance") if mode == "torchscript" else None

    measured(tmp_path, "torchscript", rounds=1)
    assert measured(tmp_path, "torchscript", ends=chance)[0].lost == 1
    outcome, jobs = measured(tmp_path, EAGER)
    assert (outcome.lost, outcome.failed, jobs) == (0, 0, [])


def test_a_device_that_failed_earlier_does_not_fail_a_run_without_it(tmp_path: Path) -> None:
    def broken(mode: str, reading: Reading) -> Verdict | None:
        return Verdict("oom", "CUDA out of memory") if reading.quantity.key == "latency_cuda" else None

    keys = (KEY, "latency_cuda")
    assert measured(tmp_path, ends=broken, keys=keys, devices=CUDA)[0].failed == 1
    assert measured(tmp_path, keys=keys)[0].failed == 0
    assert status(tmp_path, EAGER, "latency_cuda") == "oom"
    assert measured(tmp_path, ends=broken, keys=keys, devices=CUDA)[0].failed == 1


def test_an_output_that_cannot_be_compared_is_a_failure(tmp_path: Path) -> None:
    """Also if the mode has times: its reading is `failed` in summary.json."""

    def wrong(mode: str, reading: Reading) -> Verdict | None:
        return Verdict("failed", "the outputs contain infinity") if reading.quantity == OUTPUT_ERROR else None

    outcome, _ = measured(tmp_path, "fp16", ends=wrong)
    assert (outcome.failed, status(tmp_path, "fp16"), status(tmp_path, "fp16", OUTPUT_ERROR.key)) == (1, "ok", "failed")
    assert measured(tmp_path, "fp16")[0].failed == 1
    assert measured(tmp_path, EAGER)[0].failed == 0


@pytest.mark.parametrize(("compared", "before"), [(False, "nothing to do: "), (True, "")])
def test_a_run_without_jobs_reports_the_readings_that_failed_before(
    compared: bool, before: str, tmp_path: Path
) -> None:
    """The exit code is 3 although nothing is measured: the last line has the reason for it."""

    def wrong(mode: str, reading: Reading) -> Verdict | None:
        return Verdict("failed", "the outputs contain infinity") if reading.quantity == OUTPUT_ERROR else None

    measured(tmp_path, "fp16", ends=wrong)
    outcome, jobs = measured(tmp_path, "fp16")
    assert (outcome.failed, jobs) == (1, [])
    line = main._spent(outcome, "0 s", compared=compared)
    assert line == f"{before}all results are up to date, 1 reading failed"
    assert main._spent(Outcome(), "0 s", compared=compared) == f"{before}all results are up to date"


@pytest.mark.parametrize(("error", "finished"), [(ReporterError, False), (KeyboardInterrupt, True)])
def test_a_run_that_an_error_ends_is_no_part_of_the_history(
    error: type[BaseException], finished: bool, tmp_path: Path
) -> None:
    """Its times have fewer rounds than others; the next run adds the missing ones. An interrupt has an exit code."""
    seen: list[Reading] = []

    def ending(mode: str, reading: Reading) -> None:
        seen.append(reading)
        if len(seen) > 1:
            raise error("the disk is full")

    with pytest.raises(error, match="the disk is full"):
        measured(tmp_path, ends=ending)
    path = tmp_path / "history.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(line["finished"], line.get("exit_code")) for line in lines] == [(finished, 130 if finished else None)]
    record_files.add_to_history(tmp_path, 0, {"exit_code": 130 if finished else 2})
    assert [run.value("small", KEY) for run in history.recent(path, ["here"])] == ([None] if finished else [])
    assert [job.round for job in measured(tmp_path)[1]] == [1]
    assert history.recent(path, ["here"])[-1].value("small", KEY) == 1.0


def test_the_history_is_written_before_what_was_prepared_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an interrupt the process is ended soon, and compiled code may take longer to remove."""
    seen: list[list[int]] = []
    taken: list[Reading] = []

    def clear(request: Request) -> None:
        path = request.folder / "history.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        seen.append([json.loads(line)["exit_code"] for line in lines])

    def interrupt(mode: str, reading: Reading) -> None:
        taken.append(reading)
        if len(taken) > 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(experiment.mode_plan, "clear_cache", clear)
    with pytest.raises(KeyboardInterrupt):
        measured(tmp_path, ends=interrupt)
    assert seen == [[], [130]]


def test_what_is_unsupported_is_not_tried_again(tmp_path: Path) -> None:
    """Neither in later rounds nor by the same call; the second round of what is supported is measured."""

    def unable(mode: str, reading: Reading) -> Verdict | None:
        lost = (mode, reading.quantity.key) in ((EAGER, "train_step_cpu"), ("torchscript", KEY))
        return Verdict("unsupported", "no gradient") if lost else None

    keys = (KEY, "train_step_cpu")
    outcome, jobs = measured(tmp_path, "torchscript", ends=unable, keys=keys)
    assert [(job.round, job.modes, set(job.metrics)) for job in jobs] == [
        (0, (), set(keys)),
        (1, (), {KEY}),
        (0, ("torchscript",), set(keys)),
        (1, ("torchscript",), {"train_step_cpu"}),
    ]
    assert outcome.failed == 0
    lines = (tmp_path / "history.jsonl").read_text()
    for rounds in (2, 3):
        outcome, jobs = measured(tmp_path, "torchscript", ends=unable, keys=keys, rounds=rounds)
        assert [(job.round, set(job.metrics)) for job in jobs] == ([(2, {KEY}), (2, {keys[1]})] if rounds == 3 else [])
        assert ((tmp_path / "history.jsonl").read_text() == lines) == (rounds == 2)


def test_what_is_unsupported_is_tried_again_with_another_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unable(mode: str, reading: Reading) -> Verdict | None:
        return Verdict("unsupported", "cannot convert it") if mode == "torchscript" else None

    measured(tmp_path, "torchscript", ends=unable)
    assert measured(tmp_path, "torchscript")[1] == []
    monkeypatch.setattr(Engine, "version", lambda self, precision="fp32": {"torch": "3"})
    assert [job.modes for job in measured(tmp_path, "torchscript")[1]] == [("torchscript",)] * 2
    assert status(tmp_path, "torchscript") == "ok"


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), UnsupportedError("no converter")])
def test_a_full_disk_does_not_make_a_mode_unsupported(error: Exception, tmp_path: Path) -> None:
    def prepare(*_: object, **__: object) -> None:
        raise error

    engine = Engine("swift", "Swift", prepare)
    made = partial(in_engine, nn.Identity(), Mode(engine="swift"), engine, Form(), torch.zeros(1), cache=tmp_path)
    _, verdict = attempt(partial(made, calibration=None))
    full = isinstance(error, OSError)
    assert verdict.status == ("failed" if full else "unsupported")
    assert str(verdict.reason).endswith(str(error))
