"""Networks of the user, named on the command line: which are accepted, and the errors of those that are not."""

from __future__ import annotations

import json
import multiprocessing
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import QUICK, call
from networks import CONDITIONS, subject
from torch import nn

from reporter.host.job import Job
from reporter.model import Architecture, Metric, ReporterError
from reporter.model.attempts import attempt
from reporter.model.settings import settings
from reporter.registry.catalog import collect
from reporter.run import roster
from reporter.store import record_files
from reporter.worker import references
from reporter.worker.counts.building import on_meta
from reporter.worker.entry import run as work
from reporter.worker.lookup import find
from reporter.worker.weights.classifier_heads import with_classes

NETS = """
from torch import nn

from reporter.model import Architecture
{more}

def body():
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def build(classes):
    return nn.Sequential(body(), nn.Linear(8, classes))


def ten():
    return nn.Sequential(body(), nn.Linear(8, 16), nn.Linear(16, 10, bias=False))


def headless():
    return nn.Sequential(body(), nn.Linear(8, 16), nn.ReLU(), nn.Conv1d(1, 1, 3))


class Net(nn.Sequential):
    def __init__(self, num_classes=7):
        super().__init__(body(), nn.Linear(8, num_classes))


SMALL = Architecture("small_one", "Mine", 2026, "", build, input_size=32)
"""


@pytest.fixture
def nets(tmp_path: Path) -> Path:
    path = tmp_path / "my_nets.py"
    path.write_text(NETS.format(more=""))
    return path


def test_what_a_reference_names(nets: Path) -> None:
    entries = {name: references.load(f"{nets}:{name}") for name in ("build", "ten", "Net", "SMALL")}
    assert [entry.name for entry in entries.values()] == ["my_nets", "ten", "Net", "small_one"]
    assert [entry.classes for entry in entries.values()] == [1000, 0, 1000, 1000]
    assert [entry.family for entry in entries.values()] == ["Own", "Own", "Own", "Mine"]
    assert (entries["build"].year, entries["SMALL"].input_size) == (None, 32)
    assert entries["ten"].variant == references.AS_BUILT
    assert entries["Net"].build(10)[1].out_features == 10


@pytest.mark.parametrize(
    "parameter",
    ["classes", "num_classes", "n_classes", "nclasses", "nb_classes", "numClasses", "nclass", "num_class",
     "number_of_classes", "class_count", "num_labels", "n", "out_features", "classes, /", "*, n_class",
     "output_size", "out_channels", "outDim", "outputs", "labels_size"],
)  # fmt: skip
def test_the_names_of_a_parameter_for_the_number_of_classes(nets: Path, parameter: str) -> None:
    name = parameter.strip("*, /")
    nets.write_text(NETS.format(more="") + f"\n\ndef other({parameter}):\n    return build({name})\n")
    entry = references.load(f"{nets}:other")
    assert (entry.classes, entry.build(10)[1].out_features) == (1000, 10)


@pytest.mark.parametrize("parameter", ["inChannels", "numLayers", "dim", "embed_dim", "layers2", "output_stride"])
def test_the_names_of_a_parameter_for_something_else(nets: Path, parameter: str) -> None:
    nets.write_text(NETS.format(more="") + f"\n\ndef other({parameter}):\n    return build({parameter})\n")
    with pytest.raises(
        ReporterError, match=f"the function requires the argument {parameter}: give it a default, or rename"
    ):
        references.load(f"{nets}:other")


def test_a_module_is_named_as_python_imports_it(nets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = nets.parent / "mine"
    package.mkdir()
    (package / "__init__.py").touch()
    nets.rename(package / "nets.py")
    monkeypatch.syspath_prepend(str(nets.parent))
    entry = references.load("mine.nets:build")
    assert (entry.name, entry.build(3)[1].out_features) == ("nets", 3)


def test_files_beside_it_are_found_and_hide_nothing(nets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    (nets.parent / "beside_it.py").write_text("WIDTH = 8\n")
    (nets.parent / "json.py").write_text("1 / 0\n")
    nets.write_text(NETS.format(more="import json\nimport beside_it"))
    assert references.load(f"{nets}:build").name == "my_nets"


def test_the_parent_knows_it_from_what_a_worker_tells(nets: Path) -> None:
    for name in ("build", "ten", "SMALL"):
        reference = f"{nets}:{name}"
        description = json.loads(json.dumps(references.described(reference)))
        entry = roster.described(reference, description)
        loaded = references.load(reference)
        assert {key: getattr(entry, key) for key in references.DESCRIBED} == {
            key: getattr(loaded, key) for key in references.DESCRIBED
        }
        with pytest.raises(RuntimeError, match="is built in a worker only"):
            entry.build(10)


def test_the_definition_is_that_of_the_file(nets: Path) -> None:
    def definition() -> str:
        reference = f"{nets}:build"
        return roster.described(reference, references.described(reference)).definition

    before = definition()
    assert before == definition()
    nets.write_text(NETS.format(more="# another"))
    assert before == definition()
    nets.write_text(NETS.format(more="print()"))
    assert before != definition()


def test_another_number_of_classes_replaces_the_last_linear_layer(nets: Path) -> None:
    build = references.load(f"{nets}:ten").build
    assert [build(0)[2].out_features, build(10)[2].out_features, build(4)[2].out_features] == [10, 10, 4]
    assert build(4)[2].bias is None
    assert build(4).training
    with pytest.raises(ValueError, match="not those of a linear layer; let it take the number of classes"):
        references.load(f"{nets}:headless").build(4)
    with pytest.raises(ValueError, match="no linear layer to replace"):
        with_classes(nn.Conv2d(3, 8, 3), 4, 32)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
def test_a_new_head_has_the_data_type_of_the_network(dtype: torch.dtype) -> None:
    layers = nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 7)
    network = with_classes(nn.Sequential(*layers).to(dtype), 4, 32)
    scores = network(torch.ones(1, 3, 32, 32, dtype=dtype))
    assert (scores.dtype, scores.shape) == (dtype, (1, 4))


def test_with_its_own_classes_it_is_measured_as_it_is(nets: Path) -> None:
    made = subject(references.load(f"{nets}:ten"))
    metrics = collect("reporter.metrics", Metric)
    assert made.classes == 10
    (parameters, *_) = metrics["size"].measure(made)
    assert parameters.value == 8 * 28 + 16 + 16 * 9 + 160
    (training,) = metrics["memory_training"].measure(made)
    assert training.measured


def test_the_layer_that_makes_the_scores_is_the_same_on_meta() -> None:
    """There all tensors have the address 0, and a hidden layer may be as wide as the scores."""

    def build() -> nn.Module:
        layers = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 7), nn.ReLU(), nn.Linear(7, 7)
        return with_classes(nn.Sequential(*layers), 4, 32)

    for network in (build(), on_meta(build)):
        assert [layer.out_features for layer in network if isinstance(layer, nn.Linear)] == [7, 4]


NO_NUMBER = "give it a default, or rename it to num_classes if it is the number of classes"
BAD = {
    "nowhere.py:build": "nowhere.py: there is no such file",
    "my_nets.py": "name it as FILE.py:NAME or package.module:NAME",
    "my_nets.py:": "name it as FILE.py:NAME",
    "my_nets.py:buidl": "there is no 'buidl' in my_nets.py; did you mean 'build'?",
    "no.such.module:build": "ModuleNotFoundError: No module named 'no'",
    "torn.py:build": "SyntaxError: invalid syntax (torn.py, line 1)",
    "raises.py:build": "ZeroDivisionError: division by zero",
    "leaves.py:build": "it asked the interpreter to exit (3)",
    "crashes.py:build": "the worker crashed (SIGABRT)",
    "odd.py:number": "'number' is neither an Architecture nor a function",
    "odd.py:text": "it gives 'no network', which is no torch.nn.Module",
    "odd.py:two": "the function requires a, b: only the number of classes may have no default",
    "odd.py:width": f"the function requires the argument width: {NO_NUMBER}",
    "odd.py:Depth": f"the function requires the argument in_channels: {NO_NUMBER}",
    "odd.py:names": f"the function requires the argument class_names: {NO_NUMBER}",
    "odd.py:both": "the function requires depth: only the number of classes may have no default",
    "odd.py:fails": "KeyError: 'width'",
    "odd.py:resnet50": "the name 'resnet50' is taken",
    "odd.py:vit_b_16": "the name 'vit_b_16' is taken",
    "odd.py:STRANGE": "there is no 'STRANGE'",
    "strange.py:NET": "ValueError: Architecture 'x': year must not be 'long ago'",
    "strange2.py:NET": "ValueError: Architecture '': name must not be ''",
}
FILES = {
    "torn.py": "def build(:\n",
    "raises.py": "1 / 0\n",
    "leaves.py": "raise SystemExit(3)\n",
    "crashes.py": "import os\nos.abort()\n",
    "odd.py": "number = 3\ntext = lambda: 'no network'\ntwo = lambda a, b: a\n"
    "fails = lambda classes: {}['width']\nwidth = lambda width: width\nnames = lambda class_names: class_names\n"
    "both = lambda depth, num_classes=10: depth\nclass Depth:\n    def __init__(self, in_channels): pass\n"
    "resnet50 = vit_b_16 = text\n",
    "strange.py": "from reporter.model import Architecture\nNET = Architecture('x', 'Y', 'long ago', '', print)\n",
    "strange2.py": "from reporter.model import Architecture\nNET = Architecture('', 'Y', 2026, '', print)\n",
}


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    (folder / "my_nets.py").write_text(NETS.format(more=""))
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(("reference", "line"), [item for item in BAD.items() if "crashes" not in item[0]])
def test_a_bad_reference_is_a_reason(reference: str, line: str, bad: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bad)
    description, verdict = attempt(partial(references.described, reference))
    assert (description, verdict.status) == (None, "failed")
    assert line in str(verdict.reason)
    assert "\n" not in str(verdict.reason)


@pytest.mark.parametrize(
    "reference", ["my_nets.py:buidl", "crashes.py:build", pytest.param("raises.py:build", marks=pytest.mark.slow)]
)
def test_a_bad_reference_is_one_line_and_nothing_is_measured(reference: str, bad: Path, tmp_path: Path) -> None:
    done = call("--out", tmp_path / "new", "--architecture", f"{bad}/{reference}")
    assert (done.returncode, done.stdout) == (2, "")
    assert BAD[reference].replace("my_nets.py", f"{bad}/my_nets.py") in done.stderr
    assert done.stderr.startswith(f"reporter: --architecture {bad}/{reference}: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_two_of_one_name_are_one_line(nets: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "my_nets.py"
    other.parent.mkdir()
    other.write_text(nets.read_text())
    done = call("list", "--architecture", f"{nets}:build", "--architecture", f"{other}:build")
    assert done.returncode == 2
    assert f"the name 'my_nets' is taken by {nets}:build" in done.stderr


@pytest.mark.slow
def test_a_network_that_breaks_after_it_was_chosen_is_a_row_with_its_reason(tmp_path: Path) -> None:
    """In a process of its own, as in a run: a worker changes the process that it is."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        messages = pool.apply(_measured, (f"{tmp_path}/gone.py:build", ("size", "compute")))
    catalogue = collect("reporter.metrics", Metric)
    keys = [quantity.key for name in ("size", "compute") for quantity in catalogue[name].quantities]
    assert [message["reading"]["quantity"]["key"] for message in messages] == keys
    assert {message["reading"]["reason"] for message in messages} == {f"{tmp_path}/gone.py: there is no such file"}


def _measured(reference: str, metrics: tuple[str, ...]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    about = {"architecture": "gone", "reference": reference, "device": "cpu", "process": "counting"}
    work(Job(metrics=metrics, conditions=CONDITIONS, **about), messages.append)
    return messages


def test_a_run_of_ones_own_network(nets: Path, tmp_path: Path) -> None:
    """Alone: readings of every group, and the command on its card measures it again."""
    out = tmp_path / "out"
    metrics = "size,latency_cpu,train_step_cpu,finetune"
    options = ("--out", out, "--architecture", f"{nets}:ten", "--metrics", metrics, *QUICK)
    done = call(*options)
    assert done.returncode == 0, done.stderr
    (record,) = record_files.load_all(out)[0]
    assert (record.architecture, record.family, record.year) == ("ten", "Own", None)
    assert record.value("parameters") == 8 * 28 + 16 + 16 * 9 + 160
    assert record.readings["finetune_top1"].detail["classes"] == 10
    assert all(record.value(key) for key in ("latency_cpu", "train_step_cpu", "gradient_ratio"))
    assert json.loads((out / "summary.json").read_text())["records"][0]["year"] is None

    command = f"--out DIR --architecture {nets}:ten --metrics {metrics} --preset quick --weights random"
    assert command in (out / "report.md").read_text().replace("\\", "")
    assert "nothing to do" in call(*options, report=False).stderr


@pytest.mark.slow
def test_a_changed_file_is_measured_anew(nets: Path, tmp_path: Path) -> None:
    options = ("--out", tmp_path / "out", "--architecture", f"{nets}:ten", "--metrics", "size", *QUICK)
    assert "ten parameters" in call(*options).stderr
    assert "nothing to do" in call(*options).stderr
    nets.write_text(NETS.format(more="print()"))
    assert "ten parameters" in call(*options).stderr


@pytest.mark.slow
def test_beside_others_and_a_head_that_cannot_be_replaced(nets: Path, tmp_path: Path) -> None:
    done = call("--out", tmp_path / "out", "--architectures", "alexnet", "--architecture", f"{nets}:headless",
               "--architecture", f"{nets}:SMALL", "--metrics", "parameters,gradient_ratio", *QUICK)  # fmt: skip
    assert done.returncode == 3, done.stderr
    records = {record.architecture: record for record in record_files.load_all(tmp_path / "out")[0]}
    assert set(records) == {"alexnet", "headless", "small_one"}
    assert "let it take the number of classes" in str(records["headless"].readings["gradient_ratio"].reason)
    assert records["small_one"].value("gradient_ratio")
    assert records["headless"].settings["architecture"] == [f"{nets}:headless"]
    assert "architecture" not in records["alexnet"].settings


def test_it_is_listed_and_its_code_runs_in_no_parent(nets: Path) -> None:
    nets.write_text(NETS.format(more="import sys\nprint('noise')\nassert 'reporter.cli.main' not in sys.modules"))
    assert "reporter.cli.main" in sys.modules
    done = call("list", "--architecture", f"{nets}:SMALL", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["architectures"] == [
        {"name": "small_one", "family": "Mine", "year": 2026, "input_size": 32}
    ]


@pytest.mark.slow
@pytest.mark.timing
def test_two_environments_time_it_in_turns(nets: Path, tmp_path: Path) -> None:
    done = call("ab", "--a", sys.executable, "--b", sys.executable, "--architecture", f"{nets}:SMALL",
               "--metrics", "latency_cpu_1thread", "--preset", "quick", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [row["architecture"] for row in json.loads(done.stdout)["times"]] == ["small_one"]


def test_only_the_command_line_names_code(nets: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text(f'architecture = ["{nets}:build"]\n')
    with pytest.raises(ReporterError, match="'architecture' is not allowed: it names code, "):
        settings({}, config)
    assert settings({"architecture": ("a.py:b",)}).architectures == ()
    assert settings({"architecture": ("a.py:b",), "architectures": "lecture"}).architectures == ("lecture",)
    assert settings({"architecture": ()}).architectures == ("lecture",)


def test_a_worker_finds_it(nets: Path) -> None:
    entry = find(f"{nets}:build")
    assert isinstance(entry, Architecture)
    torch.manual_seed(0)
    assert entry.build(5)(torch.zeros(2, 3, 32, 32)).shape == (2, 5)
