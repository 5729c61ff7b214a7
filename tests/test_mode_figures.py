"""The figures of docs/modes.md are those of the committed run with engines."""

from __future__ import annotations

from commands import ROOT

import reporter

RUN = ROOT / "results" / "reference-engines"
KEYS = ("speedup_latency_cpu_1thread", "speedup_latency_cpu")
ENGINES = ("onnxruntime", "openvino", "bf16+openvino")


def rows() -> list[str]:
    """A row per mode: the median, least and largest speedup over the architectures, computed from the records."""
    values = reporter.load(RUN, modes=True).values
    found = []
    for mode, speedups in values[values["mode"] != "eager"].groupby("mode", sort=False):
        cells = [f"{each.median():.2f} ({each.min():.2f}–{each.max():.2f})" for each in (speedups[key] for key in KEYS)]
        found.append(f"| `{mode}` | {' | '.join(cells)} |")
    return found


def test_the_figures_are_those_of_the_committed_run() -> None:
    page = (ROOT / "docs" / "modes.md").read_text(encoding="utf-8")
    table = page.partition("<!-- figures: results/reference-engines -->")[2].strip().splitlines()
    assert set(rows()) == set(table[2 : 2 + len(rows())])


def test_every_engine_has_a_figure_for_nearly_all_architectures() -> None:
    readings = reporter.load(RUN, modes=True).readings
    cells = readings[readings["mode"].isin(ENGINES) & (readings["key"] == "latency_cpu")]
    assert len(cells) == 54
    assert cells["value"].notna().sum() >= 50
    assert cells[cells["value"].isna()]["reason"].notna().all()
