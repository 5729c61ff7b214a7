"""Why a time is noisy, in the words that records and reports contain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import median

from reporter.model.plurals import counted
from reporter.stats.samples import FEWEST_ROUNDS

DROPPED = "auxiliary_dropped"
"""In the detail of a training step: why the network is trained without its auxiliary heads."""
SPANS = "the 95 % interval spans"
"""The start of the reason for a time whose interval is too wide."""
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def why_noisy(
    rounds: Sequence[Sequence[float]], limit: float, bounds: tuple[float, float] | None, ratio: bool = False
) -> str | None:
    """Why the median of a series of times is not reliable within `limit` (a share of it), None where it is.

    `bounds` is its 95 % interval. From FEWEST_ROUNDS rounds on it contains how far processes differ, and may extend to
    `limit` on either side; that of fewer rounds, which does not, may span no more than `limit`. A `ratio`, which has
    one sample per round, is not reliable with fewer rounds.
    """
    if ratio and len(rounds) < FEWEST_ROUNDS:
        return f"only {len(rounds)} of the {FEWEST_ROUNDS} rounds that a ratio needs"
    samples = [sample for part in rounds for sample in part]
    if bounds is None:
        return f"only {counted(len(samples), 'sample')}, too few for a 95 % interval"
    middle = median(samples)
    spread = (bounds[1] - bounds[0]) / middle
    if spread > widest(rounds, limit):
        return f"{SPANS} {spread:.0%} of the median"
    medians = [median(part) for part in rounds]
    apart = (max(medians) - min(medians)) / middle
    if apart > limit:
        return f"the medians of {len(medians)} rounds lie {apart:.0%} apart"
    return None


def widest(rounds: Sequence[Sequence[float]], limit: float) -> float:
    """The share of the median that the interval of a reliable time spans at most."""
    return limit * (1 if len(rounds) < FEWEST_ROUNDS else 2)


def dropped_heads(detail: Mapping[str, object]) -> str | None:
    """The note that a training step is one without auxiliary heads, with the reason; None where it has them."""
    return f"auxiliary heads dropped: {reason}" if isinstance(reason := detail.get(DROPPED), str) else None


def digits(value: float) -> str:
    """A number with three significant digits, from 1,000 on as an integer: `71.3`, `1,234`."""
    return f"{value:,.0f}" if value >= 999.5 else f"{value:.3g}"


def in_words(value: float, unit: str) -> str:
    """A time, rate or ratio, for messages and the reasons in records: `71.3 ms`, `1,234 images/s`, `1.56`."""
    if unit == "1":
        return digits(value)
    if unit == "1/s":
        return f"{digits(value)} images/s"
    units = ((1.0, "s"), (1e-3, "ms"))
    factor, word = next(((f, w) for f, w in units if value >= 0.9995 * f), (1e-6, "µs"))  # 0.9996 s are 1 s
    return f"{digits(value / factor)} {word}"


def days(*moments: str) -> tuple[str, ...]:
    """The days of moments in ISO 8601, `25 Nov`, with the time where two are alike; any other text as it is."""
    try:
        whens = [datetime.fromisoformat(moment) for moment in moments]
    except ValueError:
        return moments
    named = [f"{when.day} {MONTHS[when.month - 1]}" for when in whens]
    if len(set(named)) == len(named):
        return tuple(named)
    return tuple(f"{day}, {when:%H:%M}" for day, when in zip(named, whens, strict=True))
