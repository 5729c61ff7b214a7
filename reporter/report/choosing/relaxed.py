"""Which single limit of `reporter choose` to relax, and to what, where no network fits all limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from reporter.report.choosing.amounts import FACTORS, kind, rounded
from reporter.report.choosing.limits import FLOORS, Candidate, option

UNITS = {
    "time": ("s", "ms", "us"),
    "size": ("GiB", "MiB", "KiB", "B"),
    "count": ("G", "M", "K"),
    "rate": ("/s",),
    "share": ("%",),
}
"""The units that a limit is printed in, the largest first."""


class Relaxed(NamedTuple):
    """The strictest value of one limit with which a network fits, if all other limits stay."""

    key: str
    limit: float
    candidate: Candidate

    @property
    def written(self) -> str:
        """The option with the limit, as it is typed: `--max-latency-cpu 31.3ms`."""
        return f"{option(self.key)} {typed(self.key, self.limit)}"


def relaxed(candidates: Iterable[Candidate], limits: Mapping[str, float]) -> Iterator[Relaxed]:
    """One for each limit that alone keeps networks from fitting."""
    whole = [each for each in candidates if all(key in each.figures for key in limits)]
    for key in limits:
        yield from _strictest(key, [each for each in whole if _misses_only(each, key, limits)])


def strictest(candidates: Iterable[Candidate], limits: Iterable[str]) -> Iterator[Relaxed]:
    """For each limit the strictest value that a network keeps, whatever the other limits are."""
    every = list(candidates)
    for key in limits:
        yield from _strictest(key, [each for each in every if key in each.figures])


def without_effect(candidates: Iterable[Candidate], limits: Mapping[str, float]) -> Iterator[Relaxed]:
    """Each limit that every network keeps, with the network that is closest to it."""
    every = list(candidates)
    for key, limit in limits.items():
        of_key = [each for each in every if key in each.figures]
        if of_key and not any(each.above({key: limit}) or each.straddling({key: limit}) for each in of_key):
            closest = min if key in FLOORS else max
            yield Relaxed(key, limit, closest(of_key, key=lambda each: each.values[key]))


def typed(key: str, limit: float) -> str:
    """A limit of three digits with its unit, rounded so that a network that keeps it exactly still fits."""
    of_kind = kind(key)
    unit = next((unit for unit in UNITS[of_kind] if limit >= FACTORS[of_kind][unit]), UNITS[of_kind][-1])
    amount = Decimal(repr(limit)) / Decimal(repr(FACTORS[of_kind][unit]))
    return f"{rounded(amount, down=key in FLOORS):f}{unit}"


def _strictest(key: str, candidates: Sequence[Candidate]) -> Iterator[Relaxed]:
    ends = [_strictest_limit(each, key) for each in candidates]
    if ends:
        best = max(ends) if key in FLOORS else min(ends)
        yield Relaxed(key, best, candidates[ends.index(best)])


def _misses_only(each: Candidate, key: str, limits: Mapping[str, float]) -> bool:
    """Whether a network fits all limits but this one."""
    others = {name: limit for name, limit in limits.items() if name != key}
    return not each.above(others) and not each.straddling(others)


def _strictest_limit(each: Candidate, key: str) -> float:
    """The strictest limit that a network keeps with its whole interval."""
    low, high = each.figures[key].bounds
    return low if key in FLOORS else high
