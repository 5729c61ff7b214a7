"""Run history: every change of level, its date and the version of torch."""

from __future__ import annotations

from reporter.report.between_runs.run_history import level_history
from reporter.report.comparison import Comparison
from reporter.report.language import Language
from reporter.report.table import Cell, Column, Table, Tabulation, plain


def make(comparison: Comparison, language: Language) -> Table | None:
    """A row for each network and change, the latest first; None where there is none."""
    found = level_history(comparison)
    if found is None or not any(series.steps for series in found.series):
        return None
    _ = language._
    rows = []
    for series in found.series:
        for step in series.steps:
            torch = f"{found.versions[step.index - 1]} → {found.versions[step.index]}"
            same = found.versions[step.index - 1] == found.versions[step.index]
            change = 100 * (step.ratio - 1)
            cells = (
                plain(series.architecture),
                Cell(language.date(found.moments[step.index]), found.moments[step.index]),
                Cell(language.signed(change), change),
                plain(found.versions[step.index] if same else torch),
            )
            rows.append((step.index, cells))
    title = language._(comparison.quantities[found.key].title) if found.key in comparison.quantities else found.key
    message = language.ngettext("{quantity}, {count} run.", "{quantity}, {count} runs.", len(found.moments))
    return Table(
        "history",
        _("Changes of level from run to run"),
        (
            Column("architecture", _("Architecture")),
            Column("since", _("Since")),
            Column("change", _("Change of relative time"), "%", "%", numeric=True),
            Column("torch", "torch"),
        ),
        tuple(cells for _index, cells in sorted(rows, key=lambda row: -row[0])),
        (message.format(quantity=title, count=len(found.moments)),),
    )


ENTRIES = (Tabulation("history", make, chapter="history", order=1),)
