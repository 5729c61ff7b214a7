"""Nightly runs with `--fail-on level`: a slowdown that one run cannot show is detected, stays, and is accepted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nights import NAMES, Change, Nights, failed, made, main_job, slower, with_reading

from reporter.model import Record
from reporter.nightly import level
from reporter.nightly.run_folder import Folder
from reporter.nightly.state import NightlyRun, Start
from reporter.store import record_files
from reporter.store.history import PastRun

KEY = "latency_cpu_1thread"
OPTIONS: dict[str, Any] = {"preset": "standard", "metrics": "size,latency", "fail_on": "level"}
DRIFT, OF_RUN, OF_ROUND = 0.1, 0.01, 0.06
"""Standard deviations: of all times of a run, of an architecture in a run, of its first and last round."""
SLOWED = "resnet50"


class Noisy(Nights):
    """Nights of a machine that drifts, on which each architecture and each round varies by itself."""

    def night(self, *changes: Change, names: Sequence[str] = NAMES, machine: str = "quiet", **options: Any) -> int:
        chance = np.random.default_rng([self.count, 7])
        drift = chance.normal(0, DRIFT)
        records = [_varied(each, drift, chance) for each in made(NAMES, machine)]
        return self.play([each for each in records if each.architecture in names], *changes, **OPTIONS | options)


def _varied(each: Record, drift: float, chance: np.random.Generator) -> Record:
    reading = each.readings[KEY]
    own = np.exp(drift + chance.normal(0, OF_RUN) + chance.normal(0, OF_ROUND) * np.array([1, 0, -1]))
    samples = tuple(
        float(sample * factor)
        for part, factor in zip(np.array_split(reading.samples, 3), own, strict=True)
        for sample in part
    )
    return with_reading(each.architecture, KEY, samples=samples)(each)


@pytest.fixture
def nights(tmp_path: Path) -> Noisy:
    """No test reads the report, so that none is written."""
    return Noisy(tmp_path / "out", report=lambda *_: None)


def findings(nights: Nights) -> list[tuple[str, str, bool]]:
    last = Folder(nights.out).last()
    assert last is not None
    return [(each.kind, each.architecture, each.accepted) for each in last.findings]


def test_a_slowdown_within_the_noise_of_one_run(nights: Noisy) -> None:
    """8 %: not above noise when compared with the last run, above the level within three runs; red until accepted."""
    assert [nights.night() for _ in range(12)] == [0] * 12
    slow, seen = slower(SLOWED, 1.08), []
    while 1 not in seen:
        seen.append(nights.night(slow))
        assert not [each for each in findings(nights) if each[0] == "slower"]
    assert len(seen) <= 3
    since = nights.day()
    [line] = nights.lines
    assert line.startswith("- Latency, CPU, 1 thread above the level of earlier runs: resnet50 +")
    assert f"level of {12 + len(seen) - 1} runs" in line or "level of 12 runs" in line
    assert f"since {since}; confirm it with `reporter ab`, or start a new level: `reporter accept {nights.out}" in line
    assert nights.headline.startswith("Changed: 1 above the level of earlier runs")
    for _ in range(16):  # more runs than a level has
        assert nights.night(slow) == 1
        assert f"since {since}" in nights.lines[0]
    assert findings(nights) == [("level", SLOWED, False)]
    assert nights.night(slow, fail_on="exact") == 0
    assert nights.accept() == 1
    assert [nights.night(slow) for _ in range(8)] == [0] * 8
    assert findings(nights) == []
    assert [nights.night(slower(SLOWED, 1.08 * 1.12)) for _ in range(2)][-1] == 1


def test_noise_alone_is_never_above_a_level(nights: Noisy) -> None:
    for _ in range(20):
        assert nights.night(fail_on="any") == 0
        assert nights.lines == []


def test_a_slowdown_that_is_gone_needs_no_acceptance(nights: Noisy) -> None:
    """The runs with it are no part of the level: the next slowdown is compared with the one before."""
    for _ in range(8):
        nights.night()
    assert [nights.night(slower(SLOWED, 1.15)) for _ in range(6)] == [1] * 6
    assert nights.night() == 0
    assert nights.night(slower(SLOWED, 1.15)) == 1
    [line] = [line for line in nights.lines if "above the level" in line]
    assert f"since {nights.day()}" in line
    assert "level of 9 runs" in line


@pytest.mark.parametrize("later", [0, 1])
def test_runs_of_the_main_job_after_a_red_run_are_no_level(nights: Noisy, later: int) -> None:
    """As the slowdown may be in them, too: after the last run, and between two runs that have it."""
    for _ in range(6):
        nights.night()
    slow = slower(SLOWED, 1.5)
    assert nights.night(slow) == 1
    record_files.append_history(nights.out, main_job(nights.count, map(slow, made())))
    assert [nights.night(slow) for _ in range(1 + later)] == [1] * (1 + later)
    [line] = [line for line in nights.lines if "above the level" in line]
    assert "level of 6 runs" in line


def test_too_few_runs_are_no_level(nights: Noisy) -> None:
    """The headline has the reason where a level is asked for; a run of another machine starts at zero."""
    reason = (
        '"Latency, CPU, 1 thread" of alexnet, resnet18, resnet50, vgg16 (fewer than 5 accepted runs on this machine)'
    )
    for _ in range(5):
        assert nights.night() == 0
        assert reason in nights.headline or nights.count == 1
    assert nights.night() == 0
    assert reason not in nights.headline
    assert nights.night(slower(SLOWED, 1.3), machine="other") == 0
    assert reason in nights.headline
    assert nights.night(fail_on="exact", machine="other") == 0
    assert "accepted runs" not in nights.headline


def test_one_round_is_enough(nights: Noisy) -> None:
    """The unit is the run, so that a quick run is compared with the level although it has no verdict by itself."""
    one = [with_reading(name, KEY, rounds=(24,)) for name in NAMES]
    for _ in range(10):
        assert nights.night(*one, preset="quick") == 0
    assert nights.night(slower(SLOWED, 1.2), *one, preset="quick") == 1
    assert "above the level of earlier runs: resnet50 +" in nights.lines[0]


def test_gaps_take_no_architecture_out(nights: Noisy) -> None:
    """Runs in which the architecture or the others failed, or are missing."""
    for number in range(9):
        nights.night(*[failed(SLOWED)] * (number == 6), *[failed(name) for name in NAMES[:2]] * (number == 4))
        if number in (4, 6):
            nights.accept()
    assert nights.night(slower(SLOWED, 1.2)) == 1
    assert any(line.startswith("- Latency, CPU, 1 thread above the level") for line in nights.lines)
    assert nights.night(failed(SLOWED)) == 1
    assert any("above the level of earlier runs (not compared in this run): resnet50" in line for line in nights.lines)


def test_findings_of_other_architectures_stay_in_the_level(nights: Noisy) -> None:
    """A run that is red for one architecture is part of the level of the others."""
    macs = with_reading("alexnet", "macs", samples=(714_188_481,))
    nights.night()
    for _ in range(6):
        nights.night(macs)
    assert nights.night(macs, slower(SLOWED, 1.2)) == 1
    [line] = [line for line in nights.lines if "above the level" in line]
    assert "resnet50" in line
    assert "level of 7 runs" in line
    assert nights.night(macs, slower("alexnet", 1.3)) == 0


def test_accepting_a_slower_time_starts_its_level(nights: Noisy) -> None:
    """A slowdown that was accepted when it was found by --fail-on timing is not reported again by the level."""
    for _ in range(8):
        nights.night()
    assert nights.night(slower(SLOWED, 1.6), fail_on="timing") == 1
    nights.accept()
    for _ in range(6):
        assert nights.night(slower(SLOWED, 1.6), fail_on="any") == 0


def test_other_settings_start_a_level(nights: Noisy) -> None:
    """Times are compared with runs under the same settings only, also after the new settings are the baseline."""
    for _ in range(8):
        nights.night()
    other = with_reading(SLOWED, KEY, settings={"device": "cpu", "variables": {"OMP_WAIT_POLICY": "active"}})
    reason = "resnet50 (fewer than 3 accepted runs since its level changed"
    for count in range(3):
        assert nights.night(slower(SLOWED, 1.5), other) == 0
        assert reason in nights.headline, count
    assert nights.night(slower(SLOWED, 1.5), other) == 0
    assert reason not in nights.headline
    assert nights.night(slower(SLOWED, 1.5 * 1.3), other) == 1


def test_other_settings_start_a_level_once(tmp_path: Path) -> None:
    """Also while the baseline has the former ones, because of a finding that --fail-on does not include."""
    other = with_reading(SLOWED, KEY, settings={"device": "cpu", "variables": {"OMP_WAIT_POLICY": "active"}})
    (before,) = made([SLOWED])
    after, folder = other(before), Folder(tmp_path)
    start = Start(architecture=SLOWED, metric=KEY, machine="quiet", run="2026-11-02")
    last = NightlyRun(started="2026-11-02", exit_code=0, starts=(start,))
    for in_place, run in ((after, "2026-11-02"), (before, "2026-11-03")):
        record_files.save_all(tmp_path, [in_place])
        [found] = level.restarted(folder, [before], [after], last, "2026-11-03")
        assert found == start.model_copy(update={"run": run})
    assert level.restarted(folder, [before], [after], None, "2026-11-03")[0].run == "2026-11-03"


@pytest.mark.parametrize(
    ("in_place", "run"), [("other", "2026-11-03"), ("former", "2026-11-02"), ("none", "2026-11-02")]
)
def test_a_return_to_the_settings_of_the_baseline_starts_a_level(tmp_path: Path, in_place: str, run: str) -> None:
    """The times since the start are those of the other settings; the run after the return is part of its level."""
    other = with_reading(SLOWED, KEY, settings={"device": "cpu", "variables": {"OMP_WAIT_POLICY": "active"}})
    (former,) = made([SLOWED])
    start = Start(architecture=SLOWED, metric=KEY, machine="quiet", run="2026-11-02")
    last = NightlyRun(started="2026-11-02", exit_code=0, starts=(start,))
    if in_place != "none":
        record_files.save_all(tmp_path, [other(former) if in_place == "other" else former])
    [found] = level.restarted(Folder(tmp_path), [former], [former], last, "2026-11-03")
    assert found == start.model_copy(update={"run": run})


def test_the_headline_has_the_noise_of_levels(nights: Noisy) -> None:
    """The smallest and the largest change that noise can reach, if levels are asked for."""
    for _ in range(8):
        nights.night()
    assert re.search(r"; noise of levels: \d% to \d+%", nights.headline)
    nights.night(fail_on="exact")
    assert "noise of levels" not in nights.headline


def test_a_level_starts_with_its_run_although_the_clock_was_ahead_then() -> None:
    """The order of the file counts: the runs after an accepted one are part of its level, also if they seem earlier."""
    moments = ("2026-11-01", "2026-11-02", "2028-01-01", "2026-11-04", "2026-11-05")
    runs = [PastRun("quiet", moment, "r", {}, {SLOWED: {KEY: 1.0}}) for moment in moments]
    runs.append(replace(runs[0], machine="loud"))
    for started, kept in (("2027-12-31", 3), ("2026-11-04", 2), ("2026-11-01", 5), ("2028-06-01", 0)):
        start = Start(architecture=SLOWED, metric=KEY, machine="quiet", run=started)
        found = level.accepted(runs, [start, start.model_copy(update={"run": "2026-11-01"})], None)
        values = [SLOWED in run.values and KEY in run.values[SLOWED] for run in found]
        assert values == [number >= 5 - kept for number in range(5)] + [True]
