"""The cost model of a run, for its budget and for the time left: the seconds that each job will take.

A job takes as long as the same one took before. Otherwise it is guessed from the times that were measured of the
architecture, or from its multiply-adds and the speed of the machine. The guess is scaled by how far such guesses were
off so far: those of the same process, or all of them where no job of that process is finished.

The constants are rounded guesses; how they were determined is not known, unless a docstring has it. What they give
together is tested with the jobs of two recorded runs (tests/test_costs.py): from a tenth of a run on, the time left is
off by at most 21 %, also if `USUAL_SPEED` is wrong by a factor of 4. This test does not include modes, curves and GPUs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from math import prod

from reporter.host.job import CurveJob, Job
from reporter.metrics.finetune import TIMED_STEPS
from reporter.model import Record
from reporter.model.devices import device_type, is_accelerator
from reporter.model.fields import CURVES_SHARE, DEFAULT_MALLOC, DEFAULT_MALLOC_SHARE, MODES_SHARE
from reporter.model.image_sizes import image_size
from reporter.model.modes import CHANNELS_LAST, PRECISIONS
from reporter.model.records import EAGER
from reporter.model.scaling_curves import swept
from reporter.model.settings import Conditions
from reporter.registry.selection import dataset
from reporter.run.learned_ratio import LearnedRatio

MACS, PARAMETERS = 4e9, 25e6
"""What an architecture is assumed to have before anything is known of it."""
BUILDING = 1.2e-8
"""Seconds that a parameter takes to be initialised."""
UPDATING = 3e-9
"""Seconds that a parameter takes in a training step, whatever the images."""
OVERHEAD = {"counting": 0.4, "fvcore": 0.5, "resident": 0.3, "gradients": 0.6, "training": 0.8}
"""Seconds of a process besides its networks: starting, loading images."""
OTHER = 0.8
PATIENCE = 3
"""How many calls a time takes at least, its warm-up included."""
ONE_THREAD = 1.7
"""How much longer a call takes on one thread."""
AROUND = 1.3
"""What a network's other layers take, as a factor on its multiply-adds."""
PASSES = 5
"""How many calls of each mode a time takes at least, with warm-up."""
CHECK_IMAGES, CHECK_FLOAT64 = 8, 40
"""Calls of each mode that check its output, one per image, and the float64 run on the CPU in calls of eager there."""
PREPARING = {"compile": 20.0, "torchscript": 2.0}
"""Seconds in which an engine prepares a network for the first time.

torch.compile took 10 to 40 s, TorchScript 1.4 to 2 s on an idle machine.
"""
ENGINE = 6.0
"""The same of other engines; the medians of ONNX Runtime and OpenVINO are 5.4 to 5.8 s in results/reference-engines."""
COPYING = 4e-9
"""Seconds that a parameter takes to be converted."""
SWEPT = (1, 2, 4, 8, 16, 32)
"""The batch sizes that a sweep is assumed to measure."""
COLD_START = "cold_start"
"""The metric of a timing process that is not sampled: the first call."""
USUAL_SPEED = 1e-11
"""Seconds per multiply-add where the speed of the machine is not measured; corrected by the first jobs."""
GPU = 20
"""How much faster a GPU is, until one has been seen."""

Identity = tuple[str, str, tuple[str, ...]]


class Costs:
    """Seconds of jobs; every finished job improves the estimate.

    `earlier` has the seconds of jobs in earlier runs by architecture and `stored_as`, `speed` is seconds per
    multiply-add on the CPU, `record` gives what was counted, measured or published of an architecture. `opening` is
    what a round takes besides its jobs, because torch is loaded again for it; `round` is that of the job that finished
    last.
    """

    def __init__(
        self,
        earlier: Mapping[tuple[str, str], float],
        speed: float,
        record: Callable[[str], Record],
        opening: float = 0.0,
    ) -> None:
        self.speed, self.opening = speed, opening
        self.round = 0
        self._earlier = dict(earlier)
        self._record = record
        self._seen: dict[Identity, float] = {}
        self._by_times, self._by_macs = LearnedRatio(), LearnedRatio()
        self._guesses: dict[str, dict[tuple[Identity, bool], float]] = defaultdict(dict)

    def __call__(self, job: Job) -> float:
        """The seconds that a job will take, without the opening of its round."""
        took = self._seen.get(_identity(job), self._earlier.get((job.architecture, stored_as(job))))
        if took is not None:
            return took
        timed = self._has_times(job)
        guesses, key = self._guesses[job.architecture], (_identity(job), timed)
        if key not in guesses:
            guesses[key] = self._guess(job, timed)
        return (self._by_times if timed else self._by_macs)(job.process) * guesses[key]

    @property
    def has_earlier(self) -> bool:
        """Whether seconds of earlier runs are among what the estimates are based on."""
        return bool(self._earlier)

    def total(self, jobs: Iterable[Job]) -> float:
        """The seconds that some jobs will take one after the other, the openings of their rounds included."""
        listed = list(jobs)
        rounds = [self.round, *(job.round for job in listed)]
        openings = sum(before != after for before, after in pairwise(rounds))
        return sum(map(self, listed)) + self.opening * openings

    def learn(self, job: Job, seconds: float, *, opens: bool = False, failed: bool = False) -> float:
        """Takes in a finished job; gives the seconds that the opening of its round took.

        The seconds of a job that `opens` a round, or of one that `failed`, are no measure for other jobs.
        """
        opening = self._opening_of(job, seconds) if opens else 0.0
        if not opens and not failed:
            self._by_macs.learn(job.process, seconds, self._guess(job, timed=False))
            if self._has_times(job):
                self._by_times.learn(job.process, seconds, self._guess(job, timed=True))
        self.round = job.round
        self._seen[_identity(job)] = seconds - opening
        self._guesses.pop(job.architecture, None)
        return opening

    def skip(self, job: Job) -> None:
        """Takes in that nothing remains of a job, nor of its later rounds; no round was opened for it."""
        self._seen[_identity(job)] = 0.0

    def _opening_of(self, job: Job, seconds: float) -> float:
        """What of the seconds was the opening: the excess over the same job before, else as much as in other rounds.

        Before any other round it is the excess over the guess.
        """
        if _identity(job) not in self._seen and self.opening:
            return min(self.opening, seconds)
        self.opening = max(0.0, seconds - self(job))
        return self.opening

    def _has_times(self, job: Job) -> bool:
        return self._record(job.architecture).value(f"latency_{device_type(job.device)}") is not None

    def _guess(self, job: Job, timed: bool) -> float:
        """The seconds of a job from the times measured of its architecture, or from its multiply-adds alone."""
        record, conditions = self._record(job.architecture), job.conditions
        macs, parameters = _counts(record)
        building = BUILDING * parameters
        latency, train_step = (
            record.value(f"{key}_{device_type(job.device)}") if timed else None for key in ("latency", "train_step")
        )
        guessed = macs * self.speed * AROUND
        image = latency or guessed / (GPU if is_accelerator(job.device) else 1)
        pixel = image / prod(record.image_size)
        expected = 3 * conditions.batch_size * pixel * conditions.image_size**2 + UPDATING * parameters
        step = train_step or expected
        overhead = OVERHEAD.get(job.process, OTHER) + building
        if job.process.startswith("timing"):
            sampled = [name for name in job.metrics if name != COLD_START]
            shares = {name: DEFAULT_MALLOC_SHARE if name in DEFAULT_MALLOC else 1.0 for name in sampled}
            kinds = {name: _of_call(name, image, conditions.throughput_batch * image, step) for name in sampled}
            first = image if COLD_START in job.metrics else 0.0
            times = (conditions.seconds * shares[name] + PATIENCE * kinds[name] for name in sampled)
            return overhead + first + sum(times)
        if job.curve:
            return overhead + _of_curve(job.curve, image, conditions.seconds * CURVES_SHARE, record)
        if job.modes:
            on_cpu = (record.value("latency_cpu") if timed else None) or guessed
            return overhead + self._of_modes(job, image, on_cpu, parameters, step)
        training, forward = _trainings(conditions, pixel, parameters, step / expected)
        more = {
            "counting": -building,
            "fvcore": ONE_THREAD * image,
            "resident": image,
            "gradients": conditions.seeds * (building + step),
            "training": training,
            "from scratch": training,
            "linear probe": forward,
        }
        return overhead + more.get(job.process, image)

    def _of_modes(self, job: Job, image: float, on_cpu: float, parameters: float, step: float) -> float:
        """The seconds of a job that times modes in turns with eager; the first round prepares and checks them.

        `image` is the time of an inference on the device of the job, `on_cpu` that on the CPU.
        """
        ways = len(job.modes) + 1
        single = [_of_call(name, image, image, step) for name in job.metrics if not _trains(name)]
        checked = sum(CHECK_IMAGES * (sum(single) - image) for mode in job.modes if _preparing(mode) and single)
        batch = job.conditions.throughput_batch * image
        calls = [_of_call(name, image, batch, step) for name in job.metrics]
        timing = sum(ways * (job.conditions.seconds * MODES_SHARE + PASSES * call) for call in calls)
        once = checked + CHECK_IMAGES * ways * image + CHECK_FLOAT64 * on_cpu + sum(map(_preparing, job.modes))
        timing = 0.0 if job.only_checks else timing
        return ways * COPYING * parameters + timing + (0.0 if job.round else once)


def _of_call(metric: str, image: float, batch: float, step: float) -> float:
    """The seconds of a call that a metric times, from those of an image, of a batch and of a training step."""
    if _trains(metric):
        return step
    if metric.startswith("throughput"):
        return batch
    return ONE_THREAD * image if metric.endswith("1thread") else image


def _preparing(mode: str) -> float:
    """The seconds in which the engine of a mode prepares a network for the first time; 0 without an engine."""
    engine = set(mode.split("+")) - {EAGER, CHANNELS_LAST, *PRECISIONS}
    return sum(PREPARING.get(name, ENGINE) for name in engine)


def _trainings(conditions: Conditions, pixel: float, parameters: float, factor: float) -> tuple[float, float]:
    """The seconds of training all layers and of a linear probe with all seeds.

    `pixel` is the time of an inference for each pixel; `factor` is by how much a step takes longer than expected.
    """
    small = pixel * min(dataset(conditions.dataset).side or conditions.image_size, conditions.image_size) ** 2
    step = factor * (3 * conditions.batch_size * small + UPDATING * parameters)
    if not conditions.steps:
        return BUILDING * parameters + TIMED_STEPS * step, 0.0
    evaluation = BUILDING * parameters + (conditions.test_images + 6 * conditions.batch_size) * small
    steps = conditions.steps * step
    return conditions.seeds * (evaluation + steps), conditions.seeds * (evaluation + steps / 3)


def _of_curve(curve: CurveJob, image: float, seconds: float, record: Record) -> float:
    """The seconds of the points that a curve lacks; a sweep is assumed to double the batch a few times.

    An engine prepares the network again for each point, and its output is checked for each batch.
    """
    batches, sizes = _missing_points(curve)
    if curve.continues_sweep:
        done = len(swept(curve.settled.batch))
        batches = SWEPT[done:] or (2**done,)
    images = [*batches, *(prod(image_size(size)) / prod(record.image_size) for size in sizes)]
    preparing = _preparing(curve.mode)
    checked = sum(max(CHECK_IMAGES, batch) for batch in batches) if preparing else 0
    return sum(seconds + PATIENCE * each * image + preparing for each in images) + checked * image


def stored_as(job: Job) -> str:
    """The name of a job in history.jsonl: its process, with what else decides how long it takes.

    This is for modes which ones, and whether the round is the first, which prepares and checks them; for curves the
    points that are missing.
    """
    if job.curve:
        return f"{job.process} ({_named_points(job.curve)})"
    if job.modes:
        part = "checks" if job.only_checks else "later rounds" if job.round else "first round"
        return f"{job.process} ({', '.join(job.modes)}; {part})"
    return job.process


def _missing_points(curve: CurveJob) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The batch sizes and image sizes that are not settled; those of a sweep are not listed."""
    batches, sizes = {each.batch for each in curve.settled.batch}, {each.size for each in curve.settled.size}
    return tuple(b for b in curve.batches if b not in batches), tuple(s for s in curve.sizes if s not in sizes)


def _named_points(curve: CurveJob) -> str:
    """The points that a job measures, for example `batches 1,2; sizes 64`."""
    sweep = f"batches from {2 ** len(swept(curve.settled.batch))}" if curve.continues_sweep else ""
    batches, sizes = (",".join(map(str, missing)) for missing in _missing_points(curve))
    return "; ".join(filter(None, (sweep, batches and f"batches {batches}", sizes and f"sizes {sizes}")))


def _identity(job: Job) -> Identity:
    """What jobs have in common that take as long: the rounds of a job, but of modes the first prepares and checks."""
    return job.architecture, stored_as(job), job.metrics


def _trains(metric: str) -> bool:
    return metric.startswith(("train_step", "train_throughput"))


def _counts(record: Record) -> tuple[float, float]:
    """Multiply-adds and parameters of an architecture: counted, else published, else usual ones."""
    published = record.published
    gmacs = _number(published.get("torchvision_ops_gmacs") or published.get("gmacs_measured"))
    parameters = _number(published.get("params_counted"))
    return record.value("macs") or gmacs * 1e9 or MACS, record.value("parameters") or parameters or PARAMETERS


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else 0.0
