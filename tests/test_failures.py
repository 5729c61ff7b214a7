"""Nightly runs in which a claim or a point of a curve failed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from nights import Nights, failed, made, with_reading
from samples import ROWS

from reporter.model import Record
from reporter.model.records import Evidence
from reporter.model.scaling_curves import CurvePoint, Curves
from reporter.nightly import outlets
from reporter.nightly.outlet_files import junit
from reporter.store import record_files


def with_point(each: Record) -> Record:
    """A point of the batch curve of vgg16 fails."""
    point = CurvePoint(mode="eager", device="cpu", batch=8, size="224", status="failed", reason="RuntimeError: no room")
    return each.model_copy(update={"curves": Curves(batch=(point,))}) if each.architecture == "vgg16" else each


def save_claim(folder: Path, record: Record) -> None:
    """The evidence for a claim, which failed."""
    about = {"definition": "0", "machine": record.machine, "started": record.started}
    record_files.save_evidence(folder, Evidence(schema=1, claim="depth", reason="the worker ended", **about))


def test_a_failed_point_of_a_curve_has_its_reason_in_the_headline(tmp_path: Path) -> None:
    nights = Nights(tmp_path / "out")
    assert nights.play(made()) == 0
    for word in ("Failing: ", "Still failing since 2 November: "):
        assert nights.play(made(), with_point) == 3
        assert nights.headline.startswith(f"{word}vgg16 (1 curve point: batch 8: RuntimeError: no room);")


def test_a_failed_claim_has_its_reason_in_the_headline(tmp_path: Path) -> None:
    """And in the files for other systems."""
    nights = Nights(tmp_path / "out")
    assert nights.play(made()) == 0
    nights.beside = save_claim
    for word in ("Failing: ", "Still failing since 2 November: "):
        assert nights.play(made()) == 3
        assert nights.headline.startswith(f"{word}claim depth (the worker ended);")
    assert b"claim depth (the worker ended)" in junit(outlets.read(nights.out))


def test_a_failure_on_one_machine_remains_on_another_one(tmp_path: Path) -> None:
    """A time that fails on one kind of machine may be measured on every other one; a count is the same on all."""
    nights = Nights(tmp_path / "out", report=lambda *_: None)
    assert nights.play(made()) == 0
    assert nights.play(made(), failed("vgg16")) == 1
    assert nights.play(made(machine="other")) == 1
    [line] = nights.lines
    assert line.startswith("- failed: Latency, CPU, 1 thread of vgg16: not compared in this run; before: RuntimeError:")
    assert f"since {nights.day(2)}" in line
    assert nights.play(made()) == 0


def test_failures_that_are_not_named_are_counted(tmp_path: Path) -> None:
    nights = Nights(tmp_path / "out", report=lambda *_: None)
    records = made([row[0] for row in ROWS[:8]])
    names = ",".join(each.architecture for each in records)
    changes = [failed(each.architecture) for each in records]
    assert nights.play(records, *changes, architectures=names) == 3
    assert nights.play(records, *changes, architectures=names) == 3
    assert nights.headline.count("still failing since") == 4
    assert "; and 3 more failing;" in nights.headline


def test_a_defect_of_the_report_hides_no_finding(tmp_path: Path) -> None:
    """They are printed before the report is written; the last complete run stays."""
    nights = Nights(tmp_path / "out")
    assert nights.play(made()) == 0

    def broken(*_: object) -> None:
        raise TypeError("no such chart")

    nights.report = broken
    with pytest.raises(TypeError):
        nights.play(made(), with_reading("vgg16", "depth", samples=(17,)))
    assert nights.headline.startswith("Changed: 1 exact;")
    assert "vgg16 16 -> 17" in nights.lines[0]
    nights.report = lambda *_: None
    assert nights.play(made()) == 0
    assert "the run of 2 November 2026, 02:17 UTC did not finish" in nights.headline
