"""Scales of charts with a panel for each machine: a color or dash stands for the same in all panels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mode_samples
import profile_samples
import pytest
import samples
import vl_convert

from reporter.model import Chart, Record
from reporter.model.scaling_curves import Axis, CurvePoint, Curves
from reporter.registry.catalog import collect
from reporter.report.comparison import Comparison, compare
from reporter.report.drawing import drawn_charts, thinning, vega
from reporter.report.drawing.vega import FAMILIES, Spec
from reporter.report.language import language

CHARTS = collect("reporter.charts", Chart)
WITH_PANELS = (
    *("throughput", "finetune", "latency", "modes", "modes_1thread", "mode_speedups", "operator_shares"),
    *("throughput_over_batch", "latency_over_size"),
)
"""Charts with a panel for each machine."""
POOLING = {profile_samples.POOL: ("native", 0.4), "aten::cat": ("native", 0.2)}
OTHERS = {f"aten::operator_{number}": ("native", 0.05) for number in range(8)}
ROWS = {row[0]: row for row in samples.ROWS}


def curved(record: Record, modes: tuple[str, ...]) -> Record:
    """The record with both curves in these modes."""
    curves = Curves()
    axes: tuple[tuple[Axis, tuple[tuple[int, str], ...]], ...] = (
        ("batch", ((1, "32"), (2, "32"))),
        ("size", ((1, "32"), (1, "64"))),
    )
    for axis, places in axes:
        for mode in modes:
            for batch, size in places:
                made = CurvePoint(
                    mode=mode, device="cpu", batch=batch, size=size, latency=0.1, throughput=10 * batch, samples=(0.1,)
                )
                curves = curves.with_point(axis, made)
    return record.model_copy(update={"curves": curves})


def machine(
    name: str,
    networks: tuple[str, ...],
    factors: dict[str, float],
    operators: dict[str, tuple[str, float]],
    started: str,
) -> list[Record]:
    """The records of a machine: networks with modes of these factors of eager's time, operators and curves."""
    about = {"machine": name, "started": f"{started}T00:00:00+00:00"}
    found = [samples.record(ROWS[each]).model_copy(update=about) for each in networks]
    found = [mode_samples.in_rounds(profile_samples.profiled(each, operators)) for each in found]
    found = [curved(each, ("eager", *factors)) for each in found]
    return mode_samples.with_modes(found, factors, unavailable=())


@pytest.fixture(scope="module")
def two() -> Comparison:
    """Two machines that have one network of their own each, another mode, speedup and operators."""
    new = machine("new", ("alexnet", "resnet50"), {"bf16": 0.5}, profile_samples.SHARES, "2026-02-01")
    operators = POOLING | OTHERS
    old = machine("old", ("alexnet", "vgg16"), {"channels_last": 1.5, "bf16": 0.7}, operators, "2026-01-01")
    return compare([*new, *old])


def wanted(spec: Any) -> Iterator[tuple[str, str]]:
    """The value and the color or dash of each value in the scales of a specification."""
    if isinstance(spec, dict):
        scale = spec.get("scale")
        if isinstance(scale, dict) and isinstance(scale.get("range"), list):
            yield from zip(scale["domain"], map(str, scale["range"]), strict=True)
        for each in spec.values():
            yield from wanted(each)
    elif isinstance(spec, list):
        for each in spec:
            yield from wanted(each)


def drawn(compiled: Spec) -> Iterator[tuple[str, str]]:
    """The same in the scales that are drawn, of the values that occur in the domains; a short range is repeated."""
    for scale in compiled.get("scales", ()):
        if scale["type"] == "ordinal" and isinstance(scale.get("range"), list):
            domain = scale["domain"]
            parts = domain["fields"] if isinstance(domain, dict) else [domain]
            values = list(dict.fromkeys(value for part in parts for value in part))
            for rank, value in enumerate(values):
                yield value, str(scale["range"][rank % len(scale["range"])])
    for mark in compiled.get("marks", ()):
        yield from drawn(mark)


@pytest.mark.parametrize("name", CHARTS)
def test_colors_and_dashes_are_those_of_each_panel(name: str, two: Comparison) -> None:
    """Panels share a scale: Vega-Lite joins different domains, but takes the range of the first one only."""
    chart = CHARTS[name]
    spec = chart.draw(two, language("en"))
    if spec is None:
        assert name not in WITH_PANELS
        return
    if name in WITH_PANELS:
        assert {panel["title"].split(",")[0] for panel in spec["vconcat"]} == {"new", "old"}
    check(spec)
    if chart.narrow:
        check(chart.narrow(two, language("en")) or {})


def check(spec: Spec) -> None:
    compiled = vl_convert.vegalite_to_vega({"config": vega.config(), **spec}, vl_version=vega.VERSION)
    assert set(drawn(compiled)) == set(wanted(spec))


def test_a_family_has_its_color_in_the_panel_of_an_older_machine(two: Comparison) -> None:
    svg = vega.draw(CHARTS["throughput"].draw(two, language("en")) or {}, language("en"))
    for family in ("AlexNet", "ResNet", "VGG"):
        assert FAMILIES[family] in svg


@pytest.fixture(scope="module")
def five() -> Comparison:
    """Five machines with a network each; the most accurate one is on the oldest."""
    names = ("alexnet", "vgg16", "resnet18", "resnet50", "resnext50_32x4d")
    dates = ("2026-05-01", "2026-04-01", "2026-03-01", "2026-02-01", "2026-01-01")
    found = zip(names, dates, strict=True)
    return compare([each for name, date in found for each in machine(name, (name,), {"bf16": 0.5}, POOLING, date)])


def test_charts_without_panels_show_the_networks_of_all_machines(five: Comparison) -> None:
    shown = thinning.pictured(five, 40)
    assert {record.architecture for record in shown.networks} == {record.architecture for record in five.networks}
    sketch = drawn_charts._sketch(CHARTS["accuracy_macs"], five, language("en"))
    assert sketch
    assert "Shown" not in sketch.caption
    assert "title" not in sketch.spec
    assert {row["name"]: row["front"] for row in rows_of(sketch.spec)}["resnext50_32x4d"]


def rows_of(spec: Spec) -> list[dict[str, Any]]:
    """The networks of a chart of bubbles."""
    return [row for layer in spec["layer"] for row in layer["data"]["values"] if "parameters" in row]


def test_panels_are_those_of_the_newest_machines_and_claim_no_front(five: Comparison) -> None:
    note = "Shown: 4 of 5 machines, the newest."
    shown = thinning.pictured(five, 40, per_machine=True)
    assert shown.machines == five.machines[:4]
    assert thinning.note(shown, five, language("en")) == note
    fewer = thinning.pictured(five, 3, per_machine=True)
    networks = "Shown: 3 of 4 architectures, the Pareto front and the most accurate as published."
    assert thinning.note(fewer, five, language("en")) == f"{note} {networks}"
    sketches = [made for each in CHARTS.values() if (made := drawn_charts._sketch(each, five, language("en")))]
    assert {each.chart.name for each in sketches if note in each.caption} >= set(WITH_PANELS)
    assert all((note in each.caption) == each.chart.per_machine for each in sketches)
    assert not any("architectures, the Pareto front" in each.caption for each in sketches)
