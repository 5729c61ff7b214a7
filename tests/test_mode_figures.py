"""The figures of docs/modes.md are those of the committed runs."""

from __future__ import annotations

import re
from functools import cache
from itertools import takewhile
from typing import Any

import pytest
from commands import ROOT

import reporter
from reporter.model import Engine
from reporter.model.modes import CHANNELS_LAST, PRECISIONS
from reporter.registry.catalog import collect
from reporter.store.record_files import load_all

RUNS = ("reference", "reference-engines", "reference-modes")
"""The runs by their folders: a mode of several is described by the first, which has more rounds and architectures."""
PAGE = (ROOT / "docs" / "modes.md").read_text(encoding="utf-8")
PROSE = " ".join(PAGE.split())
KEYS = ("speedup_latency_cpu_1thread", "speedup_latency_cpu")
COLUMNS = (RUNS[:2], RUNS[2:])
"""The runs of each column of speedups: a column is of one kind of machine and the same architectures."""
NONE = "–"
ENGINES = ("onnxruntime", "openvino", "bf16+openvino")


@cache
def results(run: str = "reference-engines") -> Any:
    return reporter.load(ROOT / "results" / run, modes=True)


def speedups(mode: str, key: str) -> Any:
    """A speedup in a mode by architecture."""
    values = results().values
    return values[values["mode"] == mode].reset_index().set_index("architecture")[key]


def rows(run: str) -> list[str]:
    """A row per mode, computed from the records: speedups and preparation as median, least and largest; errors."""
    values = results(run).values
    found = []
    for mode, readings in values[values["mode"] != "eager"].groupby("mode", sort=False):
        cells = [f"{each.median():.2f} ({each.min():.2f}–{each.max():.2f})" for each in (readings[key] for key in KEYS)]
        prepared = readings["prepare_seconds"]
        cells.append(f"{prepared.median():.1f} s ({prepared.min():.1f}–{prepared.max():.1f})")
        error = 100 * readings["output_error"].max()
        cells.append(f"{error:.0f} %" if error >= 10 else f"{error:.1g} %")
        found.append(f"| `{mode}` | {' | '.join(cells)} |")
    return found


def table(marker: str) -> list[str]:
    """The rows of the table below a comment."""
    lines = PAGE.partition(f"<!-- {marker} -->")[2].strip().splitlines()
    return list(takewhile(lambda line: line.startswith("|"), lines))[2:]


@pytest.mark.parametrize("run", RUNS)
def test_the_figures_are_those_of_the_committed_run(run: str) -> None:
    assert set(rows(run)) == set(table(f"figures: results/{run}"))


def test_each_part_of_a_mode_has_its_figures_or_a_dash() -> None:
    """Runs of different machines and architectures are in different columns."""
    columns: list[dict[str, str]] = []
    for runs in COLUMNS:
        medians: dict[str, str] = {}
        for run in runs:
            values = results(run).values
            for mode, readings in values[values["mode"] != "eager"].groupby("mode"):
                medians.setdefault(mode, f"`{mode}` {readings[KEYS[1]].median():.2f}")
        columns.append(medians)
    found = {cells[0].strip("`"): cells[-2:] for cells in (row.strip("| ").split(" | ") for row in table("parts"))}
    assert found.keys() == {CHANNELS_LAST, *PRECISIONS, *collect("reporter.engines", Engine)}
    for part, cells in found.items():
        for medians, cell in zip(columns, cells, strict=True):
            known = [text for mode, text in medians.items() if part in mode.split("+")]
            assert sorted(cell.split("; ")) == (sorted(known) or [NONE]), part
    named = re.findall(r"Of other modes \((.*?)\) no figures are committed", PROSE)[0]
    without = {part for part, cells in found.items() if set(cells) == {NONE}}
    assert {*without, "bf16"} == {*re.findall("`(.*?)`", named)}
    assert not any("bf16" in medians for medians in columns)


def test_the_columns_of_figures_are_of_different_machines_and_architectures() -> None:
    assert "The two columns are not comparable with each other" in PROSE
    assert "The first one is of the lecture's 18 architectures on an AMD EPYC with bf16 instructions" in PROSE
    assert "the second one of six architectures on an Intel Xeon without them" in PROSE
    assert [architectures_and_machines(runs) for runs in COLUMNS] == [
        ({18}, {"AMD EPYC ['bf16']"}),
        ({6}, {"Intel(R) Xeon(R) Processor []"}),
    ]


def architectures_and_machines(runs: tuple[str, ...]) -> tuple[set[int], set[str]]:
    """The number of architectures in each of some runs; their processors with the precisions that these compute in."""
    records = [load_all(ROOT / "results" / run)[0] for run in runs]
    facts = [record.machine_facts for each in records for record in each]
    machines = {f"{fact['processor']} {fact['native_precisions']}" for fact in facts}
    return {len(each) for each in records}, machines


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
    assert "in the default modes in three rounds" in PROSE
    samples = results("reference").samples
    assert set(samples[samples["key"].isin(KEYS)].groupby(["mode", "architecture", "key"])["round"].nunique()) == {3}
    samples = results().samples
    both = "`channels_last` has speedups of {:.2f} and {:.2f}, whose geometric mean of {:.2f} is not stated as a gain"
    disturbed = samples.query("architecture == 'resnet50' and mode == 'channels_last' and key == @KEYS[0]")["value"]
    assert both.format(*disturbed, speedups("channels_last", KEYS[0])["resnet50"]) in PROSE
    assert speedups("bf16+channels_last", KEYS[0]).idxmax() == "resnet50"


def test_the_sentences_on_the_modes_of_six_architectures_are_those_of_the_committed_run() -> None:
    values = results("reference-modes").values.reset_index()
    found = {key: values.pivot(index="architecture", columns="mode", values=key) for key in KEYS}
    gains = found[KEYS[1]]
    assert len(gains) == 6
    assert "`int8+openvino` is the fastest mode of all six" in PROSE
    for each in found.values():
        assert set(each.drop(columns="eager").idxmax(axis=1)) == {"int8+openvino"}
    assert "gains more than `onnxruntime` in fp32 on VGG-16 alone, with all threads" in PROSE
    assert list(gains.index[gains["int8+onnxruntime"] > gains["onnxruntime"]]) == ["vgg16"]
    least = min(each["compile"].min() for each in found.values())
    assert f"`compile` gains {least:.2f} or more on each, most on GoogLeNet" in PROSE
    assert gains["compile"].idxmax() == "googlenet"
    prepared = values[values["mode"] == "compile"]["prepare_seconds"]
    assert f"preparing it took {prepared.min():.0f} s to {prepared.max():.0f} s" in PROSE
    most = max(each["torchscript"].max() for each in found.values())
    assert f"`torchscript` gains {most - 1:.0%} at most".replace("%", " %") in PROSE
    errors = values.set_index(["mode", "architecture"])["output_error"]["int8+openvino"]
    assert f"an output error of up to {100 * errors.max():.0f} % of the range" in PROSE
    samples = results("reference-modes").samples
    assert set(samples[samples["key"].isin(KEYS)].groupby(["mode", "architecture", "key"])["round"].nunique()) == {3}


def test_every_engine_has_a_figure_for_nearly_all_architectures() -> None:
    readings = results().readings
    cells = readings[readings["mode"].isin(ENGINES) & (readings["key"] == "latency_cpu")]
    assert len(cells) == 54
    assert cells["value"].notna().sum() >= 50
    assert cells[cells["value"].isna()]["reason"].notna().all()
    timed = set(cells[cells["value"].notna()].set_index(["mode", "architecture"]).index)
    compared = readings[(readings["key"] == "alternation_latency_cpu") & readings["value"].notna()]
    lack = timed - set(compared.set_index(["mode", "architecture"]).index)
    assert bool(lack) == ("The run has no `alternation_KEY`, which did not exist then" in PROSE)
    assert not lack or lack == timed
