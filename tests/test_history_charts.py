"""Charts of the run history of many architectures: which ones have panels, and what the caption states of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import samples

from reporter.charts import reference_ratios, run_levels
from reporter.compare import ratio_curves
from reporter.compare.ratio_history import RatioLine, RatioRow
from reporter.report.comparison import Comparison, compare
from reporter.report.drawing import drawn_charts
from reporter.report.language import language
from reporter.store.history import PastRun

ENGLISH, KEY = language("en"), "latency_cpu_1thread"
RUNS = 24
CHARTS = {chart.name: chart for module in (run_levels, reference_ratios) for chart in module.ENTRIES}


def values(names: Sequence[str]) -> list[dict[str, float]]:
    """The value of each architecture in each run; the last one is slower from the tenth run on."""
    chance = np.random.default_rng(1)
    runs = [{name: float(np.exp(chance.normal(0, 0.004))) for name in names} for _ in range(RUNS)]
    return [{**run, names[-1]: run[names[-1]] * (1.2 if at >= 9 else 1.0)} for at, run in enumerate(runs)]


def many(count: int) -> Comparison:
    """So many architectures with a run history; only the last, which is the least accurate, changes its level."""
    pattern = samples.record(samples.ROWS[10])
    names = [f"net{at:02}" for at in range(count)]
    records = []
    for at, name in enumerate(names):
        top1 = samples.reading("imagenet_top1", 0.8 - 0.001 * at)
        readings = {**pattern.readings, "imagenet_top1": top1, "macs": samples.reading("macs", 10**9 + at)}
        records.append(pattern.model_copy(update={"architecture": name, "readings": readings}))
    lines, past = [], []
    for at, run in enumerate(values(names)):
        moment = f"2026-01-{at + 1:02}T02:17:00+00:00"
        rows = tuple(RatioRow(architecture=name, metric=KEY, mode="eager", ratio=each) for name, each in run.items())
        about: dict[str, str] = {"machine_kind": "A processor", "reference": "torch==2.14.1", "moved_to": ""}
        lines.append(RatioLine.model_validate({"kind": "run", "started": moment, "rows": rows, **about}))
        past.append(PastRun("quiet", moment, str(at), {}, {name: {KEY: each / 50} for name, each in run.items()}))
    ratios = tuple(ratio_curves.curves(lines))
    return replace(compare(records), past=tuple(past), ratios=ratios)


@pytest.mark.parametrize("name", ["history", "reference_ratios"])
@pytest.mark.parametrize(("count", "shown"), [(45, 30), (35, 30), (30, 30)])
def test_the_architecture_whose_level_changed_has_a_panel_among_many(name: str, count: int, shown: int) -> None:
    sketch = drawn_charts._sketch(CHARTS[name], many(count), ENGLISH)
    assert sketch
    titles = [panel["title"] for panel in sketch.spec["concat"]]
    assert len(titles) == shown
    assert titles[0] == f"net{count - 1:02}"
    note = f"Shown: {shown} of {count} architectures; those whose level changed come first."
    assert (note in sketch.caption) == (count > shown)
    assert (sketch.spec.get("title") == note) == (count > shown)
    assert "Pareto" not in sketch.caption
