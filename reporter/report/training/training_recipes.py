"""How models were trained: initial weights, recipe, and the precision of the accuracy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from reporter.model import Reading, Record
from reporter.report.comparison import Comparison, number
from reporter.report.language import Language
from reporter.report.table import Builder
from reporter.report.training.held_out_accuracy import (
    FEWEST_IMAGES,
    FEWEST_STEPS,
    interval,
    is_at_chance,
    is_from_scratch,
    resolves,
)
from reporter.report.training.training_ranks import rank_notes

Find = Callable[[Record, Sequence[str]], object]
"""What finds a part of the recipe in a record: that of the first of some fine-tuning modes that was measured."""
TOP1_KEYS = ("finetune_top1", "probe_top1", "scratch_top1")
"""The held-out accuracy of each fine-tuning mode."""
NAMED = 6
"""So many architectures with a reason for random weights are named."""
NOT_DOWNLOADED = re.compile(
    r"no \S+ weights: \S+ is not in torch hub's checkpoints and "
    r"(?:could not be downloaded: |<urlopen error (?:\[[^\]]*\] )?)(?P<error>[^<>]*)>?"
)
"""A reason for random weights, as this version and earlier ones record it: of each network the name of its file."""


def add_recipes(rows: Builder, language: Language) -> Sequence[str]:
    """Columns with the recipe of each row; gives the notes on it."""
    shared = _add_columns(rows, language)
    found: dict[str, list[str]] = {}
    for record in rows.records:
        if reason := str(detail(record, "weights_reason") or ""):
            found.setdefault(reason, []).append(record.architecture)
    return (
        language._("The same for all: {parts}.").format(parts="; ".join(shared)) if shared else "",
        *reasons(found, len(rows.records), language),
        *_untrained(rows.records, language),
        *_sources(rows.records, language),
        *_not_rescaled(rows.records, language),
        *_image_notes(rows.records, language),
        *_certainty(rows, language),
        *rank_notes(rows, TOP1_KEYS),
        *_evaluation(rows.records, language),
        _probe(rows.records, language),
    )


def _add_columns(rows: Builder, language: Language) -> list[str]:
    """Adds the parts of the recipe that differ between rows; gives title and value of the others."""
    _ = language._

    def part(key: str) -> Find:
        return lambda record, keys: recipe(record, key, language, keys)

    def stated(key: str) -> Find:
        return lambda record, keys: detail(record, key, keys) or ""

    def weights(record: Record, keys: Sequence[str]) -> str:
        name = str(detail(record, "weights", keys) or "")
        return _("random weights") if name == "random" else language.translate(name)

    shared = [
        *_add(rows, "weights", _("Started from"), weights, is_shared=True),
        *_add(rows, "dataset", _("Data set"), stated("dataset"), is_shared=True),
        *_add(rows, "optimizer", _("Optimizer"), part("optimizer"), is_shared=True),
    ]
    finds: dict[str, tuple[str, Find]] = {
        "train_images": (_("Training images"), stated("train_images")),
        "test_images": (_("Held-out images"), stated("test_images")),
        "learning_rate": (_("Learning rate"), part("learning_rate")),
        "steps": (_("Steps"), part("steps")),
        "batch_size": (_("Batch"), part("batch_size")),
        "image_size": (_("Pixels"), part("image_size")),
        "seeds": (_("Seeds"), seeds),
        "label_smoothing": (_("Label smoothing"), part("label_smoothing")),
        "auxiliary_loss": (_("Weight of auxiliary loss"), part("auxiliary_loss")),
        "auxiliary_dropped": (_("Auxiliary heads dropped"), part("auxiliary_dropped")),
    }
    for key, (title, find) in finds.items():
        _add(rows, key, title, find)
    return shared


def _add(rows: Builder, key: str, title: str, find: Find, *, is_shared: bool = False) -> list[str]:
    """Adds a part of the recipe, with a column for each fine-tuning mode where the modes of a row differ in it.

    With `is_shared`, a column whose rows are all the same is left out, and its title and value are returned.
    """
    modes = _modes(rows.comparison)
    shared: list[str] = []
    columns: list[tuple[str, str, Sequence[str]]] = [(key, "", TOP1_KEYS)]
    if any(len({str(find(each, (mode,))) for mode in modes if measured(each, mode)}) > 1 for each in rows.records):
        titles = {mode: rows.language._(rows.comparison.quantities[mode].title) for mode in modes}
        columns = [(f"{key}_{mode}" if mode != modes[0] else key, titles[mode], (mode,)) for mode in modes]
    for name, what, keys in columns:
        values = [find(record, keys) for record in rows.records]
        if is_shared and len(values) > 1 and len(set(map(str, values))) == 1:
            shared += [f"{title} ({what}): {values[0]}" if what else f"{title}: {values[0]}"] if values[0] else []
        else:
            rows.text(name, f"{title}: {what}" if what else title, values)
    return shared


def _modes(comparison: Comparison) -> list[str]:
    """The keys of the fine-tuning modes that were measured."""
    return [key for key in TOP1_KEYS if any(measured(record, key) for record in comparison.records)]


def measured(record: Record, key: str) -> Reading | None:
    """A reading of a record; None where it has no value."""
    reading = record.readings.get(key)
    return reading if reading and reading.measured else None


def _evaluation(records: Sequence[Record], language: Language) -> Iterator[str]:
    """What was done before the evaluation, and whether a repetition gives the same accuracy."""
    _ = language._
    if any(recipe(record, "batch_norm_recalibrated", language, (key,)) for record in records for key in TOP1_KEYS):
        yield _(
            "Batch-norm statistics were estimated again before the evaluation of every training of all layers, for "
            "every architecture that has them."
        )
    if any(detail(record, "deterministic") is False for record in records):
        yield _("On a GPU, sums are not always computed in the same order: the same seed may give another accuracy.")


def _untrained(records: Sequence[Record], language: Language) -> list[str]:
    """Why no accuracy was measured, and how to get one."""
    found = (record.readings.get(TOP1_KEYS[0]) for record in records)
    reasons = dict.fromkeys(each.reason or "" for each in found if each and each.status == "skipped")
    return [language._("No accuracy: {reason}").format(reason=language.translate(reason)) for reason in reasons]


def _sources(records: Sequence[Record], language: Language) -> list[str]:
    """Sources of the user's checkpoints, in the words of the file next to each."""
    sentences = []
    for record in records:
        about = detail(record, "checkpoint")
        if isinstance(about, dict) and about.get("source"):
            message = language._("The checkpoint of {name}, in its owner's words: {source}")
            sentences.append(message.format(name=record.architecture, source=about["source"]))
    return list(dict.fromkeys(sentences))


def _not_rescaled(records: Sequence[Record], language: Language) -> list[str]:
    """Which checkpoints of GoogLeNet and Inception v3 are not those of torchvision, whose images are rescaled."""
    found = {record.architecture: detail(record, "checkpoint") for record in records}
    names = [name for name, about in found.items() if isinstance(about, dict) and about.get("transform_input") is False]
    message = language._(
        "Images are not rescaled as torchvision's ImageNet weights need them, because the checkpoint is not "
        "torchvision's file: {names}."
    )
    return [message.format(names=language.listing(names))] if names else []


def _image_notes(records: Sequence[Record], language: Language) -> list[str]:
    """Which images of the data set could not be read and were left out, and other notes, once for each part."""
    notes: list[str] = []
    fields = {"images_skipped": language._("Damaged images: {line}"), "image_notes": language._("Images: {line}")}
    for key, message in fields.items():
        found = [detail(record, key) for record in records]
        lines = dict.fromkeys(str(line) for each in found if isinstance(each, list) for line in each)
        notes += [message.format(line=language.translate(line)) for line in lines]
    return notes


def _probe(records: Sequence[Record], language: Language) -> str:
    """What a linear probe does otherwise."""
    rates = {str(recipe(record, "learning_rate", language, ("probe_top1",))) for record in records} - {""}
    if not rates:
        return ""
    message = language._(
        "Linear probe: only the head is trained, at the learning rate {rate}; all else, batch-norm statistics too, "
        "keeps its initial values. Steps, batches and images are those of the training of all layers."
    )
    return message.format(rate=language.listing(sorted(rates)))


def _certainty(rows: Builder, language: Language) -> list[str]:
    """What the intervals contain, what "at chance" means, and which networks were trained with one seed only."""
    _ = language._
    found = [each for record in rows.records for key in TOP1_KEYS if (each := measured(record, key))]
    if not any(interval(each) for each in found):
        return []
    notes = [_contained(found, language)]
    notes += [note] if (note := chance_note(found, language)) else []
    if stopped := list(_stopped(rows, language)):
        message = _("Trained with one seed, because its accuracy is close to that of guessing: {names}.")
        notes.append(message.format(names=language.listing(stopped)))
    if any(not resolves(each) for each in found):
        message = _("Too short to rank (≈): fewer than {steps} steps or {images} held-out images.")
        notes.append(message.format(steps=FEWEST_STEPS, images=FEWEST_IMAGES))
    return notes


def _contained(found: Sequence[Reading], language: Language) -> str:
    """What the intervals contain; seeds draw the initial weights only where these are random."""
    _ = language._
    several = [each for each in found if len(each.samples) > 1]
    if not several:
        return _("One seed: intervals (95 %) contain the choice of held-out images only; another seed differs by more.")
    if all(map(is_from_scratch, several)):
        return _(
            "Intervals (95 %) contain the choice of held-out images, the initial weights and the order of the "
            "training images; how far seeds differ is pooled over all architectures."
        )
    return _(
        "Intervals (95 %) contain the choice of held-out images, the order of the training images, and the initial "
        "weights that are random; where training starts from other weights, these are at most the weights of a new "
        "head. How far seeds differ is pooled over all architectures."
    )


def chance_note(readings: Sequence[Reading], language: Language) -> str:
    """What "at chance" means, if it is stated of a reading."""
    if not any(map(is_at_chance, readings)):
        return ""
    return language._(
        "At chance: not distinguished from guessing, because the interval includes the share that guessing gives."
    )


def _stopped(rows: Builder, language: Language) -> Iterator[str]:
    """The architectures trained with the first seed alone, with the fine-tuning modes if not in all of them."""
    for record in rows.records:
        modes = {key: each for key in TOP1_KEYS if (each := measured(record, key))}
        left_out = [key for key, reading in modes.items() if reading.detail.get("seeds_left_out")]
        titles = ", ".join(language._(rows.comparison.quantities[key].title) for key in left_out)
        if left_out:
            yield record.architecture if len(left_out) == len(modes) else f"{record.architecture} ({titles})"


def seeds(record: Record, keys: Sequence[str] = TOP1_KEYS) -> str:
    """The seeds that a network was trained with in the first fine-tuning mode that was measured, as a range."""
    reading = next((each for key in keys if (each := measured(record, key))), None)
    recipe = reading.detail.get("recipe") if reading else None
    if reading is None or not isinstance(recipe, dict):
        return ""
    first = number(recipe.get("first_seed"))
    low = int(first) if first is not None else 0
    return str(low) if len(reading.samples) == 1 else f"{low}–{low + len(reading.samples) - 1}"


def reasons(given: Mapping[str, Sequence[str]], count: int, language: Language) -> list[str]:
    """Why weights are random, from the architectures of each reason; `count` rows are in the table.

    Failed downloads are one reason, whose errors are in the records; of many other reasons only the first is given.
    """
    failed = [name for reason, names in given.items() if NOT_DOWNLOADED.fullmatch(reason) for name in names]
    others = {reason: names for reason, names in given.items() if not NOT_DOWNLOADED.fullmatch(reason)}
    message = language._("Random weights for {names}: the ImageNet weights could not be downloaded.")
    texts = [message.format(names=name_rows(failed, count, language))] if failed else []
    opening = language._("Random weights for {names}: {reason}.")
    pairs = [(name_rows(names, count, language), language.translate(each)) for each, names in others.items()]
    if len(pairs) > 2:
        more = language.ngettext("and {count} more of the kind", "and {count} more of the kind", len(pairs) - 1)
        pairs = [(pairs[0][0], f"{pairs[0][1]} ({more.format(count=len(pairs) - 1)})")]
    return texts + [opening.format(names=names, reason=reason.removesuffix(".")) for names, reason in pairs]


def name_rows(names: Sequence[str], count: int, language: Language) -> str:
    """The architectures of some rows of the table; of many only how many they are."""
    if len(names) == count:
        return language._("all architectures")
    if len(names) > NAMED:
        return language._("{count} of {all} architectures").format(count=len(names), all=count)
    return language.listing(list(dict.fromkeys(names)))


def detail(record: Record, key: str, keys: Sequence[str] = TOP1_KEYS) -> object:
    """A part of the detail of the first fine-tuning mode that was measured."""
    taken = (record.readings.get(each) for each in keys)
    return next((reading.detail.get(key) for reading in taken if reading and reading.detail), None)


def recipe(record: Record, key: str, language: Language, keys: Sequence[str] = TOP1_KEYS) -> str | int:
    """A part of the recipe as a word; what is switched off is empty."""
    found = detail(record, "recipe", keys)
    value = found.get(key) if isinstance(found, dict) else None
    if not value:
        return ""
    if isinstance(value, float):
        return f"{value:g}".replace(".", str(language.vega["decimal"]))
    return value if isinstance(value, int) else language.translate(str(value))
