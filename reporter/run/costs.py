"""What a job will take: as long as its like took before, else by multiply-adds and the speed of this machine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

from reporter.host.job import Job
from reporter.model import Record
from reporter.model.fields import DEFAULT_MALLOC, DEFAULT_MALLOC_SHARE
from reporter.run.allocation import place

MACS, PARAMETERS = 4e9, 25e6
"""What a network is taken for of which nothing is known yet."""
BUILDING = 1.2e-8
"""Seconds that a parameter takes to be initialised."""
UPDATING = 3e-9
"""Seconds that a parameter takes in a training step, whatever the images."""
OVERHEAD = {"counting": 0.4, "fvcore": 0.5, "resident": 0.3, "gradients": 0.6, "fine-tuning": 0.8}
"""Seconds of a process besides its networks: starting, loading images."""
OTHER = 0.8
PATIENCE = 3
"""How many calls a time takes at least, its warm-up included."""
ONE_THREAD = 1.7
"""How much longer a call takes on one thread."""
AROUND = 1.3
"""What a network's other layers take, as a factor on its multiply-adds."""
SUFFIX = "_default_malloc"
GPU = 20
"""How much faster a GPU is, until one has been seen."""


class Costs:
    """Seconds of jobs, estimated; every job that is done makes it a better estimate.

    `known` has what jobs took in earlier runs by network and process, `speed` is seconds per multiply-add on the CPU,
    `record` gives what is counted or published of a network.
    """

    def __init__(self, known: Mapping[tuple[str, str], float], speed: float, record: Callable[[str], Record]) -> None:
        self._known = dict(known)
        self._speed = speed
        self._record = record
        self._took: dict[str, float] = defaultdict(float)
        self._guessed: dict[str, float] = defaultdict(float)

    def __call__(self, job: Job) -> float:
        known = self._known.get(place(job))
        return self._scale(job.process) * self._guess(job) if known is None else known

    def learn(self, job: Job, seconds: float) -> None:
        """Takes in what a job took: the next of the kind will, and other networks' will deviate in the same way."""
        self._known[place(job)] = seconds
        self._took[job.process] += seconds
        self._guessed[job.process] += self._guess(job)

    def _scale(self, process: str) -> float:
        """How far the guesses of a process were off so far, as if one second of it had been guessed rightly."""
        return (self._took[process] + 1) / (self._guessed[process] + 1)

    def _guess(self, job: Job) -> float:
        macs, parameters, size = self._network(job.architecture)
        conditions, building = job.conditions, BUILDING * parameters
        image = macs * self._speed * AROUND / (GPU if job.device.startswith("cuda") else 1)
        small = image * (conditions.image_size / size) ** 2
        step = 3 * conditions.batch_size * small + UPDATING * parameters
        overhead = OVERHEAD.get(job.process, OTHER) + building
        if job.process.startswith("timing"):
            calls = {"latency_cpu_1thread": ONE_THREAD * image, "latency_cpu": image}
            calls |= {"throughput_cpu": conditions.throughput_batch * image, "train_step_cpu": step}
            shares = {name: DEFAULT_MALLOC_SHARE if name in DEFAULT_MALLOC else 1.0 for name in job.metrics}
            sampled = {name: conditions.seconds * share for name, share in shares.items()}
            kinds = {name: calls.get(name.removesuffix(SUFFIX), image) for name in job.metrics}
            return overhead + sum(sampled[name] + PATIENCE * kinds[name] for name in job.metrics)
        evaluation = (2 * conditions.test_images + 6 * conditions.batch_size) * small
        training = conditions.seeds * (building + conditions.steps * step + evaluation)
        forward = conditions.seeds * (building + conditions.steps * step / 3 + evaluation / 2)
        more = {
            "counting": -building,
            "fvcore": ONE_THREAD * image,
            "resident": image,
            "gradients": conditions.seeds * (building + step),
            "fine-tuning": training,
            "from scratch": training,
            "linear probe": forward,
        }
        return overhead + more.get(job.process, image)

    def _network(self, name: str) -> tuple[float, float, int]:
        """Multiply-adds, parameters and input of a network: counted, else published, else a usual one's."""
        record = self._record(name)
        told = record.published
        macs = record.value("macs") or _number(told.get("torchvision_ops_gmacs") or told.get("gmacs_measured")) * 1e9
        parameters = record.value("parameters") or _number(told.get("params_counted"))
        return macs or MACS, parameters or PARAMETERS, record.input_size


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else 0.0
