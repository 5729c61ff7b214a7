"""Findings in a comment, an issue and JUnit XML: also those of the main job, and those that --fail-on leaves out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path

import pytest
from nights import Change, Nights, made, slower, summarize, with_reading

from reporter.cli import step_summary
from reporter.cli.run_comparisons import with_baseline
from reporter.compare import baseline_file, folders
from reporter.documents.comparisons import LevelRow
from reporter.documents.reference_verdicts import AgainstReference, ReferenceChange, ReferenceSide
from reporter.model.settings import FailOn
from reporter.nightly import outlet_files, outlets
from reporter.nightly.outlets import PublishedRun
from reporter.store import record_files

MACS = with_reading("alexnet", "macs", samples=(714_188_481,))
SLOWER = slower("resnet50", 3.0)
TITLE = "Latency, CPU, 1 thread"


def main_job(folder: Path, *changes: Change, gate: FailOn, asked: bool = False) -> PublishedRun:
    """A run of the main job with --baseline; `asked`: with --against as well."""
    base, out = folder / "base", folder / "out"
    record_files.save_all(base, made())
    record_files.save_all(out, [reduce(lambda each, change: change(each), changes, one) for one in made()])
    found, document, _ = with_baseline(
        folders.read(base, "--baseline"), out, gate, failed=False, pinned=None, asked=asked
    )
    baseline_file.save(out, found, document)
    summarize(out)
    return outlets.read(out)


def against_reference(run: PublishedRun, *changes: ReferenceChange) -> PublishedRun:
    """The run, compared with a pinned reference as well, from which these counts differ."""
    side = ReferenceSide(versions={}, torch_file="")
    found = AgainstReference(reference=side, tonight=side, control=False, detectable=None, verdicts=(), changes=changes)
    return replace(run, summary=run.summary.model_copy(update={"against": found}))


def title(run: PublishedRun) -> str:
    [line] = [line for line in outlets.comment(run, "x", "").splitlines() if line.startswith("### ")]
    return line.removeprefix("### Architecture report: ")


def rows(run: PublishedRun) -> Sequence[tuple[str, str, bool]]:
    return [(row.name, row.metric, row.red) for row in run.rows]


def test_a_run_with_findings_does_not_read_as_one_without_them(tmp_path: Path) -> None:
    """By default, --fail-on of the main job is never: the step summary has the findings, and no issue is closed."""
    run = main_job(tmp_path, MACS, SLOWER, gate="never")
    assert run.headline == "Changed: 1 exact, 1 slower"
    assert rows(run) == [("alexnet", "MACs", False), ("resnet50", TITLE, False)]
    text = step_summary.content(run)
    assert text.startswith("### Architecture report: findings that do not fail the run\n")
    assert "**Left out by `--fail-on never`:** findings: 2. To fail such a run, use `--fail-on any`" in text
    assert "| `alexnet` | MACs | changed 714,188,480 → 714,188,481 |" in text
    assert (run.passes, run.closes_issue) == (True, False)
    assert b'failures="0" errors="0"' in outlet_files.junit(run)


def test_what_fails_a_run_of_the_main_job_has_its_architecture_and_metric(tmp_path: Path) -> None:
    """And advice that its folder can follow: its findings cannot be accepted."""
    run = main_job(tmp_path, MACS, SLOWER, gate="exact")
    assert (run.has_regression, title(run)) == (True, "regression")
    assert rows(run) == [("alexnet", "MACs", True), ("resnet50", TITLE, False)]
    text = outlets.comment(run, "x", "")
    assert "use the results of this run as the baseline (`--baseline`)" in text
    assert "reporter accept" not in text
    suite = outlet_files.junit(run).decode()
    assert re.search(r'classname="alexnet" name="MACs: comparison"><failure message="changed 714', suite)
    assert 'classname="run"' not in suite


def test_a_run_of_the_main_job_without_findings_has_no_rows(tmp_path: Path) -> None:
    run = main_job(tmp_path, gate="any")
    assert (run.has_regression, run.closes_issue, title(run), run.rows) == (False, True, "no regression", [])


def test_a_time_above_its_level_is_a_row(tmp_path: Path) -> None:
    run = main_job(tmp_path, gate="level")
    assert run.comparison is not None
    level = LevelRow(
        architecture="vgg16", mode="eager", machine="quiet", metric="latency_cpu_1thread", key="latency_cpu_1thread",
        title=TITLE, unit="s", better="lower", verdict="slower", base=0.1, new=0.12, ratio=1.2, slowdown=1.2,
        floor=1.05, relative=True, runs=10, over=1,
    )  # fmt: skip
    levels = level, level.model_copy(update={"verdict": "noisy"})
    run = replace(run, comparison=run.comparison.model_copy(update={"levels": levels}))
    [row] = run.rows
    assert (row.name, row.result, row.red) == ("vgg16", "above its level (+20.0 %)", True)


def test_times_are_for_information_where_a_reference_judges_them(tmp_path: Path) -> None:
    run = main_job(tmp_path, SLOWER, gate="any", asked=True)
    [row] = against_reference(run).rows
    assert (row.red, row.ungated, row.accepted) == (False, False, "for information")


@pytest.mark.parametrize("of_reference", [False, True])
def test_the_advice_is_about_the_comparison_that_fails(of_reference: bool, tmp_path: Path) -> None:
    """What differs from a pinned reference can be accepted, also in a folder of the main job."""
    run = main_job(tmp_path, *([] if of_reference else [MACS]), gate="exact")
    assert run.comparison is not None
    change = ReferenceChange(architecture="alexnet", metric="macs", reference=5, tonight=6)
    run = replace(run, comparison=run.comparison.model_copy(update={"exit_code": 1}))
    text = outlets.comment(against_reference(run, *([change] if of_reference else [])), "x", "")
    assert ("reporter accept DIR" in text) == of_reference
    assert ("as the baseline" in text) != of_reference


def test_a_night_with_a_finding_that_fails_nothing_closes_no_issue(tmp_path: Path) -> None:
    """Until it is accepted."""
    nights = Nights(tmp_path / "out")
    assert nights.play(made(), preset="standard") == 0
    assert nights.play(made(), SLOWER, preset="standard") == 0
    run = outlets.read(nights.out)
    assert [row.result for row in run.rows] == ["slower (+200.0 %)"]
    assert (run.passes, run.closes_issue, title(run)) == (True, False, "findings that do not fail the run")
    assert "Left out by `--fail-on exact`" in outlets.comment(run, "x", "")
    assert nights.accept() == 1
    assert nights.play(made(), SLOWER, preset="standard") == 0
    run = outlets.read(nights.out)
    assert (run.closes_issue, title(run)) == (True, "no regression")
    assert nights.play(made(), SLOWER, MACS, preset="standard") == 1
    assert "reporter accept DIR" in outlets.comment(outlets.read(nights.out), "x", "")
