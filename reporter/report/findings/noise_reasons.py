"""Reasons for noisy times: other programs, few samples, wide intervals, differing rounds; slower multithreading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reporter.model import NOISY_SPREAD, Reading, Record
from reporter.model.reasons import SPANS, widest
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.language import Language

THREADS = ("latency_cpu_1thread", "latency_cpu")


def causes(comparison: Comparison, language: Language) -> list[str]:
    """What `≈` marks: a sentence with each reason that noisy times of the newest machine have; none without them."""
    found = list(_causes(comparison, language))
    if not found:
        return []
    alone, both = (
        language._("≈ marks noisy times: {reasons}."),
        language._("≈ marks noisy times ({reasons}) and times without an interval."),
    )
    return [(both if _lacks_intervals(comparison) else alone).format(reasons="; ".join(found))]


def _lacks_intervals(comparison: Comparison) -> bool:
    """Whether times that are not noisy have no interval, as a first call; too few samples are a cause of their own."""
    everything = _readings(comparison)
    noisy = [reading for reading in everything if reading.verdict.status == "noisy"]
    rough = any(units.is_rough(reading) and reading.verdict.status != "noisy" for reading in everything)
    return rough and all(reading.interval is not None for reading in _quiet(noisy))


def _readings(comparison: Comparison) -> list[Reading]:
    """Those of eager on the newest machine, which the times of the key findings are of."""
    return [reading for record in comparison.of(comparison.machines[0]) for reading in record.readings.values()]


def _quiet(noisy: Iterable[Reading]) -> list[Reading]:
    """Those that are noisy for no other reason than their samples."""
    return [reading for reading in noisy if not reading.disturbed and reading.moved is None]


def _causes(comparison: Comparison, language: Language) -> Iterator[str]:
    """The reasons, other programs first."""
    _ = language._
    noisy = [reading for reading in _readings(comparison) if reading.verdict.status == "noisy"]
    busy = max((reading.background_load for reading in noisy if reading.disturbed), default=0.0)
    quiet = _quiet(noisy)
    if busy:
        message = _("other programs kept up to {share} of the processors busy meanwhile")
        yield message.format(share=f"{100 * busy:.0f} %")
    if any(reading.moved is not None for reading in noisy):
        yield _("their level differs between runs, and the newest run's is shown")
    if any(reading.interval is None for reading in quiet):
        preset = comparison.newest.settings.get("preset")
        if isinstance(preset, str):
            message = _("the preset {preset} takes too few samples for a 95 % interval")
            yield message.format(preset=preset)
        else:
            yield _("too few samples were taken for a 95 % interval")
    bounded = [reading for reading in quiet if reading.interval is not None]
    wide = [reading for reading in bounded if (reading.verdict.reason or "").startswith(SPANS)]
    if wide:
        share = min(widest(reading.counted, NOISY_SPREAD) for reading in wide)
        yield _("the 95 % interval spans more than {share} of the median").format(share=f"{100 * share:.0f} %")
    if len(wide) < len(bounded):
        yield _("the medians of rounds lie more than {share} apart").format(share=f"{100 * NOISY_SPREAD:.0f} %")


def slower_on_all_threads(comparison: Comparison, language: Language) -> str | None:
    """A warning that names the networks of the newest machine that take longer on all CPU threads than on one."""
    records = [record for record in comparison.of(comparison.machines[0]) if _is_slower(record)]
    if not records:
        return None
    threads = max((_threads(record) for record in records), default=0)
    message = language.ngettext(
        "{names} takes longer on all CPU threads ({threads}) than on one: other programs or a limit on processor time "
        "may be the cause.",
        "{names} take longer on all CPU threads ({threads}) than on one: other programs or a limit on processor time "
        "may be the cause.",
        len(records),
    )
    return message.format(names=language.listing([record.architecture for record in records]), threads=threads)


def _is_slower(record: Record) -> bool:
    one, all_threads = (record.readings.get(key) for key in THREADS)
    if not one or not all_threads or not (one.measured and all_threads.measured):
        return False
    return _bounds(all_threads)[0] > _bounds(one)[1]


def _bounds(reading: Reading) -> tuple[float, float]:
    """The 95 % interval; where there are too few samples for one, the smallest and the largest sample."""
    return reading.interval or (min(reading.samples), max(reading.samples))


def _threads(record: Record) -> int:
    threads = record.settings.get("threads") or record.machine_facts.get("threads")
    return threads if isinstance(threads, int) else 0
