"""History of ratios to the pinned reference: every change of level of a time in any mode, and on which machine."""

from __future__ import annotations

from reporter.model.records import pair_name
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
                plain(pair_name(curve.row[0], curve.row[2])),
                plain(curve.machine_kind),
                Cell(language.date(moment), moment),
                Cell(language.signed(change), change),
                plain(curve.measured[step.index]),
                plain(_title(curve.row[1], comparison, language)),
            )
            rows.append((moment, cells))
    if not rows:
        return None
    return Table(
        "ratio_changes",
        _("Changes of level against the pinned reference"),
        (
            Column("architecture", _("Architecture")),
            Column("machine", _("Machine")),
            Column("since", _("Since")),
            Column("change", _("Change of the ratio"), "%", "%", numeric=True),
            Column("reference", _("Measured against")),
            Column("metric", _("Metric")),
        ),
        tuple(cells for _moment, cells in sorted(rows, key=lambda row: row[0], reverse=True)),
        (_("Each kind of machine is compared with itself only."),),
    )


def _title(key: str, comparison: Comparison, language: Language) -> str:
    return language._(comparison.quantities[key].title) if key in comparison.quantities else key


ENTRIES = (Tabulation("ratio_changes", make, chapter="history", order=3),)
