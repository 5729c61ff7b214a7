"""Selection of architectures for charts with too many of them, with a note that names the shown ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reporter.model import Record
from reporter.report.comparison import Comparison, accuracy
from reporter.report.language import Language

MACHINES = 4
"""So many machines have panels of their own: the newest."""
NARROW_NETWORKS = 200
"""In reports on more networks no chart has a form for narrow screens: with them a page of 1,300 is a fifth larger."""


def pictured(comparison: Comparison, most: int, *, per_machine: bool = False) -> Comparison:
    """The same comparison for a picture: of many networks some.

    `per_machine`: it has a panel for each machine, of many machines for the newest, and selects among their networks.
    """
    return chosen(_newest(comparison, MACHINES) if per_machine else comparison, most)


def _newest(comparison: Comparison, most: int) -> Comparison:
    """The same comparison, of more than `most` machines only the newest."""
    if len(comparison.machines) <= most:
        return comparison
    machines = comparison.machines[:most]
    records = tuple(record for record in comparison.records if record.machine in machines)
    return replace(comparison, records=records, machines=machines)


def chosen(comparison: Comparison, most: int, front: Iterable[Record] | None = None) -> Comparison:
    """The same comparison, of more than `most` networks only the Pareto front and the most accurate as published.

    `front` is that against MACs if none is given.
    """
    if len(comparison.networks) <= most:
        return comparison
    ahead = {record.architecture for record in (comparison.front if front is None else front)}
    rank = {
        record.architecture: (record.architecture not in ahead, -(((found := accuracy(record)) and found.top1) or 0.0))
        for record in comparison.networks
    }
    names = set(sorted(rank, key=rank.__getitem__)[:most])
    hidden = tuple(each for each in comparison.networks if each.architecture not in names)
    return replace(
        comparison,
        records=tuple(each for each in comparison.records if each.architecture in names),
        hidden=(*comparison.hidden, *hidden),
        whole=whole(comparison),
    )


def whole(comparison: Comparison) -> Comparison:
    """The comparison of all networks of which this one has some: ranks and fronts are those of all."""
    return comparison.whole or comparison


def has_narrow_forms(comparison: Comparison) -> bool:
    """Whether charts get their forms for narrow screens as well."""
    return len(comparison.networks) <= NARROW_NETWORKS


def note(shown: Comparison, everything: Comparison, language: Language) -> str:
    """What is shown of everything: machines, then networks of these; empty where that is everything."""
    _ = language._
    parts = []
    if len(shown.machines) < len(everything.machines):
        message = _("Shown: {shown} of {count} machines, the newest.")
        parts.append(message.format(shown=len(shown.machines), count=len(everything.machines)))
        everything = _newest(everything, len(shown.machines))
    if len(shown.networks) < len(everything.networks):
        message = _("Shown: {shown} of {count} architectures, the Pareto front and the most accurate as published.")
        parts.append(message.format(shown=len(shown.networks), count=len(everything.networks)))
    return " ".join(parts)
