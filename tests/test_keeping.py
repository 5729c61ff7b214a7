"""Rounds are kept: one that fails takes nothing from the others, and more sampling adds to those that there are."""

from __future__ import annotations

import json
from contextlib import suppress
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from commands import call
from networks import CONDITIONS, definition_of_0_1_0, own
from simulated import METRICS, Simulated, slot

from reporter.cli.progress import Lines
from reporter.compare.folders import compare
from reporter.host.job import Job
from reporter.metrics.cold_start import ALREADY_BUILT, BUILD
from reporter.model import Engine, Reading, Record, Verdict, absent
from reporter.model.origins import Origin
from reporter.model.settings import Settings
from reporter.registry.selection import catalog_entries
from reporter.report import build
from reporter.run import budget, experiment
from reporter.run.budget import LEFT_OUT
from reporter.run.budget_schedule import BudgetSchedule
from reporter.run.costs import USUAL_SPEED, Costs
from reporter.run.joined_rounds import joined
from reporter.run.ledger import CUT_OFF, NOT_ASKED, Ledger
from reporter.run.measurement import Measurement
from reporter.run.paired import paired_run
from reporter.run.request import Outcome, Request
from reporter.run.schedule import Task
from reporter.run.slots import Event, Slot
from reporter.store import record_files

KEY = "latency_cpu_1thread"
NETWORK = """
import os
from pathlib import Path

from torch import nn

COUNTER = Path(__file__).with_suffix(".count")


class Network(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 8, 3, stride=8), nn.Linear(8, classes)
        self.fails = None

    def forward(self, images):
        if images.device.type != "meta" and self.fails is None:
            number = int(COUNTER.read_text()) if COUNTER.exists() else 0
            COUNTER.write_text(str(number + 1))
            self.fails = str(number) in os.environ.get("FAILS", "").split(",")
        if self.fails:
            {fault}
        return self.head(self.conv(images).mean((2, 3)))


def build(classes):
    return Network(classes)
"""


class Failing(Simulated):
    """Rounds whose worker ends with a verdict of its own, by round; their readings never come."""

    failing: dict[int, Verdict] = {}

    def listen(self) -> Event:
        heard = super().listen()
        job = self.done[-1].job if self.done else None
        if heard and job and job.process == "timing cpu" and (verdict := self.failing.get(job.round)):
            self._to_say = []
            return heard[0], verdict
        return heard


def measured(folder: Path, rounds: int, failing: dict[int, Verdict] | None = None, **more: Any) -> tuple[Any, ...]:
    """The reading after a run, what the run was, the rounds that it measured, and what it printed."""
    folder.mkdir(exist_ok=True)
    conditions = CONDITIONS.model_copy(update={"rounds": rounds})
    request = Request(folder, [own()], {KEY: METRICS[KEY]}, {"cpu": "cpu", "any": "cpu"}, conditions, **more)
    executor, output = Failing([slot("here")]), StringIO()
    executor.failing = failing or {}
    outcome = experiment.run(request, executor, Lines(output))
    return record(folder).readings[KEY], outcome, [each.job.round for each in executor.done], output.getvalue()


def record(folder: Path) -> Record:
    return record_files.load_all(folder)[0][0]


TIMEOUT = Verdict("timeout", "not done after 5 s")


def test_a_lost_round_takes_nothing_from_the_others_and_alone_is_measured_again(tmp_path: Path) -> None:
    reading, outcome, rounds, output = measured(tmp_path, 3, {1: TIMEOUT})
    assert (reading.status, reading.rounds, rounds) == ("ok", (1, 1), [0, 1, 2])
    assert [(lost.number, lost.status, lost.reason) for lost in reading.lost] == [(1, *TIMEOUT)]
    assert reading.loss == "1 of 3 rounds lost (not done after 5 s)"
    assert (outcome.failed, outcome.lost) == (0, 1)
    assert f"small {KEY}: round 2 was lost (timeout: not done after 5 s)" in output

    again, outcome, rounds, _ = measured(tmp_path, 3)
    assert (again.status, again.rounds, again.lost, rounds) == ("ok", (1, 1, 1), (), [2])
    assert (outcome.failed, outcome.lost, again.loss) == (0, 0, None)
    assert [len(parts) for _, _, parts in again.by_run()] == [2, 1]
    assert measured(tmp_path, 3)[1].jobs == 0


class Instance(Failing):
    """Building is unsupported, as that of a module instance is."""

    def listen(self) -> Event:
        heard = super().listen()
        if heard and isinstance(heard[1], dict) and "reading" in heard[1]:
            reading = Reading.model_validate(heard[1]["reading"])
            if reading.quantity == BUILD:
                (missing,) = absent((BUILD,), "unsupported", ALREADY_BUILT)
                missing = missing.model_copy(update={"settings": reading.settings})
                return heard[0], {**heard[1], "reading": missing.model_dump(mode="json")}
        return heard


def cold_starts(folder: Path, executor: Failing, failing: dict[int, Verdict] | None = None) -> list[int]:
    """The rounds of the first call that a run of three measures."""
    conditions = CONDITIONS.model_copy(update={"rounds": 3})
    metrics = {"cold_start": METRICS["cold_start"]}
    executor.failing = failing or {}
    experiment.run(
        Request(folder, [own()], metrics, {"cpu": "cpu", "any": "cpu"}, conditions), executor, Lines(StringIO())
    )
    return [each.job.round for each in executor.done]


def test_the_first_call_has_all_rounds(tmp_path: Path) -> None:
    """In a mode it is measured once, in eager in each round, as building is."""

    def run(failing: dict[int, Verdict] | None = None) -> list[int]:
        return cold_starts(tmp_path, Failing([slot("here")]), failing)

    def rounds() -> list[tuple[int, int]]:
        found = record(tmp_path).readings
        return [(len(found[key].rounds), len(found[key].lost)) for key in ("build_seconds", "first_call_seconds")]

    assert (run({1: TIMEOUT}), rounds()) == ([0, 1, 2], [(2, 1)] * 2)
    assert (run(), rounds()) == ([2], [(3, 0)] * 2)
    assert run() == []


def test_an_unsupported_part_of_a_metric_takes_no_rounds_from_the_others(tmp_path: Path) -> None:
    def run(failing: dict[int, Verdict] | None = None) -> tuple[list[int], int, int]:
        done = cold_starts(tmp_path, Instance([slot("here")]), failing)
        build, first = (record(tmp_path).readings[key] for key in ("build_seconds", "first_call_seconds"))
        assert (build.status, build.reason, build.lost) == ("unsupported", ALREADY_BUILT, ())
        return done, len(first.rounds), len(first.lost)

    assert run({1: TIMEOUT}) == ([0, 1, 2], 2, 1)
    assert run() == ([2], 3, 0)
    assert run() == ([], 3, 0)


@pytest.mark.parametrize("reason", [LEFT_OUT, CUT_OFF])
def test_a_count_that_a_budget_left_out_is_measured_by_the_next_run(reason: str, tmp_path: Path) -> None:
    metrics = {"size": METRICS["size"]}
    request = Request(tmp_path, [own()], metrics, {"cpu": "cpu", "any": "cpu"}, CONDITIONS)
    job = Job(architecture="small", metrics=("size",), device="cpu", process="counting", conditions=CONDITIONS)
    Ledger(own(), request).leave_out(job, reason)
    assert record(tmp_path).readings["parameters"].reason == reason
    assert Ledger(own(), request).needs(metrics["size"], 0)


def test_a_job_that_is_cut_off_keeps_what_an_earlier_run_measured(tmp_path: Path) -> None:
    before, *_ = measured(tmp_path, 1)
    keys = (KEY, "latency_cpu")
    request = Request(
        tmp_path, [own()], {key: METRICS[key] for key in keys}, {"cpu": "cpu"}, CONDITIONS, about=slot("here").about,
        fresh=True,
    )  # fmt: skip
    ledger = Ledger(own(), request)
    job = Job(architecture="small", metrics=keys, device="cpu", process="timing cpu", conditions=CONDITIONS)
    measurement = Measurement(job, ledger, Lines(StringIO()), Outcome())
    measurement.start()
    measurement._give_up(Verdict("skipped", CUT_OFF))
    found = record(tmp_path).readings
    assert found[KEY].samples == before.samples
    assert found["latency_cpu"].reason == CUT_OFF


def test_a_round_that_is_lost_again_is_noted_once(tmp_path: Path) -> None:
    measured(tmp_path, 3, {2: TIMEOUT})
    reading, outcome, rounds, _ = measured(tmp_path, 3, {2: Verdict("failed", "the worker crashed (SIGSEGV)")})
    assert (reading.rounds, rounds, outcome.lost) == ((1, 1), [2], 1)
    assert [lost.reason for lost in reading.lost] == ["the worker crashed (SIGSEGV)"]


def test_rounds_that_fail_every_time_are_not_tried_for_ever(tmp_path: Path) -> None:
    """Two lost rounds in a run are enough; a first round that fails is a failed reading, with no further try."""
    reading, outcome, rounds, _ = measured(tmp_path / "later", 9, dict.fromkeys(range(1, 9), TIMEOUT))
    assert (reading.rounds, len(reading.lost), rounds) == ((1,), 2, [0, 1, 2])
    assert outcome.lost == 1
    reading, outcome, rounds, _ = measured(tmp_path / "first", 9, dict.fromkeys(range(9), TIMEOUT))
    assert (reading.status, rounds, outcome.failed) == ("timeout", [0], 1)


def test_more_sampling_adds_rounds_and_less_measures_nothing(tmp_path: Path) -> None:
    first, *_ = measured(tmp_path, 1)
    more, _, rounds, _ = measured(tmp_path, 3)
    assert (more.rounds, rounds) == ((1, 1, 1), [1, 2])
    assert more.origins[0] == first.origins[0]
    assert [len(parts) for _, _, parts in more.by_run()] == [1, 2]
    for rounds in (1, 2, 3):
        assert measured(tmp_path, rounds)[1].jobs == 0


class Interrupted(Simulated):
    """A user presses Ctrl-C when the first job on times is started."""

    def start(self, slot: Slot, question: str, timeout: float | None, number: int | None = None) -> None:
        if "timing cpu" in question:
            raise KeyboardInterrupt
        super().start(slot, question, timeout, number)


def test_what_fresh_did_not_reach_is_kept(tmp_path: Path) -> None:
    """Until it is measured again, all of it and in all rounds; what is not asked for is kept, too."""

    def taken(executor: Simulated, *keys: str, fresh: bool = False, rounds: int = 2) -> list[tuple[str, int]]:
        conditions = CONDITIONS.model_copy(update={"rounds": rounds})
        metrics, devices = {key: METRICS[key] for key in keys}, {"cpu": "cpu", "any": "cpu"}
        request = Request(tmp_path, [own()], metrics, devices, conditions, fresh=fresh)
        with suppress(KeyboardInterrupt):
            experiment.run(request, executor, Lines(StringIO()))
        return [(each.job.process, each.job.round) for each in executor.done]

    def samples() -> dict[str, tuple[float, ...]]:
        found = record(tmp_path).readings
        return {key: found[key].samples for key in ("parameters", KEY, "latency_cpu")}

    taken(Simulated([slot("here")]), "size", KEY, "latency_cpu")
    before = record(tmp_path)
    old = {key: each.model_copy(update={"samples": (3,) * len(each.samples)}) for key, each in before.readings.items()}
    record_files.save(tmp_path, before.model_copy(update={"readings": old}))
    taken(Interrupted([slot("here")]), "size", KEY, fresh=True)
    assert samples() == {"parameters": (1,), KEY: (3, 3), "latency_cpu": (3, 3)}
    assert taken(Simulated([slot("here")]), "size", KEY) == [], "the same command without --fresh"
    again = taken(Simulated([slot("here")]), "size", KEY, fresh=True)
    assert [number for process, number in again if process == "timing cpu"] == [0, 1]
    assert samples() == {"parameters": (1,), KEY: (1, 1), "latency_cpu": (3, 3)}
    assert len({origin.run for origin in record(tmp_path).readings[KEY].origins}) == 1
    taken(Simulated([slot("here")]), KEY, fresh=True, rounds=1)
    assert samples()[KEY] == (1,)


def test_seconds_and_goal_do_not_make_another_reading(tmp_path: Path) -> None:
    measured(tmp_path, 2)
    conditions = CONDITIONS.model_copy(update={"rounds": 2, "seconds": 3.0, "goal": 0.5})
    request = Request(tmp_path, [own()], {KEY: METRICS[KEY]}, {"cpu": "cpu", "any": "cpu"}, conditions)
    assert experiment.run(request, Simulated([slot("here")]), Lines(StringIO())).jobs == 0
    before = Request(tmp_path, [own()], {KEY: METRICS[KEY]}, {"cpu": "cpu"}, CONDITIONS)
    assert request.effort != before.effort  # what a job costs does depend on them


def test_a_profile_is_measured_again_with_a_larger_effort_only(tmp_path: Path) -> None:
    """It has no rounds that could be added; one without times and a count do not depend on the effort."""
    keys = ("size", "kernels", "operators", "stages", "ceilings")

    def taken(seconds: float) -> tuple[str, ...]:
        conditions = CONDITIONS.model_copy(update={"seconds": seconds})
        metrics = {key: METRICS[key] for key in keys}
        request = Request(tmp_path, [own()], metrics, {"cpu": "cpu", "any": "cpu"}, conditions)
        executor = Simulated([slot("here")])
        experiment.run(request, executor, Lines(StringIO()))
        return tuple(name for each in executor.done for name in each.job.metrics)

    found = [taken(seconds) for seconds in (0.15, 0.15, 0.7, 0.15, 0.7)]
    assert [sorted(each) for each in found] == [sorted(keys), [], sorted(keys[2:]), [], []]
    reading = record(tmp_path).readings["stages"]
    assert reading.settings["seconds"] == 0.7
    assert "seconds" not in reading.conditions
    old = reading.model_copy(update={"settings": reading.conditions})
    files = record(tmp_path)
    record_files.save(tmp_path, files.model_copy(update={"readings": files.readings | {"stages": old}}))
    assert taken(0.7) == (), "it is not known of older records"


def test_every_round_has_the_run_of_the_history(tmp_path: Path) -> None:
    for rounds in (1, 3):
        reading, *_ = measured(tmp_path, rounds)
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [run for run, _, _ in reading.by_run()] == [line["run"] for line in lines]
    assert len(set(reading.origins)) >= 2
    assert all(origin.started >= record(tmp_path).started for origin in reading.origins)


def test_the_history_has_the_value_of_each_run(tmp_path: Path) -> None:
    """Not that of all rounds together, which would hide how far the machine moves from day to day."""
    measured(tmp_path, 1)
    found = record(tmp_path)
    slow = found.readings[KEY].model_copy(update={"samples": (3,)})
    record_files.save(tmp_path, found.model_copy(update={"readings": found.readings | {KEY: slow}}))
    reading, *_ = measured(tmp_path, 4)
    assert reading.samples == (3, 1, 1, 1)
    measured(tmp_path, 4)
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert [line["values"][KEY] for line in lines] == [1, 1]
    assert record(tmp_path).readings[KEY].of_run(lines[0]["run"]).value == 3


def test_the_load_of_an_earlier_run_is_not_reported_for_this_one(tmp_path: Path) -> None:
    measured(tmp_path, 1)
    found = record(tmp_path)
    disturbed = found.readings[KEY].model_copy(update={"detail": {"foreign_load": [0.6]}})
    record_files.save(tmp_path, found.model_copy(update={"readings": found.readings | {KEY: disturbed}}))
    reading, outcome, rounds, _ = measured(tmp_path, 2)
    assert (rounds, reading.background_load, outcome.foreign) == ([1], 0.6, 0.0)


def times(*rounds: tuple[str, float], **more: Any) -> Reading:
    """Rounds of two samples, by run and value."""
    return Reading(
        quantity=METRICS[KEY].quantities[0],
        samples=tuple(value for _, value in rounds for _ in range(2)),
        rounds=(2,) * len(rounds),
        origins=tuple(Origin(run=run, started=f"2026-01-0{run}T00:00:00+00:00") for run, _ in rounds if run),
        **more,
    )


def test_the_rounds_of_a_run() -> None:
    reading = times(("2", 0.3), ("1", 0.1), ("2", 0.4), detail={"share": [0.3, None, 0.4], "word": "a"})
    assert [(run, [list(part) for part in parts]) for run, _, parts in reading.by_run()] == [
        ("1", [[0.1, 0.1]]),
        ("2", [[0.3, 0.3], [0.4, 0.4]]),
    ]
    of = reading.of_run("2")
    assert (of.samples, of.rounds, of.value) == ((0.3, 0.3, 0.4, 0.4), (2, 2), pytest.approx(0.35))
    assert of.detail == {"share": [0.3, 0.4], "word": "a"}
    assert Reading.model_validate_json(of.model_dump_json()) == of


def test_the_run_that_was_stored_last_is_the_newest_also_after_the_clock_was_set_back() -> None:
    reading = times(("2", 0.3), ("2", 0.301), ("2", 0.302), ("1", 0.1), ("1", 0.101), ("1", 0.102))
    assert [run for run, _, _ in reading.by_run()] == ["2", "1"]
    assert (reading.moved, reading.value) == ("2", pytest.approx(0.101))


def test_an_old_reading_is_of_one_run_and_stays_apart_from_new_rounds() -> None:
    old = times(("", 0.1), ("", 0.2))
    assert [(run, started, len(parts)) for run, started, parts in old.by_run()] == [("", "", 2)]
    assert old.of_run("") == old
    both = joined(old, times(("1", 0.3)))
    assert [(run, len(parts)) for run, _, parts in both.by_run()] == [("", 2), ("1", 1)]
    assert Reading.model_validate_json(both.model_dump_json()) == both


def test_times_of_different_effort_are_compared() -> None:
    def made(value: float, **settings: Any) -> Record:
        rounds = [("1", value + number / 1e5) for number in range(3)]
        reading = times(*rounds, settings={"device": "cpu", **settings})
        about = {"machine": "m", "started": "2026-01-01T00:00:00+00:00"}
        return Record(schema=1, architecture="a", family="f", year=None, paper="", variant="", input_size=32,
                      readings={KEY: reading}, **about)  # fmt: skip

    old = made(0.1, rounds=3, seconds=0.7, goal=0.02)
    assert len(compare([old], [made(0.1)]).timings) == 1
    assert len(compare([old], [made(0.1, rounds=10, seconds=3.0, goal=0.02)]).timings) == 1
    other = compare([old], [made(0.1, throughput_batch=4)])
    assert not other.timings
    assert "throughput_batch" in other.gaps[0].why


@pytest.mark.usefixtures("blank_charts")
def test_the_report_lists_lost_rounds(tmp_path: Path) -> None:
    measured(tmp_path, 3, {1: TIMEOUT})
    build.write(tmp_path, ("en", "ru"))
    text = (tmp_path / "report.md").read_text()
    assert "1 of 3 rounds lost (not done after 5 s)" in text
    assert "потеряно раундов: 1 из 3" in (tmp_path / "report.ru.md").read_text()
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert "1 of 3 rounds lost" in summary["records"][0]["readings"][KEY]["reason"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("os.abort()", "the worker crashed (SIGABRT)"),
        ('raise ValueError("by chance")', "ValueError: by chance"),
    ],
)
def test_a_worker_that_crashes_in_the_second_round(fault: str, reason: str, tmp_path: Path) -> None:
    """A real run: exit code 3, the good rounds kept; the same command measures one round and ends with 0."""
    path, folder = tmp_path / "net.py", tmp_path / "r"
    path.write_text(NETWORK.replace("{fault}", fault))
    options = ("--out", folder, "--architecture", f"{path}:build", "--metrics", KEY, "--timeout", "60")
    done = call(*options, variables={"FAILS": "1"})
    assert done.returncode == 3, done.stderr
    assert f"net {KEY}: round 2 was lost (failed: {reason})" in done.stderr
    first = record(folder).readings[KEY]
    assert (first.status, len(first.rounds), len(first.lost)) == ("ok", 2, 1)
    again = call(*options)
    assert again.returncode == 0, again.stderr
    then = record(folder).readings[KEY]
    assert (then.samples[: len(first.samples)], len(then.rounds), then.lost) == (first.samples, 3, ())
    quick = call(*options, "--preset", "quick")
    assert "nothing to do" in quick.stderr


OLD = Path(__file__).parent / "data" / "resnet18.0.1.0.json"


@pytest.mark.usefixtures("blank_charts")
def test_a_record_of_reporter_0_1_0_is_read_compared_and_reused(tmp_path: Path) -> None:
    """It lists the effort, and no origins; rounds are added to those that it has. Its training is kept as it is."""
    found = Record.model_validate_json(OLD.read_bytes())
    old = found.model_copy(update={"definition": definition_of_0_1_0(catalog_entries()["resnet18"])})
    assert not any(reading.origins for reading in old.readings.values())
    assert not compare([old], [old]).gaps
    about = {"machine": old.machine, "machine_facts": old.machine_facts, "environment": old.environment}
    stored = [metric for metric in METRICS.values() if all(q.key in old.readings for q in metric.quantities)]
    names = [metric.name for metric in stored if "seeds" not in metric.depends]  # training follows another protocol now
    record_files.save(tmp_path, old)

    def again(rounds: int) -> Request:
        conditions = Settings(preset="standard").conditions().model_copy(update={"rounds": rounds})
        devices = {"cpu": "cpu", "any": "cpu"}
        metrics = {name: METRICS[name] for name in names}
        return Request(
            tmp_path, [catalog_entries()["resnet18"]], metrics, devices, conditions, about=about, no_cuda="none"
        )

    executor = Simulated([Slot("", "", about)])
    before = len(old.readings[KEY].rounds)
    assert experiment.run(again(before), executor, Lines(StringIO())).jobs == 0
    experiment.run(again(before + 1), executor, Lines(StringIO()))
    assert {name for each in executor.done for name in each.job.metrics} == {n for n in names if METRICS[n].timed} - {
        name for name in names if METRICS[name].device == "cuda"
    }
    new = record(tmp_path)
    reading = new.readings[KEY]
    assert [(run == "", len(parts)) for run, _, parts in reading.by_run()] == [(True, before), (False, 1)]
    assert reading.samples[:-1] == old.readings[KEY].samples
    assert new.readings["finetune_top1"] == old.readings["finetune_top1"]
    assert not compare([old], [new]).gaps
    build.write(tmp_path, ("en",))


def test_a_round_of_two_environments_counts_on_both_sides_or_on_neither() -> None:
    earlier, now, origin = [times(("1", 0.1)), times(("1", 0.2))], times(("1", 0.3)), Origin(run="1", started="")
    failed = Reading(quantity=now.quantity, status="oom", reason="it was killed")
    both = paired_run.together(earlier, [now, now], 1, origin)
    assert [(reading.rounds, reading.loss) for reading in both] == [((2, 2), None)] * 2
    for found in ([now, failed], [failed, now]):
        both = paired_run.together(earlier, found, 1, origin)
        assert [reading.samples for reading in both] == [reading.samples for reading in earlier]
        assert [reading.loss for reading in both] == ["1 of 2 rounds lost (it was killed)"] * 2
    assert paired_run.together([None, None], [now, failed], 0, origin) == [now, failed]


@pytest.mark.parametrize(
    ("spent", "reason"), [(0.0, "not done after 300 s"), (299.7, "the 300 s for this architecture were over")]
)
def test_a_timeout_names_the_limit_and_not_what_was_left_of_it(spent: float, reason: str, tmp_path: Path) -> None:
    request = Request(tmp_path, [own()], {KEY: METRICS[KEY]}, {"cpu": "cpu"}, CONDITIONS, timeout=300.0)
    ledger = Ledger(own(), request)
    ledger.spend("counting", spent, usual=True)
    job = Job(architecture="small", metrics=(KEY,), device="cpu", process="timing cpu", conditions=CONDITIONS)
    measurement = Measurement(job, ledger, Lines(StringIO()), Outcome())
    measurement.start()
    costs = Costs({}, USUAL_SPEED, lambda _: ledger.record)
    measurement.finish(Verdict("timeout", f"not done after {300 - spent:.0f} s"), costs)
    reading = record(tmp_path).readings[KEY]
    assert (reading.status, reading.reason) == ("timeout", reason)


def closing(request: Request, ledger: Ledger, *waiting: Job) -> str:
    """What the last line of a budget lists where these jobs wait."""
    output = StringIO()
    plan = SimpleNamespace(waiting=[Task(each, "") for each in waiting], seconds=60.0, left=0.0)
    budget.close(request, cast(BudgetSchedule, plan), {"small": ledger}, Lines(output))
    return output.getvalue().rpartition("; ")[2].strip()


def test_what_was_cut_off_is_that_of_the_metrics_asked_for(tmp_path: Path) -> None:
    def request(key: str) -> Request:
        return Request(tmp_path, [own()], {key: METRICS[key]}, {"cpu": "cpu"}, CONDITIONS)

    cut = Ledger(own(), request("size"))
    job = Job(architecture="small", metrics=("size",), device="cpu", process="counting", conditions=CONDITIONS)
    cut.leave_out(job, CUT_OFF)
    assert closing(request("size"), cut) == "left out: what was under way of small"
    assert closing(request(KEY), Ledger(own(), request(KEY))) == "nothing was left out but further rounds"


def test_a_first_round_that_is_cut_off_keeps_its_reason_while_further_rounds_wait(tmp_path: Path) -> None:
    conditions = CONDITIONS.model_copy(update={"rounds": 3})
    request = Request(tmp_path, [own()], {KEY: METRICS[KEY]}, {"cpu": "cpu"}, conditions)
    ledger = Ledger(own(), request)
    first, *further = experiment.plan(request, {"small": ledger})
    measurement = Measurement(first, ledger, Lines(StringIO()), Outcome())
    measurement.start(budget=5.0)
    measurement.finish(Verdict("timeout", "not done after 5 s"), Costs({}, USUAL_SPEED, lambda _: ledger.record))
    assert closing(request, ledger, *further) == "left out: what was under way of small"
    assert ledger.record.readings[KEY].reason == CUT_OFF


def test_what_was_not_tried_has_the_present_reason(tmp_path: Path) -> None:
    """An engine that is installed, left out by a budget and removed again; its times, and what is measured once."""

    def found(device: str, reason: str = "") -> set[str | None]:
        engines = {"swift": Engine("swift", "Swift", print, devices=(device,))}
        metrics, about = {KEY: METRICS[KEY]}, slot("here").about
        request = Request(
            tmp_path, [own()], metrics, {"cpu": "cpu"}, CONDITIONS, about=about, modes=("swift",), engines=engines
        )
        ledger = Ledger(own(), request)
        for job in experiment.plan(request, {"small": ledger}) if reason else ():
            ledger.leave_out(job, reason)
        [path] = tmp_path.glob("records/*/*.json")
        readings = {each.mode: each for each in record_files.load_modes(path)}["swift"].readings
        assert len(readings) == 5
        return {each.reason for each in readings.values()}

    refused = {"Swift runs on cuda"}
    assert found("cuda") == refused
    assert found("cpu", LEFT_OUT) == {LEFT_OUT}
    assert found("cuda") == refused


def test_a_device_that_was_not_asked_for_has_the_present_reason(tmp_path: Path) -> None:
    """After a budget left it out, and before."""
    keys = (KEY, "latency_cuda")
    reasons = []
    for devices, reason in (({"cuda": "cuda:0"}, ""), ({"cpu": "cpu"}, LEFT_OUT), ({"cuda": "cuda:0"}, "")):
        metrics = {key: METRICS[key] for key in keys}
        request = Request(tmp_path, [own()], metrics, devices, CONDITIONS, about=slot("here").about)
        ledger = Ledger(own(), request)
        for job in experiment.plan(request, {"small": ledger}) if reason else ():
            ledger.leave_out(job, reason)
        reasons.append(record(tmp_path).readings[KEY].reason)
    assert reasons == [NOT_ASKED, LEFT_OUT, NOT_ASKED]


def test_what_a_worker_found_unsupported_keeps_its_reason(tmp_path: Path) -> None:
    """Of a count, which depends on no settings, where a budget leaves out the rest of its job."""
    request = Request(tmp_path, [own()], {"size": METRICS["size"]}, {"cpu": "cpu"}, CONDITIONS)
    ledger = Ledger(own(), request)
    job = Job(architecture="small", metrics=("size",), device="cpu", process="counting", conditions=CONDITIONS)
    [packed] = absent([METRICS["size"].quantities[0]], "unsupported", "its weights are packed")
    ledger.keep(packed, job, Lines(StringIO()), "")
    ledger.leave_out(job, LEFT_OUT)
    first, *others = (record(tmp_path).readings[each.key].reason for each in METRICS["size"].quantities)
    assert (first, set(others)) == ("its weights are packed", {LEFT_OUT})
