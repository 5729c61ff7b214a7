"""The benchmarks of the commands and of very many networks: an exceeded bound is printed and is the exit code."""

from __future__ import annotations

import sys
from pathlib import Path

import bounds
import load
import pytest
import yardstick

from reporter.cli import main
from reporter.run.request import Outcome


@pytest.mark.parametrize(
    ("measured", "exceeded"),
    [((20.0, 1024.0, 0.2), 0), ((20.1, 9e2, 0.1), 1), ((18, 1025, 0.1), 1), ((18, 9e2, 0.3), 1), ((21, 2e3, 0.3), 3)],
)
def test_a_bound_of_very_many_networks_that_is_exceeded_is_the_exit_code(
    measured: tuple[float, ...], exceeded: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Seconds and memory of `render`, and the seconds of a sort."""
    render, resident, sorted_in = measured
    for name in ("history.jsonl", "report.html"):
        (tmp_path / "new" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "new" / name).touch()
    monkeypatch.setattr(load, "command", lambda name, *_: (render if name == "render" else 5.0, resident, 0))
    monkeypatch.setattr(load, "page", lambda _: {"opened": 9.0, "sorted": sorted_in})
    monkeypatch.setattr(yardstick, "milliseconds", lambda: 8.0)
    monkeypatch.setattr(sys, "argv", ["load.py", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        load.main()
    assert end.value.code == int(exceeded > 0)
    assert capsys.readouterr().out.count("| NO |") == exceeded


OUTCOME = Outcome(jobs=4, seconds=800.0, busy=797.6, preparing=160.0, checking=32.0)
SPENT = main._spent(OUTCOME, "13 min") + "; report.html"


@pytest.fixture
def takes(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """The seconds of commands by a word that only one of them has; others take 0.1 s."""
    found: dict[str, float] = {}

    def run(*arguments: str) -> tuple[float, str, int]:
        seconds = next((each for word, each in found.items() if word in arguments), 0.1)
        return seconds, SPENT if "en,ru" in arguments else "", 70

    monkeypatch.setattr(bounds, "run", run)
    monkeypatch.setattr(sys, "argv", ["bounds.py"])
    return found


def ended(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """The exit code of bounds.py and what it printed."""
    with pytest.raises(SystemExit) as end:
        bounds.main()
    assert isinstance(end.value.code, int)
    return end.value.code, capsys.readouterr().out


@pytest.mark.parametrize(
    ("word", "bound"), [("--help", 0.3), ("list", 0.6), ("en,ru", 900), ("render", 5), ("quick", 180)]
)
def test_a_bound_of_a_command_that_is_exceeded_is_the_exit_code(
    word: str, bound: float, takes: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    for factor, code in ((1.0, 0), (1.01, 1)):
        takes[word] = factor * bound
        found, printed = ended(capsys)
        assert (found, printed.count("| NO |")) == (code, code)
        assert "| 99.7 % | 70 MiB |" in printed


def test_the_seconds_of_modes_and_checks_have_bounds(
    takes: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    """Shares of the line that a run ends with: 20 % and 4 % of 800 s; a run without modes has none."""
    takes["en,ru"] = 800.0
    code, printed = ended(capsys)
    assert code == 0
    assert "| standard run of the lecture: preparing modes | 160.00 s | 240 s | yes |" in printed
    assert "| standard run of the lecture: checking their outputs | 32.00 s | 45 s | yes |" in printed
    for part, most in bounds.OF_MODES.items():
        assert not bounds.report("run", 2000.0, "en,ru", parts={part: most / 10})
    assert bounds.report("run", 2000.0, "list", parts=bounds.OF_MODES)
