"""Over the nights: changes of level where there are some, none where there are none, and the report that shows them."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import ROWS, contents, lecture

from reporter.charts import run_levels
from reporter.compare import levels
from reporter.compare.levels import level_history, steps
from reporter.model import Chart
from reporter.registry.catalog import collect
from reporter.report import build
from reporter.report.comparison import Comparison, compare
from reporter.report.drawing import drawn_charts
from reporter.report.language import language
from reporter.report.table import Tabulation
from reporter.store.history import PastRun

KEY = "latency_cpu_1thread"
NAMES = tuple(row[0] for row in ROWS)
SLOWED = "resnet50"


def past(seed: int, count: int = 30, step: float = 1.0, at: int = 20, noise: float = 0.01) -> list[PastRun]:
    """Nights on which the whole machine drifts by 20 %, and one network is slower from one of them on."""
    chance = np.random.default_rng(seed)
    runs = []
    for night in range(count):
        drift = np.exp(chance.normal(0, 0.2))
        own = {name: {KEY: float(drift * np.exp(chance.normal(0, noise)) / 50)} for name in NAMES}
        own[SLOWED][KEY] *= step if night >= at else 1.0
        torch = "2.15.0" if night >= at else "2.14.0"
        runs.append(
            PastRun(
                "quiet",
                f"2026-{1 + night // 28:02}-{1 + night % 28:02}T02:17:00+00:00",
                str(night),
                {"torch": torch},
                own,
            )
        )
    return runs


def found(runs: list[PastRun]) -> dict[str, list[tuple[int, float]]]:
    seen = level_history(runs, "quiet", KEY)
    assert seen is not None
    return {each.architecture: [(step.index, step.ratio) for step in each.steps] for each in seen.series if each.steps}


@pytest.mark.parametrize(
    ("key", "how"), [(KEY, "one CPU thread"), ("latency_cuda", "GPU"), ("latency_cpu", "all CPU threads")]
)
def test_the_caption_of_the_run_history_names_the_time(key: str, how: str) -> None:
    runs = [replace(run, values={name: {key: values[KEY]} for name, values in run.values.items()}) for run in past(1)]
    made = replace(compare(lecture()), past=tuple(runs))
    [chart] = run_levels.ENTRIES
    assert chart.draw(made, language("en"))
    assert chart.remark
    assert f"Latency: {how}, eager." in chart.remark(made, language("en"))


@pytest.mark.parametrize("at", [3, 10, 20, 27])
@pytest.mark.parametrize("step", [1.10, 1 / 1.10, 2.0])
def test_a_step_is_found_on_its_night_and_nowhere_else(at: int, step: float) -> None:
    steps = found(past(1, step=step, at=at))
    assert list(steps) == [SLOWED]
    [(night, ratio)] = steps[SLOWED]
    assert abs(night - at) <= 1
    assert ratio == pytest.approx(step, rel=0.03)


def test_no_step_in_100_quiet_histories() -> None:
    assert sum(bool(found(past(seed))) for seed in range(100)) <= 3


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10))
@settings(max_examples=20, deadline=None)
def test_a_slow_night_of_the_machine_is_no_step(seed: int, factor: float) -> None:
    runs, slow = past(seed, count=12), past(seed, count=12)
    slow[7].values = {name: {KEY: values[KEY] * factor} for name, values in slow[7].values.items()}
    places = [{name: [night for night, _ in steps] for name, steps in found(each).items()} for each in (slow, runs)]
    assert places[0] == places[1]


def test_two_steps_are_both_found() -> None:
    values = np.repeat([0.0, 0.1, 0.3], 10) + np.random.default_rng(1).normal(0, 0.005, 30)
    assert [step.index for step in steps(values, 30)] == [10, 20]


def test_too_few_nights_and_nights_read_again_say_nothing() -> None:
    runs = past(1, count=5)
    assert level_history(runs, "quiet", KEY) is None
    assert level_history([*runs, *[runs[-1]] * 5], "quiet", KEY) is None
    assert level_history(past(1), "another", KEY) is None


@pytest.mark.parametrize("gap", [(SLOWED,), (NAMES[0],), NAMES[:6], NAMES[1:]])
@pytest.mark.parametrize("night", [0, 10, 15])
def test_a_gap_in_one_night_takes_no_network_out(gap: tuple[str, ...], night: int) -> None:
    """A night without some networks, or of one network alone, changes neither the series nor the steps."""
    runs = past(1, count=16, step=1.2, at=8)
    runs[night].values = {name: values for name, values in runs[night].values.items() if name not in gap}
    seen = level_history(runs, "quiet", KEY)
    assert seen is not None
    assert {series.architecture for series in seen.series} == set(NAMES)
    assert list(found(runs)) == [SLOWED]
    kept = 15 if len(gap) > len(NAMES) / 2 else 16
    assert len(seen.moments) == kept
    series = next(series for series in seen.series if series.architecture == gap[0])
    assert (series.relative[min(night, kept - 1)] is None) == (kept == 16)


@pytest.mark.parametrize("count", [5, 6, 20])
def test_a_changed_selection_is_shown_from_six_nights_on(count: int) -> None:
    """The nights before, of other networks, are left out from then on; with some of them they are gaps."""
    runs = past(1, count=40)
    for night, run in enumerate(runs):
        kept = NAMES[4:] if night >= 40 - count else NAMES[:5]
        run.values = {name: values for name, values in run.values.items() if name in kept}
    seen = level_history(runs, "quiet", KEY)
    assert seen is not None
    is_new = count >= 6
    assert {series.architecture for series in seen.series} == set(NAMES[4:] if is_new else NAMES[:5])
    assert len(seen.moments) == (count if is_new else 40 - count)


def test_networks_that_were_added_are_shown_with_the_nights_before() -> None:
    runs = past(1, count=40)
    for run in runs[:-6]:
        run.values.pop(SLOWED)
    seen = level_history(runs, "quiet", KEY)
    assert seen is not None
    assert len(seen.moments) == 40
    [added] = [series for series in seen.series if series.architecture == SLOWED]
    assert [value is not None for value in added.relative] == [False] * 34 + [True] * 6


def test_the_report_shows_a_gap() -> None:
    made = with_history()
    made.past[3].values.pop(SLOWED)
    picture = collect("reporter.charts", Chart)["history"].draw(made, language("en"))
    assert picture is not None
    panel = next(panel for panel in picture["concat"] if panel["title"] == SLOWED)
    assert 3 not in [row["x"] for row in panel["layer"][1]["data"]["values"]]
    assert len(panel["layer"][1]["data"]["values"]) == len(made.past) - 1


def with_history() -> Comparison:
    made = compare(lecture())
    return Comparison(made.records, made.quantities, made.machines, tuple(past(1, step=1.2)))


@pytest.mark.parametrize("code", [pytest.param("en", marks=pytest.mark.slow), "ru"])
def test_the_report_shows_the_nights(code: str) -> None:
    tongue = language(code)
    charts = [chart for chart in collect("reporter.charts", Chart).values() if chart.name == "history"]
    tables = [table for table in collect("reporter.tables", Tabulation).values() if table.name == "history"]
    made = build.build(with_history(), tongue, drawn_charts.draw(with_history(), tongue, charts), tables)
    section = next(section for section in made.sections if section.name == "history")
    picture, table = contents(section.blocks)
    assert re.search(r"\+(19|2[0-2]) %", picture.svg)
    assert all(name in picture.svg for name in NAMES)
    [row] = table.rows
    assert row[0].text == SLOWED
    assert row[3].text == "2.14.0 → 2.15.0"


@pytest.mark.parametrize(("code", "count", "night"), [("en", "30 runs.", "night"), ("ru", "30 запусков.", "ноч")])
def test_a_history_is_of_runs_at_any_time(code: str, count: str, night: str) -> None:
    """A record is added by every run, not only by nightly ones."""
    tongue = language(code)
    table = collect("reporter.tables", Tabulation)["history"].make(with_history(), tongue)
    caption = tongue._(collect("reporter.charts", Chart)["history"].caption)
    assert table is not None
    assert table.notes[0].endswith(f", {count}")
    since = str(table.rows[0][1].value)
    assert since.startswith("2026-01-"), "sorted and kept in ISO 8601"
    assert table.rows[0][1].text == tongue.date(since)
    assert night not in f"{table.title} {table.notes} {caption}".lower()


def test_a_report_without_history_has_no_such_section() -> None:
    tongue = language("en")
    charts = collect("reporter.charts", Chart)
    assert charts["history"].draw(compare(lecture()), tongue) is None
    assert levels.level_history((), "quiet", KEY) is None
