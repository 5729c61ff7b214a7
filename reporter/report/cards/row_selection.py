"""The --metrics and --modes that measure a whole row again: runs with different ones may have filled it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache

from reporter.model import GROUPS, Metric, Record
from reporter.model.devices import ACCELERATORS
from reporter.model.modes import ALL, DEFAULT
from reporter.registry.catalog import collect
from reporter.registry.execution_modes import IN_DEFAULT
from reporter.registry.metric_words import selects, with_needed


def metrics(asked: Sequence[str], methods: Collection[str], curves: bool, record: Record) -> list[str]:
    """The words of --metrics that were asked for last, and those of what else the record has numbers of in eager.

    No words where none was asked for: all metrics. `methods` are the fine-tuning modes of the last run; `curves`,
    whether it had points of curves, which need no word.
    """
    if not asked:
        return []
    found = {key for key, reading in record.readings.items() if reading.measured}
    wanted = with_needed(asked)
    every = [metric for metric in _catalogue() if not metric.always]
    measured = [metric for metric in every if _keys(metric) & found]
    lacking = [metric for metric in measured if not selects(metric, asked, wanted, methods)]
    usual = [metric for metric in every if _is_usual(metric, methods)]
    whole = {group for group in GROUPS if all(each in measured for each in usual if group in _groups(each))}
    short = [each for each in lacking if each in usual and _groups(each) & whole]
    groups = [group for group in GROUPS if any(group in _groups(each) & whole for each in short)]
    others = [each for each in lacking if each not in short and not (each.curve and curves)]
    keys = [next(quantity.key for quantity in each.quantities if quantity.key in found) for each in others]
    return [*asked, *groups, *keys]


def modes(asked: Sequence[str], records: Sequence[Record]) -> list[str]:
    """The words of --modes that were asked for last, and the other modes that some records have numbers of."""
    if ALL in asked:
        return list(asked)
    known = {*asked, *(IN_DEFAULT if DEFAULT in asked else ())}
    measured = (record.mode for record in records if any(each.measured for each in record.readings.values()))
    return [*asked, *dict.fromkeys(mode for mode in measured if mode not in known)]


@cache
def _catalogue() -> tuple[Metric, ...]:
    return tuple(collect("reporter.metrics", Metric).values())


def _keys(metric: Metric) -> set[str]:
    return {quantity.key for quantity in metric.quantities}


def _groups(metric: Metric) -> set[str]:
    return {quantity.group for quantity in metric.quantities}


def _is_usual(metric: Metric, methods: Collection[str]) -> bool:
    """Whether the words of its groups select a metric on each machine."""
    is_elsewhere = metric.device in ACCELERATORS
    return not (metric.on_request or metric.curve or is_elsewhere) and metric.finetuning in (None, *methods)
