"""What is tried in a worker before the first measurement, so that an error is reported before minutes are spent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from reporter.host.job import CHECKPOINT, TRIAL
from reporter.model import Architecture, ReporterError
from reporter.run.slots import Executor

LONGEST = 30.0
"""Seconds that one network is tried."""


def check_checkpoints(
    checkpoints: Mapping[str, Mapping[str, str]], architectures: Sequence[Architecture], executor: Executor
) -> None:
    """ReporterError, with the file and what is wrong with it, where a checkpoint does not fit its architecture."""
    references = {entry.name: entry.reference or entry.name for entry in architectures}
    for name, about in checkpoints.items():
        asked = json.dumps([references[name], about["checkpoint_file"], about["checkpoint"]])
        if error := executor.ask(CHECKPOINT + asked):
            raise ReporterError(f"--checkpoint {name}={about['checkpoint_file']}: {error}")


def check_networks(architectures: Sequence[Architecture], executor: Executor) -> list[str]:
    """ReporterError where a network from elsewhere does not take the images; a line for each that cannot be trained.

    One that takes long or ends its worker is left to the measurement, which has a time limit of its own.
    """
    notices = []
    for entry in architectures:
        found = (executor.ask(TRIAL + entry.reference, LONGEST) or {}) if entry.reference else {}
        if "error" in found:
            raise ReporterError(f"--architecture {entry.reference}: {found['error']}")
        notices += [f"{entry.name}: {found['notice']}"] if "notice" in found else []
    return notices
