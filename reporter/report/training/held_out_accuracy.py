"""Shares of held-out images: which readings resolve a difference, and which networks may be guessing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reporter.compare.held_out import images_of, shares
from reporter.model import Reading, Record
from reporter.model.fields import AS_SET, are_numbers
from reporter.stats.proportions import apart

FEWEST_STEPS, FEWEST_IMAGES = 10, 100
"""Of fewer training steps or held-out images the report states no finding."""
OWN = "own checkpoint"
"""The first words of a record's weights if they are the user's."""
PROTOCOL = ("dataset", "data", "steps", "batch_size", "image_size", "protocol")
"""The conditions of a reading that are the same for all shares of one ranking."""


def interval(reading: Reading) -> tuple[float, float] | None:
    """The 95 % interval for the choice of images and seeds."""
    return reading.interval if reading.value is not None and images_of(reading) >= 1 else None


def differ(one: Reading, other: Reading) -> bool:
    """Whether two shares of different columns differ by more than the choice of images and seeds explains."""
    first, second = interval(one), interval(other)
    if first is None or second is None:
        return False
    return apart(first, second) and shares({"one": one, "other": other}).differ("one", "other")


def is_enough(record: Record, key: str) -> bool:
    """Whether a training is long enough to state a finding: not of the quick preset, of a few steps or images."""
    reading = record.readings[key]
    return record.settings.get("preset") != "quick" and resolves(reading)


def resolves(reading: Reading) -> bool:
    """Whether a share has enough steps and images to be ranked."""
    return images_of(reading) >= FEWEST_IMAGES and steps_of(reading) >= FEWEST_STEPS


def is_unresolved(reading: Reading) -> bool:
    """Whether a share has too few steps or images to be ranked."""
    return reading.measured and images_of(reading) >= 1 and not resolves(reading)


def steps_of(reading: Reading) -> int:
    """The training steps, 0 where they are not known."""
    recipe = reading.detail.get("recipe")
    return int(_number(recipe.get("steps"))) if isinstance(recipe, dict) else 0


def chance(reading: Reading) -> float:
    """The share of correct answers by guessing, at random or the commonest class; at random in earlier records."""
    at_random = 1 / max(1, _number(reading.detail.get("classes")) or 10)
    recorded = _number(reading.detail.get("chance"))
    return max(at_random, recorded if recorded <= 1 else 0)


def is_at_chance(reading: Reading) -> bool:
    """Whether a share is not distinguished from guessing: its interval includes that of guessing, or ends below it."""
    found = interval(reading)
    return found is not None and found[0] <= chance(reading)


def is_from_scratch(reading: Reading) -> bool:
    """Whether the training started from random weights."""
    return _weights(reading) == "random"


def is_as_set(reading: Reading) -> bool:
    """Whether the training started from the weights that the code of a module instance sets."""
    return _weights(reading) == AS_SET


def is_one_ranking(readings: Iterable[Reading]) -> bool:
    """Whether all trainings started from weights of one kind, and had the same images, steps and batches."""
    measured = [each for each in readings if each.measured]
    starts = {OWN if (weights := _weights(each)).startswith(OWN) else weights for each in measured}
    return len(starts) < 2 and not any(_differ(measured, key) for key in PROTOCOL)


def _weights(reading: Reading) -> str:
    return str(reading.detail.get("weights") or "random")


def _differ(readings: Sequence[Reading], key: str) -> bool:
    """Whether a condition has two values; readings of a version that does not store it count as equal."""
    return len({str(each.conditions[key]) for each in readings if key in each.conditions}) > 1


def _number(value: object) -> float:
    """A number that a record's details hold, 0 where they hold something else."""
    return value if isinstance(value, int | float) and are_numbers((value,)) else 0
