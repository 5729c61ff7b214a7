"""Findings of a comparison with a pinned reference, and those of them that are known.

A finding that was accepted stays known as long as it does not grow beyond noise: a pinned reference would otherwise be
red in every run. It is about one kind of machine, because the ratio of two versions depends on the processor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reporter.documents.reference_verdicts import AgainstReference, KnownSlowdown, ReferenceChange, ReferenceVerdict
from reporter.model import Quantity
from reporter.nightly.state import Acceptance, Finding, Kind, NightlyRun

KIND: Kind = "reference"
Row = ReferenceVerdict | ReferenceChange


def mark_accepted(found: AgainstReference, acceptances: Sequence[Acceptance]) -> AgainstReference:
    """The same with the acceptance of each slowdown and each change that is known."""
    entries = [each for each in acceptances if each.kind == KIND]

    def marked(row: Row) -> Row:
        finding = _finding(row, found, "")
        entry = next((entry for entry in reversed(entries) if finding and entry.covers(finding)), None)
        if entry is None:
            return row
        return row.model_copy(
            update={"known": KnownSlowdown(since=entry.since, ratio=entry.ratio or 1.0, reason=entry.reason)}
        )

    update = {"verdicts": tuple(map(marked, found.verdicts)), "changes": tuple(map(marked, found.changes))}
    return found.model_copy(update=update)


def findings(
    found: AgainstReference, last: NightlyRun | None, quantities: Iterable[Quantity], now: str
) -> Iterator[Finding]:
    """The slowdowns and changes, known or not, with the start of the first run that had each.

    A slowdown of the last run remains while the machine is too noisy to show whether it is gone.
    """
    titles = {quantity.key: quantity for quantity in quantities}
    before = {each.identity: each for each in (last.findings if last else ()) if each.kind == KIND}
    for row in _rows(found):
        made = _finding(row, found, now)
        if made is None and isinstance(row, ReferenceVerdict) and row.verdict == "noisy":
            remaining = before.get(_place(row, found))
            if remaining is not None:
                yield remaining.model_copy(update={"reason": "the machine was too noisy to confirm it"})
        if made is not None:
            quantity = titles.get(made.metric)
            since = before[made.identity].since if made.identity in before else now
            about = {"title": quantity.title, "unit": quantity.unit} if quantity else {"title": made.metric}
            yield made.model_copy(update={**about, "since": since, "accepted": row.known is not None})


def accepted(
    found: AgainstReference, named: dict[str, str], reason: str, now: str
) -> tuple[list[Finding], list[Acceptance]]:
    """The findings of a run of the main job that are accepted, and the entries for them."""
    rows = [row for row in _rows(found) if row.known is None]
    made = [each for row in rows if (each := _finding(row, found, found.started))]
    meant = [each for each in made if all(getattr(each, key) == value for key, value in named.items())]
    entries = [
        Acceptance(
            **each.model_dump(include=set(Acceptance.model_fields) - {"accepted", "run", "reason"}),
            accepted=now,
            run=found.started,
            reason=reason,
        )
        for each in meant
    ]
    return meant, entries


def _rows(found: AgainstReference) -> list[Row]:
    return [*found.verdicts, *found.changes]


def _finding(row: Row, found: AgainstReference, since: str) -> Finding | None:
    """The finding of a row; None if it is no regression."""
    about = {"kind": KIND, "architecture": row.architecture, "metric": row.metric, "machine": found.machine_kind}
    about |= {"title": row.metric, "since": since}
    if isinstance(row, ReferenceChange):
        return Finding.model_validate({**about, "base": row.reference, "new": row.tonight, "machine": ""})
    if row.verdict != "slower":
        return None
    return Finding.model_validate(
        {**about, "mode": row.mode, "unit": "s", "ratio": row.ratio, "floor": row.detectable or 0.0}
    )


def _place(row: ReferenceVerdict, found: AgainstReference) -> tuple[object, ...]:
    return KIND, row.architecture, row.mode, row.metric, None, found.machine_kind
