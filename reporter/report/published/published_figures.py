"""Published figures of a record, completed by those that earlier versions of the program did not store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from reporter import facts
from reporter.architectures.timm import PREFIX
from reporter.model import Record
from reporter.model.image_sizes import OF_ONE_SIZE
from reporter.report.comparison import Comparison
from reporter.report.language import Language


def figures(record: Record) -> Mapping[str, Any]:
    """The figures in the record, then those of the facts if both are of one paper.

    Of an architecture that was measured with images of another size than its own, those of its own size are left out.
    """
    known = facts.published(record.architecture)
    if not known or record.published.get("paper_title") != known["paper_title"]:
        known = {}
    found = {**known, **record.published}
    if record.own_input_size is None:
        return found
    return {key: figure for key, figure in found.items() if key not in OF_ONE_SIZE}


def with_weights(comparison: Comparison, language: Language) -> str:
    """A clause on how many networks have the accuracy of weights; others may publish weights of the rest."""
    weights, _published, count = comparison.coverage
    records = (*comparison.networks, *comparison.hidden)
    if any(record.architecture.startswith(PREFIX) or record.own_input_size for record in records):
        message = language._("the accuracy of the named weights is known for only {known} of {count}")
    else:
        message = language._("torchvision publishes weights for only {known} of {count}")
    return message.format(known=weights, count=count)


def counted_by(record: Record) -> str:
    """What the published count was made with, without versions and what was counted."""
    return without_details(_counted_by(record))


def without_details(counter: str) -> str:
    """The same of a cell of the facts."""
    return re.sub(r" [\d.]+(?= weights meta)| weights meta.*| \([^)]*\)$", "", counter)


def torchvision_versions(records: Iterable[Record]) -> list[str]:
    """The versions of torchvision whose weights state the published counts."""
    found = (re.match(r"torchvision ([\d.]+)", _counted_by(record)) for record in records)
    return sorted({match[1] for match in found if match})


def _counted_by(record: Record) -> str:
    """The source of the published count; a record with the same count may name an earlier version."""
    known, count = facts.published(record.architecture), record.published.get("params_counted")
    row = known if count is not None and str(known.get("params_counted")) == str(count) else record.published
    return str(row.get("params_counted_by") or "")
