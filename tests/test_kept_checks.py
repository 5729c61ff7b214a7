"""Output errors and times that later jobs, repetitions and crashes of a mode leave as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from networks import CONDITIONS, own
from simulated import METRICS, Simulated, Slot

from reporter.cli.progress import Lines
from reporter.host.job import Job
from reporter.model import Engine, Reading, Record, Verdict, absent
from reporter.model.modes import CHECK_FAILED, ONCE, OUTPUT_ERROR, output_decision
from reporter.model.scaling_curves import CurvePoint
from reporter.run import experiment
from reporter.run.curve_measurement import CurveMeasurement
from reporter.run.ledger import CUT_OFF, Ledger
from reporter.run.measurement import Measurement
from reporter.run.request import Outcome, Request
from reporter.run.slots import Event
from reporter.store import record_files

MODE = "torchscript"
SINGLE, ONE_THREAD, BATCH = "latency_cpu", "latency_cpu_1thread", "throughput_cpu"
HERE = Slot("", "", {"machine": "here", "machine_facts": {}, "environment": {"torch": "2"}})
Said = list[Any]
"""The messages of a worker, and how it ended."""
Answer = Callable[[Job, Said], Said]
LIMIT = 0.1


@dataclass
class Answering(Simulated):
    """Workers of modes whose messages are changed."""

    answer: Answer = lambda _, said: said

    def listen(self) -> Event:
        begins = not self._to_say
        event = super().listen()
        job = self.done[-1].job if self.done else None
        if begins and event and job and job.modes:
            said = self.answer(job, [event[1], *(each for _, each in self._to_say)])
            self._to_say = [(event[0], each) for each in said]
            return self._to_say.pop(0)
        return event


def asked(folder: Path, keys: Sequence[str], rounds: int = 1, **more: Any) -> Request:
    metrics, conditions = {key: METRICS[key] for key in keys}, CONDITIONS.model_copy(update={"rounds": rounds})
    return Request(
        folder, [own()], metrics, {"cpu": "cpu", "any": "cpu"}, conditions, about=HERE.about,
        **{"modes": (MODE,), **more},
    )  # fmt: skip


def run(request: Request, answer: Answer) -> tuple[Outcome, list[Job], Record]:
    """What a run was, its jobs in modes, and the record of the mode."""
    executor = Answering([HERE], answer=answer)
    outcome = experiment.run(request, executor, Lines(StringIO()))
    [path] = request.folder.glob("records/*/*.json")
    records = {each.mode: each for each in record_files.load_modes(path)}
    return outcome, [each.job for each in executor.done if each.job.modes], records[request.modes[0]]


def error(value: float | str, settings: Any = None) -> Reading:
    """An output error as a worker sends it; of a text, the reason why there is none."""
    if isinstance(value, str):
        [lost] = absent([OUTPUT_ERROR], "oom" if value == "oom" else "failed", value)
        return lost.model_copy(
            update={"settings": settings or {}, "detail": {CHECK_FAILED: True} if value == "busy" else {}}
        )
    reason = "above its limit" if value > LIMIT else None
    return Reading(
        quantity=OUTPUT_ERROR, samples=(value,), settings=settings or {}, detail={"limit": LIMIT}, reason=reason
    )


def checked(*values: float | str) -> Answer:
    """A worker with these output errors, each of which takes the place of the one before."""

    def answer(job: Job, said: Said) -> Said:
        found = [each for each in said if not is_error(each)]
        [settings, *_] = [each["reading"].get("settings") for each in said if is_error(each)] or [None]
        sent = [
            {"reading": error(value, settings).model_dump(mode="json"), "mode": job.modes[0], "replaces": bool(number)}
            for number, value in enumerate(values if settings is not None else ())
        ]
        return [*sent, *found]

    return answer


def is_error(message: Any) -> bool:
    return "reading" in message and message["reading"]["quantity"]["key"] == OUTPUT_ERROR.key


def test_the_folder_of_what_is_prepared_is_that_of_the_run(tmp_path: Path) -> None:
    """A node that has it shares the results folder. It is removed at the end; that of a killed run, before."""
    seen: list[tuple[Path, bool]] = []
    killed = tmp_path / ".prepared" / "killed"
    killed.mkdir(parents=True)

    def answer(job: Job, said: Said) -> Said:
        folder = Path(job.cache).parent
        seen.append((folder, folder.is_dir() and not killed.exists()))
        return WITHIN(job, said)

    request = asked(tmp_path, (SINGLE,), 2)
    run(request, answer)
    assert seen == [(tmp_path / ".prepared" / request.run, True)] * 2
    assert not (tmp_path / ".prepared").exists()


@pytest.mark.parametrize(
    ("first", "keys", "second", "more", "stored"),
    [
        ((0.01, 0.5), (SINGLE, BATCH, ONE_THREAD), 0.02, {}, 0.5),
        ((0.01, 0.5), (ONE_THREAD,), 0.02, {}, 0.5),
        ((0.01, "the outputs contain NaN"), (SINGLE, BATCH, ONE_THREAD), 0.02, {}, "the outputs contain NaN"),
        ((0.01, 0.5), (SINGLE, BATCH, ONE_THREAD), 0.7, {}, 0.7),
        ((0.01, 0.5), (SINGLE, BATCH, ONE_THREAD), "busy", {}, 0.5),
        ((0.01, 0.02), (SINGLE, BATCH, ONE_THREAD), "busy", {}, "busy"),
        ((0.01, 0.5), (SINGLE, BATCH), 0.02, {"fresh": True}, 0.02),
        ((0.01, 0.5), (SINGLE,), 0.02, {"fresh": True}, 0.5),
    ],
    ids=["added", "alone", "NaN", "larger", "check failed", "check failed, within", "fresh", "fresh, one of them"],
)
def test_the_output_error_of_a_setting_stays_with_its_times(
    first: tuple[Any, ...], keys: tuple[str, ...], second: Any, *, more: dict[str, Any], stored: Any, tmp_path: Path
) -> None:
    """A job that adds a metric, or measures one of several again, checks its own settings only."""
    run(asked(tmp_path, (SINGLE, BATCH)), checked(*first))
    *_, record = run(asked(tmp_path, keys, **more), checked(second))
    kept = record.readings[OUTPUT_ERROR.key]
    assert (kept.reason if isinstance(stored, str) else kept.value) == stored
    assert output_decision(record).verdict == {0.02: "within", "busy": "unchecked"}.get(stored, "wrong")
    assert record.readings[BATCH].measured


@pytest.mark.parametrize(("first", "second", "stored"), [(0.5, 0.02, 0.5), (0.02, 0.01, 0.01)], ids=["wrong", "right"])
def test_a_wrong_output_of_a_mode_of_torch_stays_with_its_times(
    first: float, second: float, stored: float, tmp_path: Path
) -> None:
    """It is checked again when a time is added; a later round of the other time may have been wrong."""
    run(asked(tmp_path, (SINGLE,), modes=("bf16",)), checked(first))
    *_, record = run(asked(tmp_path, (SINGLE, BATCH), modes=("bf16",)), checked(second))
    assert record.readings[OUTPUT_ERROR.key].value == stored


def test_the_output_error_of_another_version_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(asked(tmp_path, (SINGLE, BATCH)), checked(0.01, 0.5))
    monkeypatch.setattr(Engine, "version", lambda self, precision="fp32": {"torch": "3"})
    *_, record = run(asked(tmp_path, (SINGLE,)), checked(0.02))
    assert record.readings[OUTPUT_ERROR.key].value == 0.02


def test_a_worker_that_is_started_again_replaces_no_larger_output_error(tmp_path: Path) -> None:
    """It measures what the first one had not, and its largest error is of these settings."""
    request = asked(tmp_path, (SINGLE, ONE_THREAD, BATCH))
    ledger = Ledger(own(), request)
    [job] = [each for each in experiment.plan(request, {"small": ledger}) if each.modes]
    measurement = Measurement(job, ledger, Lines(StringIO()), Outcome())
    found = []
    for value, replaces in ((0.01, False), (0.5, True), (0.02, False), (0.2, True), (0.7, True)):
        sent = {"reading": error(value).model_dump(mode="json"), "mode": MODE, "replaces": replaces}
        measurement.receive(sent)
        found.append(ledger.records[MODE].readings[OUTPUT_ERROR.key].value)
    assert found == [0.01, 0.5, 0.5, 0.5, 0.7]


CRASH, KILLED = Verdict("failed", "the worker crashed (SIGSEGV)"), Verdict("oom", "the worker was killed (SIGKILL)")
LATE, ENDED = Verdict("timeout", "not done after 5 s"), Verdict("ok", None)
ENDS = pytest.mark.parametrize("end", [CRASH, KILLED, LATE, ENDED, None], ids=["crash", "killed", "late", "ok", "over"])
"""How a worker ends before its first reading; None: it is not started, as the time of its architecture is over."""

WITHIN = checked(0.02)


def ending(end: Verdict | None, *, number: int | None = None, after: Answer = WITHIN) -> Answer:
    """A worker that ends in a round, or in all of them, after it announced the mode."""

    def answer(job: Job, said: Said) -> Said:
        return [{"running": job.modes[0]}, end] if number in (None, job.round) else after(job, said)

    return answer


@ENDS
@pytest.mark.parametrize("value", [0.01, 0.5, "the outputs contain NaN"], ids=["within", "wrong", "NaN"])
@pytest.mark.parametrize("mode", [MODE, "channels_last"])
def test_a_job_that_ends_early_keeps_the_check_of_other_times(
    mode: str, value: float | str, end: Verdict | None, tmp_path: Path
) -> None:
    """Where it adds a metric to a mode."""
    *_, before = run(asked(tmp_path, (SINGLE,), modes=(mode,)), checked(value))
    limit = {} if end else {"timeout": 0.0}
    outcome, _, record = run(asked(tmp_path, (SINGLE, BATCH), modes=(mode,), **limit), ending(end))
    for key in (SINGLE, *(each.key for each in ONCE)):
        assert record.readings[key].samples == before.readings[key].samples, key
        assert record.readings[key].reason == before.readings[key].reason, key
    assert record.readings[BATCH].status == {None: "timeout", ENDED: "failed"}.get(end, end and end.status)
    verdict = "within" if value == 0.01 else "wrong"
    assert output_decision(record).verdict == output_decision(before).verdict == verdict
    assert outcome.failed
    *_, record = run(asked(tmp_path, (SINGLE, BATCH), modes=(mode,)), checked(value))
    assert record.readings[BATCH].measured
    assert not any(each.lost for each in record.readings.values())


@pytest.mark.parametrize(("value", "stored"), [(0.02, 0.02), (0.005, 0.01)])
def test_after_a_crash_a_mode_that_was_checked_before_is_checked_again(
    value: float, stored: float, tmp_path: Path
) -> None:
    run(asked(tmp_path, (SINGLE,), 2), checked(0.01))
    _, jobs, record = run(asked(tmp_path, (SINGLE, BATCH), 2), ending(CRASH, number=0, after=checked(value)))
    assert [(job.round, job.metrics, job.prepared_again) for job in jobs] == [(0, (BATCH,), ()), (1, (BATCH,), (MODE,))]
    error = record.readings[OUTPUT_ERROR.key]
    assert (error.value, error.lost) == (stored, ())
    assert (record.readings[BATCH].rounds, len(record.readings[BATCH].lost)) == ((1,), 1)


@ENDS
@pytest.mark.parametrize("cause", ["oom", "busy"])
@pytest.mark.parametrize("mode", [MODE, "channels_last"])
def test_a_repetition_that_ends_early_keeps_the_times_and_is_repeated(
    mode: str, cause: str, end: Verdict | None, tmp_path: Path
) -> None:
    """The mode is checked again because its outputs could not be checked, which is not that they are wrong."""
    request = asked(tmp_path, (SINGLE,), 3, modes=(mode,))
    assert output_decision(run(request, checked(cause))[-1]).verdict == "unchecked"
    *_, record = run(asked(tmp_path, (SINGLE,), 3, modes=(mode,), **({} if end else {"timeout": 0.0})), ending(end))
    assert record.readings[SINGLE].rounds == record.readings["speedup_latency_cpu"].rounds == (1, 1, 1)
    assert record.readings[SINGLE].lost == ()
    assert output_decision(record).verdict == "unchecked"
    _, jobs, record = run(request, checked(0.02))
    assert [(job.round, job.only_checks, job.metrics) for job in jobs] == [(0, True, (SINGLE,))]
    assert output_decision(record).verdict == "within"
    assert (record.readings[SINGLE].rounds, record.readings[SINGLE].lost) == ((1, 1, 1), ())
    assert run(request, checked(0.02))[1] == []


@pytest.mark.parametrize("keys", [(SINGLE, BATCH), (SINGLE, ONE_THREAD, BATCH)], ids=["alone", "beside a time"])
@pytest.mark.parametrize("mode", [MODE, "channels_last"])
def test_a_check_that_fails_every_time_takes_no_time_from_a_mode(
    mode: str, keys: tuple[str, ...], tmp_path: Path
) -> None:
    """A mode of torch is checked by the job that adds a time; an engine also in the settings of the others."""
    *_, before = run(asked(tmp_path, (SINGLE, BATCH), 3, modes=(mode,)), checked("oom"))
    for value in ("oom", "oom", 0.02):
        _, jobs, record = run(asked(tmp_path, keys, 3, modes=(mode,)), checked(value))
        for key in (SINGLE, BATCH, f"speedup_{SINGLE}"):
            assert record.readings[key] == before.readings[key]
        if len(keys) == 3 and not before.readings.get(ONE_THREAD):
            times = [(number, False, (ONE_THREAD,)) for number in range(3)]
            checks = [(0, True, (SINGLE, BATCH))] if mode == MODE else []
            assert [(job.round, job.only_checks, job.metrics) for job in jobs] == [*checks, *times]
        else:
            assert [(job.round, job.only_checks, job.metrics) for job in jobs] == [(0, True, keys)]
        before = record
    assert output_decision(record).verdict == "within"
    assert run(asked(tmp_path, keys, 3, modes=(mode,)), checked(0.02))[1] == []


@pytest.mark.parametrize("mode", [MODE, "channels_last"])
def test_a_repeated_check_counts_once_all_settings_are_checked(mode: str, tmp_path: Path) -> None:
    """The outputs for a single image are right, and the worker is killed in the check of a batch."""

    def answer(job: Job, said: Said) -> Said:
        return [*checked(0.02)(job, said)[:-1], KILLED]

    request = asked(tmp_path, (SINGLE, BATCH), 3, modes=(mode,))
    run(request, checked("oom"))
    _, jobs, record = run(request, answer)
    assert [job.only_checks for job in jobs] == [True]
    assert output_decision(record).verdict == "unchecked"
    assert record.readings[BATCH].rounds == (1, 1, 1)
    _, jobs, record = run(request, checked(0.02))
    assert [job.only_checks for job in jobs] == [True]
    assert output_decision(record).verdict == "within"


def test_a_time_that_is_added_does_not_stand_for_the_check_of_others(tmp_path: Path) -> None:
    """The check of the throughput runs out of memory again; that of the time that is added does not."""

    def answer(job: Job, said: Said) -> Said:
        return checked("oom" if job.only_checks else 0.02)(job, said)

    run(asked(tmp_path, (SINGLE, BATCH), 3), checked("oom"))
    request = asked(tmp_path, (SINGLE, ONE_THREAD, BATCH), 3)
    _, jobs, record = run(request, answer)
    assert [(job.round, job.only_checks) for job in jobs] == [(0, True), (0, False), (1, False), (2, False)]
    assert output_decision(record).verdict == "unchecked"
    assert record.readings[ONE_THREAD].rounds == (1, 1, 1)


def test_a_repetition_that_is_cut_off_is_repeated(tmp_path: Path) -> None:
    request = asked(tmp_path, (SINGLE,))
    run(request, checked("busy"))
    ledger = Ledger(own(), request)
    [job] = experiment.plan(request, {"small": ledger})
    measurement = Measurement(job, ledger, Lines(StringIO()), Outcome())
    measurement.start()
    measurement._give_up(Verdict("skipped", CUT_OFF))
    assert ledger.records[MODE].readings[OUTPUT_ERROR.key].reason == "busy"
    assert experiment.plan(request, {"small": Ledger(own(), request)}) == [job]


def test_a_crash_of_a_mode_that_was_never_checked_is_not_a_wrong_output(tmp_path: Path) -> None:
    """Where its times are of an earlier record."""
    request = asked(tmp_path, (SINGLE,))
    *_, record = run(request, checked("busy"))
    kept = {key: each for key, each in record.readings.items() if key != OUTPUT_ERROR.key}
    [path] = tmp_path.glob("records/*/*.json")
    eager = record_files.load_modes(path)[0]
    record_files.save_all(tmp_path, [eager, record.model_copy(update={"readings": kept})])
    *_, record = run(asked(tmp_path, (SINGLE, BATCH)), ending(CRASH))
    assert output_decision(record).verdict == "unchecked"
    *_, record = run(asked(tmp_path, (SINGLE, BATCH)), checked(0.02))
    assert output_decision(record).verdict == "within"


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_round_that_was_interrupted_before_its_speedup_is_measured_again(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of a mode is saved before its speedup."""
    keep, request = Ledger.keep, asked(tmp_path, (SINGLE,), 3, modes=("channels_last",))

    def interrupted(ledger: Ledger, reading: Reading, job: Job, *more: Any, **named: Any) -> None:
        if reading.quantity.key == "speedup_latency_cpu" and job.round == number:
            raise KeyboardInterrupt
        keep(ledger, reading, job, *more, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "keep", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(request, WITHIN)
    _, jobs, record = run(request, WITHIN)
    assert [job.round for job in jobs] == list(range(number, 3))
    assert record.readings["speedup_latency_cpu"].rounds == (1, 1, 1)
    assert len(record.readings[SINGLE].rounds) == (4 if number else 3), "the time of that round is there twice"
    assert run(request, WITHIN)[1] == []


def test_a_job_that_prepares_a_mode_again_does_not_run_after_its_end(tmp_path: Path) -> None:
    """In the progress."""
    run(asked(tmp_path, (SINGLE,), 2), WITHIN)
    executor, shown = Answering([HERE], answer=ending(CRASH, number=0)), Lines(StringIO())
    experiment.run(asked(tmp_path, (SINGLE, BATCH), 2), executor, shown)
    assert [each.job.prepared_again for each in executor.done if each.job.modes] == [(), (MODE,)]
    assert shown.running == []


@pytest.mark.parametrize(("mode", "again"), [(MODE, True), ("channels_last", False)])
def test_a_setting_in_which_the_worker_crashed_is_checked_with_its_first_time(
    mode: str, again: bool, tmp_path: Path
) -> None:
    """An engine prepares another callable for a batch; a mode of torch was checked."""

    def answer(job: Job, said: Said) -> Said:
        sent = checked(0.02 if job.round else 0.01)(job, said)
        keys = [each["reading"]["quantity"]["key"] if "reading" in each else "" for each in sent[:-1]]
        kept = [each for key, each in zip(keys, sent, strict=False) if BATCH not in key]
        return sent if job.round else [{"running": mode}, *kept, CRASH]

    _, jobs, record = run(asked(tmp_path, (SINGLE, BATCH), 2, modes=(mode,)), answer)
    assert [job.prepared_again for job in jobs] == [(), (mode,) if again else ()]
    assert record.readings[OUTPUT_ERROR.key].value == (0.02 if again else 0.01)
    assert (record.readings[BATCH].rounds, record.readings[SINGLE].rounds) == ((1,), (1, 1))


def test_an_engine_is_not_prepared_again_for_a_time_that_is_not_tried_any_more(tmp_path: Path) -> None:
    """The worker crashes in the first two rounds of the batch; the third one times a single image only."""

    def answer(job: Job, said: Said) -> Said:
        sent = checked(0.01)(job, said)
        keys = [each["reading"]["quantity"]["key"] if "reading" in each else "" for each in sent[:-1]]
        kept = [each for key, each in zip(keys, sent, strict=False) if BATCH not in key]
        return sent if BATCH not in job.metrics else [{"running": MODE}, *kept, CRASH]

    _, jobs, record = run(asked(tmp_path, (SINGLE, BATCH), 4), answer)
    assert [(job.round, BATCH in job.metrics, job.prepared_again) for job in jobs if SINGLE in job.metrics] == [
        (0, True, ()), (1, True, (MODE,)), (2, False, ()), (3, False, ()),
    ]  # fmt: skip
    assert record.readings[SINGLE].rounds == (1,) * 4


TWO = ("bf16", "channels_last")


def test_a_metric_that_failed_in_a_mode_is_measured_in_the_others_only(tmp_path: Path) -> None:
    """A first round that fails is a failed row."""

    def answer(job: Job, said: Said) -> Said:
        failed = [
            {**each, "reading": {**next(iter(absent([reading.quantity], "failed", "broken"))).model_dump(mode="json")}}
            if each["mode"] == "bf16" and BATCH in reading.quantity.key and not job.round
            else each
            for each in said[:-1]
            for reading in [Reading.model_validate(each["reading"])]
        ]
        return [*failed, said[-1]]

    outcome, jobs, record = run(asked(tmp_path, (SINGLE, BATCH), 3, modes=TWO), answer)
    assert [job.without for job in jobs] == [(), (("bf16", BATCH),), (("bf16", BATCH),)]
    for key in (BATCH, f"speedup_{BATCH}"):
        assert (record.readings[key].status, record.readings[key].rounds) == ("failed", ())
    assert record.readings[SINGLE].rounds == (1, 1, 1)
    assert outcome.failed == 1


def test_a_metric_that_ends_the_worker_in_a_mode_takes_two_rounds_from_the_others_at_most(tmp_path: Path) -> None:
    """It is not tried again after two lost rounds, and each of these is repeated without the mode."""

    def answer(job: Job, said: Said) -> Said:
        if "bf16" not in job.modes or BATCH not in job.metrics or ("bf16", BATCH) in job.without:
            return said
        before = [each for each in said[:-1] if BATCH not in each["reading"]["quantity"]["key"]]
        return [*before, {"running": "bf16"}, KILLED]

    request = asked(tmp_path, (SINGLE, BATCH), 3, modes=TWO)
    _, jobs, record = run(request, answer)
    assert [(job.round, job.modes) for job in jobs] == [(0, TWO), (0, TWO[1:]), (1, TWO), (1, TWO[1:]), (2, TWO)]
    assert (record.readings[BATCH].status, len(record.readings[BATCH].lost)) == ("oom", 2)
    [path] = tmp_path.glob("records/*/*.json")
    [other] = [each for each in record_files.load_modes(path) if each.mode == "channels_last"]
    assert [found.readings[SINGLE].rounds for found in (record, other)] == [(1, 1, 1)] * 2
    assert (other.readings[BATCH].rounds, other.readings[BATCH].lost) == ((1, 1, 1), ())


@pytest.mark.parametrize("announced", [{"running": "bf16"}, {"measuring": SINGLE}, {"trying": "batch"}], ids=str)
def test_a_crash_before_anything_is_announced_is_not_that_of_what_ran_on_a_lost_node(
    announced: dict[str, Any], tmp_path: Path
) -> None:
    """The worker on the next node was killed while it was starting."""
    is_curve, modes = "trying" in announced, TWO if "running" in announced else ("eager",)
    keys = ["best_throughput_cpu"] if is_curve else [SINGLE, BATCH]
    request = asked(tmp_path, keys, batches=(32, 64) if is_curve else (), modes=modes)
    ledger = Ledger(own(), request)
    job = [each for each in experiment.plan(request, {"small": ledger}) if bool(each.modes) == ("bf16" in modes)][-1]
    measurement = (CurveMeasurement if job.curve else Measurement)(job, ledger, Lines(StringIO()), Outcome())
    measurement.start()
    if is_curve:
        announced["point"] = CurvePoint(mode="eager", device="cpu", batch=64, size="32", status="skipped").model_dump()
    measurement.receive(announced)
    measurement.interrupt()
    measurement.start()
    assert not measurement.drop_crashed(KILLED)
    assert not ledger.record.curves
    assert not any(record.readings for record in ledger.records.values())


def test_a_metric_that_the_environment_of_a_worker_lacks_costs_only_itself(tmp_path: Path) -> None:
    """As on a node of a cluster on which the package that adds it is not installed."""
    request = asked(tmp_path, (SINGLE, ONE_THREAD))
    ledger = Ledger(own(), request)
    job = experiment.plan(request, {"small": ledger})[0].model_copy(update={"metrics": (SINGLE, ONE_THREAD)})
    measurement = Measurement(job, ledger, Lines(StringIO()), Outcome())
    measurement.receive({"unknown": SINGLE})
    reading = ledger.record.readings[SINGLE]
    assert (reading.status, SINGLE in (reading.reason or "")) == ("failed", True)
    assert measurement.remaining == job.model_copy(update={"metrics": (ONE_THREAD,), "without": ()})
