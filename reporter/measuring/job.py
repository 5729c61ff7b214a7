"""What one worker process does, as JSON on its way to it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from reporter.settings import Conditions


class Job(BaseModel):
    """Some metrics of one architecture on one device, in one fresh process; `round` counts the rounds of timed ones."""

    model_config = ConfigDict(frozen=True)

    architecture: str
    metrics: tuple[str, ...]
    device: str
    conditions: Conditions
    process: str
    round: int = 0
