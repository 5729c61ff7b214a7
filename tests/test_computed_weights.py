"""Execution modes of networks with weights that each forward pass computes: pruned ones, and `nn.utils.weight_norm`.

Until the first forward pass these weights have a graph, with which torch does not copy a network.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from networks import own, small, subject
from test_modes import METRICS, sent
from torch import nn
from torch.nn.utils import prune

from reporter.host.job import CurveJob, Job
from reporter.model import Reading
from reporter.model.modes import CHANNELS_LAST, Mode
from reporter.worker.latency.curve_points import CurveTiming
from reporter.worker.variants import output_check, varied_inputs
from reporter.worker.variants.mode_preparation import CALIBRATION
from reporter.worker.variants.mode_training import ModeTraining

Build = Callable[[int], nn.Module]


def pruned(classes: int) -> nn.Module:
    network = small(classes)
    prune.l1_unstructured(network[0][0], "weight", amount=0.5)
    return network


def weight_normed(classes: int) -> nn.Module:
    network = small(classes)
    nn.utils.weight_norm(network[0][0])
    return network


both = pytest.mark.parametrize("build", [pruned, pytest.param(weight_normed, marks=pytest.mark.slow)])


def measured(metric: str, mode: str, folder: Path, number: int = 0) -> dict[tuple[str, str], Reading]:
    """The readings of a round of a pruned network."""
    chosen = subject(own(pruned), seconds=0.01)
    job = Job(
        architecture="small", metrics=(metric,), device="cpu", process="modes cpu", round=number,
        conditions=chosen.conditions, modes=(mode,), cache=str(folder),
    )  # fmt: skip
    return sent(job, chosen)


def test_a_mode_is_timed_in_rounds_that_repeat_the_calibration(tmp_path: Path) -> None:
    """Nothing runs the network there before the mode is prepared."""
    for number in (0, 1):
        assert (tmp_path / CALIBRATION).exists() == (number > 0)
        reading = measured("latency_cpu_1thread", CHANNELS_LAST, tmp_path, number)[CHANNELS_LAST, "latency_cpu_1thread"]
        assert reading.measured, reading.reason


@both
@pytest.mark.parametrize("mode", [Mode(), Mode(precision="bf16")], ids=["eager", "bf16"])
def test_training_steps_run(mode: Mode, build: Build) -> None:
    step = ModeTraining(subject(own(build)), Path("unused")).step(mode)
    first, second = float(step()), float(step())  # type: ignore[arg-type]
    assert first != second


@both
def test_points_of_a_curve_are_measured(build: Build) -> None:
    chosen, asked = subject(own(build), seconds=0.01), CurveJob(mode="bf16", batches=(1,))
    [(_, point)] = CurveTiming(chosen, METRICS["best_throughput_cpu"], asked).run()
    assert point.status == "ok", point.reason


@both
def test_the_scores_of_a_network_that_was_never_called_are_found(build: Build) -> None:
    chosen, images = subject(own(build)), varied_inputs.images(2, 32)
    classes = chosen.architecture.classes
    found = output_check.Reference(chosen.network, images, classes).scores
    torch.testing.assert_close(found, output_check.run(chosen.network, images, classes=classes), rtol=1e-3, atol=1e-5)
