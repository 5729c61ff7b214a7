"""Notes on gradients: of which weights they are, and whether two gradient ratios show the effect of training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reporter.model import Record
from reporter.model.fields import AS_SET, BATCH_OF, GRADIENT_RATIOS
from reporter.model.readings import same_conditions
from reporter.report.language import Language
from reporter.report.table import Builder
from reporter.report.training.training_recipes import TOP1_KEYS, detail, measured, name_rows

INITIAL, TRAINED = GRADIENT_RATIOS
BEFORE = (INITIAL, "gradient_flow")
"""The keys of gradients before training."""
OF_BATCH = ("dataset", "data", "batch_size", "image_size", "seeds", "first_seed")
"""The conditions that the images of a batch depend on."""
POOLED = "from all images"
"""How a record states that each seed splits all images, so that the training images of seeds differ."""


def notes(rows: Builder, language: Language) -> Iterator[str]:
    """What the gradients are of which rows, and of which rows they do not show what training did."""
    if {INITIAL, TRAINED} <= {column.key for column in rows.columns}:
        yield from _pairs(rows, language)
    yield start_note(rows.records, language)


def start_note(records: Sequence[Record], language: Language) -> str:
    """Which networks have gradients with the weights that their code sets; empty where none has."""
    found = [record.architecture for record in records if _is_as_set(record)]
    message = language._(
        "Gradients with the weights that the code of a module instance sets, not with random ones: {names}."
    )
    return message.format(names=name_rows(found, len(records), language)) if found else ""


def _is_as_set(record: Record) -> bool:
    """Whether it has gradients before training that are not with random weights.

    In records of earlier versions, the weights that the training started from show that.
    """
    found = [each for key in BEFORE if (each := measured(record, key))]
    weights = {each.detail.get("weights") for each in found} | {detail(record, "weights", TOP1_KEYS[:1])}
    return bool(found) and AS_SET in weights


def _pairs(rows: Builder, language: Language) -> Iterator[str]:
    """What the two gradient ratios are, and of which rows they do not show what training did."""
    _ = language._
    pairs = [record for record in rows.records if measured(record, INITIAL) and measured(record, TRAINED)]
    unlike = [record.architecture for record in pairs if not is_same_batch(record)]
    opening = _(
        "Gradient ratio: norm of the loss's gradient in the first layer's weights over that in the last layer's, with "
        "random weights and after training."
    )
    yield opening if unlike or not pairs else f"{opening} {_('Both are on the same batch of each seed.')}"
    if unlike:
        message = _(
            "The gradient ratios before and after training are from different images, possibly of different size; "
            "their difference does not show the effect of training: {names}."
        )
        yield message.format(names=name_rows(unlike, len(rows.records), language))
    if fewer := [record.architecture for record in pairs if _seeds(record, INITIAL) > _seeds(record, TRAINED)]:
        message = _("After training, the gradient ratio is of fewer seeds: {names}.")
        yield message.format(names=name_rows(fewer, len(rows.records), language))
    if others := [record.architecture for record in pairs if not _is_from_initial(record)]:
        message = _(
            "Training started from other weights than the random ones of the gradient ratio, so that the two do not "
            "show the effect of training: {names}."
        )
        yield message.format(names=name_rows(others, len(rows.records), language))


def is_same_batch(record: Record) -> bool:
    """Whether the gradient ratios of a record are on the same images.

    Those of earlier versions are if the training took images of that size, and held-out ones of another part.
    """
    initial, trained = (record.readings[key] for key in GRADIENT_RATIOS)
    if trained.detail.get(BATCH_OF) != INITIAL:
        made, pooled = (detail(record, key, TOP1_KEYS[:1]) for key in ("recipe", "held_out_drawn"))
        size = made.get("image_size") if isinstance(made, dict) else None
        if size is None or size != initial.settings.get("image_size") or pooled == POOLED:
            return False
    first, second = (
        {key: each.settings[key] for key in OF_BATCH if key in each.settings} for each in (initial, trained)
    )
    return same_conditions(first, second)


def _seeds(record: Record, key: str) -> int:
    """The number of seeds of a gradient ratio: training stops after the first one where that is close to guessing."""
    return len(record.readings[key].samples)


def _is_from_initial(record: Record) -> bool:
    """Whether training started from the weights that the gradient ratio before the first step has."""
    return detail(record, "weights", TOP1_KEYS[:1]) in (None, "random", AS_SET)
