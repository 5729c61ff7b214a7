"""The line through latency over the batch size: overhead and time per image, and the batch of the best throughput."""

from __future__ import annotations

from collections.abc import Sequence

from reporter.model.scaling_curves import several_runs
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.drawing.curve_lines import CurveLine, lines
from reporter.report.language import Language
from reporter.report.modes import mode_words
from reporter.report.table import Builder, Cell, Column, Table, Tabulation, plain, status_word
from reporter.stats.linear_fit import Interval, LinearFit

MILLISECONDS = units.Scale(1e-3, "ms")


def make(comparison: Comparison, language: Language) -> Table | None:
    """A row for each curve over the batch size; None without any."""
    _ = language._
    found = list(lines(comparison.records, "batch"))
    if not found:
        return None
    rows = Builder(comparison, language, [line.record for line in found])
    rows.names()
    modes = [mode_words.marked_mode(line.record, line.mode, comparison, language) for line in found]
    rows.add(Column("mode", _("Mode")), modes)
    rows.text("device", _("Device"), [line.device for line in found])
    fits = [line.fit for line in found]
    mixed = [language.translate(several_runs(line.points) or "") for line in found]
    overheads = [
        _cell(fit.intercept, fit.intercept_interval, language, note) if fit else _missing()
        for fit, note in zip(fits, mixed, strict=True)
    ]
    slopes = [
        _cell(fit.slope, fit.slope_interval, language, note) if fit else _missing()
        for fit, note in zip(fits, mixed, strict=True)
    ]
    unit = _(MILLISECONDS.word)
    for key, title, cells in (
        ("overhead", _("Overhead"), overheads),
        ("time_per_image", _("Time per image"), slopes),
    ):
        rows.add(Column(key, title, unit=unit, base="s", numeric=True, interval=_wide(fits)), cells)
    best = [line.best for line in found]
    rows.add(
        Column("best_batch", _("Best batch"), numeric=True),
        [plain(point.batch) if point else _missing() for point in best],
    )
    rates = [
        Cell(units.rough(language, p.throughput), p.throughput) if p and p.throughput else _missing() for p in best
    ]
    rows.add(Column("best_throughput", _("Best throughput"), unit=_(units.RATE.word), base="1/s", numeric=True), rates)
    rows.add(Column("not_run", _("Not measured")), [_lost(line, language) for line in found])
    return rows.table("batch_fits", _("Latency over the batch size: overhead and time per image"), _notes(language))


def _cell(value: float, interval: Interval | None, language: Language, note: str) -> Cell:
    """A coefficient with its interval; without one it is marked."""
    low, high = interval or (None, None)
    if interval is None:
        return Cell(f"{units.rough(language, value, MILLISECONDS)} ≈", value, note=note)
    margin = units.rough(language, (interval[1] - interval[0]) / 2, MILLISECONDS)
    return Cell(f"{units.text(language, value, MILLISECONDS, interval)} ± {margin}", value, low, high, note=note)


def _lost(line: CurveLine, language: Language) -> Cell:
    """The first batch that has no figure, with the reason."""
    point = next((each for each in line.points if not each.measured), None)
    if point is None:
        return Cell("")
    status = status_word(point.status, language)
    words = language._("batch {batch}: {status}").format(batch=point.batch, status=status)
    return Cell(
        words, f"{point.batch} {point.status}", status=point.status, note=language.translate(point.reason or "")
    )


def _wide(fits: Sequence[LinearFit | None]) -> bool:
    return any(fit is not None and fit.intercept_interval is not None for fit in fits)


def _missing() -> Cell:
    return Cell("–", status="missing")


def _notes(language: Language) -> tuple[str, ...]:
    return (
        language._(
            "latency = overhead + time per image x batch size, fitted by least squares of the relative deviations, "
            "with 95 % intervals (±) from three batch sizes on; ≈: of two, without an interval. An interval that "
            "includes 0 means that no overhead is shown."
        ),
    )


ENTRIES = (Tabulation("batch_fits", make, chapter="time", order=21),)
