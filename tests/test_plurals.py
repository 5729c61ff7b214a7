"""Counts in messages: the noun and the verb after a count of one are singular."""

from __future__ import annotations

import re
from collections.abc import Callable

import mode_samples
import pytest
import samples
import torch
import words
from networks import CONDITIONS

from reporter.charts import accuracy_vs_cost
from reporter.cli import main
from reporter.host import gpus
from reporter.model import Record, ReporterError
from reporter.model.plurals import counted
from reporter.model.reasons import why_noisy
from reporter.report.comparison import Comparison, compare
from reporter.report.language import Language, language
from reporter.report.page import failures, heading
from reporter.run import input_sizes
from reporter.run.request import Outcome
from reporter.tables import overview
from reporter.worker.weights import checkpoints

ENGLISH, RUSSIAN = language("en"), language("ru")
KEY = "latency_cpu_1thread"
COUNTS = "count|known|noisy|often|equal|sure"


def test_only_messages_whose_count_is_at_least_two_have_no_singular() -> None:
    """A message with a count and a plural verb has both forms, or is about several."""
    several = ("only {known} of {count} have MACs", "times of all {count} architectures", "{equal} of", "≈, among them")
    verbs = re.compile(rf"\{{({COUNTS})\}}[^.;:,]*\b(are|have)\b")
    single = (message for message in words.messages().values() if isinstance(message, str))
    found = [message for message in single if verbs.search(message)]
    assert [message for message in found if not any(part in message for part in several)] == []


@pytest.mark.parametrize(("count", "text"), [(0, "0 readings"), (1, "1 reading"), (2, "2 readings"),
                                             (1234, "1,234 readings")])  # fmt: skip
def test_a_count_of_one_has_a_noun_in_the_singular(count: int, text: str) -> None:
    assert counted(count, "reading") == text


def _noisy_modes(count: int) -> Comparison:
    """Networks of which so many have a mode with a noisy latency."""
    noisy = samples.reading(KEY, *([1.0, 2.0] * 6))
    eager = [samples.record(row) for row in samples.ROWS[:3]]
    modes = [mode_samples.mode(record, times=()) for record in eager[:count]]
    return compare([*eager, *(each.model_copy(update={"readings": each.readings | {KEY: noisy}}) for each in modes)])


@pytest.mark.parametrize(("count", "text"), [(1, "1 value is noisy; summary.json has the reason."),
                                             (2, "2 values are noisy; summary.json has the reasons.")])  # fmt: skip
def test_noisy_values_of_modes_are_counted(count: int, text: str) -> None:
    blocks = failures.failed(_noisy_modes(count), (), ENGLISH).blocks
    assert any(getattr(block, "text", "").endswith(f"than eager, {text}") for block in blocks)


def _lacking(key: str, count: int) -> Comparison:
    """Four networks with weights of which so many have a value."""
    records = [samples.record(row) for row in [row for row in samples.ROWS if row[9]][:4]]
    return compare([each if number < count else _without(each, key) for number, each in enumerate(records)])


def _without(record: Record, key: str) -> Record:
    kept = {name: reading for name, reading in record.readings.items() if name != key}
    return record.model_copy(update={"readings": kept, "published": {}})


MESSAGES: list[tuple[Callable[[Comparison, Language], str], str]] = [
    (lambda found, tongue: accuracy_vs_cost._front_title(found, False, tongue)["title"], "imagenet_top1"),
    (overview._costless, "macs"),
]


@pytest.mark.parametrize(("message", "key"), MESSAGES, ids=["chart", "cost"])
def test_one_of_several_has_a_value(message: Callable[[Comparison, Language], str], key: str) -> None:
    one, two = (message(_lacking(key, count), ENGLISH) for count in (1, 2))
    assert re.search(r"1 of 4( architectures)? has ", one), one
    assert re.search(r"2 of 4( architectures)? have ", two), two
    assert " 1 из 4" in message(_lacking(key, 1), RUSSIAN)


def test_one_of_several_times_is_unreliable() -> None:
    noisy = samples.reading(KEY, *([1.0, 2.0] * 6))
    records = [samples.record(row) for row in samples.ROWS[10:13]]
    for count, verb in ((1, "is"), (2, "are")):
        some = [each.model_copy(update={"readings": each.readings | {KEY: noisy}}) for each in records[:count]]
        text = heading.unreliable(compare([*some, *records[count:]]), ENGLISH)
        assert re.match(rf"{count} of \d+ times {verb} unreliable", text), text


def test_unreliable_times_are_counted_on_all_machines() -> None:
    noisy = samples.reading(KEY, *([1.0, 2.0] * 6))
    new, old = (samples.record(samples.ROWS[10], machine=name) for name in ("new", "old"))
    unreliable = new.model_copy(update={"readings": new.readings | {KEY: noisy}})
    alone, both = (heading.unreliable(compare(records), ENGLISH) for records in ([unreliable], [unreliable, old]))
    (count,), (twice,) = (map(int, re.findall(r"^1 of (\d+) times", text)) for text in (alone, both))
    assert twice == 2 * count
    dated = old.model_copy(update={"started": "2020-01-01T00:00:00+00:00", "readings": unreliable.readings})
    assert heading.unreliable(compare([new, dated]), ENGLISH).startswith(f"1 of {2 * count} times is unreliable")


@pytest.mark.parametrize(
    ("count", "opening", "first", "second"),
    [
        (5, "among them", KEY, "latency_cpu"),
        (3, "among them", "train_step_cpu", "finetune_step_seconds"),
        (2, "most of all", "train_step_cpu", "latency_cpu_default_malloc"),
    ],
)
def test_of_equal_shares_of_unreliable_times_the_latencies_are_named(
    count: int, opening: str, first: str, second: str
) -> None:
    """Two of more than two equal shares are examples, not the largest ones."""
    keys = ("latency_cpu_default_malloc", "train_step_cpu", "finetune_step_seconds", "latency_cpu", KEY)[:count]
    noisy = samples.reading(KEY, *([1.0, 2.0] * 6))
    times = {key: noisy.model_copy(update={"quantity": samples.quantity(key, key, "s", "latency")}) for key in keys}
    record = samples.record(samples.ROWS[0])
    exact = {key: reading for key, reading in record.readings.items() if not reading.timed}
    found = compare([record.model_copy(update={"readings": {**exact, **times}})])
    named = " and ".join(f"{found.quantities[key].title} (1 of 1)" for key in (first, second))
    text = heading.unreliable(found, ENGLISH)
    assert text == f"{count} of {count} times are unreliable and marked ≈, {opening} {named}."


def test_threads_of_one_and_of_several() -> None:
    record = samples.record(samples.ROWS[0])
    for asked, text in ((1, "with one thread, by --threads."), (4, "with 4 threads by --threads, except those")):
        settings = {**record.settings, "threads": asked}
        note = overview.threads_note(compare([record.model_copy(update={"settings": settings})]), ENGLISH)
        assert text in note


def test_lines_of_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    done = main._spent(Outcome(jobs=4, seconds=2.0, busy=1.0, failed=1, lost=1), "2 s")
    assert done.endswith(", 1 reading failed, 1 reading lacks rounds that failed")
    done = main._spent(Outcome(jobs=4, seconds=2.0, busy=1.0, failed=2, lost=2), "2 s")
    assert done.endswith(", 2 readings failed, 2 readings lack rounds that failed")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(gpus, "visible", list)
    monkeypatch.setattr(gpus, "installed", lambda: ["one"])
    assert str(gpus.hidden()).endswith("hides the GPU of this machine")
    with pytest.raises(ReporterError, match=r"this machine has 1 usable core$"):
        input_sizes.usable(CONDITIONS.model_copy(update={"threads": 2}), there=1)


def test_reasons_in_records() -> None:
    assert why_noisy([[1.0]], 0.1, None) == "only 1 sample, too few for a 95 % interval"
    assert why_noisy([[1.0, 1.1]], 0.1, None) == "only 2 samples, too few for a 95 % interval"
    network = torch.nn.Linear(3, 2)
    for lacking, opening in ((("bias",), "1 of 2 tensors differs, bias first"), (("bias", "weight"), "2 of 2 tensors")):
        state = {name: tensor for name, tensor in network.state_dict().items() if name not in lacking}
        with pytest.raises(ValueError, match=opening) as caught:
            checkpoints.fitted(network, state | {"other": torch.zeros(1)}, set())
        text = f"ValueError: {caught.value}"
        assert RUSSIAN.translate(text).startswith("ValueError: файл весов не подходит: отличается тензоров: ")
