"""The summary of a job of GitHub Actions that the main job writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from nights import Nights, failed, made

from reporter.cli import main, step_summary
from reporter.run.request import Outcome


@pytest.mark.parametrize("compared", [True, False])
@pytest.mark.parametrize(
    ("outcome", "headline"),
    [
        (Outcome(jobs=4), "4 architectures\n"),
        (Outcome(jobs=4, failed=1), "4 architectures, 1 reading failed\n"),
        (
            Outcome(jobs=4, failed=2, lost=1),
            "4 architectures, 2 readings failed, 1 reading lacks rounds that failed\n",
        ),
    ],
)
def test_the_main_job_adds_its_result_to_the_step_summary(
    compared: bool, outcome: Outcome, headline: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The failures are those of the run, as in the last line of its log: not those of earlier ones in the folder."""
    played = Nights(tmp_path / "out")
    played.play(made())
    played.play(made(), failed("resnet18"))
    if not compared:
        (played.out / "comparison.json").unlink()
    file = tmp_path / "summary.md"
    file.write_text("before\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv(step_summary.VARIABLE, str(file))
    main._closing(outcome, "measured for 1 s", played.out / "report.html")
    text = file.read_text("utf-8")
    assert text.startswith("before\n### Architecture report: ")
    assert ("| `resnet18` |" in text) is compared
    assert (f"report: {headline}" in text) is not compared
    assert "<!--" not in text


def test_elsewhere_nothing_is_written_and_a_failure_is_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "summary.md"
    for variables in ({}, {"GITHUB_STEP_SUMMARY": str(file)}, {"GITHUB_ACTIONS": "true"}):
        step_summary.write(tmp_path, "", variables)
    assert not file.exists()
    assert capsys.readouterr().err == ""
    step_summary.write(tmp_path / "nowhere", "", {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(file)})
    assert capsys.readouterr().err.startswith("note: the step summary is not written: ")
