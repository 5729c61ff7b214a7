"""Run history: every change of level, its date and the version of torch."""

from __future__ import annotations

from reporter.report.comparison import Comparison
from reporter.report.language import Language
from reporter.report.run_history import nights
from reporter.report.table import Cell, Column, Table, Tabulation, plain


def make(comparison: Comparison, language: Language) -> Table | None:
    """A row for each network and change, the latest first; None where there is none."""
    found = nights(comparison)
    if found is None or not any(course.steps for course in found.courses):
        return None
    _ = language._
    rows = []
    for course in found.courses:
        for step in course.steps:
            torch = f"{found.versions[step.night - 1]} → {found.versions[step.night]}"
            same = found.versions[step.night - 1] == found.versions[step.night]
            change = 100 * (step.ratio - 1)
            cells = (
                plain(course.architecture),
                plain(language.date(found.moments[step.night])),
                Cell(language.signed(change), change),
                plain(found.versions[step.night] if same else torch),
            )
            rows.append((step.night, cells))
    title = language._(comparison.quantities[found.key].title) if found.key in comparison.quantities else found.key
    message = language.ngettext("{quantity}, {count} night.", "{quantity}, {count} nights.", len(found.moments))
    return Table(
        "history",
        _("Changes of level over the nights"),
        (
            Column("architecture", _("Network")),
            Column("since", _("Since")),
            Column("change", _("Change of relative time"), "%", "%", numeric=True),
            Column("torch", "torch"),
        ),
        tuple(cells for _night, cells in sorted(rows, key=lambda row: -row[0])),
        (message.format(quantity=title, count=len(found.moments)),),
    )


ENTRIES = (Tabulation("history", make, chapter="history", order=1),)
