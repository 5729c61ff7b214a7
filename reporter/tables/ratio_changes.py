"""History of ratios to the pinned reference: every change of level, on which kind of machine, and the reference."""

from __future__ import annotations

from reporter.report.between_runs.run_history import ratio_courses
from reporter.report.comparison import Comparison
from reporter.report.language import Language
from reporter.report.table import Cell, Column, Table, Tabulation, plain


def make(comparison: Comparison, language: Language) -> Table | None:
    """A row for each architecture, kind of machine and change, the latest first; None without any."""
    courses = ratio_courses(comparison)
    _ = language._
    rows = []
    for course in courses:
        for step in course.steps:
            curve, change = course.curve, 100 * (step.ratio - 1)
            moment = curve.moments[step.index]
            cells = (
                plain(curve.row[0]),
                plain(curve.machine_kind),
                plain(language.date(moment)),
                Cell(language.signed(change), change),
                plain(curve.measured[step.index]),
            )
            rows.append((moment, cells))
    if not rows:
        return None
    key = courses[0].curve.row[1]
    title = _(comparison.quantities[key].title) if key in comparison.quantities else key
    return Table(
        "ratio_changes",
        _("Changes of level against the pinned reference"),
        (
            Column("architecture", _("Architecture")),
            Column("machine", _("Machine")),
            Column("since", _("Since")),
            Column("change", _("Change of the ratio"), "%", "%", numeric=True),
            Column("reference", _("Measured against")),
        ),
        tuple(cells for _moment, cells in sorted(rows, key=lambda row: row[0], reverse=True)),
        (_("{quantity}; each kind of machine is compared with itself only.").format(quantity=title),),
    )


ENTRIES = (Tabulation("ratio_changes", make, chapter="history", order=3),)
