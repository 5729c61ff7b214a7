"""The command that the screen offers for a line: `reporter accept` with options that no other finding fits."""

from __future__ import annotations

from collections.abc import Sequence
from shlex import quote

from reporter.model.plurals import counted
from reporter.model.records import EAGER
from reporter.report.between_runs.grouping import NAMED, FindingLine

FIELDS = ("architecture", "mode", "metric")
"""What the options of the command are about."""
UNNAMED = ("", EAGER)
"""What no option names unless it is needed: no metric, and the usual mode."""


def accept_command(group: Sequence[FindingLine], findings: Sequence[FindingLine], out: str) -> str:
    """The command for a group of these findings.

    Up to NAMED names of a field are listed if it would accept others without them; else the number of others follows.
    """
    names = {field: list(dict.fromkeys(getattr(row, field) for row in group)) for field in FIELDS}
    options = {field: each for field, each in names.items() if len(each) == 1 and each[0] not in UNNAMED}
    others = [row for row in findings if row not in group]
    for field, each in names.items():
        excludes = any(getattr(row, field) not in each for row in _accepted(others, options))
        if excludes and len(each) <= NAMED and "" not in each:
            options[field] = each
    words = "".join(f" --{field} {quote(name)}" for field in FIELDS for name in options.get(field, ()))
    left = len(_accepted(others, options))
    more = f" (accepts {counted(left, 'other finding')}, too)" if left else ""
    return f"`reporter accept {quote(out)}{words}`{more}"


def _accepted(rows: Sequence[FindingLine], options: dict[str, list[str]]) -> list[FindingLine]:
    return [row for row in rows if all(getattr(row, field) in names for field, names in options.items())]
