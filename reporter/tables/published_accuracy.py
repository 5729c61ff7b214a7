"""Published accuracy: of the available weights, and of each paper with its protocol."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, InvalidOperation

from reporter import facts
from reporter.model import Record
from reporter.report import units
from reporter.report.comparison import Comparison, accuracy
from reporter.report.language import Language
from reporter.report.published.accuracy_marks import PROTOCOL, footnotes, marked, protocol, single_view
from reporter.report.table import Builder, Cell, Column, Table, Tabulation

FIGURES = ("paper_1crop_top1_err", "paper_1crop_top5_err", "paper_10crop_top1_err", "paper_10crop_top5_err")
"""The errors that papers state, in percent; the table has the accuracies."""


def make(comparison: Comparison, language: Language) -> Table | None:
    _ = language._
    rated = [
        r for r in comparison.networks if r.value("imagenet_top1") is not None or any(_fact(r, key) for key in FIGURES)
    ]
    if not rated:
        return None
    rows = Builder(comparison, language, rated)
    rows.names(machines=False)
    rows.sizes()
    for key in ("imagenet_top1", "imagenet_top5"):
        rows.quantity(key)
        if rows.columns[-1].key == key:
            rows.cells[-1] = [marked(cell, record) for cell, record in zip(rows.cells[-1], rated, strict=True)]
    rows.text("weights", _("Weights"), [_weights(record) for record in rated])
    titles = [_("Paper, single view, top-1"), _("Paper, single view, top-5")]
    titles += [_("Paper, 10 crops, top-1"), _("Paper, 10 crops, top-5")]
    for key, title in zip(FIGURES, titles, strict=True):
        if any(_fact(record, key) for record in rated):
            cells = [_accuracy(_fact(record, key), language) for record in rated]
            if "1crop" in key:
                cells = [_of_paper(cell, record) for cell, record in zip(cells, rated, strict=True)]
            rows.add(Column(key.removesuffix("_err"), title, "%", "%", numeric=True), cells)
    rows.text("paper_protocol", _("Protocol of the paper"), [_(_fact(record, "paper_protocol")) for record in rated])
    rows.text("source", _("Source"), [_(_fact(record, "source")) for record in rated])
    notes = (
        _(
            "Not measured here. The weights' accuracy is single-crop on the ImageNet validation set; a paper's is 100 "
            "% minus the error that it states. Protocols quote errors (top-1/top-5)."
        ),
        _recipe_note(language),
        *footnotes(rated, language, lambda record: protocol(record) or _other_view(record)),
    )
    return rows.table("accuracy", _("Accuracy on ImageNet, as published"), notes)


def _recipe_note(language: Language) -> str:
    """How far the training recipe moves the accuracy of one architecture, by torchvision's weights."""
    first, second = (facts.published("resnet50")[f"tv_{version}_acc1"] / 100 for version in ("v1", "v2"))
    message = language._(
        "The training recipe moves accuracy, too: ResNet-50 reaches {first} % with torchvision's first weights and "
        "{second} % with its second ones."
    )
    return message.format(first=units.share(language, first), second=units.share(language, second))


def _fact(record: Record, key: str) -> str:
    """A published figure or text, as the facts spell it.

    Records may have an earlier spelling, with words in capitals, and have figures as numbers: 21.1 for 21.10.
    """
    figure, name = record.published.get(key), record.architecture
    text, known = str(figure or ""), str(facts.architectures().get(name, {}).get(key) or "")
    same = known.casefold() == text.casefold() or facts.published(name).get(key) == figure
    return "" if text in ("", "-") else known if same else text


def _weights(record: Record) -> str:
    reading = record.readings.get("imagenet_top1")
    return str(reading.detail.get("weights") or "") if reading and reading.measured else ""


def _of_paper(cell: Cell, record: Record) -> Cell:
    """An accuracy of a paper with its signs: all where it is the one that reports show, else that of its protocol."""
    found = accuracy(record)
    if found and found.paper:
        return marked(cell, record)
    return replace(cell, text=cell.text + PROTOCOL) if cell.value is not None and single_view(record) else cell


def _other_view(record: Record) -> str | None:
    """The protocol of the paper's single view, if it is another one and the table has its accuracy."""
    return single_view(record) if any(_fact(record, key) for key in FIGURES if "1crop" in key) else None


def _accuracy(figure: str, language: Language) -> Cell:
    """The accuracy of an error in percent, with the digits that the paper prints."""
    try:
        error = Decimal(figure)
    except InvalidOperation:
        return Cell(figure or "–", status="missing")
    if not error.is_finite() or not 0 <= error <= 100:
        return Cell(figure, status="missing")
    return Cell(language.number(100 - error, len(figure.partition(".")[2])), float(100 - error))


ENTRIES = (Tabulation("accuracy", make, chapter="accuracy", order=5),)
