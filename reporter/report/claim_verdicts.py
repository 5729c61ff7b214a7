"""Verdicts of claims, and the numbers that they are compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from reporter import facts
from reporter.model import Evidence
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.language import Language

ClaimVerdict = Literal["true", "noted", "doubtful", "false", "open"]
"""`noted`: true with a caveat; `doubtful`: misleading without one; `open`: not tested, because evidence is missing."""


class MissingError(Exception):
    """Evidence that a verdict requires is missing; the text names it."""


@dataclass(frozen=True)
class Row:
    """One piece of evidence: its name, its value in the lecture, its value here, and the source of that value."""

    what: str
    lecture: str
    here: str
    source: str = ""


@dataclass(frozen=True)
class Answer:
    """The verdict, the sentences that explain it, its evidence, and the claim as it should read if it is not true."""

    verdict: ClaimVerdict
    sentences: tuple[str, ...]
    rows: tuple[Row, ...] = ()
    corrected: str = ""


@dataclass(frozen=True)
class Case:
    """What a claim is compared with: the numbers measured for it, the records, published figures; and the language."""

    claim: str
    evidence: Evidence | None
    comparison: Comparison
    language: Language

    def __getitem__(self, name: str) -> float:
        """A number that was measured for the claim; raises MissingError where it was not."""
        _ = self.language._
        if self.evidence is None:
            raise MissingError(_("Its evidence was not measured in this run; reporter --metrics claims measures it."))
        if name not in self.evidence.numbers:
            reason = self.language.translate(self.evidence.reason) or _("no reason was given")
            raise MissingError(_("Its evidence could not be measured: {reason}.").format(reason=reason))
        return self.evidence.numbers[name]

    def value(self, key: str, network: str) -> float | None:
        """What the records have of a quantity of a network."""
        record = self.comparison.network(network)
        return record.value(key) if record else None

    def values(self, key: str, *networks: str) -> list[float]:
        """The same of several networks; raises MissingError with all those that have none."""
        found = {network: self.value(key, network) for network in networks}
        missing = [network for network, value in found.items() if value is None]
        if missing:
            quantity = self.comparison.quantities.get(key)
            title = self.language._(quantity.title) if quantity else key
            message = self.language._("This run has not measured what it takes: {quantity} of {networks}.")
            raise MissingError(message.format(quantity=title, networks=self.language.listing(missing)))
        return [value for value in found.values() if value is not None]

    def fact(self, key: str) -> facts.Fact:
        """A published figure of reporter/facts/claims.csv, with its source in the language of the report."""
        found = facts.claim(self.claim)[key]
        return found._replace(source=self.language._(found.source))

    def count(self, name: str) -> str:
        """A measured number in full digits."""
        return self.language.number(self[name])

    def ratio(self, value: float) -> str:
        """A ratio with two digits; raises MissingError where it is no positive number, as of gradients that are 0."""
        if not 0 < value < math.inf:
            _ = self.language._
            reason = _("a ratio is 0 or not finite")
            raise MissingError(_("Its evidence could not be measured: {reason}.").format(reason=reason))
        return units.ratio(self.language, value)

    @property
    def counted(self) -> str:
        """The source of what this run has counted itself."""
        return self.language._("counted in this run")

    @property
    def measured(self) -> str:
        """The source of what this run has measured itself."""
        return self.language._("measured in this run")


def sentences(*parts: str | None) -> tuple[str, ...]:
    """Those that are said at all."""
    return tuple(part for part in parts if part)


def cell(values: Sequence[str]) -> str:
    """Several values in one cell, which may contain commas themselves: `3,2` in Russian."""
    return "; ".join(values)
