"""The history of ratios to a pinned reference, and moving the reference."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import samples
from commands import BRIEF, TINY, call
from forked_sides import ForkedSide
from hypothesis import given, settings
from hypothesis import strategies as st

from reporter.compare import ratio_curves, ratio_history, reference_names, reference_rule
from reporter.compare.ratio_history import RatioLine, RatioRow
from reporter.documents.reference_verdicts import AgainstReference, ReferenceSide
from reporter.report.between_runs import reference_section
from reporter.report.comparison import compare
from reporter.report.language import language
from reporter.report.output.summary import summary
from reporter.run.executors.local import LocalExecutor
from reporter.run.paired import interleaving

ROW = ("net", "latency_cpu_1thread", "eager")
TIMES = st.lists(st.floats(0.5, 2), min_size=2, max_size=8)


def line(kind: str, reference: str, ratio: float, to: str = "", machine: str = "AVX-512", **more: Any) -> RatioLine:
    row = RatioRow(architecture=ROW[0], metric=more.pop("metric", ROW[1]), mode=ROW[2], ratio=ratio)
    return RatioLine.model_validate(
        {"kind": kind, "started": "2026-01-01", "machine_kind": machine, "reference": reference, "moved_to": to}
        | {"rows": [row.model_dump()], **more}
    )


@given(TIMES)
@settings(deadline=None)
def test_chained_ratios_do_not_depend_on_where_the_reference_was_moved(times: list[float]) -> None:
    """Each version is the reference of the next, or the first is that of all: the curve is the same."""
    chained, plain = [], []
    for number, seconds in enumerate(times[1:], 1):
        chained.append(line("run", f"torch=={number - 1}", seconds / times[number - 1]))
        chained.append(line("move", f"torch=={number - 1}", seconds / times[number - 1], f"torch=={number}"))
        plain.append(line("run", "torch==0", seconds / times[0]))
    (a,), (b,) = ratio_curves.curves(chained), ratio_curves.curves(plain)
    assert a.ratios == pytest.approx(b.ratios)
    assert a.references == [f"torch=={number}" for number in range(len(times))]


def test_a_curve_is_of_one_kind_of_machine() -> None:
    """A move that was measured on another kind links nothing."""
    found = ratio_curves.curves(
        [
            line("run", "torch==1", 1.1),
            line("run", "torch==1", 1.0, machine="AVX2"),
            line("move", "torch==1", 1.1, "torch==2"),
            line("run", "torch==2", 1.1),
            line("run", "torch==2", 1.3, machine="AVX2"),
        ]
    )
    assert [(curve.machine_kind, curve.references) for curve in found] == [
        ("AVX-512", ["torch==1", "torch==2"]),
        ("AVX2", ["torch==1"]),
        ("AVX2", ["torch==2"]),
    ]
    assert found[0].ratios == pytest.approx([1.1, 1.21])
    assert [curve.ratios for curve in found[1:]] == [[1.0], [1.3]]


def test_runs_before_the_move_to_their_reference_are_linked_with_it() -> None:
    """Runners change from run to run: on some kinds of machines, the new reference precedes its move."""
    lines = [
        line("run", "torch==1", 1.0),
        line("run", "torch==2", 1.0),
        line("move", "torch==1", 1.2, "torch==2"),
        line("run", "torch==2", 1.1),
    ]
    for first, expected in ((lines, [1.0, 1.2, 1.32]), ([lines[1], lines[0], *lines[2:]], [1.0, 1 / 1.2, 1.1])):
        (curve,) = ratio_curves.curves(first)
        assert curve.ratios == pytest.approx(expected)
        assert set(curve.references) == {"torch==1", "torch==2"}
        assert curve.moves[0] == 1


def test_a_reference_is_named_by_all_packages_on_which_times_depend() -> None:
    """A name that has no other versions is the same reference; after a move, its ratios are chained all the same."""
    side = ReferenceSide(
        versions={"python": "3.13", "torch": "2.14.1+cpu", "numpy": "2", "torchvision": "0.29.1"},
        torch_file="",
        packages={"torch": "2.14.1", "openvino": "2026.2", "timm": "1.0.30"},
    )
    old, new = (f"torch==2.14.1+cpu torchvision==0.29.1 timm==1.0.{number}" for number in (30, 31))
    assert reference_names.reference(side) == f"{old} openvino==2026.2"
    short = old.rpartition(" ")[0]
    (curve, other) = ratio_curves.curves([line("run", name, 1.0) for name in (short, old, short, new)])
    assert (curve.references, curve.ratios, curve.moves) == ([old], [1.0, 1.0, 1.0], ())
    assert other.references == [new]
    for names in ((old, new), (short, short), (short, new)):
        before, after = names
        moved = line("move", before, 1.2, after)
        (curve,) = ratio_curves.curves([line("run", before, 1.0), moved, moved, line("run", after, 1.0)])
        assert (curve.ratios, curve.moves) == ([1.0, 1.2], (1,)), names


def test_processors_that_run_other_kernels_have_other_curves() -> None:
    """An older line, which does not have these instructions, is continued by the first kind that it may be of."""
    plain, bf16 = "A processor (avx512f)", "A processor (avx512f); avx512_bf16"
    older = [line("run", "torch==1", 1.0, machine=plain)] * 2
    newer = [
        line("run", "torch==1", ratio, machine=kind, threads=threads)
        for kind, ratio, threads in ((bf16, 1.1, 64), (plain, 1.2, 2), (bf16, 1.1, 2))
    ]
    found = ratio_curves.curves([*older, *newer])
    assert [(each.machine_kind, each.ratios, each.earlier) for each in found] == [
        (bf16, [1.0, 1.0, 1.1, 1.1], 2),
        (plain, [1.2], 0),
    ]
    (unchanged,) = ratio_curves.curves([*older, newer[1]])
    assert (unchanged.machine_kind, unchanged.ratios) == (plain, [1.0, 1.0, 1.2])
    (alone,) = ratio_curves.curves(older)
    assert (alone.machine_kind, alone.earlier) == (plain, 0)


def test_times_on_all_threads_have_a_curve_for_each_number_of_threads() -> None:
    """Those on one thread do not."""
    for metric, expected in (
        ("latency_cpu", [("AVX2, 2 threads", 2), ("AVX2, 64 threads", 1)]),
        (ROW[1], [("AVX2", 3)]),
    ):
        lines = [line("run", "torch==1", 1.0, machine="AVX2", metric=metric, threads=number) for number in (2, 64, 2)]
        assert [(each.machine_kind, len(each.ratios)) for each in ratio_curves.curves(lines)] == expected


def test_images_of_each_size_have_a_curve(tmp_path: Path) -> None:
    """A move at another size links nothing. Lines without a size are of the architecture's own."""

    def at(size: str | None, plain: RatioLine) -> RatioLine:
        rows = tuple(row.model_copy(update={"input_size": size}) for row in plain.rows)
        return plain.model_copy(update={"rows": rows, "threads": 2})

    for size, ratio in ((None, 1.1), ("128", 1.2)):
        ratio_history.append(tmp_path, at(size, line("run", "torch==1", ratio)))
    ratio_history.append(tmp_path, at(None, line("move", "torch==1", 1.5, "torch==2")))
    for size in (None, "128"):
        ratio_history.append(tmp_path, at(size, line("run", "torch==2", 1.0)))
    assert (tmp_path / ratio_history.NAME).read_text().count("input_size") == 2
    found = ratio_curves.curves(ratio_history.load(tmp_path))
    assert [(each.machine_kind, each.ratios) for each in found] == [
        ("AVX-512", [1.1, 1.5]),
        ("AVX-512, 128 px", [1.2]),
        ("AVX-512, 128 px", [1.0]),
    ]
    moved = at("128", line("move", "torch==1", 0.5, "torch==2"))
    [own, small] = ratio_curves.curves([*ratio_history.load(tmp_path), moved])
    assert (own.ratios, small.ratios) == ([1.1, 1.5], [1.2, 0.5])


def test_torn_and_impossible_lines_are_skipped(tmp_path: Path) -> None:
    good = line("run", "torch==1", 1.1)
    zero = line("run", "torch==1", 0.0).model_dump_json()
    (tmp_path / ratio_history.NAME).write_text(f"{zero}\n[]\n{good.model_dump_json()[:-9]}")
    ratio_history.append(tmp_path, good)
    assert ratio_history.load(tmp_path) == [good]
    assert ratio_history.load(tmp_path / "nothing") == []


OPTIONS = (*TINY, "--metrics", "latency_cpu_1thread", "--preset", "quick")


@pytest.fixture
def forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sides from the fork server, and verdicts after three short rounds."""
    monkeypatch.setattr(interleaving, "subprocess", SimpleNamespace(Popen=ForkedSide, PIPE=None))
    monkeypatch.setattr(reference_rule, "LOOKS", 1)
    monkeypatch.setattr(reference_rule, "NOISY", math.inf)
    monkeypatch.setattr(LocalExecutor, "renew", lambda _: None)  # torch is loaded once, not for each round


@pytest.mark.usefixtures("forked")
def test_a_run_against_a_reference_adds_a_line_to_the_history(tmp_path: Path) -> None:
    """Real measurements of this environment against itself."""
    run = call(
        *("--out", tmp_path, *OPTIONS, "--modes", "eager", "--quiet", "--against", sys.executable),
        seconds=BRIEF,
        report=False,
    )
    assert run.returncode == 0, run.stderr
    refused = call("move", tmp_path, "--to", sys.executable, *OPTIONS)
    assert refused.returncode == 2
    assert "has no against.lock; name the current reference with --from" in refused.stderr
    [ran] = ratio_history.load(tmp_path)
    assert ran.kind == "run"
    found = json.loads((tmp_path / "against.json").read_text())
    control = AgainstReference.model_validate(found)
    [row] = control.verdicts
    assert (row.architecture, row.metric, row.mode, row.rounds) == ("tiny", "latency_cpu_1thread", "eager", 3)
    assert 0.5 < row.ratio < 2
    assert control.control
    assert control.reference == control.tonight
    assert "both sides are the same environment" in run.stderr
    few = compare(samples.few())
    assert AgainstReference.model_validate(summary(few, control)["against"]) == control
    assert reference_section.section(control, few, language("ru")).title == "Сравнение с эталоном"
    assert ran.rows[0].ratio == found["verdicts"][0]["ratio"]
    assert ran.machine_kind == found["machine_kind"]
    assert ran.reference.startswith("torch==")


@pytest.mark.slow
@pytest.mark.usefixtures("forked")
def test_the_reference_is_moved_by_one_command(tmp_path: Path) -> None:
    """Real measurements of this environment against itself, after a run with --against."""
    here = sys.executable
    options = ("--out", tmp_path, *OPTIONS, "--modes", "eager", "--quiet", "--against", here)
    assert call(*options, seconds=BRIEF, report=False).returncode == 0
    (tmp_path / "against.lock").write_text("torch==1.0\n")
    root = os.path.dirname(os.path.dirname(here))
    done = call("move", tmp_path, "--from", here, "--to", root, *OPTIONS)
    assert done.returncode == 0, done.stderr
    assert "new over old: tiny latency_cpu_1thread" in done.stderr
    assert not (tmp_path / "against.lock").exists()
    ran, moved = ratio_history.load(tmp_path)
    assert (ran.kind, moved.kind) == ("run", "move")
    assert ran.machine_kind == moved.machine_kind
    assert moved.moved_to == moved.reference == ran.reference
