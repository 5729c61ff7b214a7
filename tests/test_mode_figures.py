"""The figures of docs/modes.md are those of the committed run with engines."""

from __future__ import annotations

import json
from statistics import median

from commands import ROOT

SUMMARY = ROOT / "results" / "reference-engines" / "summary.json"
KEYS = ("speedup_latency_cpu_1thread", "speedup_latency_cpu")


def rows() -> list[str]:
    """A row per mode: the median, least and largest speedup over the architectures, with one thread and with all."""
    records = json.loads(SUMMARY.read_text(encoding="utf-8"))["records"]
    modes = dict.fromkeys(mode for record in records for mode in record["modes"])
    found = []
    for mode in modes:
        cells = []
        for key in KEYS:
            readings = [record["modes"][mode]["readings"][key]["value"] for record in records]
            values = [value for value in readings if value is not None]
            cells.append(f"{median(values):.2f} ({min(values):.2f}–{max(values):.2f})")
        found.append(f"| `{mode}` | {' | '.join(cells)} |")
    return found


def test_the_figures_are_those_of_the_committed_run() -> None:
    page = (ROOT / "docs" / "modes.md").read_text(encoding="utf-8")
    table = page.partition("<!-- figures: results/reference-engines/summary.json -->")[2].strip().splitlines()
    assert rows() == table[2 : 2 + len(rows())]


def test_every_engine_has_a_figure_for_nearly_all_architectures() -> None:
    records = json.loads(SUMMARY.read_text(encoding="utf-8"))["records"]
    engines = ("onnxruntime", "openvino", "bf16+openvino")
    cells = [record["modes"][mode]["readings"]["latency_cpu"] for record in records for mode in engines]
    assert len(cells) == 54
    assert sum(cell["value"] is not None for cell in cells) >= 50
    assert all(cell["value"] is not None or cell["reason"] for cell in cells)
