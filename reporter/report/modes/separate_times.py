"""How far the quotient of eager's time and a mode's is from the speedup: it is of two processes, the speedup of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from reporter.model.modes import AGREEMENT
from reporter.model.records import pair_name
from reporter.report.comparison import Comparison
from reporter.report.display_names import display_name
from reporter.report.language import Language
from reporter.report.modes import mode_ranking


def note(comparison: Comparison, language: Language, keys: Sequence[str] = ()) -> str:
    """A sentence with the largest difference in some times, or in all; empty where all agree within 5 %."""
    difference, name = max(_differences(comparison, keys), default=(0.0, ""))
    if difference <= AGREEMENT:
        return ""
    message = language._(
        "The times of eager and of a mode are from separate processes, the speedup is from one: their quotient differs "
        "from it by up to {most} % ({name})."
    )
    return message.format(most=language.number(100 * difference), name=name)


def of(key: str) -> partial[str]:
    """The same for one time, as the remark of a chart."""
    return partial(note, keys=(key,))


def _differences(comparison: Comparison, keys: Sequence[str]) -> Iterator[tuple[float, str]]:
    """The quotient over the speedup as a share above 1, of each mode and time that have both."""
    for eager in comparison.records:
        for mode in comparison.modes_of(eager):
            for key in keys or mode_ranking.keys(comparison, eager.machine):
                gain, times = mode_ranking.gain(comparison, mode, key), (eager.value(key), mode.value(key))
                if gain is None or not times[0] or not times[1]:
                    continue
                quotient = times[0] / times[1]
                faster = 1 / quotient if comparison.quantities[key].unit == "1/s" else quotient
                apart = faster / gain.ratio
                yield max(apart, 1 / apart) - 1, pair_name(display_name(eager.architecture), mode.mode)
