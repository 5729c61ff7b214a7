"""A budget: how it is allocated, that it is kept to, and that a run says what it left out."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from functools import partial
from io import StringIO
from pathlib import Path

import pytest
import yardstick
from commands import run
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import CONDITIONS
from simulated import slot

from reporter.cli.progress import Lines
from reporter.host.job import CurveJob, Job
from reporter.model import Claim, Record, Verdict
from reporter.model.durations import duration, in_seconds
from reporter.report.claim_verdicts import Answer, Case
from reporter.run import budget, experiment
from reporter.run.allocation import allocate, place
from reporter.run.budget import _planned
from reporter.run.budget_schedule import CUT_OFF, TOLERANCE, BudgetSchedule
from reporter.run.costs import Costs
from reporter.run.evidence import _evidence
from reporter.run.request import Outcome, Request
from reporter.run.schedule import Task
from reporter.run.slots import Event, Slot
from reporter.store import history, record_files

PROCESSES = ("counting", "timing cpu", "training")
ROUNDS = 4


def job(network: int, process: str, number: int = 0) -> Job:
    return Job(
        architecture=f"network{network}", metrics=(), device="cpu", conditions=CONDITIONS, process=process, round=number
    )


def listed(networks: int) -> list[Job]:
    """What a plan holds: process by process, the times in rounds over all networks."""
    rounds = {process: ROUNDS if process == "timing cpu" else 1 for process in PROCESSES}
    return [job(n, process, r) for process in PROCESSES for r in range(rounds[process]) for n in range(networks)]


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Job], dict[tuple[str, str], float]]:
    """Jobs of up to six networks, and seconds for each network and process."""
    jobs = listed(draw(st.integers(1, 6)))
    return jobs, {place(each): draw(st.integers(1, 40)) for each in jobs}


def costs_of(prices: dict[tuple[str, str], float]) -> Callable[[Job], float]:
    return lambda job: prices[place(job)]


BUDGETS = st.integers(0, 1500)
OPENINGS = st.integers(0, 10)


@given(cases(), BUDGETS, OPENINGS)
def test_a_plan_is_never_over_the_budget_and_leaves_no_room(case, seconds, opening) -> None:
    jobs, prices = case
    cost, taken = costs_of(prices), allocate(jobs, costs_of(prices), seconds, opening)
    rounds = {each.round for each in taken}
    left = seconds - sum(map(cost, taken)) - opening * len(rounds - {0})
    assert left >= 0
    ids = {id(each) for each in taken}
    more = [each for each in jobs if each.round and id(each) not in ids and job_before(each, jobs) in ids]
    assert all(cost(each) + opening * (each.round not in rounds) > left for each in more)  # it would go on if it could


def job_before(later: Job, jobs: Sequence[Job]) -> int:
    return next(id(each) for each in jobs if place(each) == place(later) and each.round == later.round - 1)


@given(cases(), BUDGETS, BUDGETS, OPENINGS)
def test_a_larger_budget_measures_all_that_a_smaller_one_does(case, one, other, opening) -> None:
    """No network loses a metric; and of the further rounds, an earlier one is never given up for a later one."""
    jobs, prices = case
    few, many = (allocate(jobs, costs_of(prices), seconds, opening) for seconds in sorted((one, other)))
    assert {id(each) for each in few if not each.round} <= {id(each) for each in many if not each.round}
    ranked = sorted((each for each in jobs if each.round), key=lambda each: (each.round, prices[place(each)]))
    kept = [[id(each) in {id(taken) for taken in plan} for each in ranked] for plan in (few, many)]
    if {id(each) for each in few if not each.round} == {id(each) for each in many if not each.round}:
        assert kept[0] <= kept[1]


@given(cases(), BUDGETS)
def test_the_cheap_come_before_the_dear(case, seconds) -> None:
    jobs, prices = case
    cost, taken = costs_of(prices), {id(each) for each in allocate(jobs, costs_of(prices), seconds)}
    once = [each for each in jobs if not each.round]
    out = [cost(each) for each in once if id(each) not in taken]
    assert max((cost(each) for each in once if id(each) in taken), default=0) <= min(out, default=10**9)
    assert not [each for each in jobs if each.round and id(each) in taken and job_before(each, jobs) not in taken]


@given(cases(), BUDGETS)
def test_what_is_done_once_runs_first_then_round_by_round(case, seconds) -> None:
    jobs, prices = case
    taken = allocate(jobs, costs_of(prices), seconds)
    assert [each.round for each in taken] == sorted(each.round for each in taken)
    once = [id(each) for each in taken if not each.round]
    assert once == [id(each) for each in jobs if id(each) in once]  # as they came: process by process


class Clock:
    """Time that passes only when somebody works."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Priced(Costs):
    """Estimates that are learned, of jobs whose first guess is given."""

    def __init__(self, guesses: dict[tuple[str, str], float]) -> None:
        super().__init__({}, 1.0, record)
        self._given = guesses

    def _guess(self, job: Job, timed: bool) -> float:
        return self._given[place(job)]


def spend(
    jobs: list[Job], guesses: dict, truth: dict, seconds: float, opening: float = 0
) -> tuple[list[Job], list[Job], float]:
    """A run in which every job takes its true seconds, or until it is cut off: what waits, what is done, seconds.

    As in an executor, a job is cut off by its seconds after torch was loaded for its round.
    """
    clock, done, costs, here = Clock(), [], Priced(guesses), slot("here")
    costs.opening = opening
    schedule = BudgetSchedule([Task(each, "kind") for each in jobs], seconds, costs, clock=clock)
    while due := schedule.due([here]):
        each, opens = due[1].job, due[1].job.round != (done[-1].round if done else 0)
        took = opening * opens + min(truth[place(each)], schedule.limit(each))
        clock.now += took
        done.append(each)
        schedule.finish(here)
        costs.learn(each, took, opens=opens)
    assert schedule.is_over
    return [task.job for task in schedule.waiting], done, clock.now


@settings(deadline=None)
@given(cases(), st.integers(20, 1500), OPENINGS, st.data())
def test_a_run_keeps_to_its_budget_however_wrong_the_guesses_were(case, seconds, opening, data) -> None:
    jobs, truth = case
    wrong = {key: price * data.draw(st.floats(0.2, 5)) for key, price in truth.items()}
    waiting, done, took = spend(jobs, wrong, truth, seconds, opening)
    assert took <= seconds * (1 + CUT_OFF) + 1e-6
    assert {id(each) for each in done} | {id(each) for each in waiting} == set(map(id, jobs))
    if waiting and not any(each.round == 0 for each in waiting):
        assert seconds - took <= max(truth.values()) + opening


def test_loading_torch_for_a_round_is_part_of_what_is_cut_off() -> None:
    """A run that resumes with a further round, of a job that takes 20 times as long as expected."""
    again = job(0, "timing cpu", 1)
    _, done, took = spend([again], {place(again): 10.0}, {place(again): 200.0}, 100, opening=20)
    assert done == [again]
    assert took == pytest.approx(100 * (1 + CUT_OFF))


@settings(deadline=None)
@given(cases(), st.integers(20, 1500))
def test_with_right_guesses_the_plan_is_what_happens(case, seconds) -> None:
    jobs, truth = case
    waiting, done, took = spend(jobs, truth, truth, seconds)
    assert took <= seconds * (1 + TOLERANCE) + 1e-6
    planned = {id(each) for each in allocate(jobs, costs_of(truth), seconds) if not each.round}
    assert planned <= {id(each) for each in done if not each.round}
    left = seconds - took
    if left > 0:  # one more would end late by more than this, or by more than the tolerance
        following = [each for each in waiting if each.round and job_before(each, jobs) in set(map(id, done))]
        assert all(truth[place(each)] > left + min(left, TOLERANCE * seconds) for each in following)


def test_the_last_round_may_end_late_if_that_is_nearer_to_the_end_of_the_budget() -> None:
    """Of 40 s, 35 are spent after five rounds: one of 6 s more ends nearer to 40; one of 7.5 s would be too late."""
    first, *further = [job(0, "timing cpu", number) for number in range(9)]
    for seconds, rounds, took in ((7.0, 6, 42.0), (6.0, 7, 42.0), (7.5, 5, 37.5), (10.0, 4, 40.0)):
        _, done, spent_seconds = spend([first, *further], {place(first): seconds}, {place(first): seconds}, 40)
        assert (len(done), spent_seconds) == (rounds, took)


class Slow:
    """Runs workers for claims: each would crash after 40 s."""

    away: Sequence[Slot] = ()

    def __init__(self, clock: Clock) -> None:
        self.clock, self.slots, self.timeouts = clock, [slot("here")], []

    def open(self, request: Request) -> Sequence[str]:
        return ()

    def close(self) -> None:
        """No worker is left."""

    def start(self, slot: Slot, question: str, timeout: float | None, number: int | None = None) -> None:
        self.timeouts.append(timeout)

    def listen(self) -> Event:
        timeout = self.timeouts[-1]
        self.clock.now += min(40, timeout)
        if timeout < 40:
            return self.slots[0], Verdict("timeout", f"not done after {timeout:.0f} s")
        return self.slots[0], Verdict("failed", "the worker crashed (SIGABRT)")


def answer(case: Case) -> Answer:
    return Answer("true", ())


def evidence() -> dict[str, float]:
    return {}


@pytest.mark.parametrize(
    ("timeout", "timeouts", "cut"),
    [(None, [65.4, 25.4], ["two", "three"]), (30.0, [30, 30, 5.4], ["three"]), (20.0, [20, 20, 20], [])],
)
def test_evidence_for_claims_keeps_to_the_budget_and_what_is_cut_off_is_no_failure(
    timeout: float | None, timeouts: list[float], cut: list[str], tmp_path: Path
) -> None:
    clock, outcome, output = Clock(), Outcome(), StringIO()
    claims = tuple(Claim(name, "It is.", answer, evidence) for name in ("one", "two", "three"))
    asked = Request(tmp_path, (), {}, {}, CONDITIONS, claims=claims, budget=60.0, timeout=timeout)
    plan, executor = BudgetSchedule([], 60.0, Priced({}), clock=clock), Slow(clock)
    budget.gather(asked, plan, executor, Lines(output), outcome)
    budget.close(asked, plan, {}, Lines(output))
    assert executor.timeouts == pytest.approx(timeouts)
    failed = {claim.name for claim in claims} - set(cut)
    assert (record_files.load_all_evidence(tmp_path)[0].keys(), outcome.failed) == (failed, len(failed))
    out = f"left out: the evidence for {', '.join(cut)}" if cut else "nothing was left out but further rounds"
    assert output.getvalue().splitlines()[-1].endswith(out)


def test_evidence_alone_keeps_to_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing else is to be measured; it may then take more than a fifth of the budget."""
    clock, output = Clock(), StringIO()
    claims = tuple(Claim(name, "It is.", answer, evidence) for name in ("one", "two"))
    asked = Request(tmp_path, (), {}, {"cpu": "cpu"}, CONDITIONS, claims=claims, budget=30.0)
    monkeypatch.setattr(budget, "BudgetSchedule", partial(BudgetSchedule, clock=clock))
    executor = Slow(clock)
    outcome = experiment.run(asked, executor, Lines(output))
    assert (executor.timeouts, outcome.failed) == ([pytest.approx(30 * (1 + CUT_OFF))], 0)
    assert output.getvalue() == "budget of 30 s: left out: the evidence for one, two\n"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_evidence_that_was_measured_before_is_not_left_out(count: int, tmp_path: Path) -> None:
    """By a budget that is too small for claims."""
    clock, output = Clock(), StringIO()
    claims = tuple(Claim(name, "It is.", answer, evidence) for name in ("one", "two"))
    asked = Request(tmp_path, (), {}, {}, CONDITIONS, claims=claims, budget=30.0)
    for claim in claims[:count]:
        record_files.save_evidence(tmp_path, _evidence(asked, claim, {}, None))
    plan, executor = BudgetSchedule([], 30.0, Priced({}), clock=clock), Slow(clock)
    budget.gather(asked, plan, executor, Lines(output), Outcome())
    budget.close(asked, plan, {}, Lines(output))
    assert executor.timeouts == []
    out = "nothing was left out but further rounds" if count == 2 else "left out: the evidence for claims"
    assert output.getvalue().endswith(f"{out}\n")


def record(name: str = "network0", **published: object) -> Record:
    about = {"family": "Made up", "year": 2026, "paper": "none", "variant": "", "input_size": 224}
    moment = "2026-01-01T00:00:00+00:00"
    return Record(schema=1, architecture=name, machine="here", started=moment, published=published, **about)


def test_costs_go_by_multiply_adds_then_by_what_was_seen() -> None:
    records = {"network0": record(torchvision_ops_gmacs=1.0, params_counted=5_000_000)}
    records["network1"] = record("network1", torchvision_ops_gmacs=10.0, params_counted=50_000_000)
    costs = Costs({("network1", "counting"): 3.5}, 1e-11, records.__getitem__)
    for process in ("training", "fvcore", "resident", "gradients", "linear probe", "something new"):
        assert 0 < costs(job(0, process)) < costs(job(1, process))
    assert costs(job(0, "linear probe")) < costs(job(0, "from scratch")) == costs(job(0, "training"))
    assert costs(job(1, "counting")) == 3.5
    before = costs(job(1, "training"))
    costs.learn(job(0, "training"), 3 * costs(job(0, "training")))
    assert costs(job(1, "training")) > before  # the others will be slower, too


def test_costs_of_earlier_runs_are_read_from_the_history(tmp_path: Path) -> None:
    def line(seconds: object, effort: str = "same", machine: str = "here") -> dict[str, object]:
        about = {"generated": "2026-01-01T00:00:00+00:00", "architecture": "resnet18", "machine": machine}
        return {**about, "values": {}, "effort": effort, "jobs": {"counting": seconds, "fvcore": 1}}

    lines = [line(1.0), line(2.0), line(9.0, effort="other"), line(9.0, machine="elsewhere"), line("x"), line(-1)]
    record_files.append_history(tmp_path, lines)
    with (tmp_path / "history.jsonl").open("a") as file:
        file.write('{"torn')
    found = history.costs(tmp_path / "history.jsonl", "here", "same")
    assert found == {("resnet18", "counting"): 2.0, ("resnet18", "fvcore"): 1}
    assert history.costs(tmp_path / "none.jsonl", "here", "same") == {}


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("20m", 1200), ("1h30m", 5400), ("1h5s", 3605), ("", 0), ("20", 0), ("m", 0)]
)
def test_times_as_people_write_them(text: str, seconds: int) -> None:
    assert in_seconds(text) == seconds


def test_times_as_people_read_them() -> None:
    texts = [duration(seconds) for seconds in (42, 89.6, 1200, 5400, 7300)]
    assert texts == ["42 s", "90 s", "20 min", "1 h 30 min", "2 h 2 min"]


# Real runs


def readings(folder: Path) -> dict[str, dict]:
    json.loads((folder / "summary.json").read_text(), parse_constant=pytest.fail)
    found = [json.loads(path.read_text()) for path in folder.glob("records/*/*.json")]
    return {record["architecture"]: record["readings"] for record in found}


def spent(errors: str) -> tuple[str, float]:
    """The budget's last line, and the seconds that measuring took."""
    (line,) = re.findall(r"budget of .* spent;.*", errors)
    return line, float(re.search(r"measured for (\d+) s", errors)[1])


@pytest.fixture(scope="module")
def slowness() -> float:
    """How many times as long as a quiet machine this one takes; 2 at most, as seconds are printed up to 90 only."""
    return min(2.0, max(1.0, yardstick.milliseconds() / 8))


@pytest.mark.slow
@pytest.mark.timing
def test_a_budget_is_kept_to_within_a_tenth(tmp_path: Path, slowness: float) -> None:
    """Two small networks have more rounds than fit: on a quiet machine, what is spent is 40 s, give or take 4."""
    budget = round(40 * slowness)
    begun = time.monotonic()
    done = run("--out", tmp_path / "r", "--architectures", "resnet18,googlenet", "--metrics",
               "size,compute,latency,finetune_top1", "--preset", "quick", "--weights", "random",
               "--budget", f"{budget}s")  # fmt: skip
    wall = time.monotonic() - begun
    assert done.returncode == 0, done.stderr
    line, seconds = spent(done.stderr)
    assert 0.9 * budget <= seconds <= 1.1 * budget, done.stderr
    assert seconds < wall < seconds + 25 * slowness  # the report comes on top
    plan = done.stderr.index(f"budget of {duration(budget)}: about")
    assert plan < done.stderr.index("[0/")
    assert re.search(r"  timing cpu: 2 architectures, (\d+( to \d+)? rounds, )?about \d+ (s|min)", done.stderr)
    if "nothing was left out but further rounds" in line:  # as on every machine that is not busy with something else
        for reading in readings(tmp_path / "r").values():
            assert all(reading[key]["status"] == "ok" for key in ("macs", "latency_cpu", "finetune_step_seconds"))
            assert len(reading["latency_cpu"]["rounds"]) > 1


@pytest.mark.slow
@pytest.mark.timing
def test_what_does_not_fit_is_said_and_measured_by_the_next_call(tmp_path: Path, slowness: float) -> None:
    """VGG costs too much for so short a time: its counts are there, the rest says why not."""
    budget = round(20 * slowness)
    chosen = ("--out", tmp_path, "--architectures", "vgg11,resnet18", "--weights", "random", "--steps", "60",
              "--seeds", "1")  # fmt: skip
    options = (*chosen, "--metrics", "size,latency_cpu,finetune_top1")
    done = run(*options, "--budget", f"{budget}s")
    assert done.returncode == 0, done.stderr
    line, seconds = spent(done.stderr)
    assert seconds <= 1.1 * budget
    assert "vgg11" in line
    assert "vgg11" in re.search(r"  training: .*", done.stderr)[0].partition("left out")[2]
    found = readings(tmp_path)
    assert found["vgg11"]["parameters"]["samples"] == [132_863_336]
    assert min(found["resnet18"]["latency_cpu"]["samples"]) > 0
    tuned = found["vgg11"]["finetune_top1"]
    assert (tuned["status"], tuned["samples"]) == ("skipped", [])
    assert tuned["reason"] == "left out: the budget was spent"
    assert "left out: the budget was spent" in (tmp_path / "report.md").read_text()

    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert all(seconds > 0 for line in lines for seconds in line["jobs"].values())
    again = run(*options, "--budget", f"{round(25 * slowness)}s")
    assert again.returncode == 0, again.stderr
    assert "what they took before" in again.stderr
    before, now = (each["resnet18"]["latency_cpu"]["samples"] for each in (found, readings(tmp_path)))
    assert now[: len(before)] == before
    last = run(*chosen, "--metrics", "finetune_top1", "--budget", f"{round(8 * slowness)}m")
    assert last.returncode == 0, last.stderr
    assert "nothing was left out" in last.stderr
    assert readings(tmp_path)["vgg11"]["finetune_top1"]["status"] == "ok"


def test_a_mode_that_does_not_fit_keeps_no_rounds_from_others() -> None:
    process = "modes cpu"
    cheap = [job(0, process, number).model_copy(update={"modes": ("bf16",)}) for number in range(3)]
    dear = [job(0, process, number).model_copy(update={"modes": ("channels_last",)}) for number in range(3)]
    found = allocate(
        [*cheap, *dear], lambda each: 100.0 if each.modes == ("channels_last",) and not each.round else 2.0, 20
    )
    assert found == cheap


def test_eager_comes_before_other_modes() -> None:
    """A mode that is cheaper than any time of eager is measured only when all of eager fits."""
    eager = [job(n, "timing cpu") for n in range(3)]
    modes = [job(n, "modes cpu").model_copy(update={"modes": ("bf16",)}) for n in range(3)]

    def cost(each: Job) -> float:
        return 1.0 if each.modes else 10.0

    for seconds, expected in ((29, 2), (30, 3), (32, 5), (33, 6)):
        taken = allocate([*modes, *eager], cost, seconds)
        assert len(taken) == expected
        assert sum(not each.modes for each in taken) == min(expected, 3)


def test_jobs_of_some_modes_of_a_process_are_planned_one_by_one() -> None:
    """Where they lack other metrics, in the first round; a later round of all of them needs each of these."""
    changes = [(0, ("bf16",)), (0, ("channels_last",)), (1, ("bf16", "channels_last"))]
    first, second, later = (
        job(0, "modes cpu").model_copy(update={"round": number, "modes": modes}) for number, modes in changes
    )
    checks = second.model_copy(update={"only_checks": True})
    prices = {("bf16",): 10.0, ("channels_last",): 20.0, ("bf16", "channels_last"): 5.0}
    jobs = [first, second, later]
    assert allocate(jobs, lambda each: prices[each.modes], 15.0) == [first]
    assert allocate(jobs, lambda each: prices[each.modes], 30.0) == [first, second]
    assert allocate([*jobs, checks], lambda each: prices[each.modes], 55.0) == [first, second, checks, later]
    planned = _planned([*jobs, checks], Costs({}, 1e-12, lambda _: record()))
    assert planned.startswith("1 architecture, 2 rounds, about")


def test_eager_comes_before_the_curves_of_other_modes() -> None:
    """The mode of a curve is not among the `modes` of its job."""
    curves = [
        job(number, f"curves cpu {mode}").model_copy(update={"curve": CurveJob(mode=mode, batches=(1,))})
        for mode in ("bf16", "eager", "openvino")
        for number in range(3)
    ]
    eager = [job(number, "timing cpu") for number in range(3)]

    def cost(each: Job) -> float:
        return 10.0 if each.is_eager else 1.0

    for seconds, expected in ((59, 5), (60, 6), (62, 8), (66, 12)):
        taken = allocate([*curves, *eager], cost, seconds)
        assert len(taken) == expected
        assert sum(each.is_eager for each in taken) == min(expected, 6)
