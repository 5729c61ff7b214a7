"""Precision is fixed before and after a model's code has run, recorded, and checked after it was measured."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from networks import own, small, subject
from torch import Tensor, nn

from reporter.model import Metric, ReporterError
from reporter.registry.catalog import collect
from reporter.worker import precision, torch_state
from reporter.worker.entry import measure
from reporter.worker.learning.training_steps import learner

METRICS = collect("reporter.metrics", Metric)
SWITCHES = {
    "cudnn": lambda: setattr(torch.backends.cudnn, "allow_tf32", True),
    "matmul": lambda: setattr(torch.backends.cuda.matmul, "allow_tf32", True),
    "conv": lambda: setattr(torch.backends.cudnn.conv, "fp32_precision", "tf32"),
    "all": lambda: setattr(torch.backends, "fp32_precision", "tf32"),
    "medium": lambda: torch.set_float32_matmul_precision("medium"),
    "benchmark": lambda: setattr(torch.backends.cudnn, "benchmark", True),
    "without cuDNN": lambda: setattr(torch.backends.cudnn, "enabled", False),
    "sums in fp16": lambda: setattr(torch.backends.cuda.matmul, "allow_fp16_accumulation", True),
    "fp16": lambda: setattr(torch.backends.cuda.matmul, "allow_fp16_reduced_precision_reduction", False),
    "bf16": lambda: setattr(torch.backends.cuda.matmul, "allow_bf16_reduced_precision_reduction", False),
    "deterministic": lambda: torch.use_deterministic_algorithms(True, warn_only=True),
}
"""What a file of a model may set."""


@pytest.fixture(autouse=True)
def fixed() -> Iterator[None]:
    precision.fix()
    yield
    precision.fix()


def test_the_older_switch_alone_leaves_it_to_others() -> None:
    """Why `fix` sets fp32_precision: otherwise one line for all of torch.backends turns TF32 on."""
    torch.backends.fp32_precision = torch.backends.cudnn.fp32_precision = "none"
    torch.backends.cudnn.allow_tf32 = False
    assert torch.backends.cudnn.conv.fp32_precision == "none"
    torch.backends.fp32_precision = "tf32"
    assert torch.backends.cudnn.conv.fp32_precision == "tf32"
    with pytest.raises(ReporterError, match=r"set torch.backends.fp32_precision to 'tf32' while it ran"):
        precision.check()
    torch_state.settle()
    precision.check()
    torch.backends.fp32_precision = "tf32"
    assert torch.backends.cudnn.conv.fp32_precision == "ieee"


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_model_that_sets_it_while_it_is_built_is_measured_as_all_others(switch: str) -> None:
    def build(classes: int) -> nn.Module:
        SWITCHES[switch]()
        return small(classes)

    (reading,) = measure(METRICS["latency_cpu_1thread"], subject(own(build), seconds=0.01))
    assert reading.status == "ok", reading.reason
    precision.check()
    learner(subject(own(build)), 10, 0)
    precision.check()


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_model_that_sets_it_while_it_runs_fails_with_the_setting(switch: str) -> None:
    class Setting(nn.Module):
        def __init__(self, classes: int) -> None:
            super().__init__()
            self.body = small(classes)

        def forward(self, images: Tensor) -> Tensor:
            SWITCHES[switch]()
            scores: Tensor = self.body(images)
            return scores

    (reading,) = measure(METRICS["latency_cpu_1thread"], subject(own(Setting), seconds=0.01))
    assert reading.status == "failed"
    assert str(reading.reason).startswith("the model set torch.")
    assert "while it ran" in str(reading.reason)


def test_what_is_recorded_is_what_is_set() -> None:
    assert precision.current() == precision.WANTED
    torch.backends.cudnn.conv.fp32_precision = "tf32"
    assert precision.current()["cudnn.conv.fp32_precision"] == "tf32"


def test_legacy_switches_agree_so_that_torch_raises_no_error() -> None:
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    precision.fix()
    assert torch.backends.cuda.matmul.allow_tf32 is False
    assert torch.backends.cudnn.allow_tf32 is False
