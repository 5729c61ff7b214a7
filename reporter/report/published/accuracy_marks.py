"""Marks of published accuracies that are not comparable: of another network than the measured one, or protocol."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from reporter.model import Record
from reporter.report import units
from reporter.report.comparison import Comparison, accuracy
from reporter.report.display_names import display_name
from reporter.report.language import Language
from reporter.report.table import Cell

NETWORK, PROTOCOL, SIZE = "‡", "§", "¶"
NAMED = 12
"""Networks that a footnote names; more are counted."""
LIKE = 0.02
"""MACs of a paper and of the measured network that differ by less, as a share, are those of one network."""
USUAL_SIZE = 224
USUAL = re.compile(r"\b1[- ]crop 224\b")
SUBSET = re.compile(r"non-blacklisted|\bsubset\b")
OTHER_VIEW = re.compile(r"\bdense evaluation\b|\b1[- ]crop (?!224\b)\d")
"""What a protocol says of a single view that is not one crop of 224 pixels."""


def special(record: Record) -> str:
    """The signs of an accuracy of another network, protocol or image size."""
    network = "" if paper_macs(record) is None else NETWORK
    if other_size(record):
        return network + SIZE
    return network if protocol(record) is None else network + PROTOCOL


def evaluated_size(record: Record, key: str = "imagenet_top1") -> int | None:
    """The side of the images that a published accuracy of weights was taken with, if its source names it."""
    reading = record.readings.get(key)
    size = reading.detail.get("test_size") if reading and reading.measured else None
    return size if isinstance(size, int) and not isinstance(size, bool) else None


def other_size(record: Record, key: str = "imagenet_top1") -> int | None:
    """The same if the network was measured with images of another size."""
    size = evaluated_size(record, key)
    return None if size is None or tuple(record.image_size) == (size, size) else size


def paper_macs(record: Record) -> float | None:
    """The MACs of the network whose accuracy a paper states, if that network is not the measured one."""
    found, counted = accuracy(record), record.value("macs")
    stated = re.match(r"~?(\d+(?:\.\d+)?) G", str(record.published.get("mult_adds_published") or ""))
    if found is None or not found.paper or not stated or not counted:
        return None
    macs = float(stated[1]) * 1e9
    return macs if abs(counted / macs - 1) > LIKE else None


def protocol(record: Record) -> str | None:
    """The protocol of an accuracy if it is not that of one crop of 224 pixels on all validation images."""
    found = accuracy(record)
    if found is None:
        return None
    if not found.paper:
        if size := evaluated_size(record):
            return None if size == USUAL_SIZE else f"1 crop {size}"
        return None if record.input_size == USUAL_SIZE else f"1 crop {record.input_size}"
    stated = str(record.published.get("paper_protocol") or "")
    return None if USUAL.search(stated) and not SUBSET.search(stated) else stated


def single_view(record: Record) -> str | None:
    """The protocol of the paper's figure for a single view, if it states another one than one crop of 224 pixels."""
    stated = str(record.published.get("paper_protocol") or "")
    return stated if OTHER_VIEW.search(stated) or SUBSET.search(stated) else None


def marked(cell: Cell, record: Record) -> Cell:
    """A cell with a published accuracy, with its signs."""
    return cell if cell.value is None else replace(cell, text=cell.text + special(record))


def legend(comparison: Comparison, language: Language) -> str:
    """What the signs of the accuracies in a chart mean, of those that networks of the comparison have."""
    _ = language._
    meanings = {
        NETWORK: _("‡: the accuracy is that of the paper's network, which needs other MACs."),
        PROTOCOL: _("§: another protocol than one crop of 224 pixels on all validation images."),
        SIZE: _("¶: taken at another image size than the architecture was measured at."),
    }
    shown = "".join(map(special, comparison.networks))
    return " ".join(meaning for sign, meaning in meanings.items() if sign in shown)


def hollow(records: Iterable[Record], language: Language) -> str:
    """What hollow bubbles in a chart mean; empty where none of its networks has one."""
    if not any((found := accuracy(record)) and found.top1 and found.paper for record in records):
        return ""
    return language._("Hollow bubbles: the paper's own figure, not that of published weights.")


def footnotes(
    records: Iterable[Record], language: Language, protocol: Callable[[Record], str | None] = protocol
) -> tuple[str, ...]:
    """What the signs mean, with the architectures that have them; `protocol` gives the one that § is about."""
    _ = language._
    records = tuple({record.architecture: record for record in records}.values())
    others = [
        _("{name}: {stated} G, measured here {counted} G").format(
            name=display_name(record.architecture),
            stated=units.text(language, stated / 1e9),
            counted=units.text(language, (record.value("macs") or 0) / 1e9),
        )
        for record in records
        if (stated := paper_macs(record)) is not None
    ]
    protocols = [
        f"{display_name(record.architecture)} ({language.translate(re.split('; | [(]', words)[0])})"
        for record in records
        if (words := protocol(record)) and not other_size(record)
    ]
    sizes = [
        _("{name}: {size} pixels").format(name=display_name(record.architecture), size=size)
        for record in records
        if (size := other_size(record))
    ]
    network = _("‡: the accuracy is that of the paper's network, which needs other MACs ({names}).")
    another = _("§: another protocol than one crop of 224 pixels on all validation images: {names}.")
    resized = _("¶: the accuracy was taken at another image size than the architecture was measured at ({names}).")
    found = ((network, others), (another, protocols), (resized, sizes))
    return tuple(message.format(names=_shortened(names, language)) for message, names in found if names)


def _shortened(names: Sequence[str], language: Language) -> str:
    """Names in a row; of many only the first ones and how many more there are."""
    more = len(names) - NAMED
    shown = names if more <= 1 else [*names[:NAMED], language._("{count} more").format(count=more)]
    return "; ".join(shown)
