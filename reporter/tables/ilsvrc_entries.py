"""The entries of the timeline with the kind and source of each number, and errors in popular charts."""

from __future__ import annotations

from collections.abc import Iterator

from reporter.report import challenge_entries
from reporter.report.challenge_entries import Entry
from reporter.report.comparison import Comparison
from reporter.report.language import Language
from reporter.report.output.markdown import Sourced
from reporter.report.table import Cell, Column, Table, Tabulation, plain

FINE = 5.0
"""Errors below this, in percent, are shown with two decimals at most, as those of 2016 are less than 0.1 apart; others
with one, as in papers. Half is rounded up, on the published decimals. Files have all."""


def make(comparison: Comparison, language: Language) -> Table | None:
    _ = language._
    entries = sorted(challenge_entries.entries(), key=lambda entry: entry.year[:4])
    columns = (
        Column("year", _("Year")),
        Column("team", _("Team")),
        Column("entry", _("Entry")),
        Column("top5_error_percent", _("Top-5 error"), "%", "%", numeric=True),
        Column("depth", _("Depth")),
        Column("make", _("Model")),
        Column("winner", _("Winner")),
        Column("kind", _("Evaluation")),
        Column("source", _("Source")),
        Column("note", _("Remark")),
    )
    rows = tuple(_row(entry, language) for entry in entries)
    return Table("timeline", _("The entries and their sources"), columns, rows, _slips(comparison, language))


def _row(entry: Entry, language: Language) -> tuple[Cell, ...]:
    digits = min(len(str(entry.error).partition(".")[2]), 2 if entry.error < FINE else 1)
    error = Cell(language.number(entry.error, digits), entry.error)
    translate = language.translate
    before = (*_when_and_who(entry, language), translate(entry.what))
    won = Cell("✓", "yes") if entry.winner and not entry.external else ""
    after = (
        Cell(", ".join(entry.depths) or "–", entry.depth),
        translate(entry.make),
        won,
        translate(entry.kind),
        Cell(Sourced(entry.source), entry.source),
        "; ".join(filter(None, (translate(entry.note), *_remarks(entry, language)))),
    )
    return (*map(plain, before), error, *map(plain, after))


def _when_and_who(entry: Entry, language: Language) -> tuple[Cell, Cell]:
    """The year as a number, and the team; people have no year. Files have both as the facts name them."""
    team, year = language.translate(entry.team), entry.year[:4]
    if not year.isdigit():
        year, team = "–", f"{language.translate(entry.year)}: {team}"
    return Cell(year, entry.year), Cell(team, entry.team)


def _remarks(entry: Entry, language: Language) -> Iterator[str]:
    """The month, what the source says of the depth, and that a winner had more images than those of the challenge."""
    if "(" in entry.year:
        yield language.translate(entry.year)
    if "(" in entry.depth or (entry.depth and not entry.depths and not entry.handmade):
        yield f"{language._('Depth')}: {language.translate(entry.depth)}"
    if entry.winner and entry.external:
        yield language._("won the category with external data")


def _slips(comparison: Comparison, language: Language) -> tuple[str, ...]:
    """Footnotes: where the chart that everyone knows is not what was published, or the network not what was entered."""
    _ = language._
    built = _(
        "torchvision's GoogLeNet, the one measured here, has batch norm and a 3x3 convolution where the paper has "
        "a 5x5: 6,624,904 parameters instead of 6,998,552."
    )
    return (
        _("2010 and 2011 each had a test set; 2012 to 2017 shared one."),
        _(
            "2013: 11.7 is the entry of the company Clarifai, not of the ZFNet paper (14.8), "
            "although many charts label it ZFNet."
        ),
        _("2014: GoogLeNet won, VGG was second; VGG won localization."),
        _("2016: the winner is a mixed ensemble with no single depth; ResNeXt was second with 3.03."),
        _("2017: the winning ensemble used SENet-154. Popular charts write 152 layers for 2016 and for 2017."),
        _("Every winner since 2012 whose composition is known is an ensemble, most of them on many crops."),
        _(
            "The human 5.1 % is one trained annotator on 1,500 images; a second one, with less training, had 12.0 % "
            "on 258. It is one person's score, not a human limit."
        ),
        *([built] if comparison.network("googlenet") else []),
    )


ENTRIES = (Tabulation("timeline", make, chapter="sources", order=0, edition="lecture"),)
