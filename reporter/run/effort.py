"""How long what has no rounds was sampled: a run with longer sampling measures it again, one with shorter reuses it."""

from __future__ import annotations

from reporter.metrics.operators import KERNELS
from reporter.model import Reading
from reporter.model.settings import Conditions

SECONDS = "seconds"
"""The setting of a profile with how long a time was sampled; one of EFFORT, so that it is no condition."""


def noted(reading: Reading, conditions: Conditions) -> Reading:
    """A profile with how long it was sampled; other readings have rounds, or do not depend on it."""
    if reading.quantity.group != "profile" or reading.quantity == KERNELS or not reading.measured:
        return reading
    return reading.model_copy(update={"settings": reading.settings | {SECONDS: conditions.seconds}})


def suffices(reading: Reading, conditions: Conditions) -> bool:
    """Whether a reading was sampled for as long as conditions ask for; True where that is not recorded."""
    seconds = reading.settings.get(SECONDS)
    return reading.quantity.group != "profile" or not isinstance(seconds, float | int) or seconds >= conditions.seconds
