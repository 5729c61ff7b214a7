"""Key findings about execution modes: the largest gain, and where the order of architectures changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from reporter.compare.mode_gains import CONFIRMING
from reporter.compare.rounds import Times
from reporter.model import Reading, Record
from reporter.model.readings import SPEEDUP
from reporter.model.records import EAGER
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.findings.pair_sentences import doubted
from reporter.report.headline_latency import TIMES
from reporter.report.language import Language
from reporter.report.modes.mode_ranking import conditions, fastest, gain, keys
from reporter.report.output_verdicts import output_of

LEAST = 1.1
"""The order changes if one architecture takes so many times as long as another in eager, and vice versa in a mode."""
TRIED = 50
"""So many pairs of a mode are tried, those that differ most first."""


class Swap(NamedTuple):
    """Two architectures whose order in eager is not that in a mode.

    `eager` is the time of `slow` over that of `fast` in eager, `inside` that of `fast` over that of `slow` in the mode.
    """

    eager: float
    inside: float
    slow: Record
    fast: Record
    mode: str
    key: str

    @property
    def size(self) -> float:
        """The smaller of both ratios."""
        return min(self.eager, self.inside)


def gained(comparison: Comparison, language: Language) -> str | None:
    """The architecture that gains most from its fastest mode, and the mode that is the fastest of most.

    Noisy gains are only compared if there are no others.
    """
    machine = comparison.machines[0]
    if not (measured := keys(comparison, machine)):
        return None
    key = measured[0]
    known = [record for record in comparison.of(machine) if comparison.modes_of(record) and record.value(key)]
    best = [each for each in (fastest(comparison, record, key) for record in known) if each[0].mode != EAGER]
    how = conditions(comparison, key, language)
    if not best:
        return _without_gain(comparison, known, key, language)
    first = max((modes[0] for modes in best), key=lambda each: (_is_sure(each, key), _ratio(comparison, each, key)))
    share = doubted(units.ratio(language, 1 / _ratio(comparison, first, key)), first.readings[SPEEDUP + key])
    message = language._("Run in {mode}, {name} takes {share} of its eager time ({how}).")
    sentence = message.format(mode=first.mode, name=first.architecture, share=share, how=how)
    return f"{sentence} {_usual(best, len(known), language)}" if len(known) > 1 else sentence


def _without_gain(comparison: Comparison, records: Sequence[Record], key: str, language: Language) -> str:
    """That no mode is faster, as far as is known, and which ones are, but have no right output."""
    _, how = language._, conditions(comparison, key, language)
    all_modes = [(mode, gain(comparison, mode, key)) for record in records for mode in comparison.modes_of(record)]
    gains = [(mode, found) for mode, found in all_modes if found]
    excluded = Counter(mode.mode for mode, found in gains if found.faster)
    unconfirmed = [mode for mode, found in gains if found.unconfirmed and found.ratio > 1]
    if not excluded:
        if unconfirmed:
            return _("Too few rounds to state which execution modes are faster than eager ({how}).").format(how=how)
        return _("No execution mode is faster than eager beyond noise ({how}).").format(how=how)
    if any(output_of(comparison, mode) == "within" for mode in unconfirmed):
        first = _("Too few rounds to state which execution modes whose output is right are faster than eager ({how}).")
    else:
        first = _("No execution mode whose output is right is faster than eager beyond noise ({how}).")
    often = _("{mode} ({often} of {count} architectures)") if len(records) > 1 else "{mode}"
    names = [often.format(mode=mode, often=number, count=len(records)) for mode, number in excluded.items()]
    second = _("Faster, but with output that is wrong or cannot be checked: {modes}.")
    return f"{first.format(how=how)} {second.format(modes=language.several(names))}"


def _ratio(comparison: Comparison, record: Record, key: str) -> float:
    found = gain(comparison, record, key)
    return found.ratio if found else 1.0


def _is_sure(record: Record, key: str) -> bool:
    """Whether a speedup is not noisy."""
    return not units.is_doubtful(record.readings[SPEEDUP + key])


def _usual(best: Sequence[Sequence[Record]], count: int, language: Language) -> str:
    """The mode that was measured as the fastest of most architectures, and of how many it is or may be the fastest."""
    [(mode, _)] = Counter(modes[0].mode for modes in best).most_common(1)
    often = sum(mode in {record.mode for record in modes} for modes in best)
    alone = all(len(modes) == 1 for modes in best if mode in {record.mode for record in modes})
    message = (
        language._("The fastest mode of {often} of {count} architectures is {mode}.")
        if alone
        else language._("{mode} is the fastest mode of {often} of {count} architectures, or not distinguished from it.")
    )
    return message.format(often=often, count=count, mode=mode)


def reordered(comparison: Comparison, language: Language) -> str | None:
    """Two architectures of which one takes longer in eager and the other in a mode, beyond noise in both.

    A time of a single round changes no order, as a speedup of a single round is no gain.
    """
    found = max(_swaps(comparison), key=lambda swap: swap.size, default=None)
    if found is None:
        return None
    slow, fast = found.slow.architecture, found.fast.architecture
    doubtful = [each.readings[found.key] for each in (found.slow, found.fast)]
    changed = [_right(comparison, found.mode, found.key)[name].readings[found.key] for name in (slow, fast)]
    message = language._(
        "The order of architectures changes with the mode ({how}): {slow} takes {longer} times as long as {fast} in "
        "eager, but {fast} takes {reverse} times as long as {slow} in {mode}."
    )
    return message.format(
        how=conditions(comparison, found.key, language),
        slow=slow,
        fast=fast,
        longer=doubted(units.ratio(language, found.eager), *doubtful),
        reverse=doubted(units.ratio(language, found.inside), *changed),
        mode=found.mode,
    )


def _swaps(comparison: Comparison) -> Iterator[Swap]:
    """The clearest change of order of each mode and latency of the newest machine."""
    machine = comparison.machines[0]
    modes = dict.fromkeys(record.mode for record in comparison.modes if record.machine == machine)
    for key in keys(comparison, machine):
        for mode in modes if key in TIMES else ():
            if found := _swap(comparison, mode, key):
                yield found


def _swap(comparison: Comparison, mode: str, key: str) -> Swap | None:
    """The pair whose smaller difference, in eager or in the mode, is the largest, if the run resolves both.

    The pairs are ordered by the medians of their times; those of the rounds that two have in common must differ, too.
    """
    inside = _right(comparison, mode, key)
    both = [record for record in comparison.of(comparison.machines[0]) if record.architecture in inside]
    known = [record for record in both if record.value(key) and _is_confirmed(record.readings[key])]
    if len(known) < 2:
        return None
    eager = np.log([record.value(key) or 1.0 for record in known])
    other = np.log([inside[record.architecture].value(key) or 1.0 for record in known])
    sizes = np.minimum(np.subtract.outer(eager, eager), -np.subtract.outer(other, other))
    times, changed = comparison.times(known[0].machine, key), _times(comparison, mode, key)
    flat = sizes.ravel()
    largest = np.argpartition(flat, -min(TRIED, flat.size))[-TRIED:]
    for place in largest[np.argsort(-flat[largest], kind="stable")]:
        row, column = divmod(int(place), len(known))
        if sizes[row, column] < np.log(LEAST):
            return None
        slow, fast = known[row], known[column]
        longer = times.ratio(slow.architecture, fast.architecture)
        reverse = changed.ratio(fast.architecture, slow.architecture)
        if all(each.resolved and each.ratio >= LEAST for each in (longer, reverse)):
            return Swap(longer.ratio, reverse.ratio, slow, fast, mode, key)
    return None


def _right(comparison: Comparison, mode: str, key: str) -> dict[str, Record]:
    """The records of a mode on the newest machine that have a confirmed time and are ranked, by architecture."""
    records = (record for record in comparison.modes if record.mode == mode and record.value(key))
    here = (each for each in records if each.machine == comparison.machines[0] and _is_confirmed(each.readings[key]))
    right = (each for each in here if output_of(comparison, each) == "within")
    return {each.architecture: each for each in right}


def _is_confirmed(reading: Reading) -> bool:
    """Whether a time has enough rounds that none of them alone decides."""
    return len(reading.counted) >= CONFIRMING


def _times(comparison: Comparison, mode: str, key: str) -> Times:
    """The times in a mode, to ask which of them the run distinguishes."""
    return Times({name: record.readings[key] for name, record in _right(comparison, mode, key).items()})
