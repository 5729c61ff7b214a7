"""Key findings about pretrained weights and linear probes."""

from __future__ import annotations

from reporter.model import Record
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.language import Language
from reporter.report.training.held_out_accuracy import differ, is_enough, is_from_scratch


def brought(comparison: Comparison, language: Language) -> str | None:
    """What trained weights bring: the network that gains most over random ones in the same steps."""
    records = comparison.of(comparison.machines[0])
    pairs = [(record, *_shares(record, "finetune_top1", "scratch_top1")) for record in records]
    gains = [(record, ready, scratch) for record, ready, scratch in pairs if ready is not None and scratch is not None]
    trained = [row for row in gains if row[0].readings["finetune_top1"].detail.get("weights", "random") != "random"]
    if not trained:
        return None
    record, ready, scratch = max(trained, key=lambda row: row[1] - row[2])
    if not _resolved(record, "finetune_top1", "scratch_top1"):
        return None
    message = language._(
        "What trained weights bring: {name} classifies {ready} % of the held-out images correctly after fine-tuning, "
        "and "
        "{scratch} % after as many steps from random weights."
    )
    shares = {"ready": units.share(language, ready), "scratch": units.share(language, scratch)}
    return message.format(name=record.architecture, **shares)


def probed(comparison: Comparison, language: Language) -> str | None:
    """How much of the fine-tuning the head alone does: the network with the best linear probe of trained features."""
    records = comparison.of(comparison.machines[0])
    pairs = [(record, *_shares(record, "probe_top1", "finetune_top1")) for record in records]
    both = [(record, probe, full) for record, probe, full in pairs if probe is not None and full is not None]
    both = [row for row in both if not is_from_scratch(row[0].readings["probe_top1"])]
    if not both:
        return None
    record, probe, full = max(both, key=lambda row: row[1])
    if not _resolved(record, "probe_top1", "finetune_top1"):
        return None
    message = language._(
        "What the head alone does: with a linear probe {name} classifies {probe} % of the held-out images correctly, "
        "trained as "
        "a whole {full} %."
    )
    shares = {"probe": units.share(language, probe), "full": units.share(language, full)}
    return message.format(name=record.architecture, **shares)


def _resolved(record: Record, first: str, second: str) -> bool:
    """Whether the two shares differ, after a fine-tuning that is long enough to say."""
    return is_enough(record, second) and differ(record.readings[first], record.readings[second])


def _shares(record: Record, first: str, second: str) -> tuple[float | None, float | None]:
    return record.value(first), record.value(second)
