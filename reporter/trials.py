"""What is tried in a worker before the first measurement, so that an error is reported before minutes are spent."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from reporter.measuring.job import CHECKPOINT
from reporter.running.slots import Executor
from reporter.types import Architecture, ReporterError


def check_checkpoints(
    checkpoints: Mapping[str, Mapping[str, str]], architectures: Sequence[Architecture], executor: Executor
) -> None:
    """ReporterError, with the file and what is wrong with it, where a checkpoint does not fit its architecture."""
    references = {entry.name: entry.reference or entry.name for entry in architectures}
    for name, about in checkpoints.items():
        asked = json.dumps([references[name], about["checkpoint_file"], about["checkpoint"]])
        if error := executor.ask(CHECKPOINT + asked):
            raise ReporterError(f"--checkpoint {name}={about['checkpoint_file']}: {error}")
