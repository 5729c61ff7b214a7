"""Packages that add networks, data sets and metrics, really installed; broken ones harm nobody."""

from __future__ import annotations

import importlib
import json
import linecache
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from commands import BLANK_CHARTS, ROOT, call, run
from networks import own, subject
from test_importing import console_script, trapped_folder

from reporter.architectures.torchvision import discover
from reporter.host.job import Job
from reporter.metrics import finetune
from reporter.model import Architecture, Dataset, Engine, Metric, Quantity, exact, sources
from reporter.model.attempts import attempt
from reporter.model.modes import CHANNELS_LAST, output_decision
from reporter.model.settings import PRESETS, Conditions
from reporter.registry import execution_modes, plugins, selection
from reporter.registry.catalog import collect
from reporter.registry.entry_faults import conflict, fault
from reporter.store import record_files
from reporter.worker import entry, lookup

QUICK = ("--preset", "quick", "--weights", "random", "--modes", "eager")
NETS = """
from reporter.model import Architecture


def build(classes):
    from torch import nn

    body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(body, nn.Linear(8, classes))


ENTRIES = (Architecture("tiny", "Tiny", 2026, "none", build, input_size=32),)
"""
DATA = """
from reporter.model import Dataset


def load(root, size, train):
    import torch

    labels = torch.arange(200 if train else 50) % 5
    return labels.div(2.5).sub(1)[:, None, None, None].expand(-1, 3, size, size).float(), labels


GREY = Dataset("grey", "Five greys", load, "made here", classes=5)
"""
COUNTS = """
from reporter.model import Metric, Quantity, exact

COUNT = Quantity(key="convolutions", title="Convolutions", unit="1", group="size", better="lower", definition="Few.")


def measure(subject):
    yield exact(COUNT, sum("Conv2d" in type(module).__name__ for module in subject.meta.modules()))


ENTRIES = (Metric("convolutions", (COUNT,), measure, process="counting"),)
"""
BROKEN_ENGINES = """
import os
import time

from reporter.model import Engine


def crash(model, example, *, precision, cache, calibration):
    def call(images):
        os.abort()
    return call


def constant(model, example, *, precision, cache, calibration):
    found = model(example)
    return lambda images: found


def slow(model, example, *, precision, cache, calibration):
    with open(os.path.join(cache, "kept"), "a") as file:
        file.write("x")
    def call(images):
        end = time.perf_counter() + 0.005
        while time.perf_counter() < end:
            pass
        return model(images)
    return call


def refuse(model, example, *, precision, cache, calibration):
    raise RuntimeError("no such operator\\nsecond line")


ENTRIES = tuple(
    Engine(function.__name__, function.__name__, function) for function in (crash, constant, slow, refuse)
)
"""
LOUD = """
import os, sys
print("\\x1b]0;title\\x07 ::error file=a.py::owned")
print("to stderr", file=sys.stderr)
os.write(1, b"::add-mask::e\\n")
os.system("echo a child; echo a child >&2")
"""
PRINTED = ("to stderr", "::add-mask", "a child | a child")
"""What LOUD prints, as the log has it."""
POINTS = """
[reporter.architectures]
tiny = tiny_nets.nets
[reporter.datasets]
grey = tiny_nets.data:GREY
[reporter.metrics]
convolutions = tiny_nets.counts
"""
ENGINE_POINTS = """
[reporter.engines]
broken = broken_engines.engines
"""
BROKEN = """
from reporter.model import Architecture, Metric

TEXT = "no network"
CLASH = Architecture("resnet18", "Tiny", 2026, "none", print)
COLON = Architecture("a:b", "Tiny", 2026, "none", print)
METRIC = Metric("odd", ("no quantity",), print, process="counting")
"""
BROKEN_POINTS = """
[reporter.architectures]
gone = broken_nets.nowhere
torn = broken_nets.torn
text = broken_nets:TEXT
clash = broken_nets:CLASH
colon = broken_nets:COLON
[reporter.metrics]
odd = broken_nets:METRIC
missing = broken_nets:NOTHING
"""
COMPLAINTS = (
    "'gone' of broken-nets is left out: ModuleNotFoundError: No module named 'broken_nets.nowhere'",
    "'torn' of broken-nets is left out: SyntaxError: ",
    "'text' of broken-nets is left out: broken_nets:TEXT is 'no network', no Architecture and no module",
    "'clash' of broken-nets is left out: the name 'resnet18' is taken",
    "'colon' of broken-nets is left out: broken_nets:COLON: Architecture 'a:b': name is 'a:b'; it should",
    "'odd' of broken-nets is left out: broken_nets:METRIC: Metric 'odd': quantities is ('no quantity',); it should be",
    "'missing' of broken-nets is left out: AttributeError: ",
)


def install(folder: Path, package: str, points: str, by_pip: bool = False, **modules: str) -> Path:
    """Builds a wheel and installs it into a folder by pip, or by unpacking it, which is what pip does, in less time."""
    about = f"{package}-1.0.dist-info"
    files = {f"{package}/{name}.py": text for name, text in modules.items()} | {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {package.replace('_', '-')}\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{about}/entry_points.txt": points,
    }
    wheel = folder / f"{package}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        archive.writestr(f"{about}/RECORD", "".join(f"{name},,\n" for name in (*files, f"{about}/RECORD")))
    target = folder / "site"
    if by_pip and find_spec("pip"):
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", target, wheel]
        subprocess.run(command, check=True, timeout=120)
    else:
        zipfile.ZipFile(wheel).extractall(target)
    return target


def path(*folders: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, *folders)))}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("tiny")
    return path(install(folder, "tiny_nets", POINTS, __init__=LOUD, nets=NETS, data=DATA, counts=COUNTS))


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("broken")
    return path(install(folder, "broken_nets", BROKEN_POINTS, __init__=BROKEN, torn="def build(:\n"))


@pytest.fixture(scope="module")
def extended_run(
    tiny: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A run of that network with the metric and the modes of another package, most of which fail."""
    modes = f"crash,refuse,constant,slow,tf32,{CHANNELS_LAST}"
    return by_the_script(tmp_path_factory.mktemp("extended"), tiny, "convolutions,latency_cpu_1thread", modes)


def by_the_script(
    folder: Path, tiny: dict[str, str], metrics: str, modes: str
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A run by the console script, in a folder with modules that raise an exception and leave a line in `imported.txt`.

    Its charts are blank.
    """
    engines = install(folder, "broken_engines", ENGINE_POINTS, engines=BROKEN_ENGINES, __init__="")
    current, script = trapped_folder(folder), console_script(folder)
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    variables |= {"PYTHONPATH": os.pathsep.join((tiny["PYTHONPATH"], str(engines), str(BLANK_CHARTS)))}
    variables |= {"REPORTER_TRAPPED": str(folder / "imported.txt")}
    options = ("--architectures", "Tiny", "--metrics", metrics, "--dataset", "grey", *QUICK, "--modes", modes)
    command = [sys.executable, script, "--out", folder / "r", *options]
    pipes = {"capture_output": True, "text": True}
    return folder / "r", subprocess.run(command, check=False, cwd=current, env=variables, timeout=300, **pipes)


def test_the_console_script_and_its_workers_import_nothing_from_the_current_folder(
    extended_run: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = extended_run
    assert done.returncode == 3, done.stderr
    log = folder.parent / "imported.txt"
    assert not log.exists(), log.read_text()


def test_an_installed_package_adds_its_network_and_metric(
    extended_run: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = extended_run
    assert done.stdout == ""
    assert not [printed for printed in PRINTED if printed in done.stderr]
    (record,) = record_files.load_all(folder)[0]
    assert record.architecture == "tiny"
    assert record.value("convolutions") == 1
    assert call("render", folder).returncode == 0, "the package is gone; its records tell of themselves"
    assert "Convolutions" in (folder / "report.md").read_text()


def test_an_installed_package_adds_its_data_set(tiny: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A network is fine-tuned on it, in the process of the tests."""
    monkeypatch.syspath_prepend(tiny["PYTHONPATH"].rpartition(os.pathsep)[2])
    caches = plugins.points, selection.datasets
    for each in caches:
        each.cache_clear()
    try:
        top, *_ = finetune.measure(subject(own(), dataset="grey", image_size=16, steps=2, seeds=1, test_images=10))
    finally:
        for each in caches:
            each.cache_clear()
    assert top.measured
    assert (top.detail["dataset"], top.detail["classes"]) == ("grey", 5)


@pytest.mark.slow
def test_the_workers_of_the_console_script_are_trained_on_an_installed_data_set(
    tiny: dict[str, str], tmp_path: Path
) -> None:
    """They import scikit-learn, too."""
    folder, done = by_the_script(tmp_path, tiny, "convolutions,finetune_top1", "eager")
    assert done.returncode == 0, done.stderr
    log = tmp_path / "imported.txt"
    assert not log.exists(), log.read_text()
    (record,) = record_files.load_all(folder)[0]
    assert record.readings["finetune_top1"].detail["dataset"] == "grey"


def test_a_mode_that_fails_takes_nothing_from_the_others(
    extended_run: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = extended_run
    assert done.returncode == 3, done.stderr
    (path,) = (folder / "records").glob("*/tiny.json")
    found = json.loads(path.read_text())["modes"]
    times = {mode: found[mode]["readings"]["latency_cpu_1thread"] for mode in found}
    assert times["crash"]["status"] == "failed"
    assert "SIGABRT" in times["crash"]["reason"]
    assert times["refuse"] | {"reason": ""} == times["refuse"] | {"status": "unsupported", "reason": ""}
    assert times["refuse"]["reason"] == "refuse cannot run it: RuntimeError: no such operator"
    assert times["tf32"]["status"] == "unsupported"
    assert {times[mode]["status"] for mode in ("slow", "constant", CHANNELS_LAST)} == {"ok"}
    assert min(times["slow"]["samples"]) >= 0.005
    records = {record.mode: record for record in record_files.load_modes(path)}
    assert [mode for mode, record in records.items() if output_decision(record).verdict == "wrong"] == ["constant"]
    assert not (folder / ".prepared").exists()


@pytest.mark.slow
def test_broken_packages_are_a_line_each_and_harm_no_run_without_them(broken: dict[str, str], tmp_path: Path) -> None:
    done = run("--out", tmp_path, "--architectures", "alexnet", "--metrics", "size", *QUICK, variables=broken)
    assert done.returncode == 0, done.stderr
    for complaint in COMPLAINTS:
        (line,) = [line for line in done.stderr.splitlines() if complaint in line]
        assert line.startswith("note: reporter.")
    assert "Traceback" not in done.stderr
    assert record_files.load_all(tmp_path)[0][0].value("parameters") == 61_100_840


@pytest.mark.slow
def test_who_wants_what_a_broken_package_has_is_told_of_it(broken: dict[str, str], tmp_path: Path) -> None:
    done = run("--out", tmp_path / "new", "--architectures", "gone_net", "--metrics", "size", variables=broken)
    assert done.returncode == 2
    assert "unknown architecture 'gone_net'" in done.stderr
    assert COMPLAINTS[0] in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_list_goes_to_standard_output_and_complaints_do_not(broken: dict[str, str]) -> None:
    done = run("list", "--json", variables=broken)
    assert done.returncode == 0
    assert len(json.loads(done.stdout)["architectures"]) == 18
    assert done.stderr.count("\n") == len(COMPLAINTS)


@pytest.mark.slow
def test_a_package_that_pip_installs_is_listed(tmp_path: Path) -> None:
    site = install(tmp_path, "tiny_nets", POINTS, by_pip=True, __init__="", nets=NETS, data=DATA, counts=COUNTS)
    done = run("list", "--architectures", "Tiny", "--json", variables=path(site))
    assert [entry["name"] for entry in json.loads(done.stdout)["architectures"]] == ["tiny"]


def test_what_a_package_prints_when_it_is_loaded_reaches_no_stream(tiny: dict[str, str]) -> None:
    done = run("list", "--json", variables=tiny)
    listed = json.loads(done.stdout)
    assert "grey" in [entry["name"] for entry in listed["datasets"]]
    assert "convolutions" in [entry["key"] for entry in listed["metrics"]]
    assert done.stderr == ""
    code = (
        "import logging, sys; logging.basicConfig(level='INFO'); from reporter.cli.main import main; main(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, "list"]
    logged = subprocess.run(command, capture_output=True, text=True, env=os.environ | tiny, check=True).stderr
    (line,) = logged.splitlines()
    assert all(part in line for part in ("INFO:reporter:the plug-in tiny_nets.", r"\x1b]0;title\x07", *PRINTED))


def test_nobody_looks_for_packages_that_no_command_needs() -> None:
    """Entry points are looked up in all that is installed, which takes a while."""
    code = (
        "import sys; from reporter.registry import plugins; from reporter.cli.main import main\ntry: main(['--help'])\n"
    )
    code += "finally: print(plugins.points.cache_info().misses)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout.splitlines()[-1] == "0"


def test_an_entry_point_may_name_a_module_an_entry_or_several(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [Architecture(name, "Tiny", None, "", print) for name in ("a", "b")]
    for given, found in ((made[0], ["a"]), (made, ["a", "b"]), (tuple(made), ["a", "b"])):
        point = EntryPoint("x", f"made:{len(found)}{type(given).__name__}", "reporter.architectures")
        monkeypatch.setattr(EntryPoint, "load", lambda _, given=given: given)
        monkeypatch.setattr(plugins, "points", lambda point=point: {point.group: (point,)})
        assert [entry.name for _, entry in plugins.offered(point.group, Architecture)] == found


def test_a_package_may_have_its_own_of_what_only_torchvision_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is meant by the name, in globs and in sets alike, as a worker finds it."""
    mine = Architecture("vit_b_16", "ViT", 2026, "none", print)
    monkeypatch.setattr(selection, "catalog_entries", lambda: {"vit_b_16": mine})
    point = EntryPoint("vit", "made:vit", "reporter.architectures")
    monkeypatch.setattr(plugins, "offered", lambda *_: [(point, mine)])
    monkeypatch.setattr(plugins, "_complaints", {})
    for word in ("vit_b_16", "vit_b_*", "torchvision", "all"):
        found = {entry.name: entry for entry in selection.select(word, discover)}
        assert found["vit_b_16"] is mine
    assert lookup.find("vit_b_16") is mine
    [line] = plugins.complaints()
    assert line.endswith(" replaces the vit_b_16 of torchvision")


def test_a_worker_leaves_out_a_metric_that_its_environment_does_not_have() -> None:
    """As in the reference of --against, whose reporter is this one without the packages that add to it."""
    sent: list[dict[str, Any]] = []
    job = Job(
        architecture="alexnet",
        metrics=("convolutions", "size"),
        device="cpu",
        conditions=Conditions(**PRESETS["quick"]),
        process="counting",
    )
    assert entry._without_unknown(job, collect("reporter.metrics", Metric), sent.append).metrics == ("size",)
    assert sent == [{"unknown": "convolutions"}]


def quantity(**more: Any) -> Quantity:
    about = {"title": "Few", "unit": "1", "group": "size", "better": "lower", "definition": "Few."}
    return Quantity(**{"key": "convolutions", **about, **more})


def engine(name: str = "mine", **more: Any) -> Engine:
    return Engine(name, "Mine", print, **more)


def metric(name: str = "convolutions", quantities: Any = None, **more: Any) -> Metric:
    return Metric(name, (quantity(),) if quantities is None else quantities, print, **{"process": "mine", **more})


FAULTS = [
    (metric(quantities=()), "quantities is (); it should be a tuple with at least one Quantity"),
    (metric(process=""), "process is ''; it should be text"),
    (metric(device="gpu"), "device is 'gpu'; it should be one of cpu, cuda, xpu, mps, any, none"),
    (
        engine(precisions="bf16"),
        "precisions is 'bf16'; it should be a tuple of amp, bf16, fp16, int8, tf32 besides fp32",
    ),
    (engine(precisions=("fp32", "bf16")), "precisions is ('fp32', 'bf16'); it should be a tuple of"),
    (engine(precisions=("fp8",)), "precisions is ('fp8',); it should be a tuple of"),
    (engine(memory_formats=("bf16",)), "memory_formats is ('bf16',); it should be a tuple of channels_last"),
    (engine(devices="cpu"), "devices is 'cpu'; it should be a tuple of"),
    (engine(modules="json"), "modules is 'json'; it should be a tuple of names of modules"),
    (engine(precision_modules={"int8": "json"}), "precision_modules is {'int8': 'json'}; it should map"),
    *((engine(name), f"name is {name!r}; it should be") for name in ("default", "int8", "a+b", "a,b", "eager", "")),
]


@pytest.mark.parametrize(("entry", "line"), FAULTS)
def test_a_faulty_entry_is_left_out_with_one_line(entry: Any, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, some of them ended `reporter list` and `--modes all` for everybody."""
    kind = type(entry)
    point = EntryPoint("x", f"made:{line}", f"reporter.{kind.__name__.lower()}s")
    monkeypatch.setattr(EntryPoint, "load", lambda _: entry)
    monkeypatch.setattr(plugins, "points", lambda: {point.group: (point,)})
    monkeypatch.setattr(plugins, "_complaints", {})
    assert list(plugins.offered(point.group, kind)) == []
    [complaint] = plugins.complaints()
    assert line in complaint


def test_no_entry_of_the_package_is_faulty() -> None:
    folders = {"architectures": Architecture, "datasets": Dataset, "engines": Engine, "metrics": Metric}
    entries = [entry for folder, kind in folders.items() for entry in collect(f"reporter.{folder}", kind).values()]
    assert [line for entry in entries if (line := fault(entry))] == []


def test_an_engine_whose_checks_fail_cannot_be_used() -> None:
    def fail(*_: str) -> str:
        raise RuntimeError("no runtime")

    assert engine(unavailable=fail).missing == engine(refuses=fail).missing == "RuntimeError: no runtime"
    assert engine(modules=("no_such.core",)).missing == "no_such.core not installed; install it"
    assert engine(unavailable=lambda: None).missing == ""


def test_metrics_of_one_process_have_one_device_and_are_all_timed_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, a time in the process of the counts was measured in one round."""
    added = [
        metric("first", [quantity(key="first")], process="counting", timed=True),
        metric("second", [quantity(key="second")], process="counting", device="cpu"),
        metric("third", [quantity(key="third")], process="mine", device="cpu"),
        metric("fourth", [quantity(key="fourth")], process="mine", device="any"),
        metric("fifth", [quantity(key="fifth")], process="mine", device="cpu"),
    ]
    point = EntryPoint("x", "made:apart", "reporter.metrics")
    monkeypatch.setattr(EntryPoint, "load", lambda _: added)
    monkeypatch.setattr(plugins, "points", lambda: {point.group: (point,)})
    monkeypatch.setattr(plugins, "_complaints", {})
    found = collect("reporter.metrics", Metric)
    assert list(found)[-2:] == ["third", "fifth"]
    timed, device, among_them = plugins.complaints()
    assert "its timed is True, that of " in timed
    assert "its device is 'cpu', that of " in device
    assert "its device is 'any', that of 'third' in process 'mine' is 'cpu'; name another process" in among_them


def test_metrics_of_the_package_may_share_their_processes() -> None:
    metrics = list(collect("reporter.metrics", Metric).values())
    assert {conflict(each, metrics) for each in metrics} == {""}


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"unit": "ms"}, "Quantity.unit: invalid value 'ms'; it should be '1', 's', "),
        ({"title": ""}, "Quantity.title: invalid value ''; it should have at least 1 character"),
        ({"group": "g" * 70}, f"Quantity.group: invalid value {'g' * 59!r:.60}…; it should be "),
    ],
)
def test_a_mistake_in_a_quantity_is_reported_with_its_field(more: dict[str, Any], line: str) -> None:
    """The first line of the message of pydantic is "1 validation error for Quantity"."""
    _, verdict = attempt(lambda: quantity(**more))
    assert (verdict.reason or "").startswith(f"ValidationError: {line}")
    _, verdict = attempt(lambda: Quantity(key="convolutions"))  # type: ignore[call-arg]
    assert verdict.reason == "ValidationError: Quantity.title: Field required"


def test_the_check_of_a_data_set_gets_the_path_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[Path] = []
    entry = Dataset("birds", "Birds", print, "here", folder="birds", check=checked.append)
    found = {"birds": entry, "elsewhere": replace(entry, folder="/elsewhere"), "all": replace(entry, folder="")}
    monkeypatch.setattr(selection, "datasets", lambda: found)
    for name in found:
        selection.check_images(name, str(tmp_path))
    assert checked == [tmp_path / "birds", Path("/elsewhere"), tmp_path]


def test_a_metric_that_gives_too_few_readings_is_named_as_the_reason() -> None:
    """Before, the reason was that its worker had ended."""
    both = quantity(), quantity(key="poolings")
    few = Metric("few", both, lambda _: iter([exact(both[0], 3)]), process="mine")
    given, missing = entry.measure(few, subject(own()))
    assert given.value == 3
    assert (missing.quantity.key, missing.status) == ("poolings", "failed")
    assert missing.reason == "the metric gave no reading of poolings"


WORK = """
def work(*given, **named):
    return range({count})  # {comment}
"""


def work_of(folder: Path, monkeypatch: pytest.MonkeyPatch, count: int = 1, comment: str = "") -> Any:
    """The function of a module that is written anew, and imported as in another run."""
    (folder / "added_work.py").write_text(WORK.format(count=count, comment=comment))
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "added_work", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    linecache.checkcache()
    return importlib.import_module("added_work").work


def test_the_code_of_a_plug_in_is_a_condition_of_its_readings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, corrected code kept the readings of the wrong one."""
    conditions = Conditions(**PRESETS["quick"])
    found = []
    for count, comment in ((1, ""), (1, "a remark"), (23, "")):
        work = work_of(tmp_path, monkeypatch, count, comment)
        made = Engine("mine", "Mine", work)
        data = {"mine": Dataset("mine", "Mine", work, "here")}
        monkeypatch.setattr(selection, "datasets", lambda data=data: data)
        of_engine = execution_modes.conditions_of("mine", {"mine": made})
        added = replace(metric(), measure=work)
        found.append((
            conditions.of(added, "cpu")["code"], of_engine["engine_code"], selection.images("mine", None).before
        ))  # fmt: skip
    assert found[0] == found[1]
    assert not set(found[1]) & set(found[2])
    assert None not in found[0]


def test_a_worker_stores_the_digest_of_the_code_of_a_metric() -> None:
    few = Metric("few", (quantity(),), lambda _: iter([exact(quantity(), 3)]), process="mine")
    [reading] = entry.measure(few, subject(own()))
    assert reading.settings["code"] == Conditions(**PRESETS["quick"]).of(few, "cpu")["code"]


def test_the_code_of_the_package_is_no_condition() -> None:
    """Its version is one; records of earlier versions stay valid."""
    entries = [*collect("reporter.metrics", Metric).values(), *collect("reporter.engines", Engine).values()]
    assert [each.name for each in entries if each.code] == []
    assert [name for name, each in selection.datasets().items() if sources.of_others(each.load)] == []
