"""All charts and tables of records with more families than there are colors."""

from __future__ import annotations

import gpu_samples
import mode_samples
import profile_samples
import pytest
import samples

from reporter.model import Chart, Record
from reporter.registry.catalog import collect
from reporter.report.comparison import Comparison, compare
from reporter.report.drawing.family_colors import MOST, of_all
from reporter.report.drawing.vega import FAMILIES, OTHER, SPARE
from reporter.report.language import language
from reporter.report.slide_table import slide_table
from reporter.report.table import Tabulation

CHARTS = collect("reporter.charts", Chart)
TABLES = collect("reporter.tables", Tabulation)
UNDRAWN = {
    *("history", "probe", "reference_ratios", "operator_pairs", "latency_over_size"),
    *("modes_xpu", "modes_mps", "operator_shares_cuda", "roofline_cuda"),
}
"""Charts of what these records do not have; those of other devices are drawn by the same functions."""


def of_own_family(record: Record) -> Record:
    return record.model_copy(update={"family": f"Family of {record.architecture}"})


def newest(record: Record) -> Record:
    return record.model_copy(update={"started": "2026-02-03T04:05:06+00:00"})


@pytest.fixture(scope="module")
def crowded() -> Comparison:
    """A family for each network: with modes, operators, stages and curves, on two machines."""
    records = [*samples.with_gradients(samples.lecture()), *map(samples.record, samples.HOSTILE)]
    eager = [profile_samples.profiled(each) for each in records]
    on_gpu = map(newest, gpu_samples.measured())
    return compare([of_own_family(each) for each in (*mode_samples.with_modes(eager), *on_gpu)])


def test_there_are_more_families_than_colors(crowded: Comparison) -> None:
    assert len(set(crowded.families) - FAMILIES.keys()) > len(SPARE)
    assert len(of_all(crowded)) == MOST


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_of_very_many_families_is_drawn(name: str, crowded: Comparison) -> None:
    chart = CHARTS[name]
    spec = chart.draw(crowded, language("en"))
    assert (spec is None) == (name in UNDRAWN)
    if chart.narrow:
        assert (chart.narrow(crowded, language("en")) is None) == (spec is None)
    if chart.remark:
        chart.remark(crowded, language("en"))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_very_many_families_is_made(name: str, crowded: Comparison) -> None:
    TABLES[name].make(crowded, language("en"))


def test_rows_of_the_table_for_a_slide_without_a_color_of_their_own_are_gray(crowded: Comparison) -> None:
    spec = CHARTS["table_slide"].draw(crowded, language("en"))
    table = slide_table(crowded, language("en"))
    assert spec
    assert table
    (marks,) = (layer for layer in spec["layer"] if layer["mark"]["type"] == "rect")
    shades = of_all(crowded)
    colors = [row["colour"] for row in marks["data"]["values"]]
    assert colors == [shades.get(family, OTHER) for family in table.families]
    assert OTHER in colors
