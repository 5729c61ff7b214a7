"""Training steps in execution modes: each mode trains a copy of the network that eager trains."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reporter.model import ReporterError, UnsupportedError, Verdict
from reporter.model.modes import Mode
from reporter.registry.execution_modes import engines
from reporter.worker.input_format import form
from reporter.worker.learning.finetuning import step_of
from reporter.worker.learning.training_steps import exercise
from reporter.worker.subject import Subject
from reporter.worker.variants.mode_variants import converted, tf32


class ModeTraining:
    """One batch and one network, of which each mode gets a copy; `detail` is that of the readings of all of them."""

    def __init__(self, subject: Subject, cache: Path) -> None:
        self.subject, self.cache = subject, cache
        self.network, (self.images, self.labels), self.recipe, self.detail = exercise(subject, subject.device)

    def step(self, mode: Mode) -> Callable[[], object]:
        """A training step in a mode, which was run once; UnsupportedError where the mode cannot train."""
        if reason := obstacle(mode):
            raise UnsupportedError(reason)
        network, images = converted(self.network, mode, form(self.network))
        network, first = self._wrapped(network.train(), mode)
        step, batch = step_of(network, self.recipe, self.subject.classes), images(self.images)
        around: Callable[[], AbstractContextManager[Any]] = tf32 if mode.precision == "tf32" else nullcontext

        def run() -> Tensor:
            with around():  # also the backward pass
                return step(batch, self.labels)

        with first:
            loss = float(run())
        if math.isnan(loss):
            raise ReporterError("the loss is NaN")
        return run

    def _wrapped(self, network: nn.Module, mode: Mode) -> tuple[nn.Module, AbstractContextManager[Any]]:
        """The module that trains in a mode, and what surrounds its first step."""
        engine = engines().get(mode.engine)
        if engine and engine.train:
            return engine.train(network, cache=str(self.cache / mode.name / "training"))
        if mode.precision == "amp":
            network = Surrounded(network, partial(torch.autocast, self.subject.device.type, torch.bfloat16))
        return network, nullcontext()


class Surrounded(nn.Module):
    """A network whose forward pass runs in a context."""

    def __init__(self, inner: nn.Module, context: Callable[[], Any]) -> None:
        super().__init__()
        self.inner, self.context = inner, context

    def forward(self, images: Tensor) -> Any:
        with self.context():
            return self.inner(images)


def computing(mode: Mode) -> Mode:
    """The mode with the precision that a training step in it computes in: `amp` trains in bfloat16 on every device."""
    return replace(mode, precision="bf16") if mode.precision == "amp" else mode


def obstacle(mode: Mode) -> str:
    """Why a mode cannot train; empty if it can."""
    engine = engines().get(mode.engine)
    if engine and not engine.train:
        return f"{engine.title} runs inference only"
    if mode.precision == "fp16":
        return "weights in fp16 take no updates as small as those of AdamW; amp trains with weights in fp32"
    return ""


def without_eager(subject: Subject, verdict: Verdict) -> Verdict:
    """Why a mode cannot train where eager cannot: a failure, unless the network takes images of another size only."""
    reason = subject.one_size() if verdict.status == "failed" else None
    return Verdict("unsupported", reason) if reason else verdict
