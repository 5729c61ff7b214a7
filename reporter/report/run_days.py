"""When the numbers of some records were measured: the moment of a run, or the days of several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reporter.model import Record
from reporter.report.language import Language


def dates(records: Sequence[Record], language: Language) -> str:
    """The date and time at which a run of records was started, or the first and the last day of several runs."""
    return _range(records, language) or language.date(_newest(records))


def days(records: Sequence[Record], language: Language) -> str:
    """The same without the time."""
    return _range(records, language) or language.calendar_day(_newest(records))


def has_several(records: Iterable[Record]) -> bool:
    """Whether the rounds of records are from more than one run."""
    return len(_runs(records)) > 1


def _newest(records: Iterable[Record]) -> str:
    return max(record.started for record in records)


def _range(records: Sequence[Record], language: Language) -> str:
    """The first and the last day of several runs; empty if there is one, or all were on one day.

    A machine whose rounds belong to no run that is known is one run more.
    """
    runs = _runs(records)
    named = {record.machine for record in records if _runs([record])}
    if len(runs) + len({record.machine for record in records} - named) < 2:
        return ""
    moments = [*runs.values(), *(record.started for record in records)]
    first, last = (language.calendar_day(pick(moments)) for pick in (min, max))
    return f"{first} – {last}" if first != last else ""


def _runs(records: Iterable[Record]) -> dict[str, str]:
    """The moment of the first round of each run; rounds of reporter 0.1.0 belong to none that is known."""
    found: dict[str, str] = {}
    origins = (each for record in records for reading in record.readings.values() for each in reading.origins)
    for origin in origins:
        if origin.started:
            found[origin.run] = min(found.get(origin.run, origin.started), origin.started)
    return found
