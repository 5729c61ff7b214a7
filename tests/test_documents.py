"""The JSON for programs: one vocabulary in all of it; the examples and snippets of docs/files.md."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner
from commands import ROOT, TINY, WIDE, run
from nights import Nights, failed, made, slower, with_reading
from samples import few
from test_compare import LATENCY, NETWORKS, SLOWED, changed, copied, simulated

from reporter import documents
from reporter.cli import choosing, mode_list
from reporter.cli.commands.compare import compare_command
from reporter.cli.progress import JsonLines
from reporter.compare import baseline_file, folders
from reporter.compare.ratio_history import RatioLine, RatioRow
from reporter.documents.comparisons import Ab, ComparisonDocument, StoredComparison
from reporter.documents.run_files import HistoryLine, Summary
from reporter.host import files
from reporter.model import Metric, Record
from reporter.model.modes import ONCE
from reporter.model.settings import FailOn
from reporter.nightly.state import Acceptance
from reporter.registry.catalog import collect
from reporter.report.between_runs import changes as words
from reporter.store import record_files

PAGE = ROOT / "docs" / "files.md"
TEXT = PAGE.read_text(encoding="utf-8")
MODELS = {model.__name__: model for model in (Summary, ComparisonDocument, StoredComparison, Ab, HistoryLine)}
EXAMPLES = re.findall(r"<!-- example: (\w+) -->\n```json\n(.*?)\n```", TEXT, re.DOTALL)
SNIPPETS = re.findall(r"```python\n(.*?)\n```", TEXT, re.DOTALL)
MACS = with_reading("alexnet", "macs", samples=(714_188_481,))


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"), parse_constant=pytest.fail)
    return found


def history(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text("utf-8").splitlines()]


def saved(folder: Path, records: list[Record], torch: str) -> Path:
    for each in records:
        record_files.save(folder, each.model_copy(update={"environment": {"torch": torch}}))
    return folder


def test_the_page_is_that_of_the_models() -> None:
    """After a change of a model, run docs/files.py."""
    specification = importlib.util.spec_from_file_location("files_page", ROOT / "docs" / "files.py")
    assert specification
    assert specification.loader
    generator = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(generator)
    assert generator.page() == TEXT


def test_the_examples_are_valid() -> None:
    for name, text in EXAMPLES:
        MODELS[name].model_validate_json(text)
    assert {name for name, _ in EXAMPLES} == set(MODELS)
    with pytest.raises(ValueError, match="extra"):
        ComparisonDocument.model_validate({**json.loads(dict(EXAMPLES)["ComparisonDocument"]), "unknown": 1})


class Killed(BaseException):
    """As SIGKILL, nothing catches it."""


def raising(error: type[BaseException]) -> Callable[[Path, Sequence[str]], object]:
    """A report whose writing ends the run."""

    def report(_: Path, __: Sequence[str]) -> object:
        raise error

    return report


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """Two runs with the same findings, after one with fewer, one that was interrupted and one that was killed."""
    played = Nights(tmp_path_factory.mktemp("documents") / "out")
    assert played.play(made(), failed("vgg16"), preset="standard") == 3
    report = played.report
    for end in (KeyboardInterrupt, Killed):
        played.report = raising(end)
        with pytest.raises(end):
            played.play(made())
    played.report = report
    changes = (MACS, failed("vgg16"), failed("resnet18"), slower("resnet50", 3.0))
    options = {"preset": "standard", "fail_on": "exact"}
    assert played.play(made(torch="2.15.0"), *changes, **options) == 1
    assert played.play(made(torch="2.15.0"), *changes, **options) == 1
    return played


def test_the_snippets_run_on_real_output(nights: Nights, tmp_path: Path) -> None:
    """With the folders that they name."""
    saved(tmp_path / "before", made(), "2.14.1")
    saved(tmp_path / "after", [*made()[1:], MACS(made()[0])], "2.15.0")
    for name in ("summary.json", "comparison.json", "history.jsonl"):
        (tmp_path / name).write_bytes((nights.out / name).read_bytes())
    printed = []
    for snippet in SNIPPETS:
        here = snippet.replace('["reporter",', f'["{sys.executable}", "-m", "reporter",')
        done = subprocess.run(
            [sys.executable, "-c", here], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        printed.append(done.stdout)
    summary, compared, comparison, past = printed
    assert "vgg16: MACs: failed: RuntimeError: no kernel" in summary
    assert compared == "alexnet: exact: MACs 714188480 -> 714188481 1\n"
    assert "'torch': ('2.14.1', '2.15.0')" in comparison
    assert "alexnet: MACs: since 2026-11-04T02:17:00+00:00" in comparison
    assert "vgg16: MACs: since 2026-11-01T02:17:00+00:00" in comparison
    assert "exit code 1 because of exact of ['exact'" in comparison
    assert "did not finish" in past


def test_a_nightly_run_for_programs(nights: Nights) -> None:
    found = read(nights.out / baseline_file.NAME)
    StoredComparison.model_validate(found)
    assert (found["exit_code"], found["fail_on"]) == (1, "exact")
    assert {"exact", "any"} <= set(found["fails"]) <= set(get_args(FailOn)) - {"never"}
    base, new = (found["sides"][side] for side in ("base", "new"))
    assert (base["environment"]["torch"], new["environment"]["torch"]) == ("2.14.1", "2.15.0")
    assert (base["started"][:10], new["started"][:10]) == ("2026-11-01", "2026-11-05")
    assert new["run"]
    still = {(row["architecture"], row["metric"]): row["since"][:10] for row in found["still_failing"]}
    assert still["vgg16", "macs"] == "2026-11-01"
    assert still["resnet18", "macs"] == "2026-11-04"
    assert found["counts"]["still_failing"] == len(still)
    assert found["counts"]["exact"] == 1
    (exact,) = [row for row in found["findings"] if row["kind"] == "exact"]
    assert (exact["metric"], exact["better"], exact["since"][:10]) == ("macs", "lower", "2026-11-04")
    assert exact["ratio"] == 714_188_481 / 714_188_480
    summary = read(nights.out / "summary.json")
    Summary.model_validate(summary)
    assert {row["architecture"] for row in summary["failed"]} == {"vgg16", "resnet18"}
    assert summary["counts"]["failed"] == len(summary["failed"])


def test_the_history_has_the_exit_codes_and_the_run_that_did_not_finish(nights: Nights) -> None:
    lines = history(nights.out)
    finished = {line["run"]: line["exit_code"] for line in lines if line.get("finished", True)}
    assert finished == {"1": 3, "4": 1, "5": 1}
    unfinished = [line for line in lines if not line.get("finished", True)]
    ends = [(line["started"][:10], line.get("exit_code")) for line in unfinished]
    assert ends == [("2026-11-02", 130), ("2026-11-03", None)]
    for line in unfinished:
        HistoryLine.model_validate(line)
        assert (line["values"], line["settings"]["preset"]) == ({}, "quick")


def by_rate(records: list[Record]) -> list[Record]:
    """The same times as images per second."""
    quantity = LATENCY.model_copy(update={"unit": "1/s", "better": "higher"})
    return [
        changed(each, LATENCY.key, quantity=quantity,
                samples=tuple(1 / sample for sample in each.readings[LATENCY.key].samples))
        for each in records
    ]  # fmt: skip


@pytest.mark.parametrize("names", [NETWORKS, NETWORKS[:2]])
@pytest.mark.parametrize("drift", [1.0, 1.4])
def test_base_new_and_ratio_are_on_one_scale(drift: float, names: tuple[str, ...]) -> None:
    """Whether a time or a rate became worse, and however much the machine drifted."""
    base, new = simulated(1), simulated(2, slower={name: drift * (2.0 if name == SLOWED else 1.0) for name in NETWORKS})
    base, new = ([each for each in side if each.architecture in {*names, SLOWED}] for side in (base, new))
    plain, rates = (
        words.as_json(folders.compare(*sides), "a", "b")["times"]
        for sides in ((base, new), (by_rate(base), by_rate(new)))
    )
    for row in (*plain, *rates):
        assert row["ratio"] == row["new"] / row["base"]
        assert row["low"] < row["ratio"] < row["high"]
        assert row["slowdown_low"] < row["slowdown"] < row["slowdown_high"]
        assert row["floor"] > 1
        assert row["metric"] == row["key"] == LATENCY.key
        if row["verdict"] == "slower":
            assert row["slowdown"] > row["floor"]
            assert (row["ratio"] > 1) == (row["better"] == "lower")
    assert {row["better"] for row in plain} == {"lower"}
    assert {row["better"] for row in rates} == {"higher"}
    verdicts = [{row["architecture"]: row["verdict"] for row in rows} for rows in (plain, rates)]
    assert verdicts[0] == verdicts[1]
    assert verdicts[0][SLOWED] == "slower"


def test_compare_has_both_sides_what_still_fails_and_the_exit_code(tmp_path: Path) -> None:
    base = saved(tmp_path / "base", [failed("vgg16")(each) for each in made()], "2.11.0")
    new = saved(tmp_path / "new", [failed("vgg16", "OSError: gone")(MACS(each)) for each in made()], "2.14.1")
    for gate, code in (("exact", 1), ("timing", 0), ("never", 0)):
        done = CliRunner().invoke(compare_command, [str(base), str(new), "--json", "--fail-on", gate])
        found = json.loads(done.stdout, parse_constant=pytest.fail)
        ComparisonDocument.model_validate(found)
        assert (done.exit_code, found["exit_code"], found["fail_on"]) == (code, code, gate)
        assert {"exact", "any"} <= set(found["fails"])
        assert "timing" not in found["fails"]
    assert [found["sides"][side]["environment"]["torch"] for side in ("base", "new")] == ["2.11.0", "2.14.1"]
    assert {(row["architecture"], row["reason"]) for row in found["still_failing"]} == {("vgg16", "OSError: gone")}
    assert found["counts"]["still_failing"] == len(found["still_failing"]) > 0
    (change,) = found["changes"]
    assert (change["metric"], change["title"], change["unit"], change["better"]) == ("macs", "MACs", "1", "lower")


def test_compare_refuses_two_formats(tmp_path: Path) -> None:
    base = saved(tmp_path / "base", made(), "2")
    done = CliRunner().invoke(compare_command, [str(base), str(base), "--json", "--markdown"])
    assert done.exit_code == 2
    assert "--json and --markdown are two formats; use one of them" in done.output


def test_an_older_comparison_is_still_read(tmp_path: Path) -> None:
    found = baseline_file.BaselineComparison(
        "base", "2026-01-01", folders.compare(made(), [MACS(each) for each in made()])
    )
    older = baseline_file.ADAPTER.dump_python(found, mode="json", by_alias=True)
    files.write(tmp_path / baseline_file.NAME, files.dumps(older))
    assert baseline_file.load(tmp_path) == found
    baseline_file.save(tmp_path, found, words.as_json(found.differences, "base", "new"))
    assert baseline_file.load(tmp_path) == found
    StoredComparison.model_validate(read(tmp_path / baseline_file.NAME))
    timings = read(tmp_path / baseline_file.NAME)["differences"]["timings"]
    assert timings
    assert [row["judgement"] for row in timings] == [row.verdict for row in found.differences.timings]


def test_every_document_has_its_own_number() -> None:
    numbers = {name: getattr(documents, name) for name in ("SUMMARY", "COMPARE", "COMPARISON", "AB", "HISTORY")}
    assert json.loads(dict(EXAMPLES)["Summary"])["schema"] == numbers["SUMMARY"] == 1
    for name, number in zip(
        ("ComparisonDocument", "StoredComparison", "Ab", "HistoryLine"), list(numbers.values())[1:], strict=True
    ):
        assert json.loads(dict(EXAMPLES)[name])["schema"] == number


@pytest.mark.slow
def test_the_command_itself(tmp_path: Path) -> None:
    """The main job, with labels and a baseline, and its history."""
    out = tmp_path / "out"
    options = ("--metrics", "size,latency_cpu_1thread", "--preset", "quick", *TINY, *WIDE)
    labels = ("--label", "commit=abc", "--label", "run=7")
    assert run("--out", out, *options, *labels).returncode == 0
    base = copied(out, tmp_path / "base", "parameters", samples=(7,))
    done = run("--out", out, *options, "--fresh", "--baseline", base, "--fail-on", "exact")
    assert done.returncode == 1
    StoredComparison.model_validate(found := read(out / "comparison.json"))
    assert (found["exit_code"], found["sides"]["base"]["run"] != found["sides"]["new"]["run"]) == (1, True)
    lines = history(out)
    for line in lines:
        HistoryLine.model_validate(line)
    assert [line["exit_code"] for line in lines] == [0, 0, 1, 1]
    assert [line["labels"] for line in lines] == [{"commit": "abc", "run": "7"}] * 2 + [{}] * 2
    assert found["sides"]["new"]["run"] == lines[-1]["run"] == read(out / "summary.json")["run"]
    assert lines[-1]["settings"]["preset"] == "quick"
    assert run("--out", out, "--label", "commit").returncode == 2
    Summary.model_validate(read(out / "summary.json"))


def section(title: str) -> str:
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_every_metric_key_is_listed_with_its_unit() -> None:
    rows = [line.split(" | ")[:2] for line in section("Metric keys").splitlines() if line.startswith("| `")]
    quantities = [each for metric in collect("reporter.metrics", Metric).values() for each in metric.quantities]
    assert dict(rows) == {f"| `{each.key}`": each.unit for each in (*quantities, *ONCE)}


def test_the_keys_of_other_output_are_listed(tmp_path: Path) -> None:
    """Those of the progress are the names in `JsonLines`."""
    saved(tmp_path, list(few()), "2.14.1")
    found = choosing.chosen(tmp_path, {"parameters": 1e12, "macs": 1e10})
    pairs = [row for part in choosing.PARTS for row in found[part]]
    assert pairs
    listed = mode_list.listed()[0]
    keys = {*found, *found["coverage"], *(key for row in pairs for key in row), *listed}
    keys |= {*RatioLine.model_fields, *RatioRow.model_fields, *Acceptance.model_fields}
    events = re.search(r"Events: ([^.]*)\.", JsonLines.__doc__ or "")
    assert events
    keys |= set(events[1].split(", "))
    assert sorted(key for key in keys if f"`{key}`" not in section("Other output")) == []
