"""The job of a worker process, as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from reporter.host.file_names import FileName
from reporter.model import Metric, Quantity, Reading, Status, Verdict
from reporter.model.modes import ONCE, quantities
from reporter.model.records import EAGER
from reporter.model.scaling_curves import Curves, is_saturated
from reporter.model.settings import Conditions

TURN, STOP = b"turn\n", b"stop\n"
"""The lines that a worker of an interleaved measurement receives."""
USUAL = "build"
"""A function of this name is named after its file."""
DESCRIBED = ("name", "family", "year", "paper", "input_size", "variant", "weights", "learning_rate", "label_smoothing",
        "auxiliary_loss", "published", "classes", "made_of", "caution")  # fmt: skip
"""The fields of an `Architecture` that a worker reports to the parent, which does not run the code of the model."""


class CurveJob(BaseModel):
    """The points of the curves of one execution mode; with `sweep`, the batch is doubled until throughput saturates.

    `settled` are the points that are not measured again.
    """

    model_config = ConfigDict(frozen=True)

    mode: str
    batches: tuple[int, ...] = ()
    sizes: tuple[str, ...] = ()
    sweep: bool = False
    settled: Curves = Curves()

    @property
    def has_batches(self) -> bool:
        """Whether it measures a curve over the batch size."""
        return bool(self.batches) or self.sweep

    @property
    def continues_sweep(self) -> bool:
        """Whether the batch is still to be doubled: throughput has not saturated in the points that are settled."""
        return self.sweep and not is_saturated(self.settled.batch)


class Job(BaseModel):
    """Some metrics of one architecture on one device, in one fresh process; `round` counts the rounds of timed ones.

    `modes` are execution modes, timed in turns with eager; without any, eager alone is measured. `cache` is the folder
    that keeps what is prepared for them between rounds. `prepared_again` are the modes whose preparation is timed
    and whose outputs are checked in a later round than the first one, in which the worker crashed. `without` are the
    metrics that are not measured in a mode, each as a pair with its mode before it. A job with `only_checks` measures
    what is measured once for a mode, in the settings of its metrics, and nothing else. `reference` is FILE.py:NAME or
    package.module:NAME if the architecture is from elsewhere, else empty. `curve` has the points to measure if it is a
    job of a curve. `ceilings` are those of the machine if an earlier job of the run measured them. `concurrent` is how
    many jobs run at a time on its machine, with this one.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["job"] = "job"
    architecture: str
    metrics: tuple[str, ...]
    device: str
    conditions: Conditions
    process: str
    round: int = 0
    reference: FileName = ""
    modes: tuple[str, ...] = ()
    prepared_again: tuple[str, ...] = ()
    without: tuple[tuple[str, str], ...] = ()
    only_checks: bool = False
    cache: FileName = ""
    curve: CurveJob | None = None
    ceilings: tuple[Reading, ...] = ()
    concurrent: int = 1

    @property
    def is_eager(self) -> bool:
        """Whether it measures eager alone, and no other execution mode."""
        return not self.modes and (self.curve is None or self.curve.mode == EAGER)

    def measures(self, mode: str, metric: str) -> bool:
        """Whether it measures one of its metrics in one of its modes."""
        return (mode, metric) not in self.without

    def prepares(self, mode: str) -> bool:
        """Whether the preparation of one of its modes is timed and its outputs are checked."""
        return not self.round or mode in self.prepared_again

    def is_once(self, quantity: Quantity) -> bool:
        """Whether it measures a quantity once for a mode, and not in each round."""
        return quantity in ONCE and not self.is_eager


def unknown_metrics(status: Status, names: Sequence[str]) -> Verdict:
    """Why metrics of installed packages are not measured by a worker of another environment."""
    return Verdict(
        status, f"the environment of the worker has no metric {names[0]!r}; install the package that adds it"
    )


def wanted(job: Job, metrics: Mapping[str, Metric]) -> Iterator[tuple[str, Metric, Quantity]]:
    """What a job measures: execution mode, metric and quantity, each once."""
    seen: set[tuple[str, str]] = set()
    for mode in job.modes or (job.curve.mode if job.curve else EAGER,):
        for metric in (metrics[name] for name in job.metrics if job.measures(mode, name)):
            number = 0 if job.prepares(mode) else job.round
            of_mode = ONCE if job.only_checks else quantities(metric, number)
            for quantity in of_mode if job.modes else metric.quantities:
                if (mode, quantity.key) not in seen:
                    seen.add((mode, quantity.key))
                    yield mode, metric, quantity
