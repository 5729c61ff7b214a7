"""Measured vs. published: parameters, multiply-adds and depth, with the difference."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from reporter.model import Record
from reporter.report import units
from reporter.report.comparison import Comparison, published
from reporter.report.display_names import display_name
from reporter.report.language import Language
from reporter.report.published.paper_depth import depth_cell, paper_depth, source
from reporter.report.published.published_figures import counted_by, torchvision_versions
from reporter.report.table import Builder, Cell, Column, Table, Tabulation

FACTS = {"parameters": ("params_counted", 1.0, 0.0), "macs": ("torchvision_ops_gmacs", 1e9, 0.0005)}
"""The column of facts/architectures.csv for a quantity, its unit, and half of its last digit in that unit."""
QUOTED = r"~?(\d+(?:\.\d+)?) G"
"""The MACs with which a paper's statement begins."""


def make(comparison: Comparison, language: Language) -> Table | None:
    _ = language._
    published_counts = [
        r for r in comparison.networks if any(_figure(r, key) for key in FACTS) or r.published.get("depth_paper")
    ]
    if not published_counts:
        return None
    rows = Builder(comparison, language, published_counts)
    rows.names(machines=False)
    rows.sizes()
    for key in FACTS:
        _compared(rows, key)
    _quoted(rows, "macs_paper", "mult_adds_published", QUOTED)
    if any(paper_depth(record) is not None for record in published_counts):
        rows.add(
            Column("depth_paper", _("Depth in the paper"), numeric=True),
            [depth_cell(record, language) for record in published_counts],
        )
    rows.quantity("depth")
    rows.text("source", _("Source of the count"), [language._(counted_by(r)) for r in published_counts])
    difference = _("Difference: (measured − published) / published, 0 within the rounding of the published figure.")
    if any(_counted(record, "parameters") != record.value("parameters") for record in published_counts):
        difference = f"{difference} {_('¹ with the auxiliary heads, as the published count has them.')}"
    notes = (
        difference,
        _(
            "Published MACs are torchvision's. A figure from a paper is quoted as it is printed: papers round, and "
            "count variants of their own."
        ),
        _other_papers(published_counts, language),
        _versions(published_counts, language),
        _depth_sources(published_counts, language),
    )
    return rows.table("published", _("Measured vs. published"), notes)


def _versions(records: Sequence[Record], language: Language) -> str:
    """Which torchvision published the counts, and which one was measured if that is another one."""
    found, here = torchvision_versions(records), {record.environment.get("torchvision", "") for record in records}
    if not found:
        return ""
    note = language._("Published parameters: those that torchvision {version} states for its weights.")
    if any(_figure(each, "parameters") and not counted_by(each).startswith("torchvision") for each in records):
        note = language._(
            "Published parameters: those that torchvision {version} states for its weights, except where the last "
            "column names another source."
        )
    note = note.format(version=", ".join(found))
    if not (other := sorted(here - {"", *found})):
        return note
    measured = language._("Measured with torchvision {version}; a count that differs there is shown as a difference.")
    return f"{note} {measured.format(version=', '.join(other))}"


def _compared(rows: Builder, key: str) -> None:
    """Three columns under one heading: what was counted here, what is published, and how far they are apart."""
    _ = rows.language._
    quantity = rows.comparison.quantities.get(key)
    if quantity is None or not any(_figure(record, key) for record in rows.records):
        return
    title = _(quantity.title)
    whole = [_counted(record, key) for record in rows.records]
    scale = units.PLAIN if key == "parameters" else units.scale(quantity, whole)
    unit = _(scale.word)

    def column(kind: str, word: str, base: str = "1") -> Column:
        name = f"{key}_{kind}" if kind else key
        shown = unit if base == "1" else base
        return Column(name, f"{title}, {word}", shown, base, numeric=True, group=title, short=word)

    figures = [_figure(record, key) for record in rows.records]
    heads = [value != record.value(key) for value, record in zip(whole, rows.records, strict=True)]
    here = [_number(value, scale, rows.language, "¹" if more else "") for value, more in zip(whole, heads, strict=True)]
    rows.add(column("", _("measured")), here)
    rows.add(column("published", _("published")), [_number(value, scale, rows.language) for value in figures])
    rounding = FACTS[key][1] * FACTS[key][2]
    apart = [_apart(*pair, rounding, rows.language) for pair in zip(whole, figures, strict=True)]
    rows.add(column("difference", _("difference"), "%"), apart)


def _quoted(rows: Builder, key: str, fact: str, pattern: str) -> None:
    """The figure with which a paper's statement begins, as it prints it."""
    _ = rows.language._
    column = {
        "macs_paper": Column(key, _("MACs in a paper"), _("G"), "G", numeric=True, short=_("a paper"), group=_("MACs"))
    }[key]
    found = [re.match(pattern, str(record.published.get(fact) or "")) for record in rows.records]
    if any(found):
        rows.add(column, [_printed(match[1] if match else "", rows.language) for match in found])


def _other_papers(records: Sequence[Record], language: Language) -> str:
    """Which of the quoted MACs are from another paper than the architecture's own."""
    names: dict[str, list[str]] = {}
    for record in records:
        if paper := other_paper(record.published):
            names.setdefault(paper, []).append(display_name(record.architecture))
    if not names:
        return ""
    parts = "; ".join(f"{language.translate(paper)} ({', '.join(some)})" for paper, some in names.items())
    return language._("MACs from another paper: {parts}.").format(parts=parts)


def other_paper(published: Mapping[str, object]) -> str:
    """The paper that states the MACs, where it is named; that of the architecture itself is not."""
    found = re.match(QUOTED + r" \(([A-Z]\w+ paper|Rethinking)\b", str(published.get("mult_adds_published") or ""))
    return found[2] if found else ""


def _depth_sources(records: Sequence[Record], language: Language) -> str:
    """Where the depths are stated, each source with its architectures."""
    names: dict[str, list[str]] = {}
    for record in records:
        if paper_depth(record) is not None and (where := source(record, language)):
            names.setdefault(where, []).append(display_name(record.architecture))
    if not names:
        return ""
    parts = "; ".join(f"{', '.join(some)}: {where}" for where, some in names.items())
    return language._("Sources of the depths: {parts}.").format(parts=parts)


def _printed(figure: str, language: Language) -> Cell:
    """A figure with the digits that it was printed with."""
    if not figure:
        return Cell("–", status="missing")
    return Cell(language.number(float(figure), len(figure.partition(".")[2])), float(figure))


def _figure(record: Record, key: str) -> float | None:
    name, unit, _rounding = FACTS[key]
    own = name == "params_counted" and str(record.published.get("params_counted_by")).startswith("own")
    figure = None if own else published(record, name)
    return None if figure is None else figure * unit


def _counted(record: Record, key: str) -> float | None:
    """What was counted, with the auxiliary heads where the published number has them too."""
    value, heads = record.value(key), record.value("parameters_auxiliary") or 0
    return value + heads if value and key == "parameters" and value + heads == _figure(record, key) else value


def _number(value: float | None, scale: units.Scale, language: Language, mark: str = "") -> Cell:
    if value is None:
        return Cell("–", status="missing")
    value = int(value) if value == int(value) else value
    return Cell(units.text(language, value, scale) + mark, value)


def _apart(whole: float | None, figure: float | None, rounding: float, language: Language) -> Cell:
    """The difference in percent; a plain 0 where the published figure is the measured one, rounded."""
    if whole is None or figure is None:
        return Cell("–", status="missing")
    percent = 100 * (whole / figure - 1)
    if abs(whole - figure) <= rounding:
        return Cell("0", percent)
    digits = 1 if abs(percent) >= 1 else max(2, -math.floor(math.log10(abs(percent))))
    return Cell(("+" if percent > 0 else "") + language.number(percent, digits), percent)


ENTRIES = (Tabulation("published", make, chapter="overview", order=2),)
