"""Shares of held-out images: their 95 % intervals, and whether two of them differ."""

from __future__ import annotations

from collections.abc import Sequence

from reporter.model import Reading, Record
from reporter.model.fields import are_numbers
from reporter.stats.proportions import apart, widened, wilson

ONE_SEED = 0.17
"""Shares of one seed each that are closer than this do not count as different: the same network, data and seed gave
38.9 % on one version of torch and 55.6 % on the next."""
FEWEST_STEPS, FEWEST_IMAGES = 10, 100
"""Of fewer training steps or held-out images the report states no finding."""
CHANCE = 2.0
"""A network that recognizes less than this many times what guessing would has not learned."""


def interval(reading: Reading) -> tuple[float, float] | None:
    """Wilson's 95 % interval for the held-out images, widened to that of the seeds where there are several."""
    images, share = _number(reading.detail.get("test_images")), reading.value
    if share is None or images < 1:
        return None
    return widened(wilson(share, images), reading.interval or (share, share))


def differ(one: Reading, other: Reading) -> bool:
    """Whether two shares differ by more than the choice of images and seeds explains."""
    first, second = interval(one), interval(other)
    if first is None or second is None or one.value is None or other.value is None:
        return False
    least = ONE_SEED if min(len(one.samples), len(other.samples)) < 2 else 0.0
    return apart(first, second) and abs(one.value - other.value) > least


def leader(readings: Sequence[Reading]) -> Reading | None:
    """The highest share, where it differs from every other."""
    ranked = sorted((each for each in readings if each.value is not None), key=lambda each: each.value or 0)
    if not ranked or not all(differ(ranked[-1], other) for other in ranked[:-1]):
        return None
    return ranked[-1]


def is_enough(record: Record, key: str) -> bool:
    """Whether a fine-tuning is long enough to state a finding: not of the quick preset, of a few steps or images."""
    detail = record.readings[key].detail
    images, steps = _number(detail.get("test_images")), steps_of(record.readings[key])
    return record.settings.get("preset") != "quick" and images >= FEWEST_IMAGES and steps >= FEWEST_STEPS


def steps_of(reading: Reading) -> int:
    """The training steps of a fine-tuning, 0 where they are not known."""
    recipe = reading.detail.get("recipe")
    return int(_number(recipe.get("steps"))) if isinstance(recipe, dict) else 0


def guessing(reading: Reading) -> float:
    """The share that a network must exceed to have learned."""
    return CHANCE / (_number(reading.detail.get("classes")) or 10)


def is_resolved(readings: Sequence[Reading]) -> bool:
    """Whether a column has a best value: shares of held-out images need a leader, everything else has one."""
    sampled = [each for each in readings if each.measured and "test_images" in each.detail]
    return not sampled or leader(sampled) is not None


def _number(value: object) -> float:
    """A number that a record's details hold, 0 where they hold something else."""
    return value if isinstance(value, int | float) and are_numbers((value,)) else 0
