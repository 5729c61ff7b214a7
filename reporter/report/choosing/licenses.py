"""Licenses of published weights, and the filter by them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from reporter.model import Record, ReporterError
from reporter.report.choosing.limits import Candidate, FilterResult

KEY = "weights_license"
"""Where a record has the license of its weights, among what is published of it."""
UNNAMED = "no license is named for the weights"


def license_of(record: Record) -> str | None:
    """The license of the weights as their publisher names it; None where it names none."""
    found = record.published.get(KEY)
    return found if isinstance(found, str) and found else None


def matches(record: Record, wanted: Sequence[str]) -> bool:
    """Whether the license is one of those that are wanted, which may be globs."""
    found = (license_of(record) or "").lower()
    return any(fnmatchcase(found, glob.lower()) for glob in wanted)


def check(records: Iterable[Record], wanted: Sequence[str]) -> list[str]:
    """A note for each license that no record has; ReporterError if no record has any of them."""
    known = sorted({found for record in records if (found := license_of(record))})
    notes = []
    for glob in wanted:
        if not any(fnmatchcase(name.lower(), glob.lower()) for name in known):
            close = get_close_matches(glob.lower(), known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"licenses here: {', '.join(known) or 'none'}"
            notes.append(f"--license: no weights here have the license {glob!r}; {hint}")
    if notes and len(notes) == len(wanted):
        raise ReporterError(notes[0])
    return notes


def by_license(found: FilterResult, networks: Sequence[Candidate], wanted: Sequence[str]) -> FilterResult:
    """The same: weights under other licenses are out, and those without a named one are unknown.

    `networks` are all that were filtered, in the order that each part keeps.
    """
    if not wanted:
        return found
    places = {id(each): place for place, each in enumerate(networks)}

    def ordered(parts: Iterable[Candidate]) -> list[Candidate]:
        return sorted(parts, key=lambda each: places[id(each)])

    out = [
        each for part in (found.fits, found.undecided, found.unknown) for each in part if _differs(each.record, wanted)
    ]
    unnamed = [each for each in (*found.fits, *found.undecided) if license_of(each.record) is None]
    return FilterResult(
        fits=[each for each in found.fits if matches(each.record, wanted)],
        undecided=[each for each in found.undecided if matches(each.record, wanted)],
        unknown=ordered([*unnamed, *(each for each in found.unknown if not _differs(each.record, wanted))]),
        out=ordered([*out, *found.out]),
    )


def _differs(record: Record, wanted: Sequence[str]) -> bool:
    return license_of(record) is not None and not matches(record, wanted)
