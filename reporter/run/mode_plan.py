"""Which modes of an architecture are measured, for which metrics, and in which jobs."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from reporter.model import Metric
from reporter.model.modes import PROFILED_BY_DEFAULT, TIMED_BY_DEFAULT, parse
from reporter.registry.execution_modes import Kind, kind, obstacle, resolve
from reporter.run.request import Request

PREPARED = ".prepared"
"""The folder in the results folder that keeps what is prepared for modes."""


class ModeGroup(NamedTuple):
    """Modes that are measured in turns in one worker: those of torch with the same metrics, or one of an engine."""

    process: str
    device: str
    modes: tuple[str, ...]


def kind_of(request: Request, device: str) -> Kind:
    """The kind of device that a request is about, by what its machine's facts say."""
    facts = request.about.get("machine_facts", {})
    return kind(device, map(str, facts.get("native_precisions", ())), facts.get("gpu_precisions"))


def groups(request: Request, device: str) -> Iterator[ModeGroup]:
    """The modes to measure on a device, in the order in which they are measured."""
    engines = request.engines
    modes = [name for name in resolved(request, device) if not unavailable(request, name, device)]
    in_torch: dict[tuple[str, ...], list[str]] = {}
    for name in modes:
        if not parse(name, engines).engine:
            in_torch.setdefault(tuple(metrics(request, device, name)), []).append(name)
    for number, together in enumerate(in_torch.values()):
        process = f"modes {device} {', '.join(together)}" if number else f"modes {device}"
        yield ModeGroup(process, device, tuple(together))
    for name in modes:
        if parse(name, engines).engine:
            yield ModeGroup(f"modes {device} {name}", device, (name,))


def metrics(request: Request, device: str, mode: str) -> dict[str, Metric]:
    """The metrics that are measured in a mode on a device: all if --modes names it, else those that its sets take.

    Of the metrics of curves, whose points have jobs of their own, the outputs are checked.
    """
    return {
        name: metric
        for name, metric in request.metrics.items()
        if (metric.inference or metric.training or metric.profile or metric.curve)
        and metric.device == device
        and (mode in request.modes or name in (*TIMED_BY_DEFAULT, *PROFILED_BY_DEFAULT))
    }


def refused(request: Request, device: str) -> Mapping[str, str]:
    """The modes that cannot be measured on a device, each with the reason."""
    reasons = {name: unavailable(request, name, device) for name in resolved(request, device)}
    return {name: reason for name, reason in reasons.items() if reason}


def unavailable(request: Request, mode: str, device: str) -> str:
    """Why a mode cannot be measured on a device; empty if it can."""
    return obstacle(parse(mode, request.engines), kind_of(request, device), request.engines)


def resolved(request: Request, device: str) -> tuple[str, ...]:
    """The modes that a request names, with those that its sets contain on a device of its machine."""
    return resolve(request.modes, kind_of(request, device), request.engines)


def cache(request: Request, architecture: str) -> Path:
    """The folder that keeps what is prepared for the modes of an architecture until the run ends."""
    machine = str(request.about.get("machine", ""))  # nodes of several kinds may share a file system
    digest = hashlib.sha256(f"{machine}\0{architecture}".encode()).hexdigest()[:16]
    return request.folder.absolute() / PREPARED / request.run / digest


def make_cache(request: Request) -> None:
    """Creates the folder of this run for what is prepared: a node that has it shares the results folder.

    Where it cannot be created, or is below a link, each job has a temporary folder.
    """
    folder = request.folder / PREPARED
    with suppress(OSError):
        if not folder.is_symlink():
            (folder / request.run).mkdir(parents=True, exist_ok=True)


def clear_cache(request: Request) -> None:
    """Removes what was prepared for modes: compiled code and exported networks may take gigabytes."""
    shutil.rmtree(request.folder / PREPARED, ignore_errors=True)
