"""Why times are noisy: the cause is named, other programs before everything else."""

from __future__ import annotations

import pytest
import samples

from reporter.model import Reading, Record
from reporter.model.origins import Origin
from reporter.model.readings import FOREIGN_LOAD
from reporter.report.comparison import Comparison, compare
from reporter.report.findings.key_findings import findings
from reporter.report.findings.noise_reasons import causes, slower_on_all_threads
from reporter.report.language import language
from reporter.report.sections import Items, found

ENGLISH = language("en")


def timed(key: str, *seconds: float, **detail: object) -> Reading:
    return samples.reading(key, *seconds, **detail)


def changed(record: Record, **readings: Reading) -> Record:
    return record.model_copy(update={"readings": record.readings | readings})


def steady() -> list[Record]:
    """Networks without a noisy time."""
    return [samples.record(row) for row in samples.ROWS[9:12]]


def first_screen(comparison: Comparison) -> list[str]:
    shown = samples.contents(found(comparison, ENGLISH).blocks)
    texts = (text for items in shown if isinstance(items, Items) for text in items.items)
    return [text.replace("\u00a0", " ") for text in texts if text.startswith("≈ marks")]


@pytest.mark.parametrize("share", [0.48, 0.53, 0.11])
@pytest.mark.parametrize("count", [1, 3, 24])
def test_a_busy_machine_is_named_before_too_few_samples(share: float, count: int) -> None:
    reading = timed("latency_cpu", *samples.times(1.6, 0.3, count), **{FOREIGN_LOAD: [0.02, share]})
    assert reading.verdict == ("noisy", f"other programs kept {share:.0%} of the processors busy")
    calm = reading.model_copy(update={"detail": {FOREIGN_LOAD: [0.02, 0.1]}})
    assert calm.verdict.status == "noisy"
    assert "other programs" not in str(calm.verdict.reason)


def test_the_first_screen_names_the_cause() -> None:
    first, *others = steady()
    key = "latency_cpu_1thread"
    busy = changed(first, **{key: timed(key, 0.02, 0.021, 0.02, **{FOREIGN_LOAD: [0.48]})})
    few = changed(first, **{key: timed(key, 0.02, 0.021, 0.02, **{FOREIGN_LOAD: [0.01]})})
    wide = changed(first, **{key: timed(key, *samples.times(0.01, 0.4))})
    assert first_screen(compare([first, *others])) == []
    shown = {
        name: first_screen(compare([made, *others])) for name, made in (("busy", busy), ("few", few), ("wide", wide))
    }
    assert shown["busy"] == [
        "≈ marks noisy times (other programs kept up to 48 % of the processors busy meanwhile) and times without an "
        "interval."
    ]
    assert shown["few"] == ["≈ marks noisy times: the preset standard takes too few samples for a 95 % interval."]
    assert shown["wide"] == [
        "≈ marks noisy times (the 95 % interval spans more than 10 % of the median) and times without an interval."
    ], "the trainings are timed once"
    once = [changed(each, finetune_seconds=samples.reading("finetune_seconds", 4.0, 4.1)) for each in (wide, *others)]
    assert first_screen(compare(once)) == ["≈ marks noisy times: the 95 % interval spans more than 10 % of the median."]
    both = compare([busy, changed(others[0], **{key: timed(key, 0.05, 0.05)}), *others[1:]])
    (text,) = causes(both, ENGLISH)
    assert [reason.split()[0] for reason in text.removeprefix("≈ marks noisy times: ").split("; ")] == ["other", "the"]


def test_the_reason_of_noisy_times_is_that_of_the_list() -> None:
    """The interval of three rounds may span twice as much as that of one; rounds may differ within it."""
    key = "latency_cpu_1thread"
    spans, apart = (
        [part for middle in middles for part in samples.times(middle, width, 8)]
        for middles, width in (((0.02, 0.026, 0.033), 0.05), ((0.020, 0.0205, 0.0225), 0.001))
    )
    limits = {
        "the 95 % interval spans": "more than 20 % of the median",
        "the medians of": "rounds lie more than 10 % apart",
    }
    for seconds, (start, end) in zip((spans, apart), limits.items(), strict=True):
        reading = timed(key, *seconds).model_copy(update={"rounds": (8,) * 3})
        comparison = compare([changed(steady()[0], **{key: reading}), *steady()[1:]])
        assert (comparison.records[0].readings[key].verdict.reason or "").startswith(start)
        (text,) = causes(comparison, ENGLISH)
        assert f"({start} {end}) and times" in text


def test_levels_that_differ_between_runs_are_named() -> None:
    key = "latency_cpu_1thread"
    origins = [Origin(run=run, started=f"2026-11-2{day}T01:00:00+00:00") for run, day in (("a", 4), ("b", 5))]
    moved = timed(key, *samples.times(0.04), *samples.times(0.02)).model_copy(
        update={"rounds": (8,) * 6, "origins": (*origins[:1] * 3, *origins[1:] * 3)}
    )
    first, *others = steady()
    shown = first_screen(compare([changed(first, **{key: moved}), *others]))
    assert shown == [
        "≈ marks noisy times (their level differs between runs, and the newest run's is shown) and times without an "
        "interval."
    ]


def test_all_threads_slower_than_one_is_a_warning_with_names() -> None:
    records = steady()
    assert slower_on_all_threads(compare(records), ENGLISH) is None
    slow = changed(records[0], latency_cpu=timed("latency_cpu", *samples.times(0.05)))
    few = changed(records[1], latency_cpu=timed("latency_cpu", 1.6, 1.7, 1.5))
    shown = slower_on_all_threads(compare([slow, few, records[2]]), ENGLISH)
    names = [slow.architecture, few.architecture]
    assert str(shown).startswith(f"{names[0]} and {names[1]} take longer on all CPU threads (2) than on one")
    assert any("than on one" in text for text in findings(compare([slow, *records[1:]]), ENGLISH))


@pytest.mark.parametrize("middle", [0.0205, 0.0212])
def test_a_difference_within_the_intervals_is_none(middle: float) -> None:
    record = changed(
        steady()[0],
        latency_cpu_1thread=timed("latency_cpu_1thread", *samples.times(0.021, 0.05)),
        latency_cpu=timed("latency_cpu", *samples.times(middle, 0.05)),
    )
    assert slower_on_all_threads(compare([record, *steady()[1:]]), ENGLISH) is None


def test_networks_without_one_of_the_times_are_left_out() -> None:
    record = changed(steady()[0], latency_cpu=samples.reading("latency_cpu", status="timeout", reason="60 s"))
    assert slower_on_all_threads(compare([record]), ENGLISH) is None
