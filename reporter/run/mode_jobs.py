"""Which modes lack metrics or the check of their outputs, in which jobs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from reporter.model import Metric
from reporter.model.modes import alternation, parse
from reporter.model.readings import same_conditions
from reporter.run import mode_plan, output_errors
from reporter.run.ledger import Ledger

CHECKED = ("ok", "unsupported")
"""The status of outputs that are not checked again."""


class LackingModes(NamedTuple):
    """Modes of a group that lack the same metrics in a round, or, with `only_checks`, the checks in their settings."""

    ledger: Ledger
    group: mode_plan.ModeGroup
    round: int
    metrics: tuple[str, ...]
    modes: tuple[str, ...]
    only_checks: bool


def jobs(ledgers: Mapping[str, Ledger], rounds: int) -> Iterator[LackingModes]:
    """What the jobs of execution modes measure, round by round over all architectures.

    Modes of a group that lack other metrics than the first one have a job of their own: what is there is not measured
    again. If only the check of its outputs is missing, a job of the first round makes it, and the times stay.
    """
    groups = {
        (name, group): (ledger, mode_plan.metrics(ledger.request, group.device, group.modes[0]).values())
        for name, ledger in ledgers.items()
        for device in (each for each in ledger.devices if each != "any")
        for group in mode_plan.groups(ledger.request, device)
    }
    for number in range(rounds):
        for (_, group), (ledger, asked) in groups.items():
            metrics = [metric for metric in asked if metric.timed or not number]
            lacking: dict[tuple[tuple[str, ...], bool], list[str]] = {}
            for mode in group.modes:
                names = tuple(each.name for each in metrics if needs(ledger, each, number, mode))
                checked = _unchecked(ledger, metrics, names, mode) if not number else ()
                for found, only_checks in ((names, False), (checked, True)):
                    if found:
                        lacking.setdefault((found, only_checks), []).append(mode)
            for (names, only_checks), modes in sorted(lacking.items(), key=lambda each: not each[0][1]):  # checks first
                yield LackingModes(ledger, group, number, names, tuple(modes), only_checks)


def needs(ledger: Ledger, metric: Metric, number: int, mode: str) -> bool:
    """Whether a round of a metric is to be measured in a mode; of a curve, whether the outputs are to be checked."""
    if not metric.curve:
        return ledger.needs(metric, number, mode) or _lacks_alternation(ledger, metric, mode)
    found = output_errors.any_error(ledger, mode, metric.device)
    if number or ledger.request.fresh or found is None or found.status not in CHECKED:
        return not number
    return not same_conditions(found.settings, output_errors.conditions(ledger, mode))


def _unchecked(ledger: Ledger, metrics: Sequence[Metric], names: Sequence[str], mode: str) -> tuple[str, ...]:
    """The metrics in whose settings the outputs of a mode are to be checked again, besides the `names` that it lacks.

    A mode of torch is checked once for all of them, by the job that measures what it lacks.
    """
    outputs = [metric for metric in metrics if not metric.profile]
    if not any(output_errors.is_unchecked(ledger, mode, metric.device) for metric in outputs):
        return ()
    is_checked = not parse(mode, ledger.request.engines).engine and any(each.name in names for each in outputs)
    return () if is_checked else tuple(each.name for each in outputs if each.name not in names)


def _lacks_alternation(ledger: Ledger, metric: Metric, mode: str) -> bool:
    """Whether an engine was timed before it was also timed alone."""
    found = ledger.records[mode].readings if mode in ledger.records else {}
    quantity = metric.quantities[0]
    timed = bool(metric.inference and parse(mode, ledger.request.engines).engine and quantity.key in found)
    return timed and found[quantity.key].measured and alternation(quantity).key not in found
