"""The operators, kernels and stages of a call in one setting, as readings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property, lru_cache
from typing import Any

import torch
from torch import nn

from reporter.host import machine
from reporter.model import Quantity, Reading, ReporterError, UnsupportedError, exact
from reporter.model.attempts import attempt
from reporter.model.profiles import LayerKernel, LayerTime, OperatorTime, digest, library_digest
from reporter.worker.counts.stage_costs import CostUnit
from reporter.worker.device import Device
from reporter.worker.latency.alternation import Alternation, Effort
from reporter.worker.profiling import blas_libraries
from reporter.worker.profiling.kernel_calls import recorded, recorded_without_layers
from reporter.worker.profiling.observation import observe
from reporter.worker.profiling.operator_events import OperatorEvent, require_kineto
from reporter.worker.profiling.operator_times import Listed, OperatorProfile, from_engine, profiled
from reporter.worker.profiling.stage_times import Groups, StageProfile, stage_groups, stage_profile
from reporter.worker.subject import Subject
from reporter.worker.torch_state import threads
from reporter.worker.weights.repeated_draws import RepeatedDraws

SHARE = 0.5
"""The share of the sampling time of other times that a setting is observed for while its calls disagree."""
Call = Callable[[], object]


class Profiler:
    """A call in one setting: its ledger of kernels, and what it is observed to do; each is taken at the first use.

    Without a `network` whose modules run, layers are not named. `groups` are the parts of its stages.
    """

    def __init__(self, call: Call, network: nn.Module | None, effort: Effort, groups: Groups = ()) -> None:
        self.call, self.network, self.effort, self.groups = call, network, effort, groups
        self.unnamed: str | None = None
        """Why the rows of the ledger do not name the layers of the network."""

    @cached_property
    def rows(self) -> list[LayerKernel]:
        """The rows of the ledger; UnsupportedError if there are none, or if torch cannot list them.

        Layers are not named if the network cannot run while each operator is dispatched to Python. OSError or
        ReporterError if what oneDNN prints is lost.
        """
        require_kineto()
        with torch.inference_mode():
            found = self._with_layers() or recorded_without_layers(self.call)
        if not found:
            raise UnsupportedError("torch.profiler lists no operators of the call")
        return found

    def _with_layers(self) -> list[LayerKernel] | None:
        """The rows with the names of layers; None without a network that can run so."""
        if self.network is None:
            return None
        lost: list[OSError | ReporterError] = []

        def record() -> list[LayerKernel]:
            try:
                return recorded(self.network, self.call)
            except (OSError, ReporterError) as error:
                lost.append(error)
                raise

        found, verdict = attempt(record)
        if lost:
            raise lost[0]
        self.unnamed = verdict.reason
        return found

    @cached_property
    def observation(self) -> Alternation[OperatorEvent]:
        """Its profiled calls, between others; UnsupportedError if torch cannot list their operators."""
        require_kineto()
        with torch.inference_mode():
            if "rows" not in self.__dict__:  # which calls it
                self.call()
            return observe(self.call, self.effort)

    @cached_property
    def stages(self) -> StageProfile:
        """The seconds of its stages; the network has to be one whose modules run."""
        assert self.network is not None
        with torch.inference_mode():
            if not {"rows", "observation"} & self.__dict__.keys():  # which call it
                self.call()
            return stage_profile(self.call, self.network, self.groups, self.effort)


class Profilers:
    """Those of eager in each setting, for all metrics of a job."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._found: dict[str, Profiler] = {}

    @cached_property
    def network(self) -> nn.Module:
        """That of the subject; if nothing has needed it before, its weights are drawn faster."""
        with RepeatedDraws():
            return self.subject.network

    @cached_property
    def groups(self) -> list[list[CostUnit]]:
        """The parts of its stages; UnsupportedError if it has none."""
        return stage_groups(self.subject)

    def of(self, setting: str, stages: bool = False) -> Profiler:
        """The one of a setting; with `stages` it has the parts of the stages."""
        if setting not in self._found:
            images, network, conditions = self.subject.inputs(1), self.network, self.subject.conditions
            brief = conditions.rounds == 1
            effort = Effort(conditions.seconds * SHARE, fewest=1 if brief else 2, brief=brief)
            self._found[setting] = Profiler(lambda: network(next(images)), network, effort)
        found = self._found[setting]
        found.groups = self.groups if stages else found.groups
        return found


@lru_cache(maxsize=1)
def profilers(subject: Subject) -> Profilers:
    """What all metrics of a subject share."""
    return Profilers(subject)


@contextmanager
def setting(subject: Subject, one_thread: bool) -> Iterator[None]:
    """The threads of a setting on the CPU, on one processor if there is one thread; freed memory is kept."""
    machine.keep_freed_memory()
    with ExitStack() as stack:
        stack.enter_context(threads(1 if one_thread else subject.threads))
        if one_thread:
            stack.enter_context(machine.one_core(subject.round))
        yield


def read(quantity: Quantity, name: str, found: Profiler, layers: bool = True) -> Reading:
    """The coverage of the operators of a call, with all of them and the rows of the ledger in its detail.

    With `layers`, those that take most are in it, too.
    """
    rows = found.rows
    operators = profiled(found.observation, rows)
    reading = _reading(quantity, name, operators, rows)
    costliest = {"layers": [_stored(row) for row in operators.layers]} if layers else {}
    return reading.model_copy(update={"detail": reading.detail | costliest | _unnamed(found)})


def read_kernels(quantity: Quantity, name: str, found: Profiler) -> Reading:
    """The number of calls of the ledger of a setting, with its rows in the detail."""
    return exact(quantity, len(found.rows), **ledger_detail(name, found.rows), **_unnamed(found))


def _unnamed(found: Profiler) -> dict[str, Any]:
    """Why layers are not named, for the detail; empty where they are."""
    return {"layers_unnamed": found.unnamed} if found.unnamed else {}


def read_engine(
    quantity: Quantity, name: str, call: Callable[[], object], operators: Listed
) -> tuple[Reading, list[LayerKernel]]:
    """The same of an engine that lists its operators itself."""
    found, rows = from_engine(call, operators)
    return _reading(quantity, name, found, rows), rows


def read_device(quantity: Quantity, name: str, call: Callable[[], object], device: Device) -> Reading:
    """The same of an accelerator, by its kernels; UnsupportedError where the profiler lists none."""
    from reporter.worker.profiling.device_kernels import device_profile

    with torch.inference_mode():
        found, rows = device_profile(call, device)
    if not rows:
        raise UnsupportedError("torch.profiler lists no kernels of the device")
    return _reading(quantity, name, found, rows)


def _reading(quantity: Quantity, name: str, found: OperatorProfile, rows: Sequence[LayerKernel]) -> Reading:
    detail: dict[str, Any] = {
        "operators": [_stored(row) for row in found.operators],
        "latency": found.latency,
    }
    detail |= ledger_detail(name, rows)
    return Reading(quantity=quantity, samples=(found.coverage,), detail=detail)


def ledger_detail(name: str, rows: Sequence[LayerKernel]) -> dict[str, Any]:
    """The rows of the ledger of a setting, and their digests, as a reading brings them.

    The digest of the libraries is of its own, with the versions that this process has loaded.
    """
    detail: dict[str, Any] = {"kernels": digest(rows), "calls": {name: [row.model_dump(mode="json") for row in rows]}}
    if libraries := library_digest(rows):
        used = {row.library for row in rows}
        versions = {each.name: each.version for each in (blas_libraries.loaded(),) if each.name in used}
        detail["libraries"] = {"digest": libraries, "versions": versions}
    return detail


def _stored(row: OperatorTime | LayerTime) -> dict[str, Any]:
    """A row as a record has it: without a library where none is known."""
    return row.model_dump(mode="json", exclude_defaults=True)


def read_stages(quantity: Quantity, found: Profiler) -> Reading:
    """The coverage of the stages of a call, with all of them in its detail."""
    return _stages_reading(quantity, found.stages)


def read_stages_of_device(quantity: Quantity, found: Profiler, place: Device) -> Reading:
    """The same of an accelerator, which is waited for wherever a stage begins."""
    assert found.network is not None

    def call() -> None:
        found.call()
        place.synchronize()

    with torch.inference_mode():
        call()
        effort = found.effort._replace(waits=True)
        stages = stage_profile(call, found.network, found.groups, effort, wait=place.synchronize)
    return _stages_reading(quantity, stages)


def _stages_reading(quantity: Quantity, stages: StageProfile) -> Reading:
    detail = {"stages": [row.model_dump(mode="json") for row in stages.stages], "latency": stages.latency}
    return Reading(quantity=quantity, samples=(stages.coverage,), detail=detail)
