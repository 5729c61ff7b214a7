"""The sliders of the page: limits that the architectures of its table keep, with their labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from reporter.report import units
from reporter.report.choosing.amounts import FACTORS, PLACEHOLDERS, Kind, kind, outwards
from reporter.report.choosing.limits import FLOORS, Candidate
from reporter.report.language import Language

STOPS = 40
"""A slider has at most this many stops."""
SCALES: dict[Kind, tuple[units.Scale, ...]] = {
    "time": units.SECONDS,
    "size": (units.MEBIBYTES,),
    "count": units.COUNTS,
    "rate": (units.RATE,),
    "share": (units.PERCENT,),
}
"""The scales of labels."""


@dataclass(frozen=True)
class Slider:
    """Stops from the strictest to the loosest, each a limit in base units with its words, then no limit."""

    key: str
    title: str
    stops: tuple[tuple[float | None, str], ...]

    @property
    def floor(self) -> bool:
        """Whether it limits from below."""
        return self.key in FLOORS

    @property
    def amount(self) -> Kind:
        """The kind of limit that can be typed instead."""
        return kind(self.key)

    @property
    def example(self) -> str:
        return PLACEHOLDERS[self.amount]


def factors(language: Language) -> dict[str, dict[str, float]]:
    """What a number that is typed is multiplied by, by kind and unit: units of the command line and those of labels."""
    return {
        kind: {unit.lower(): factor for unit, factor in each.items()}
        | {language._(scale.word).lower(): scale.factor for scale in SCALES[kind] if scale.word}
        for kind, each in FACTORS.items()
    }


def slider_of(key: str, title: str, networks: Sequence[Candidate], scale: units.Scale, language: Language) -> Slider:
    """The limits that one network after the other keeps, thinned where there are many, then the stop without limit.

    Each is rounded outwards to the digits of its label, so that the network keeps it as it is printed; networks whose
    limits have the same label share a stop.
    """
    floor = key in FLOORS
    figures = (each.figures[key] for each in networks if key in each.figures)
    texts = dict(_stop(each.bounds[0 if floor else 1], scale, language, down=floor) for each in figures)
    values, unit = sorted(texts, reverse=floor), language._(scale.word)
    chosen = values if len(values) <= STOPS else [values[i * (len(values) - 1) // (STOPS - 1)] for i in range(STOPS)]
    sign = "≥" if floor else "≤"
    stops = [(value, f"{sign} {texts[value]} {unit}".strip()) for value in dict.fromkeys(chosen)]
    return Slider(key, title, (*stops, (None, language._("any"))))


def _stop(limit: float, scale: units.Scale, language: Language, *, down: bool) -> tuple[float, str]:
    """A limit, rounded to the digits that are printed, and its text."""
    amount, digits = outwards(limit, scale.factor, down=down)
    return float(Decimal(repr(amount)) * Decimal(repr(scale.factor))), language.number(amount, digits)
