"""The operators, kernels and stages of a call in one setting, as readings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import nn

from reporter.host import machine
from reporter.model import Quantity, Reading, UnsupportedError
from reporter.model.profiles import LayerKernel, digest
from reporter.worker.device import Device
from reporter.worker.kernel_calls import recorded, recorded_whole
from reporter.worker.operator_times import Listed, OperatorProfile, from_engine, profiled
from reporter.worker.stage_costs import CostUnit
from reporter.worker.stage_times import timed_stages
from reporter.worker.subject import Subject
from reporter.worker.torch_state import threads

DOUBTFUL = 0.1
"""The difference of a coverage from 1 from which on the reading says that its parts may not be trusted."""
SHARE, MODE_SHARE = 0.75, 0.5
"""The shares of the sampling time of other times that operators and stages get in each setting, at most: eager, modes.

Without other programs, a few calls are enough.
"""


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
    """The coverage of the operators of a call with all of them in its detail, and the rows of the ledger.

    Without a `network` whose modules run, the layers are not named.
    """
    with torch.inference_mode():
        call()
        rows = recorded_whole(call) if network is None else recorded(network, call)
        if not rows:
            raise UnsupportedError("torch.profiler lists no operators of the call")
        found = profiled(call, rows, seconds)
    return _reading(quantity, name, found, rows), rows


def read_engine(
    quantity: Quantity, name: str, call: Callable[[], object], operators: Listed
) -> tuple[Reading, list[LayerKernel]]:
    """The same of an engine that lists its operators itself."""
    found, rows = from_engine(call, operators)
    return _reading(quantity, name, found, rows), rows


def read_device(quantity: Quantity, name: str, call: Callable[[], object], device: Device) -> Reading:
    """The same of an accelerator, by its kernels; UnsupportedError where the profiler lists none."""
    from reporter.worker.device_kernels import device_profile

    with torch.inference_mode():
        found, rows = device_profile(call, device)
    if not rows:
        raise UnsupportedError("torch.profiler lists no kernels of the device")
    return _reading(quantity, name, found, rows)


def _reading(quantity: Quantity, name: str, found: OperatorProfile, rows: Sequence[LayerKernel]) -> Reading:
    detail = {
        "operators": [row.model_dump(mode="json") for row in found.operators],
        "kernels": digest(rows),
        "latency": found.latency,
        "calls": {name: [row.model_dump(mode="json") for row in rows]},
    }
    return Reading(quantity=quantity, samples=(found.coverage,), detail=detail, reason=_doubt(found.coverage))


def read_stages(
    quantity: Quantity,
    call: Callable[[], object],
    network: nn.Module,
    groups: Sequence[Sequence[CostUnit]],
    seconds: float,
) -> Reading:
    """The coverage of the stages of a call of `network`, with all of them in its detail."""
    with torch.inference_mode():
        found = timed_stages(call, network, groups, seconds)
    detail = {"stages": [row.model_dump(mode="json") for row in found.stages], "latency": found.latency}
    return Reading(quantity=quantity, samples=(found.coverage,), detail=detail, reason=_doubt(found.coverage))


def _doubt(coverage: float) -> str | None:
    """What to know about parts that do not sum to the latency."""
    if abs(coverage - 1) <= DOUBTFUL:
        return None
    return f"the parts sum to {coverage:.2f} of the latency: calls were disturbed, or parts are missing"
