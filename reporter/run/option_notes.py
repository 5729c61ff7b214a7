"""Notes on options that have no effect in a run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from reporter.model.settings import Settings
from reporter.run import mode_plan
from reporter.run.request import Request


def unset_variables(names: Sequence[str]) -> Iterator[str]:
    """A note for each variable of --keep-env that is not set, and may be misspelt."""
    for name in names:
        if name not in os.environ:
            yield f"--keep-env: the environment variable {name!r} is not set"


def without_effect(settings: Settings, request: Request) -> Iterator[str]:
    """A note for --modes and for --finetune if they are given, and --metrics selects nothing that they change."""
    given = settings.model_fields_set
    if "modes" in given:
        modes = [(device, mode) for device in request.devices for mode in mode_plan.resolved(request, device)]
        if modes and not any(mode_plan.metrics(request, device, mode) for device, mode in modes):
            yield "--modes has no effect: no metric of this run is measured in modes; add latency to --metrics"
    if "finetune" in given:
        trained = {metric.finetuning for metric in request.metrics.values()}
        if unused := [method for method in settings.finetune if method not in trained]:
            yield f"--finetune {','.join(unused)} has no effect: --metrics selects no such training; add finetune to it"
