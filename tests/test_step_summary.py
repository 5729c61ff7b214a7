"""The summary of a job of GitHub Actions that the main job writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nights import Nights, failed, made

from reporter.cli import step_summary


@pytest.mark.parametrize("compared", [True, False])
def test_the_main_job_adds_its_result_to_the_step_summary(compared: bool, tmp_path: Path) -> None:
    played = Nights(tmp_path / "out")
    played.play(made())
    played.play(made(), failed("resnet18"))
    if not compared:
        (played.out / "comparison.json").unlink()
    file = tmp_path / "summary.md"
    file.write_text("before\n")
    variables = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(file)}
    step_summary.write(played.out, variables)
    text = file.read_text("utf-8")
    assert text.startswith("before\n### Architecture report: ")
    assert ("| `resnet18` |" in text) is compared
    assert ("4 architectures, " in text) is not compared
    assert re.search(r"\d measurements? failed", text) or compared
    assert "<!--" not in text


def test_elsewhere_nothing_is_written_and_a_failure_is_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "summary.md"
    for variables in ({}, {"GITHUB_STEP_SUMMARY": str(file)}, {"GITHUB_ACTIONS": "true"}):
        step_summary.write(tmp_path, variables)
    assert not file.exists()
    assert capsys.readouterr().err == ""
    step_summary.write(tmp_path / "nowhere", {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(file)})
    assert capsys.readouterr().err.startswith("note: the step summary is not written: ")
