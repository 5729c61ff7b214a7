"""Times compared with their level over earlier runs: laws, false positives, the benchmark, and `reporter compare`."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import levels
import numpy as np
import pytest
from commands import ROOT, call
from compare_simulation import LATENCY, past, records
from hypothesis import given, settings
from hypothesis import strategies as st
from nights import Nights, slower
from test_nights_level import SLOWED, Noisy

from reporter.cli.run_comparisons import with_baseline
from reporter.compare import recent_level
from reporter.compare.differences import Differences, Gap, Level
from reporter.compare.folders import ResultsFolder, baseline, compare, compare_results, read
from reporter.host.machine import key as this_machine
from reporter.model import Reading, ReporterError
from reporter.model.origins import Origin
from reporter.model.settings import FailOn, Settings
from reporter.nightly.level import of_folder
from reporter.report.between_runs.changes import in_markdown, in_words
from reporter.report.language import language
from reporter.report.sections import changed
from reporter.stats.noise import Log
from reporter.store import record_files
from reporter.store.history import PastRun

THROUGHPUT = LATENCY.model_copy(update={"key": "throughput_cpu", "unit": "1/s", "better": "higher"})
OF_RUN, DRIFT = 0.012, 0.1
LATE = "vgg16"
Run = dict[str, Reading]


def made(logs: Log, inverse: bool = False) -> list[Run]:
    """A run for each row of logarithms of times, an architecture for each column; none where it is NaN."""
    quantity = THROUGHPUT if inverse else LATENCY
    return [
        {
            f"network{index:02}": Reading(quantity=quantity, samples=(math.exp(-log if inverse else log),), rounds=(1,))
            for index, log in enumerate(row)
            if math.isfinite(log)
        }
        for row in logs
    ]


def noise(seed: int, runs: int = 15, architectures: int = 18) -> Log:
    chance = np.random.default_rng(seed)
    return np.asarray(chance.normal(0, OF_RUN, (runs, architectures)) + chance.normal(0, DRIFT, (runs, 1)) - 4)


def judged(runs: Sequence[Run]) -> dict[str, Level]:
    rows, _ = recent_level.verdicts(records(runs[-1]), before(runs))
    return {row.architecture: row for row in rows}


def before(runs: Sequence[Run]) -> list[PastRun]:
    """What history.jsonl has of all runs but the last."""
    earlier = [past(readings, number) for number, readings in enumerate(runs[:-1])]
    for each, readings in zip(earlier, runs, strict=False):
        each.values = {name: {reading.quantity.key: reading.value or 0} for name, reading in readings.items()}
    return earlier


def slower_ones(found: dict[str, Level]) -> list[str]:
    return [name for name, row in found.items() if row.verdict == "regressed"]


@pytest.mark.parametrize("architectures", [4, 18])
def test_noise_is_rarely_above_a_level(architectures: int) -> None:
    """At most one run in a hundred, over all architectures: ALPHA."""
    alarms = sum(bool(slower_ones(judged(made(noise(seed, 15, architectures))))) for seed in range(60))
    assert alarms <= 2


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 2), st.booleans())
@settings(max_examples=15, deadline=None)
def test_drift_that_all_share_changes_nothing(seed: int, factor: float, inverse: bool) -> None:
    logs = noise(seed)
    logs[-1, 3] += math.log(1.2)
    plain = judged(made(logs, inverse))
    logs[-1] += math.log(factor)
    drifted = judged(made(logs, inverse))
    assert slower_ones(plain) == slower_ones(drifted)
    assert "network03" in slower_ones(plain), "noise may put another one above its level as well"
    for name, row in plain.items():
        assert drifted[name].ratio == pytest.approx(row.ratio)
        shown = row.base * factor ** (0 if inverse else 1)
        assert row.base == pytest.approx(shown / (1 if inverse else factor))


def test_a_name_that_is_above_its_level_is_a_code_span() -> None:
    """As one that is slower than in the run before: a comment on GitHub links no word of it."""
    common = {"machine": "a_machine", "quantity": LATENCY, "verdict": "regressed", "base": 1.0, "new": 1.3}
    level = Level(architecture="my net_2", **common, relative=True, ratio=1.3, floor=0.05, runs=14, over=1)
    left = Gap("fewer than 5 accepted runs", LATENCY, ("a new_net",))
    found = Differences(levels=(level,), without_level=(left,))
    assert "`my net_2` +30 % time above the level of 14 runs" in in_markdown(found)
    assert found.names == {"my net_2", "a_machine", "a new_net"}


def test_a_slower_throughput_is_a_longer_time() -> None:
    logs = noise(1)
    logs[-1, 3] += math.log(1.2)
    row = judged(made(logs, inverse=True))["network03"]
    assert row.verdict == "regressed"
    assert row.ratio == pytest.approx(1.2, rel=0.05)
    assert row.new == pytest.approx(math.exp(-logs[-1, 3]))


def test_two_runs_show_what_one_does_not() -> None:
    """A change of 5 % is within the noise of one run."""
    counts = {1: 0, 2: 0}
    for seed in range(24):
        for after in counts:
            logs = noise(seed, 14 + after)
            logs[14:, 3] += math.log(1.05)
            counts[after] += "network03" in slower_ones(judged(made(logs)))
    assert counts[1] < 9
    assert counts[2] >= 12


def test_one_run_that_was_slow_by_chance_is_no_level() -> None:
    """Two runs count as one change only if both are above the smallest effect."""
    logs = noise(1)
    logs[-2, 3] += math.log(1.3)
    assert slower_ones(judged(made(logs))) == []


@pytest.mark.parametrize("gap", [slice(3, 4), slice(0, 2), slice(4, 18)])
def test_gaps_take_no_architecture_out(gap: slice) -> None:
    logs = noise(1)
    logs[-1, 3] += math.log(1.2)
    logs[7, gap] = math.nan
    found = judged(made(logs))
    assert len(found) == 18
    assert slower_ones(found) == ["network03"]
    assert found["network03"].runs == (13 if gap == slice(3, 4) else 14)


def test_values_that_were_read_again_are_no_runs() -> None:
    """Values equal to the ones before to the last bit are not compared, and are no part of a level."""
    logs = noise(1, 6)
    assert judged(made(np.vstack([logs, logs[-1:]]))) == {}
    rows, gaps = recent_level.verdicts(
        records(made(logs)[-1]), before(made(np.vstack([logs[:4], logs[3:4], logs[-1:]])))
    )
    assert rows == []
    assert {gap.why for gap in gaps} == {"fewer than 5 accepted runs on this machine"}


@pytest.mark.parametrize("architectures", [1, 2])
def test_few_architectures_are_compared_by_absolute_times(architectures: int) -> None:
    """Drift of the machine is part of their noise: only a large change is reported."""
    logs = noise(1, 15, architectures)
    logs[-1, 0] = np.median(logs[:-1, 0]) + math.log(1.18)
    assert slower_ones(judged(made(logs))) == []
    logs[-1, 0] += math.log(4)
    found = judged(made(logs))
    assert slower_ones(found) == ["network00"]
    assert not found["network00"].relative


@pytest.mark.parametrize("known", [1, 2])
def test_fewer_than_three_levels_are_compared_by_absolute_times(known: int) -> None:
    """As after the set of architectures grew: those without a level show no drift of the machine."""
    logs = np.random.default_rng(1).normal(-4, OF_RUN, (15, 18))
    logs[:-1, known:] = math.nan
    logs[-1, 0] = np.median(logs[:-1, 0]) + math.log(1.6)
    found = judged(made(logs))
    assert sorted(found) == [f"network{index:02}" for index in range(known)]
    assert slower_ones(found) == ["network00"]
    assert not found["network00"].relative
    logs[-1, 0] -= math.log(1.6 * 1.25)
    assert slower_ones(judged(made(logs))) == [], "one that became faster makes no other one slower"


def test_runs_of_fewer_than_three_of_the_architectures_are_no_relative_level() -> None:
    """One of them, measured alone, is equal to its own drift: it would have no noise between these runs."""
    logs = noise(1)
    logs[:9, 1:] = math.nan
    logs[-1, 0] += math.log(1.6)
    found = judged(made(logs))
    assert len(found) == 18
    assert found["network00"].relative
    assert found["network00"].runs == 5
    assert slower_ones(found) == ["network00"]


def test_the_benchmark_shows_what_level_adds() -> None:
    """A row of levels.md, computed again."""
    text = (ROOT / "benchmarks" / "levels.md").read_text(encoding="utf-8")
    [line] = [line for line in text.splitlines() if line.startswith("| 8% | 14 |")]
    assert line.endswith(f"| {levels.row(levels.by_level, 15, 1.08)} |")


@pytest.mark.slow
def test_the_benchmark_is_reproducible() -> None:
    text = (ROOT / "benchmarks" / "levels.md").read_text(encoding="utf-8")
    assert "\n".join(levels.tables()) in text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of nightly runs, and one more run, `tonight`, in which one architecture is slower."""
    place = tmp_path_factory.mktemp("level")
    nights = Noisy(place / "base")
    for _ in range(9):
        assert nights.night() == 0
    again = Noisy(place / "new", nights.count)
    (place / "new").mkdir()
    (place / "new" / "history.jsonl").write_text((place / "base" / "history.jsonl").read_text())
    again.night(slower(SLOWED, 1.2))
    return place


def test_compare_fails_on_the_level(folder: Path) -> None:
    """With the reason as text and as JSON."""
    base, new = folder / "base", folder / "new"
    done = call("compare", base, new, "--fail-on", "level")
    assert done.returncode == 1
    assert re.search(r"resnet50 \+\d+ % time above the level of 9 runs", done.stdout)
    assert "1 above the level of earlier runs" in done.stdout
    done = call("compare", base, new, "--fail-on", "exact", "--json")
    assert done.returncode == 0
    document = json.loads(done.stdout)
    assert [row["architecture"] for row in document["levels"] if row["verdict"] == "slower"] == [SLOWED]


def test_runs_that_were_red_are_no_level_of_compare(tmp_path: Path) -> None:
    """The folder's own state has which runs were accepted."""
    nights = Noisy(tmp_path / "out")
    for number in range(11):
        nights.night(*[slower(SLOWED, 1.3)] * (number > 4))
    side = of_folder(read(nights.out, "BASE"))
    [row] = [row for row in compare_results(side, side).levels if row.architecture == SLOWED]
    assert row.runs == 5
    assert row.verdict == "regressed"


def test_a_folder_without_history_is_refused(folder: Path, tmp_path: Path) -> None:
    """By compare, and by the main job before it measures anything."""
    nights = Nights(tmp_path / "one")
    nights.play(record_files.load_all(folder / "base")[0])
    for done in (
        call("compare", nights.out, nights.out, "--fail-on", "level"),
        call("--out", tmp_path / "out", "--baseline", nights.out, "--fail-on", "level"),
    ):
        assert done.returncode == 2
        assert "--fail-on level: history.jsonl of" in done.stderr
        assert "a level takes 5" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.fixture(scope="module")
def late(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same two folders, in which one architecture has been measured in the last three runs only."""
    place = tmp_path_factory.mktemp("late") / "both"
    shutil.copytree(folder, place)
    for path in place.glob("*/history.jsonl"):
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        kept = [each for each in lines if each["architecture"] != LATE or int(each["run"]) >= 8]
        path.write_text("".join(f"{json.dumps(each)}\n" for each in kept))
    return place


@pytest.mark.parametrize("gate", ["level", "any", "exact"])
def test_what_has_no_level_is_listed_where_levels_are_gated(late: Path, gate: str) -> None:
    why = "fewer than 3 accepted runs since its level changed, or no new value"
    listed = f"Latency, CPU, 1 thread: not compared for {LATE}: {why}."
    for form in ((), ("--markdown",)):
        done = call("compare", late / "base", late / "new", "--fail-on", gate, *form)
        assert (listed.replace(LATE, f"`{LATE}`" if form else LATE) in done.stdout) == (gate != "exact"), done.stdout
    document = json.loads(call("compare", late / "base", late / "new", "--fail-on", gate, "--json").stdout)
    found = [row["architectures"] for row in document["not_compared"] if row["reason"] == why]
    assert found == ([[LATE]] if gate != "exact" else [])


@pytest.mark.parametrize(("gate", "asked"), [("level", False), ("exact", False), ("any", True)])
def test_what_has_no_level_is_listed_with_a_baseline(late: Path, gate: FailOn, asked: bool) -> None:
    """By the main job and in its report; not with --against, where no level is gated."""
    before = read(late / "base", "--baseline")
    found, document, _ = with_baseline(before, late / "new", gate, False, pinned=None, asked=asked)
    assert found
    assert document
    is_listed = gate == "level"
    assert any("accepted runs" in row["reason"] for row in document["not_compared"]) == is_listed
    text = str(changed(found, language("ru")))
    assert ("менее 3 принятых запусков" in text) == is_listed


def test_a_run_of_some_architectures_leaves_the_others_their_level() -> None:
    """Their records are of the run before, which is compared, and not a part of their level and noise."""
    logs = noise(1)
    logs[-2, 3] += math.log(1.3)
    runs = made(logs)
    earlier, whole, part = before(runs)[:-1], past(runs[-2], 20), past(runs[-1], 21)
    part.values = {"network05": part.values["network05"]}
    origins = {name: Origin(run=run.name, started=run.moment) for run in (whole, part) for name in run.values}
    readings = {name: (runs[-1] if name in part.values else runs[-2])[name] for name in runs[-1]}
    new = records({name: each.model_copy(update={"origins": (origins[name],)}) for name, each in readings.items()})
    sides = [
        ResultsFolder(Path(name), tuple(each), tuple(history))
        for name, each, history in (("a", records(runs[-3]), earlier), ("b", new, [*earlier, whole, part]))
    ]
    found = compare_results(*sides)
    assert {row.architecture for row in found.levels} == set(readings)
    assert [row.architecture for row in found.above_level()] == ["network03"]
    assert found == compare(sides[0].records, new, earlier)


def test_the_level_of_a_baseline_is_that_of_this_machine(folder: Path, tmp_path: Path) -> None:
    """Nine runs of another machine make none; those in the folder of --out count."""
    asked = Settings(baseline=str(folder / "base"), fail_on="level")
    with pytest.raises(ReporterError, match="0 earlier runs of the machine, and a level takes 5"):
        baseline(asked, tmp_path)
    assert baseline(asked.model_copy(update={"executor": "ray"}), tmp_path), "the nodes are other machines"
    lines = (folder / "base" / "history.jsonl").read_text().replace('"quiet"', json.dumps(this_machine()))
    (tmp_path / "history.jsonl").write_text(lines)
    assert baseline(asked, tmp_path)


def test_the_text_has_the_number_of_runs() -> None:
    logs = noise(1)
    logs[-1, 3] += math.log(1.2)
    runs = made(logs)
    found = compare(records(runs[-2]), records(runs[-1]), before(runs))
    assert re.search(r"network03 \+\d+ % time above the level of 14 runs", in_words(found))
    assert found.fails("level")
    assert found.fails("any")
    assert not found.fails("exact")
