"""A sentence with the protocol of a training: data set, steps, batch, image size, seeds and held-out images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reporter.report.comparison import Comparison
from reporter.report.language import Language
from reporter.report.training.training_recipes import TOP1_KEYS, detail, recipe, seeds


def protocol(comparison: Comparison, language: Language, keys: Sequence[str] = TOP1_KEYS) -> str:
    """What the trained architectures of a comparison have in common; of several values how many have each.

    `keys` are the held-out accuracies of the fine-tuning modes that it is about.
    """
    _ = language._
    trained = [
        record
        for record in comparison.records
        if any((reading := record.readings.get(key)) and reading.measured for key in keys)
    ]
    values: dict[str, list[object]] = {
        _("Data set"): [detail(record, "dataset", keys) for record in trained],
        _("Steps"): [recipe(record, "steps", language, keys) for record in trained],
        _("Batch"): [recipe(record, "batch_size", language, keys) for record in trained],
        _("Pixels"): [recipe(record, "image_size", language, keys) for record in trained],
        _("Seeds"): [seeds(record, keys) for record in trained],
        _("Held-out images"): [detail(record, "test_images", keys) for record in trained],
    }
    parts = []
    for title, found in values.items():
        counted = Counter(str(value) for value in found if value).most_common()
        if len(counted) == 1:
            parts.append(f"{title}: {counted[0][0]}")
        elif counted:
            message = language.ngettext(
                "{value} ({count} architecture)", "{value} ({count} architectures)", counted[0][1]
            )
            first = message.format(value=counted[0][0], count=counted[0][1])
            parts.append(f"{title}: {', '.join([first, *(f'{value} ({count})' for value, count in counted[1:])])}")
    return "; ".join(parts) + "." if parts else ""
