"""The operators, kernels and stages of a call in one setting, as readings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

from reporter.host import machine
from reporter.model import Quantity, Reading
from reporter.model.profiles import LayerKernel, digest
from reporter.worker.kernel_calls import recorded
from reporter.worker.operator_times import profiled
from reporter.worker.stage_costs import CostUnit
from reporter.worker.stage_times import timed_stages
from reporter.worker.subject import Subject
from reporter.worker.torch_state import threads

SHARE = 0.5
"""The share of the sampling time of other times that the operators get in each setting, and the stages."""


@contextmanager
def setting(subject: Subject, one_thread: bool) -> Iterator[None]:
    """The threads of a setting on the CPU, on one processor if there is one thread; freed memory is kept."""
    machine.keep_freed_memory()
    with ExitStack() as stack:
        stack.enter_context(threads(1 if one_thread else subject.threads))
        if one_thread:
            stack.enter_context(machine.one_core(subject.round))
        yield


def read(
    quantity: Quantity, name: str, call: Callable[[], object], network: nn.Module | None, seconds: float
) -> tuple[Reading, list[LayerKernel]]:
    """The coverage of the operators of a call with all of them in its detail, and the rows of the ledger."""
    with torch.inference_mode():
        call()
        rows = recorded(network, call)
        found = profiled(call, rows, seconds * SHARE)
    detail = {
        "operators": [row.model_dump(mode="json") for row in found.operators],
        "kernels": digest(rows),
        "latency": found.latency,
        "calls": {name: [row.model_dump(mode="json") for row in rows]},
    }
    return Reading(quantity=quantity, samples=(found.coverage,), detail=detail), rows


def read_stages(
    quantity: Quantity,
    call: Callable[[], object],
    network: nn.Module,
    groups: Sequence[Sequence[CostUnit]],
    seconds: float,
) -> Reading:
    """The coverage of the stages of a call of `network`, with all of them in its detail."""
    with torch.inference_mode():
        found = timed_stages(call, network, groups, seconds * SHARE)
    detail = {"stages": [row.model_dump(mode="json") for row in found.stages], "latency": found.latency}
    return Reading(quantity=quantity, samples=(found.coverage,), detail=detail)
