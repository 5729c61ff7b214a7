"""Levels of the ratios to a pinned reference, and the section of the report that shows them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
import pytest
from samples import ROWS, contents, lecture

from reporter.charts import reference_ratios
from reporter.compare import ratio_curves, ratio_levels, reference_file, reference_names
from reporter.compare.environments import Import
from reporter.compare.ratio_history import RatioLine, RatioRow
from reporter.host import machine
from reporter.model import Chart
from reporter.model.records import pair_name
from reporter.registry.catalog import collect
from reporter.report import build
from reporter.report.between_runs import run_history
from reporter.report.comparison import Comparison, compare
from reporter.report.drawing import drawn_charts
from reporter.report.language import language
from reporter.report.table import Tabulation
from reporter.run.paired import imports

KEY = "latency_cpu_1thread"
NAMES = tuple(row[0] for row in ROWS)
WIDE, NARROW = "A processor (avx2, avx512f)", "A processor (avx2)"
OLD, NEW = "torch==2.14.1", "torch==2.15.0"
SLOWED = "resnet50"


def line(night: int, kind: str, reference: str, ratios: Mapping[str, float], to: str = "") -> RatioLine:
    rows = (RatioRow(architecture=name, metric=KEY, mode="eager", ratio=ratio) for name, ratio in ratios.items())
    return RatioLine(
        kind="move" if to else "run",
        started=f"2026-01-{night:02}T02:17:00+00:00",
        machine_kind=kind,
        reference=reference,
        moved_to=to,
        rows=tuple(rows),
    )


def nights(seed: int, step: float = 1.0, at: int = 9, moved: float = 1.0, noise: float = 0.004) -> list[RatioLine]:
    """24 runs on alternating kinds of machines; one architecture becomes slower on the wide one in run `at`.

    Before run 15 the reference is moved on the wide kind to one that is slower by the factor `moved`.
    """
    chance, found = np.random.default_rng(seed), []
    for night in range(1, 25):
        kind, move = (WIDE, NARROW)[night % 2], 1.0
        if night == 15:
            found.append(line(night, WIDE, OLD, dict.fromkeys(NAMES, moved), NEW))
        if night >= 15:
            move = moved
        ratios = {name: float(np.exp(chance.normal(0, noise))) / move for name in NAMES}
        ratios[SLOWED] *= step if kind == WIDE and night >= at else 1.0
        found.append(line(night, kind, NEW if night >= 15 else OLD, ratios))
    return found


def courses(lines: list[RatioLine]) -> list[ratio_levels.RatioCourse]:
    return ratio_levels.courses(ratio_curves.curves(lines))


@pytest.mark.parametrize("step", [1.03, 1.1, 1 / 1.03])
def test_a_level_changes_on_one_kind_of_machine_only(step: float) -> None:
    changed = [course for course in courses(nights(1, step)) if course.steps]
    assert [(course.curve.row[0], course.curve.machine_kind) for course in changed] == [(SLOWED, WIDE)]
    [found] = changed[0].steps
    assert found.ratio == pytest.approx(step, abs=0.01)
    assert changed[0].curve.moments[found.index].startswith("2026-01-10")


def test_a_slowdown_of_all_architectures_is_a_change_of_level() -> None:
    """Ratios have no drift of the machine that could be mistaken for it."""
    chance = np.random.default_rng(3)
    lines = [
        line(
            night, WIDE, OLD, {name: (1.04 if night > 10 else 1.0) * np.exp(chance.normal(0, 0.004)) for name in NAMES}
        )
        for night in range(1, 21)
    ]
    assert {course.curve.row[0] for course in courses(lines) if course.steps} == set(NAMES)


def test_no_change_of_level_in_20_quiet_histories() -> None:
    assert sum(any(course.steps for course in courses(nights(seed))) for seed in range(20)) <= 1


def test_a_move_of_the_reference_is_no_change_of_level() -> None:
    """The old reference is measured against the new one with an error of 1.5 %, which is no change of a level."""
    lines = nights(5, moved=1.05)
    for index, each in enumerate(lines):
        if each.kind == "move":
            rows = tuple(row.model_copy(update={"ratio": 1.05 * 1.015}) for row in each.rows)
            lines[index] = each.model_copy(update={"rows": rows})
    found = courses(lines)
    assert not any(course.steps for course in found)
    wide = next(course for course in found if course.curve.machine_kind == WIDE)
    assert [wide.curve.measured[index] for index in wide.moves] == [NEW]
    narrow = [course for course in found if course.curve.machine_kind == NARROW and course.curve.row[0] == SLOWED]
    assert [course.curve.references for course in narrow] == [[OLD], [NEW]], "not linked: two curves"


def with_ratios(lines: list[RatioLine], names: Collection[str] = NAMES) -> Comparison:
    records = [record for record in lecture() if record.architecture in names]
    return replace(compare(records), ratios=tuple(ratio_curves.curves(lines)))


@pytest.mark.parametrize("code", [pytest.param("en", marks=pytest.mark.slow), "ru"])
def test_the_report_shows_a_curve_for_each_kind_of_machine(code: str) -> None:
    """Of four architectures, which are drawn sooner than eighteen."""
    names = ("alexnet", "googlenet", SLOWED, "densenet121")
    lines = [
        each.model_copy(update={"rows": tuple(row for row in each.rows if row.architecture in names)})
        for each in nights(1, 1.1)
    ]
    tongue, made = language(code), with_ratios(lines, names)
    charts = [chart for chart in collect("reporter.charts", Chart).values() if chart.name == "reference_ratios"]
    tables = [table for table in collect("reporter.tables", Tabulation).values() if table.name == "ratio_changes"]
    built = build.build(made, tongue, drawn_charts.draw(made, tongue, charts), tables)
    section = next(section for section in built.sections if section.name == "history")
    picture, table = contents(section.blocks)
    assert all(text in picture.svg for text in (*names, WIDE, NARROW))
    assert "10 %" in picture.svg
    [row] = table.rows
    assert [row[index].text for index in (0, 1, 4)] == [SLOWED, WIDE, OLD]


@pytest.mark.parametrize(("metric", "mode"), [("throughput_cpu", "eager"), (KEY, "channels_last")])
def test_changes_of_level_are_listed_for_every_metric_and_mode(metric: str, mode: str) -> None:
    """One that is not drawn changes no level of what is, and has its own noise."""
    names, lines = ("alexnet", "googlenet", SLOWED, "densenet121"), []
    for plain, other in zip(nights(1), nights(2, 1.2, noise=0.01), strict=True):
        more = (row.model_copy(update={"metric": metric, "mode": mode}) for row in other.rows)
        rows = tuple(row for row in (*plain.rows, *more) if row.architecture in names)
        lines.append(plain.model_copy(update={"rows": rows}))
    made, tongue = with_ratios(lines, names), language("en")
    table = collect("reporter.tables", Tabulation)["ratio_changes"].make(made, tongue)
    assert table
    title = made.quantities[metric].title
    assert [(row[0].text, row[5].text) for row in table.rows] == [(pair_name(SLOWED, mode), title)]
    since = str(table.rows[0][2].value)
    assert since.startswith("2026-01-"), "sorted and kept in ISO 8601"
    assert table.rows[0][2].text == tongue.date(since)
    drawn = run_history.drawn_courses(made)
    assert {course.curve.row[1:] for course in drawn} == {(KEY, "eager")}
    assert not any(course.steps for course in drawn)


def test_without_ratios_nothing_is_shown() -> None:
    tongue = language("en")
    for made in (compare(lecture()), with_ratios(nights(1)[:1])):
        assert collect("reporter.charts", Chart)["reference_ratios"].draw(made, tongue) is None
        assert collect("reporter.tables", Tabulation)["ratio_changes"].make(made, tongue) is None


def test_a_kind_of_machine_has_its_instructions_and_gpus() -> None:
    """Hosted machines with and without AVX-512 may have one model name."""
    facts = {"processor": "A processor", "features": ["avx2"], "gpus": []}
    kinds = {
        machine.kind(facts),
        machine.kind(facts | {"features": ["avx2", "avx512f"]}),
        machine.kind(facts | {"gpus": ["H100", "H100"]}),
    }
    assert kinds == {"A processor (avx2)", "A processor (avx2, avx512f)", "A processor (avx2), H100"}
    assert machine.kind({"processor": "Apple M4"}) == "Apple M4"


def test_a_kind_of_machine_has_the_instructions_that_other_kernels_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those besides `features`, without which the machines of records would have other keys."""
    facts = {"processor": "A processor", "features": ["avx2", "avx512f"], "gpus": []}
    kinds = []
    for flags in ("avx2 avx512f", "avx2 avx512f avx512_bf16 amx_bf16", "avx2 avx512f avx_vnni", "bf16 i8mm"):
        monkeypatch.setattr(machine, "_flags", lambda flags=flags: frozenset(flags.split()))
        kinds.append(machine.kind(facts, machine.kernel_instructions()))
    assert len(set(kinds)) == 4
    assert kinds[:2] == ["A processor (avx2, avx512f)", "A processor (avx2, avx512f); avx512_bf16, amx_bf16"]
    assert {reference_names.former(kind) for kind in kinds} == {kinds[0]}
    monkeypatch.setattr(imports.machine, "kernel_instructions", lambda: ("amx_bf16",))
    torch = Import(version="2.14.1", file="/torch/__init__.py")
    described = imports.about().model_copy(update={"imports": {"torch": torch}})
    made = reference_file.document((described, described), [], gaps=[], changes=[])
    assert made.machine_kind == machine.kind(described.machine_facts) + "; amx_bf16"
    assert made.threads == machine.usable_threads()
    assert reference_file.document((described, described), [], gaps=[], changes=[], threads=1).threads == 1


def test_ratios_that_may_be_of_other_machines_are_named() -> None:
    older = nights(1)
    newer = [each.model_copy(update={"threads": 2}) for each in older]
    for lines, shown in ((older, False), (newer, False), ([*older[:9], *newer[9:]], True)):
        remark = reference_ratios.remark(with_ratios(lines), language("en"))
        assert remark.startswith("Latency: one CPU thread, eager.")
        assert ("Ratios up to 9 January 2026, 02:17 UTC were stored without all instructions" in remark) is shown
