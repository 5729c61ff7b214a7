"""What `reporter ab` says: two environments, and for every network how much slower one is, how surely."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reporter.comparing.differences import Basis, Differences, Judgement, Timing
from reporter.comparing.words import as_json, headline
from reporter.telling.language import SOURCE, language

ENGLISH = language(SOURCE)
VERDICTS: dict[Judgement, str] = {
    "regressed": "B is slower",
    "improved": "B is faster",
    "unchanged": "no difference",
    "noisy": "cannot be told",
}


def in_words(found: Differences, environments: Sequence[Mapping[str, str]]) -> str:
    """Both environments, a table of verdicts for every quantity, and what failed."""
    lines = [f"{side}: {_versions(versions)}" for side, versions in zip("AB", environments, strict=True)]
    if environments[0] == environments[1]:
        lines.append("Both have the same versions.")
    lines.append(headline(found))
    for basis in found.bases:
        rows = [timing for timing in found.timings if timing.quantity.key == basis.quantity.key]
        lines += ["", _basis(basis), *_table(rows)]
    lines += [
        f"{c.architecture}: {c.quantity.title if c.quantity else ''} failed in B: {c.reason}" for c in found.changes
    ]
    return "\n".join(lines)


def document(found: Differences, environments: Sequence[Mapping[str, str]], names: Sequence[str]) -> dict[str, Any]:
    """The same for programs."""
    return as_json(found, *names) | {"environments": dict(zip("ab", environments, strict=True))}


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{package} {number}" for package, number in versions.items())


def _basis(basis: Basis) -> str:
    told = f"{basis.quantity.title}, B against A, calls in turns, {basis.networks} networks:"
    if basis.floor is None:
        return f"{told} too few rounds to know the noise, so no difference is told; --preset standard takes enough."
    return f"{told} a difference of {basis.floor:.1%} would be told from noise."


def _table(rows: Sequence[Timing]) -> Iterator[str]:
    width = max(len(row.architecture) for row in rows)
    for row in sorted(rows, key=lambda row: -row.ratio):
        bounds = f"{_share(row.low)} … {_share(row.high)}" if row.low and row.high else "no interval"
        why = f": {row.reason}" if row.reason else ""
        yield f"  {row.architecture:{width}}  {_share(row.ratio):>8}  ({bounds})  {VERDICTS[row.judgement]}{why}"


def _share(ratio: float | None) -> str:
    return f"{(ratio or 1.0) - 1:+.1%}"
