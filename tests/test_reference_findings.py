"""Nightly runs after a first one that is worse than its reference."""

from __future__ import annotations

from pathlib import Path

from nights import Nights, made, with_reading
from test_nights_against import found, measured, play, published

from reporter.documents.reference_verdicts import AgainstReference

__all__ = ["measured"]
OPTIONS = {"metrics": "size,latency", "preset": "standard"}


def test_the_first_run_is_the_baseline_whatever_a_reference_finds(
    measured: list[AgainstReference], tmp_path: Path
) -> None:
    """Nothing else was compared with it, so that counts are from the second run on."""
    played = Nights(tmp_path / "out")
    assert play(played, measured, found(1.05)) == 1
    assert played.headline.startswith("First run: there is no readable baseline to compare with;")
    macs = with_reading("alexnet", "macs", samples=(5,))
    for since in ("", " since 2 November"):
        assert played.play(made(), macs, fail_on="exact", **OPTIONS) == 1
        assert f"1 exact{since}, 1 worse than the reference since 1 November;" in played.headline
        assert "baseline: run of 1 November" in played.headline


def test_a_noisy_run_after_a_slow_first_one_has_its_headline(measured: list[AgainstReference], tmp_path: Path) -> None:
    played = Nights(tmp_path / "out")
    assert play(played, measured, found(1.05)) == 1
    night = found(1.04, "noisy")
    assert play(played, measured, night) == 1
    run = published(played, night.model_copy(update={"exit_code": 1, "fail_on": "timing"}))
    assert (run.red, run.headline) == (True, played.headline)
    assert run.headline.startswith("Changed: 1 worse than the reference since 1 November;")
