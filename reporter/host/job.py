"""The job of a worker process, as JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from reporter.model.settings import Conditions

TURN, STOP = b"turn\n", b"stop\n"
"""What a worker that is measured in turns with another is told, a line each."""
USUAL = "build"
"""A function of this name leaves it to its file to name the network."""
TOLD = ("name", "family", "year", "paper", "input_size", "variant", "weights", "learning_rate", "label_smoothing",
        "auxiliary_loss", "published", "classes", "made_of", "caution")  # fmt: skip
"""What a worker tells of it, so that the parent knows it without running its code."""


class Job(BaseModel):
    """Some metrics of one architecture on one device, in one fresh process; `round` counts the rounds of timed ones.

    `reference` is how the worker finds the architecture where its name does not tell, FILE.py:NAME.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["job"] = "job"
    architecture: str
    metrics: tuple[str, ...]
    device: str
    conditions: Conditions
    process: str
    round: int = 0
    reference: str = ""
