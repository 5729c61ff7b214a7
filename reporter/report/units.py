"""Units: the prefix of a column, and the number of digits of a value."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from statistics import median

from reporter.model import Quantity, Reading, coverages
from reporter.model.fields import GRADIENT_RATIOS
from reporter.model.percentages import decimals as decimals_of
from reporter.report.language import EXACTLY, Language
from reporter.report.training.held_out_accuracy import is_unresolved

Interval = tuple[float, float] | None


@dataclass(frozen=True)
class Scale:
    """What a column is divided by, and the word (English msgid) for it."""

    factor: float
    word: str


PLAIN, PERCENT, MEBIBYTES, RATE = Scale(1, ""), Scale(0.01, "%"), Scale(2**20, "MiB"), Scale(1, "images/s")
SECONDS = (Scale(1, "s"), Scale(1e-3, "ms"), Scale(1e-6, "µs"))
MILLISECONDS = SECONDS[1]
PROFILED = {"1/s": Scale(1e9, "GMAC/s"), "B/s": Scale(1e9, "GB/s"), "1/B": Scale(1, "MAC/B")}
"""The scales of ceilings, and of the MACs for each byte that is moved."""
GIGA = Scale(1e9, "G")
COUNTS = (GIGA, Scale(1e6, "M"), Scale(1, ""))
ELEMENTS = (Scale(1e9, "G elements"), Scale(1e6, "M elements"), Scale(1, "elements"))
"""The scales of activations, which are no bytes."""


def is_fraction(quantity: Quantity) -> bool:
    """Whether a number without unit is a share of a whole, shown in percent."""
    return quantity.unit == "1" and quantity.key.endswith(("_top1", "_top5"))


def scale(quantity: Quantity, values: Iterable[float | None]) -> Scale:
    """The scale in which the middle value of a column reads best."""
    if is_fraction(quantity):
        return PERCENT
    if quantity.group == "profile" and quantity.unit in PROFILED:
        return PROFILED[quantity.unit]
    if quantity.unit in ("B", "1/s"):
        return MEBIBYTES if quantity.unit == "B" else RATE
    magnitudes = [abs(value) for value in values if value]
    middle = median(magnitudes) if magnitudes else 1.0
    choices = SECONDS if quantity.unit == "s" else ELEMENTS if quantity.key == "activations" else COUNTS
    return next((choice for choice in choices if middle >= choice.factor), choices[-1])


def decimals(value: float, interval: Interval = None) -> int:
    """Digits after the point: the last one shown is of the order of the interval's half width, 2 to 4 in all.

    It is negative where that is left of the point: -1 rounds to tens. Of a narrow interval the digits before the point
    are shown even if they are more than 4. Without an interval three digits are shown; a whole number is shown whole.
    """
    if value == 0 or isinstance(value, int):
        return 0
    magnitude = math.floor(math.log10(abs(value)))
    if interval and interval[1] > interval[0]:
        half = (interval[1] - interval[0]) / 2
        return min(max(-math.floor(math.log10(half)), 1 - magnitude), max(3 - magnitude, 0))
    return max(2 - magnitude, 0)


def text(language: Language, value: float, scale: Scale = PLAIN, interval: Interval = None) -> str:
    """A value in a scale, without its word."""
    if scale == PERCENT:
        return share(language, value, interval)
    if scale.factor == 1:
        return language.number(value, decimals(value, interval))
    bounds = (interval[0] / scale.factor, interval[1] / scale.factor) if interval else None
    return language.number(value / scale.factor, decimals(value / scale.factor, bounds))


def ends(language: Language, value: float, scale: Scale, interval: tuple[float, float]) -> list[str]:
    """The ends of an interval with the digits of its value, so that they enclose it as it is printed."""
    if scale == PERCENT:
        return [share(language, end, interval) for end in interval]
    bounds = (interval[0] / scale.factor, interval[1] / scale.factor)
    digits = decimals(value / scale.factor, bounds)
    return [language.number(end, digits) for end in bounds]


def words(language: Language, quantity: Quantity, value: float, interval: Interval = None) -> str:
    """A value with its unit, as it stands in a sentence."""
    chosen = scale(quantity, [value])
    unit = language._(chosen.word)
    return f"{text(language, value, chosen, interval)} {unit}".strip()


def share(language: Language, value: float, interval: Interval = None) -> str:
    """A share of a whole in percent, without the sign: one decimal everywhere, none where its interval is that wide."""
    coarse = interval is not None and interval[1] - interval[0] >= 0.2
    return part(language, value, 0 if coarse else 1)


def part(language: Language, value: float, least: int = 0) -> str:
    """A share of a whole in percent, without the sign, with as many decimals as show that it is neither 0 nor 100.

    In decimal arithmetic and of nine decimals, so that 0.7795 and the same value computed in floats are rounded up.
    """
    percent = (100 * Decimal(str(value))).quantize(Decimal("1e-9"), context=EXACTLY)
    return language.number(percent, decimals_of(percent, least))


def is_doubtful(reading: Reading) -> bool:
    """Whether a number is marked with ≈.

    A time that is noisy or has no interval, a share too short to be ranked, parts that do not sum to the latency.
    """
    noisy = reading.verdict.status == "noisy" or is_rough(reading) or is_unresolved(reading)
    return noisy or coverages.doubt(reading.quantity.key, reading.value) is not None


def is_rough(reading: Reading) -> bool:
    """Whether it is a time without an interval, of which no more than two digits are printed."""
    timed = reading.quantity.unit in ("s", "1/s") and reading.quantity.group != "profile"
    return timed and reading.measured and reading.interval is None


def rough(language: Language, value: float, scale: Scale = PLAIN) -> str:
    """A value in a scale with at most two significant digits."""
    scaled = value / scale.factor
    return language.number(scaled, 1 - math.floor(math.log10(abs(scaled)))) if scaled else "0"


def derived(language: Language, value: float, scale: Scale, *readings: Reading | None) -> str:
    """A value in a scale that is computed from readings, with at most two digits where one of them is doubtful."""
    doubtful = any(reading and is_doubtful(reading) for reading in readings)
    return rough(language, value, scale) if doubtful else text(language, value, scale)


def part_of(language: Language, seconds: float, latency: Reading | None) -> str:
    """A part of a latency in milliseconds, with its unit: `≈ 140 ms` where the latency is doubtful."""
    words = f"{derived(language, seconds, MILLISECONDS, latency)} {language._(MILLISECONDS.word)}"
    return f"≈ {words}" if latency and is_doubtful(latency) else words


def figure(language: Language, reading: Reading, scale: Scale) -> str:
    """A reading's value in a scale as a table prints it: `1,600 ≈` where it is doubtful.

    Gradient ratios without an interval vary so much with the seed that two digits are shown.
    """
    value = reading.value or 0
    coarse = is_rough(reading) or (reading.quantity.key in GRADIENT_RATIOS and reading.interval is None)
    number = rough(language, value, scale) if coarse else text(language, value, scale, reading.interval)
    return f"{number} ≈" if is_doubtful(reading) else number


def stated(language: Language, reading: Reading) -> str:
    """A reading's value with its unit, as a sentence prints it: `≈ 1.6 s` where it is doubtful."""
    chosen = scale(reading.quantity, [reading.value])
    number = figure(language, reading, chosen)
    words = f"{number.removesuffix(' ≈')} {language._(chosen.word)}".strip()
    return f"≈ {words}" if number.endswith("≈") else words


def count(language: Language, value: float) -> str:
    """A count with its prefix: 11.1 M."""
    chosen = next((scale for scale in COUNTS if abs(value) >= scale.factor), COUNTS[-1])
    return f"{text(language, value, chosen)} {language._(chosen.word)}".strip()


def ratio(language: Language, value: float) -> str:
    """How many times: two digits, `1.3`, `13` or `130`."""
    return language.number(value, 1 - math.floor(math.log10(value)))


def unequal_ratio(language: Language, value: float) -> str:
    """The same of values that differ, with as many digits as show that it is not 1: `1.3`, `1.04` or `0.996`."""
    apart = abs(value - 1)
    if not 0 < apart < 0.05:
        return ratio(language, value)
    return language.number(value, -math.floor(math.log10(apart)))


def plural_of(number: str) -> int:
    """The count that has the plural form of a printed number: a fraction has that of 2, as in `1.4 times`."""
    digits = "".join(number.split())
    return int(digits) if digits.isdecimal() else 2


def fewer(language: Language, value: float, base: float) -> str:
    """How many percent a count is below a larger one: `17`, `2.5`, or `99.6` where two digits are 100."""
    percent = 100 * (1 - value / base)
    digits = max(1 - math.floor(math.log10(percent)), -math.floor(math.log10(100 - percent)), 0)
    return language.number(percent, digits)


def more(language: Language, value: float, base: float) -> str:
    """How many percent a value is above a smaller one, with two digits: `17`, `2.5` or `0.10`."""
    percent = 100 * (value / base - 1)
    return language.number(percent, max(1 - math.floor(math.log10(percent)), 0))


def coefficient(language: Language, value: float) -> str:
    """A correlation with two decimals, or as many as show that it is not exactly 1 or -1: `0.998`."""
    perfect = abs(value) > 1 - 1e-9
    digits = next(digits for digits in (2, 3, 4, 5, 9) if perfect or abs(round(value, digits)) < 1)
    return language.number(value, digits)


def change(language: Language, new: float, old: float) -> str:
    """A relative change in percent with its sign."""
    return f"{language.signed(100 * (new / old - 1))} %"
