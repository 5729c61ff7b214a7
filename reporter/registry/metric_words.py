"""Words of --metrics: which metrics they select."""

from __future__ import annotations

from collections.abc import Collection

from reporter.model import Claim, Metric
from reporter.model.devices import without_device
from reporter.registry.catalog import collect

CLAIMS = "claims"
"""The word for the evidence that the lecture's claims are judged by."""


def own_words(metric: Metric) -> list[str]:
    """The words that name a metric: its keys, with and without devices, and its name if it profiles."""
    keys = [each.key for each in metric.quantities]
    stems = [*filter(None, map(without_device, [*keys, metric.name]))]
    profiles = any(quantity.group == "profile" for quantity in metric.quantities)
    return [*dict.fromkeys([*keys, *stems, *([metric.name] if profiles else [])])]


def with_needed(words: Collection[str]) -> set[str]:
    """The words, with the keys that claims need if these are among them."""
    claims = collect("reporter.claims", Claim).values() if CLAIMS in words else ()
    return {*words, *(key for claim in claims for key in claim.needs)}


def selects(metric: Metric, words: Collection[str], wanted: Collection[str], methods: Collection[str]) -> bool:
    """Whether the words select a metric; all that are not taken on request only if there are no words.

    `wanted` is `with_needed(words)`; `methods` are the fine-tuning modes that are asked for.
    """
    own = set(own_words(metric))
    either = own | {quantity.group for quantity in metric.quantities}
    return bool(own & set(words)) or (
        not metric.on_request and metric.finetuning in (None, *methods) and (not words or not either.isdisjoint(wanted))
    )
