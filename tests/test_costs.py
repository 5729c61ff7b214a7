"""The cost model and the time left: accurate on recorded runs, and improved by every finished job of any executor."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from pathlib import Path
from time import sleep
from types import SimpleNamespace
from typing import Any

import pytest
from simulated import METRICS as CATALOG
from simulated import Simulated, slot
from test_ab import about
from test_schedule import request

from reporter.cli.progress import Lines
from reporter.facts import published
from reporter.host.job import CurveJob, Job
from reporter.host.questions import Question
from reporter.model import Reading, Record, Verdict
from reporter.model.fields import CURVES_SHARE
from reporter.model.scaling_curves import CurvePoint, Curves
from reporter.model.settings import settings
from reporter.run import budget, experiment
from reporter.run.costs import CHECK_FLOAT64, CHECK_IMAGES, PATIENCE, USUAL_SPEED, Costs, stored_as
from reporter.run.executors import local
from reporter.run.executors.local import LocalExecutor
from reporter.run.ledger import Ledger
from reporter.run.measurement import Measurement
from reporter.run.paired import interleaving, paired_run
from reporter.run.request import Estimate, Outcome
from reporter.run.schedule import Task

RECORDED = list(csv.DictReader((Path(__file__).parent / "data" / "job_seconds.csv").open()))
"""Seconds of the jobs of two whole runs, with what was counted and timed of each architecture."""
RUNS = sorted({row["run"] for row in RECORDED})
METRICS = {
    "counting": ("counting",),
    "fvcore": ("fvcore",),
    "resident": ("resident",),
    "timing cpu": ("latency_cpu_1thread", "latency_cpu", "throughput_cpu", "train_step_cpu"),
    "training": ("finetune",),
    "gradients": ("gradients",),
}
KEYS = {"counting": ("macs", "parameters"), "timing cpu": ("latency_cpu", "train_step_cpu")}
"""What a process adds to a record that the cost model reads."""


class Replay:
    """A recorded run: its jobs in order, and the records as they grow."""

    def __init__(self, run: str) -> None:
        rows = {row["architecture"]: row for row in RECORDED if row["run"] == run}
        # Of that time: one seed, images of 80 px, and two evaluations.
        then = {"steps": 24, "seeds": 1, "test_images": 360, "dataset": "synthetic"}
        conditions = settings({}).conditions().model_copy(update=then)
        self.rows = rows
        self.records = {name: blank(name) for name in rows}
        self.jobs = [
            Job(architecture=name, metrics=names, device="cpu", conditions=conditions, process=process, round=number)
            for process, names in METRICS.items()
            for number in range(conditions.rounds if process == "timing cpu" else 1)
            for name, row in rows.items()
            if row[process]
        ]

    def seconds(self, job: Job) -> float:
        return float(self.rows[job.architecture][job.process])

    def measured(self, job: Job) -> None:
        """Adds to the record what a job measures."""
        record, row = self.records[job.architecture], self.rows[job.architecture]
        added = {key: reading(key, float(row[key])) for key in KEYS.get(job.process, ())}
        self.records[job.architecture] = record.model_copy(update={"readings": record.readings | added})


def reading(key: str, value: float) -> Reading:
    quantities = (quantity for metric in CATALOG.values() for quantity in metric.quantities)
    return Reading(quantity=next(quantity for quantity in quantities if quantity.key == key), samples=(value,))


def blank(name: str) -> Record:
    size = 299 if name.startswith("inception_v") else 224
    about = {"family": "Made up", "year": 2026, "paper": "none", "variant": "", "input_size": size}
    moment = "2026-01-01T00:00:00+00:00"
    return Record(schema=1, architecture=name, machine="here", started=moment, published=published(name), **about)


def errors_of(run: str, speed: float, shares: Sequence[float]) -> list[float]:
    """The relative errors of the time left once these shares of the time are over."""
    replay = Replay(run)
    costs = Costs({}, speed, lambda name: replay.records[name])
    progress = Lines(StringIO())
    progress.plan(replay.jobs, 1, costs.total)
    left, total = sum(map(replay.seconds, replay.jobs)), sum(map(replay.seconds, replay.jobs))
    errors: list[float] = []
    for job in replay.jobs:
        if len(errors) < len(shares) and total - left >= shares[len(errors)] * total:
            errors.append(progress.left() / left - 1)
        seconds = replay.seconds(job)
        replay.measured(job)
        progress.job_finished(job, seconds, costs.learn(job, seconds))
        left -= seconds
    return errors


@pytest.mark.parametrize("factor", [0.25, 1, 4])
@pytest.mark.parametrize("run", RUNS)
def test_the_time_left_of_a_recorded_run_is_off_by_a_fifth_at_most(run: str, factor: float) -> None:
    """However wrong the speed was at the start. A table of seconds for each process was off by up to three quarters."""
    errors = errors_of(run, factor * USUAL_SPEED, (0.1, 0.3, 0.5, 0.8))
    assert max(map(abs, errors)) <= 0.21, errors


def test_a_process_without_a_finished_job_is_scaled_by_all_others() -> None:
    costs = Costs({}, USUAL_SPEED, blank)
    tuning, other = job("resnet18", "training"), job("resnet18", "counting")
    before = costs(tuning)
    for name in ("resnet50", "vgg16", "alexnet"):
        guess = costs(job(name, "gradients"))
        costs.learn(job(name, "gradients"), 3 * guess)
    assert costs(tuning) > 1.5 * before
    assert costs(tuning) / before == pytest.approx(costs(other) / Costs({}, USUAL_SPEED, blank)(other))


def test_times_of_an_architecture_take_the_place_of_its_multiply_adds() -> None:
    records = {"vgg16": blank("vgg16")}
    costs = Costs({}, USUAL_SPEED, records.__getitem__)
    tuning = job("vgg16", "training")
    before = costs(tuning)
    times = {key: reading(key, seconds) for key, seconds in (("latency_cpu", 0.01), ("train_step_cpu", 0.05))}
    records["vgg16"] = records["vgg16"].model_copy(update={"readings": times})
    assert costs(tuning) < before / 3


def test_failures_and_openings_are_no_measure_for_other_jobs() -> None:
    costs = Costs({}, USUAL_SPEED, blank)
    first, later, other = job("resnet18", "counting"), job("resnet18", "counting", 1), job("resnet50", "counting")
    expected, before = costs(first), costs(other)
    opening = costs.learn(first, expected + 4, opens=True)
    assert opening == pytest.approx(4)
    costs.learn(job("vgg16", "counting"), 900.0, failed=True)
    assert costs(other) == before
    assert costs.total([later]) == pytest.approx(expected + 4)  # torch is loaded again for its round
    assert costs.total([first]) == pytest.approx(expected)


def test_an_opening_is_that_of_other_rounds_where_the_job_was_not_done_before() -> None:
    costs = Costs({}, USUAL_SPEED, blank)
    first, again, tuning = job("vgg16", "timing cpu"), job("vgg16", "timing cpu", 1), job("vgg16", "training")
    costs.learn(first, 7.0)
    assert costs.learn(again, 10.0, opens=True) == pytest.approx(3)
    assert costs.learn(tuning, 500.0, opens=True) == pytest.approx(3)
    assert costs(tuning) == pytest.approx(497)
    assert costs.opening == pytest.approx(3)


def job(name: str, process: str, number: int = 0) -> Job:
    conditions = settings({}).conditions()
    names = METRICS[process]
    return Job(architecture=name, metrics=names, device="cpu", conditions=conditions, process=process, round=number)


class Watched(Lines):
    """Keeps what the cost model expects of each job before it starts and after it is over."""

    def __init__(self) -> None:
        super().__init__(StringIO())
        self.expected: list[tuple[float, float]] = []
        self._before = 0.0

    def plan(self, jobs: Sequence[Job], at_once: int, estimate: Estimate) -> None:
        super().plan(jobs, at_once, estimate)
        self.cost: Callable[[Sequence[Job]], float] = estimate
        self.guesses = [estimate([each]) for each in jobs]

    def job_finished(self, job: Job, seconds: float, opening: float = 0.0) -> None:
        super().job_finished(job, seconds, opening)
        self.expected.append((seconds - opening, self.cost([job])))

    def reading(self, architecture: str, reading: Reading) -> None:
        """Not printed."""


@pytest.mark.parametrize("nodes", [1, 2])
def test_every_finished_job_is_learned_without_a_budget(tmp_path: Path, nodes: int) -> None:
    """On one machine and on the nodes of a cluster alike; these jobs take no time, which no guess expects."""
    watched = Watched()
    slots = [slot(f"node{number}") for number in range(nodes)]
    experiment.run(request(tmp_path), Simulated(slots), watched)
    assert len(watched.expected) == len(watched.jobs) > 0
    assert min(watched.guesses) > 0.2
    assert all(expected == pytest.approx(seconds, abs=0.05) for seconds, expected in watched.expected)


def test_jobs_of_ab_are_learned_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = SimpleNamespace(about=about(), readings=[])

    @contextmanager
    def sides(*_: object, **__: object) -> Iterator[list[SimpleNamespace]]:
        yield [here, here]

    monkeypatch.setattr(paired_run, "sides", sides)
    monkeypatch.setattr(interleaving, "measure", lambda sides, jobs, limit: [Verdict("failed", "not measured")] * 2)
    asked = request(tmp_path)
    name = "latency_cpu_1thread"
    asked = replace(asked, metrics={name: asked.metrics[name]})
    watched = Watched()
    paired_run.run(asked, [tmp_path, tmp_path], [about(), about()], keep=False, progress=watched)
    assert len(watched.expected) == len(watched.jobs) > len(asked.architectures)
    assert min(watched.guesses) > 0.2
    assert all(expected == pytest.approx(seconds, abs=0.05) for seconds, expected in watched.expected)


def in_modes(*modes: str, number: int = 0) -> Job:
    process = "modes cpu" if {"bf16", "channels_last"} >= set(modes) else f"modes cpu {modes[0]}"
    return job("resnet50", "timing cpu", number).model_copy(
        update={"process": process, "modes": modes, "metrics": ("latency_cpu_1thread", "latency_cpu")}
    )


def test_each_mode_has_its_price() -> None:
    """Those that an engine has to prepare first are dearer, and torch.compile is the dearest."""
    costs = Costs({}, USUAL_SPEED, blank)
    one, two = costs(in_modes("bf16")), costs(in_modes("bf16", "channels_last"))
    assert one < two
    engine, compiled = costs(in_modes("bf16+openvino")), costs(in_modes("compile"))
    assert one + 3 < engine < compiled - 10
    later = [costs(in_modes(mode, number=1)) for mode in ("bf16", "bf16+openvino", "compile")]
    assert later == pytest.approx([later[0]] * 3), "what was prepared is kept between rounds"


def test_the_first_round_of_a_mode_is_no_measure_for_later_ones() -> None:
    """It prepares the network and checks the outputs; a budget has room for more rounds than it would suggest."""
    costs = Costs({}, USUAL_SPEED, blank)
    first, second, third = (in_modes("compile", number=number) for number in range(3))
    expected = costs(first)
    assert costs(second) < expected
    costs.learn(first, 2 * expected)
    assert costs(first) == 2 * expected
    assert costs(second) < expected
    costs.learn(second, 7.0)
    assert (costs(third), costs(first)) == (7.0, 2 * expected)


@pytest.mark.parametrize("times", [{}, {"latency_cpu": 0.05, "latency_cuda": 0.001}], ids=["unmeasured", "measured"])
def test_the_float64_run_of_a_mode_on_a_gpu_has_its_price_on_the_cpu(times: dict[str, float]) -> None:
    """It takes longer than all calls on the GPU."""
    measured = {key: reading(key, seconds) for key, seconds in times.items()}
    costs = Costs({}, USUAL_SPEED, lambda name: blank(name).model_copy(update={"readings": measured}))
    on_gpu = {"device": "cuda:0", "process": "modes cuda", "metrics": ("latency_cuda",)}

    def once(**changed: Any) -> float:
        """What the first round takes longer than others: preparing and checking."""
        first, later = (in_modes("channels_last", number=number).model_copy(update=changed) for number in (0, 1))
        return costs(first) - costs(later)

    calls = CHECK_FLOAT64 + 2 * CHECK_IMAGES
    assert CHECK_FLOAT64 / calls < once(**on_gpu) / once() < 0.9


def of_curve(*batches: int, **more: Any) -> Job:
    curve = CurveJob(**{"mode": "eager", "batches": batches} | more)
    process = "curves cpu" if curve.mode == "eager" else f"curves cpu {curve.mode}"
    return job("resnet50", "timing cpu").model_copy(update={"process": process, "metrics": (), "curve": curve})


@pytest.mark.parametrize(
    ("stored", "others"),
    [
        (in_modes("bf16", number=1), [in_modes("bf16", "channels_last", number=1), in_modes("bf16")]),
        (in_modes("bf16"), [in_modes("bf16", number=1), in_modes("channels_last")]),
        (in_modes("compile"), [in_modes("compile", number=2)]),
        (of_curve(1, 2), [of_curve(1, 2, 4), of_curve(1, 2, sizes=("64",)), of_curve(sweep=True)]),
        (of_curve(sweep=True), [of_curve(1)]),
    ],
    ids=lambda found: stored_as(found) if isinstance(found, Job) else "",
)
def test_what_a_job_took_before_is_no_measure_for_other_modes_or_points(stored: Job, others: list[Job]) -> None:
    """Under a budget a job of four modes would have the price of one, and a long curve that of two points."""
    without = Costs({}, USUAL_SPEED, blank)
    costs = Costs({("resnet50", stored_as(stored)): 1234.5, ("resnet50", stored.process): 999.0}, USUAL_SPEED, blank)
    assert costs(stored) == 1234.5
    assert [costs(each) for each in others] == [without(each) for each in others]


def test_what_later_rounds_took_holds_for_all_of_them() -> None:
    costs = Costs({("resnet50", stored_as(in_modes("bf16", number=1))): 5.0}, USUAL_SPEED, blank)
    assert costs(in_modes("bf16", number=2)) == 5.0


def test_a_point_that_is_known_is_not_part_of_what_a_curve_took() -> None:
    resumed, swept = (of_curve(*each, sweep=not each, settled=Curves(batch=(measured(1),))) for each in ((1, 2), ()))
    assert stored_as(resumed) == stored_as(of_curve(2)) == "curves cpu (batches 2)"
    assert stored_as(swept) == "curves cpu (batches from 2)"


def measured(batch: int) -> CurvePoint:
    """A point that took a second, whatever its batch is."""
    about = {"mode": "eager", "device": "cpu", "size": "32", "latency": 1.0, "samples": (1.0,)}
    return CurvePoint.model_validate({**about, "batch": batch, "throughput": float(batch)})


def test_a_sweep_that_is_over_costs_nothing_beside_image_sizes() -> None:
    """As where --sizes is added to a run on a GPU whose throughput has saturated."""
    costs = Costs({}, USUAL_SPEED, blank)
    ended = measured(4).model_copy(update={"throughput": 2.0})
    over = Curves(batch=(measured(1), measured(2), ended))
    job_of_sizes = of_curve(sweep=True, sizes=("64",), settled=over)
    assert stored_as(job_of_sizes) == stored_as(of_curve(sizes=("64",))) == "curves cpu (sizes 64)"
    assert costs(job_of_sizes) == costs(of_curve(sizes=("64",)))
    open_sweep = Curves(batch=(measured(1), measured(2)))
    assert costs(of_curve(sweep=True, sizes=("64",), settled=open_sweep)) > costs(job_of_sizes)


def test_times_on_an_accelerator_and_in_modes_have_the_price_of_their_calls() -> None:
    """A training step and a batch take longer than an image, on any device."""
    costs = Costs({}, USUAL_SPEED, blank)

    def price(metric: str, device: str, *modes: str) -> float:
        made = job("resnet50", "timing cpu")
        process = f"modes {device}" if modes else f"timing {device}"
        about = {"process": process, "device": device, "modes": modes, "metrics": (metric,)}
        return costs(made.model_copy(update=about))

    for device in ("cpu", "cuda"):
        image = price(f"latency_{device}", device)
        assert price(f"throughput_{device}", device) > image
        assert price(f"train_step_{device}", device) > image
        assert price(f"throughput_{device}", device, "bf16") > price(f"latency_{device}", device, "bf16")
    assert price("train_throughput_cuda", "cuda") == price("train_step_cuda", "cuda")


def test_a_point_of_a_curve_is_sampled_for_a_part_of_the_time() -> None:
    costs = Costs({}, 1e-30, blank)
    seconds = job("resnet50", "timing cpu").conditions.seconds
    assert costs(of_curve(1, 2)) - costs(of_curve(1)) == pytest.approx(CURVES_SHARE * seconds)


@pytest.mark.parametrize(("mode", "seconds"), [("bf16", 0.0), ("bf16+openvino", 6.0), ("compile", 20.0)])
def test_each_point_of_a_curve_in_an_engine_is_prepared_and_checked(mode: str, seconds: float) -> None:
    """An engine runs a model that was converted for one form of images; a batch is checked on 8 images, or its own."""
    costs = Costs({}, USUAL_SPEED, blank)
    image = (costs(of_curve(2)) - costs(of_curve(1))) / PATIENCE
    checks = [image * count if seconds else 0.0 for count in (CHECK_IMAGES, CHECK_IMAGES + 32)]
    eager, other = ([of_curve(1, mode=m), of_curve(1, 32, sizes=("64",), mode=m)] for m in ("eager", mode))
    found = [costs(b) - costs(a) for a, b in zip(eager, other, strict=True)]
    assert found == pytest.approx([seconds + checks[0], 3 * seconds + checks[1]])


@pytest.mark.parametrize("mode", ["eager", "openvino"])
def test_known_points_of_a_curve_cost_nothing(mode: str) -> None:
    costs = Costs({}, USUAL_SPEED, blank)
    settled = Curves(batch=(CurvePoint(mode=mode, device="cpu", batch=1, size="32", status="oom", reason="because"),))
    assert costs(of_curve(1, 2, mode=mode, settled=settled)) == pytest.approx(costs(of_curve(2, mode=mode)))
    assert costs(of_curve(sweep=True, mode=mode, settled=settled)) < costs(of_curve(sweep=True, mode=mode)) - 0.5


def test_a_run_stores_what_its_jobs_in_modes_took(tmp_path: Path) -> None:
    """Of each slot the first job of a round waits until torch is loaded, so that it is not stored."""
    asked = replace(request(tmp_path), metrics={"latency_cpu": CATALOG["latency_cpu"]}, modes=("channels_last",))
    experiment.run(asked, Simulated([slot("node")]), Watched())
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    names = {name for line in lines for name in line["jobs"]}
    assert names == {
        "timing cpu",
        "modes cpu (channels_last; first round)",
        "modes cpu (channels_last; later rounds)",
    }


@pytest.mark.parametrize("modes", [(), ("channels_last",)], ids=["eager", "modes"])
def test_a_run_stores_nothing_of_jobs_that_measure_some_metrics_of_their_process(
    modes: tuple[str, ...], tmp_path: Path
) -> None:
    """What is missing is measured, or measured again, in less time than all of it, as with --fresh."""

    def stored(*names: str, fresh: bool = False) -> set[str]:
        metrics = {name: CATALOG[name] for name in names}
        asked = replace(request(tmp_path), metrics=metrics, fresh=fresh, modes=("eager", *modes))
        experiment.run(asked, Simulated([slot("node")]), Watched())
        lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
        return {name for line in lines if line["run"] == asked.run for name in line["jobs"]}

    rounds = [f"modes cpu (channels_last; {each})" for each in ("first round", "later rounds")]
    whole = {"timing cpu", *(rounds if modes else ())}
    assert stored("latency_cpu_1thread") == whole
    assert stored("latency_cpu_1thread", "latency_cpu") == set()
    assert stored("latency_cpu_1thread", "latency_cpu", fresh=True) == whole


def test_what_remained_of_a_job_that_was_interrupted_is_no_measure_for_others(tmp_path: Path) -> None:
    asked = replace(request(tmp_path), metrics={name: CATALOG[name] for name in ("latency_cpu", "throughput_cpu")})
    ledgers = {entry.name: Ledger(entry, asked) for entry in asked.architectures}
    costs = Costs({}, USUAL_SPEED, lambda name: ledgers[name].record)
    first, other, *_ = experiment.plan(asked, ledgers)
    before = costs(other)
    measurement = Measurement(first, ledgers[first.architecture], Lines(StringIO()), Outcome())
    measurement.start()
    measurement.interrupt()
    measurement.start()
    measurement.finish(Verdict("ok", None), costs)
    assert ledgers[first.architecture].history("")["jobs"] == {}
    assert costs(other) == before


class Asked(Simulated):
    """Measures the speed of its machine, for which torch is loaded."""

    loading = 28.0

    def ask(self, question: Question[Any], timeout: float | None = None) -> float:
        return USUAL_SPEED


@pytest.mark.parametrize("seconds", [None, 600.0])
def test_under_a_budget_torch_is_loaded_before_the_first_job(seconds: float | None, tmp_path: Path) -> None:
    """Whose seconds are then those of later rounds and of later runs, too."""
    asked = replace(request(tmp_path), metrics={"latency_cpu": CATALOG["latency_cpu"]}, budget=seconds)
    rounds = asked.conditions.model_copy(update={"rounds": 1})
    experiment.run(replace(asked, conditions=rounds), Asked([slot("node")]), Watched())
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    stored = {line["architecture"]: [*line["jobs"]] for line in lines}
    assert stored == {"net0": ["timing cpu"] if seconds else [], "net1": ["timing cpu"], "net2": ["timing cpu"]}


def test_a_job_of_which_nothing_remains_opens_no_round(tmp_path: Path) -> None:
    """As in the later rounds of a time that failed in its first: torch is loaded for the next job."""
    asked = replace(request(tmp_path), metrics={"latency_cpu": CATALOG["latency_cpu"]})
    ledgers = {entry.name: Ledger(entry, asked) for entry in asked.architectures}
    costs = Costs({}, USUAL_SPEED, lambda name: ledgers[name].record, opening=4.0)
    _, first, _, failed, other, *_ = experiment.plan(asked, ledgers)
    assert (first.architecture, failed.round, other.round) == (other.architecture, 1, 1)
    costs.learn(first, 7.0)
    Measurement(failed, ledgers[failed.architecture], Lines(StringIO()), Outcome()).skip(costs)
    assert costs.total([failed]) == pytest.approx(4)
    assert costs.total([other]) == pytest.approx(7 + 4)


def test_a_budget_plans_with_what_loading_torch_took_before_the_plan(tmp_path: Path) -> None:
    """For a list of the architectures of torchvision; the speed of the machine is measured after that."""
    asked = replace(request(tmp_path), budget=600.0)
    ledgers = {entry.name: Ledger(entry, asked) for entry in asked.architectures}
    costs = Costs({}, 1.0, lambda name: ledgers[name].record)
    tasks = [Task(each, "kind") for each in experiment.plan(asked, ledgers)]
    assert budget.schedule(asked, tasks, costs, Asked([slot("node")]), Watched())
    assert (costs.opening, costs.speed) == (28.0, USUAL_SPEED)


def test_an_executor_knows_how_long_torch_took_to_load(monkeypatch: pytest.MonkeyPatch) -> None:
    executor, took = LocalExecutor(), iter((0.2, 0.0))
    monkeypatch.setattr(local, "_serve", lambda keep: None)
    monkeypatch.setattr(executor, "_start", lambda process: sleep(next(took)))
    for _ in range(2):
        executor.start(executor.slots[0], "{}")
        executor.close()
    assert executor.loading >= 0.2
