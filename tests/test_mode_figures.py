"""The figures of docs/modes.md are those of the committed run with engines."""

from __future__ import annotations

from functools import cache
from typing import Any

from commands import ROOT

import reporter

RUN = ROOT / "results" / "reference-engines"
PAGE = (ROOT / "docs" / "modes.md").read_text(encoding="utf-8")
PROSE = " ".join(PAGE.split())
KEYS = ("speedup_latency_cpu_1thread", "speedup_latency_cpu")
ENGINES = ("onnxruntime", "openvino", "bf16+openvino")


@cache
def results() -> Any:
    return reporter.load(RUN, modes=True)


def speedups(mode: str, key: str) -> Any:
    """A speedup in a mode by architecture."""
    values = results().values
    return values[values["mode"] == mode].reset_index().set_index("architecture")[key]


def rows() -> list[str]:
    """A row per mode, computed from the records: speedups and preparation as median, least and largest; errors."""
    values = results().values
    found = []
    for mode, readings in values[values["mode"] != "eager"].groupby("mode", sort=False):
        cells = [f"{each.median():.2f} ({each.min():.2f}–{each.max():.2f})" for each in (readings[key] for key in KEYS)]
        prepared = readings["prepare_seconds"]
        cells.append(f"{prepared.median():.1f} s ({prepared.min():.1f}–{prepared.max():.1f})")
        cells.append(f"{100 * readings['output_error'].max():.1g} %")
        found.append(f"| `{mode}` | {' | '.join(cells)} |")
    return found


def test_the_figures_are_those_of_the_committed_run() -> None:
    table = PAGE.partition("<!-- figures: results/reference-engines -->")[2].strip().splitlines()
    assert set(rows()) == set(table[2 : 2 + len(rows())])


def test_the_sentences_on_the_figures_are_those_of_the_committed_run() -> None:
    assert "GoogLeNet gains most in each engine" in PROSE
    for mode in ENGINES:
        for key in KEYS:
            assert speedups(mode, key).idxmax() == "googlenet"
    assert "with one thread, all VGGs gain less than the median from an engine in fp32" in PROSE
    for mode in ("onnxruntime", "openvino"):
        found = speedups(mode, KEYS[0])
        assert all(found[name] < found.median() for name in found.index if name.startswith("vgg"))
    assert "Most modes have two rounds only" in PROSE
    samples = results().samples
    times = samples[(samples["mode"] != "eager") & samples["key"].isin(("latency_cpu", "latency_cpu_1thread"))]
    rounds = times.groupby(["mode", "architecture", "key"])["round"].nunique()
    assert (rounds == 2).mean() > 0.5
    both = "`channels_last` has speedups of {:.2f} and {:.2f}, whose geometric mean of {:.2f} is not stated as a gain"
    disturbed = samples.query("architecture == 'resnet50' and mode == 'channels_last' and key == @KEYS[0]")["value"]
    assert both.format(*disturbed, speedups("channels_last", KEYS[0])["resnet50"]) in PROSE
    assert speedups("bf16+channels_last", KEYS[0]).idxmax() == "resnet50"


def test_every_engine_has_a_figure_for_nearly_all_architectures() -> None:
    readings = results().readings
    cells = readings[readings["mode"].isin(ENGINES) & (readings["key"] == "latency_cpu")]
    assert len(cells) == 54
    assert cells["value"].notna().sum() >= 50
    assert cells[cells["value"].isna()]["reason"].notna().all()
