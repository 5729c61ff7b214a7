"""The Python API: what it gives, what it costs to import, and that its documentation is true."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import samples
import torch
from commands import NETWORKS, ROOT, drawing_every
from test_own import NETS

import reporter
from reporter.api import single
from reporter.model import Record, ReporterError
from reporter.store import record_files

DOCUMENTS = {
    name: re.findall(r"```python\n(?!# reporter/)(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)
    for name in ("README.md", "docs/api.md")
}


def python(code: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs a script or a line."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, code] if isinstance(code, Path) else [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)


@pytest.fixture
def results(tmp_path: Path):
    for record in samples.few():
        record_files.save(tmp_path, record)
    return reporter.load(tmp_path)


EXAMPLES = "\n".join(example for examples in DOCUMENTS.values() for example in examples)


def torch_settings() -> tuple[object, ...]:
    return (
        torch.get_rng_state().tolist(), torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype(),
    )  # fmt: skip


def asked_here(question: str) -> str:
    """The place of the record that a question of `measure` leads to, without an interpreter for each question."""
    asked = json.loads(question)
    return str(single._measured(Path(asked["out"]), asked["settings"]))


def test_the_examples_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One after the other, as a reader would try them, but equal lines once, and a small network is timed.

    They change no setting of torch in this process. The workers are real ones, started from this process; the process
    that `measure` starts: `test_neither_measuring_nor_loading_changes_the_process_or_imports_torch`, and measuring
    there: `test_the_examples_run_as_a_script`.
    """
    assert all(DOCUMENTS.values())
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(single, "_ask", asked_here)
    timed = 'reporter.measure("resnet18", metrics="latency_cpu"'
    assert EXAMPLES.count(timed) == 1
    script = EXAMPLES.replace(timed, f'reporter.measure("{NETWORKS}:TINY", metrics="latency_cpu"')
    torch.manual_seed(5)
    before = torch_settings()
    exec(compile("\n".join(dict.fromkeys(script.splitlines())), "example.py", "exec"), {"__name__": "example"})
    assert torch_settings() == before
    assert "11689512 1814073344" in capsys.readouterr().out


@pytest.mark.slow
def test_the_examples_run_as_a_script(tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(EXAMPLES)
    done = python(script)
    assert done.returncode == 0, done.stderr
    assert "11689512 1814073344" in done.stdout


def test_importing_it_costs_nothing() -> None:
    done = python("import sys, reporter; print({'torch', 'pandas', 'pydantic', 'numpy'} & set(sys.modules))")
    assert done.stdout == "set()\n"


STATE = """
import decimal, gc, locale, logging, os, random, signal, sys, threading, warnings
import numpy
def state():
    loggers = {name: (each.level, each.handlers) for name, each in logging.root.manager.loggerDict.items()
               if isinstance(each, logging.Logger) and (each.level or each.handlers)}
    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    return {
        "gc": (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()),
        "warnings": list(warnings.filters),
        "logging": (logging.root.level, list(logging.root.handlers), logging.root.manager.disable, loggers),
        "locale": locale.setlocale(locale.LC_ALL), "environment": dict(os.environ), "folder": os.getcwd(),
        "signals": handlers, "random": (random.getstate(), str(numpy.random.get_state())), "path": list(sys.path),
        "threads": threading.active_count(), "streams": (sys.stdout, sys.stderr, sys.excepthook),
        "decimal": str(decimal.getcontext()), "limit": sys.getrecursionlimit(), "torch": "torch" in sys.modules,
    }
def changes(use):
    before = state()
    use()
    after = state()
    return {name: (before[name], after[name]) for name in before if before[name] != after[name]}
import jinja2, pandas
import reporter
def load():
    r = reporter.load(FOLDER)
    r.values, r.samples, r.readings, r.chart("parameters")
print(changes(lambda: reporter.measure(NETWORK, "parameters", out=FOLDER)))
gc.disable()
gc.set_threshold(5)
warnings.simplefilter("error")
print(changes(load))
"""


def test_neither_measuring_nor_loading_changes_the_process_or_imports_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a script, which needs no guard for __main__; a process of its own says that the record is up to date."""
    for record in samples.few():
        record_files.save(tmp_path, record)
    with monkeypatch.context() as patch:
        patch.setattr(single, "_ask", asked_here)
        measured = reporter.measure("resnet18", "parameters", out=tmp_path)
    script = tmp_path / "script.py"
    script.write_text(STATE.replace("FOLDER", repr(str(tmp_path))).replace("NETWORK", "'resnet18'"))
    done = python(script)
    assert done.stdout == "{}\n{}\n", done.stderr
    again = next(each for each in record_files.load_all(tmp_path)[0] if each.machine == measured.machine)
    assert again == measured


def test_a_row_per_network_and_machine(results) -> None:
    values = results.values
    assert len(values) == len(results.records) == len(samples.few())
    assert values.loc["vgg16"].parameters == 138_357_544
    assert values.latency_cuda.isna().all()
    assert pd.isna(values.loc["inception_v2"].imagenet_top1)
    assert set(values.machine) == {"quiet", "old"}
    numbers = values.drop(columns=["machine", "family"])
    assert all(pd.api.types.is_numeric_dtype(numbers[key]) for key in numbers)


def test_long_frames_hold_every_reading_and_sample(results) -> None:
    readings = [reading for record in results.records for reading in record.readings.values()]
    assert len(results.readings) == len(readings)
    assert len(results.samples) == sum(len(reading.samples) for reading in readings)
    failed = results.readings.query("status == 'timeout'")
    assert failed.reason.tolist() == ["took longer than 60 s"]
    vgg = results.samples.query("architecture == 'vgg16' and key == 'latency_cpu'")
    assert vgg.value.tolist() == list(samples.times(0.182 * 0.6, 0.05))
    assert vgg.number.tolist() == list(range(24))


def test_charts_and_tables_show_themselves_and_names_stay_text(results) -> None:
    chart = results.chart("parameters")
    assert chart._repr_svg_().startswith("<svg")
    assert chart.title
    assert results.chart("parameters", lang="ru").title != chart.title
    with drawing_every(5):  # names in each chart: test_charts.py
        drawn = results.charts()
    assert {"parameters", "timeline"} <= set(drawn)
    assert len([each for each in drawn.values() if len(each.svg) > 1000]) > 2
    for text in (results._repr_html_(), *(chart.svg for chart in drawn.values())):
        assert "<script>" not in text
    assert "&lt;script&gt;" in results._repr_html_()


@pytest.mark.parametrize(("name", "right"), [("parameter", "'parameters'"), ("history", "nothing to show")])
def test_a_chart_that_is_not_there_is_one_line(name: str, right: str, results) -> None:
    with pytest.raises(ReporterError, match=right):
        results.chart(name)


def test_a_folder_without_records_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ReporterError, match="no records there; reporter --out"):
        reporter.load(tmp_path)
    (tmp_path / "records" / "m").mkdir(parents=True)
    (tmp_path / "records" / "m" / "a.json").write_text("{")
    with pytest.raises(ReporterError, match="not a record"):
        reporter.load(str(tmp_path))


def test_a_leading_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record, folders = samples.few()[0], []
    record_files.save(tmp_path / "results", record)

    def ask(question: str) -> str:
        folders.append(json.loads(question)["out"])
        return str(record_files.record_path(tmp_path / "results", record.machine, record.architecture))

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(single, "_ask", ask)
    monkeypatch.chdir(tmp_path)
    for path in ("~/results", Path("~/results")):
        assert reporter.load(path).folder == tmp_path / "results"
        reporter.measure("alexnet", out=path)
    assert folders == [str(tmp_path / "results")] * 2


@pytest.mark.parametrize("out", ["", " "])
def test_an_empty_path_is_refused(out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single, "_ask", lambda _: pytest.fail("something is measured"))
    with pytest.raises(ReporterError, match=f"out: invalid value '{out}'; it should be a path; the current folder is"):
        reporter.measure("alexnet", out=out)


@pytest.mark.slow
def test_a_record_is_kept_where_one_says_and_used_again(tmp_path: Path) -> None:
    nets = tmp_path / "my_nets.py"
    nets.write_text(NETS.format(more=""))
    first = reporter.measure(f"{nets}:SMALL", metrics=["size"], out=tmp_path / "out")
    again = reporter.measure(f"{nets}:SMALL", metrics="size", out=tmp_path / "out")
    assert isinstance(first, Record)
    assert first.value("parameters") == 8 * 28 + 16 + 9000
    assert again.started == first.started
    assert reporter.load(tmp_path / "out").values.loc["small_one"].parameters == 9240


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        pytest.param(
            "resnet51", {}, "unknown architecture 'resnet51'; did you mean 'resnet50'", marks=pytest.mark.slow
        ),
        ("alexnet", {"metrics": "macz"}, "unknown metric 'macz'"),
        pytest.param("alexnet", {"preset": "quik"}, "did you mean 'quick'", marks=pytest.mark.slow),
        pytest.param("alexnet", {"dataset": "digit"}, "did you mean 'digits'", marks=pytest.mark.slow),
        pytest.param("nowhere.py:build", {}, "there is no such file", marks=pytest.mark.slow),
    ],
)
def test_what_cannot_be_asked_for_is_one_line(name: str, options: dict[str, str], line: str) -> None:
    with pytest.raises(ReporterError, match=line) as caught:
        reporter.measure(name, **options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_several_architectures_are_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single, "_ask", asked_here)
    with pytest.raises(ReporterError, match="one architecture at a time, not alexnet, ") as caught:
        reporter.measure("lecture", metrics="size")
    assert "\n" not in str(caught.value)


def test_an_option_that_there_is_not() -> None:
    with pytest.raises(TypeError, match="no option 'fail_on'"):
        reporter.measure("alexnet", fail_on="any")  # type: ignore[call-arg]
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        reporter.lode  # type: ignore[attr-defined]  # noqa: B018


def test_the_text_of_results_is_short() -> None:
    folder = ROOT / "results" / "reference"
    loaded = reporter.load(folder, modes=True)
    assert f"{loaded.records[0]} {loaded.records[0]!r}".count("<Record of alexnet, ") == 2
    assert len(repr(loaded.comparison)) < 200
    assert repr(reporter.load(folder)) == f"<Results of 18 architectures in {str(folder)!r}>"
    assert repr(loaded).endswith(", modes=True>")


@pytest.mark.parametrize("architecture", [object(), object, None, 18])
def test_what_is_no_name_is_refused(architecture: Any) -> None:
    with pytest.raises(TypeError, match=r"takes a name or FILE\.py:NAME, not a value"):
        reporter.measure(architecture, "parameters")


def test_options_are_sent_as_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sent: list[str] = []

    def ask(question: str) -> str:
        sent.append(question)
        raise ReporterError("no worker")

    monkeypatch.setattr(single, "_ask", ask)
    options: Any = {"metrics": {"parameters"}, "data_root": tmp_path, "sizes": (size for size in (32, 64))}
    with pytest.raises(ReporterError, match="no worker"):
        reporter.measure("resnet18", **options)
    settings = json.loads(sent[0])["settings"]
    assert (settings["metrics"], settings["data_root"], settings["sizes"]) == (["parameters"], str(tmp_path), [32, 64])
    with pytest.raises(TypeError, match="takes text, numbers"):
        reporter.measure("resnet18", threads=object())  # type: ignore[arg-type]
