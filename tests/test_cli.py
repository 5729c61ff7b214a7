"""The outer surface: bad input, listing, what is imported, how fast it answers."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
from click.testing import CliRunner
from commands import BLANK_CHARTS, QUICK, ROOT, call
from samples import lecture

import reporter
from reporter.cli import main
from reporter.cli.main import INTERRUPTED, command
from reporter.host import interrupts
from reporter.model import ReporterError
from reporter.model.settings import CONFIGURABLE, settings
from reporter.nightly import one_run as nightly
from reporter.run.preparation import check_folder
from reporter.store import record_files

LECTURE = [
    "alexnet", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "googlenet", "inception_v2", "bn_inception", "inception_v3",
    "densenet121", "densenet201", "resnet18", "resnet50", "resnet101", "se_resnet50", "se_resnet101",
    "resnext50_32x4d", "se_resnext50_32x4d",
]  # fmt: skip
KEYS = {
    "parameters", "parameters_auxiliary", "weights_bytes", "macs", "macs_fvcore", "activations", "depth",
    "peak_activation_bytes", "peak_training_bytes", "rss_inference_bytes", "rss_process_bytes",
    "build_seconds", "first_call_seconds", "latency_cpu_1thread", "latency_cpu",
    "throughput_cpu", "train_step_cpu", "latency_cuda", "throughput_cuda", "train_step_cuda", "cuda_inference_bytes",
    "cuda_training_bytes", "finetune_top1", "finetune_seconds", "gradient_ratio", "imagenet_top1", "imagenet_top5",
}  # fmt: skip
SCRIPT = Path(sysconfig.get_path("scripts"), "reporter")
HEAVY = {"torch", "torchvision", "pandas", "altair", "scipy.stats"}
"""Three networks are too few for a correlation, for which scipy.stats is imported."""
CONFIGS = {
    "'architecture' is not allowed: it names code": 'architecture = ["resnet18"]',
    "steps: invalid value 'many'; it should be a valid integer": 'steps = "many"',
    "did you mean 'quick'?": 'preset = "quik"',
    "device: invalid value []; it should be a list of names, as in [": "device = []",
    "metrics: invalid value 5; it should be a list of names, as in [": "metrics = 5",
    "lang: invalid value ['en', 5]; it should be a list of names, as in [": 'lang = ["en", 5]',
    "budget: invalid value 90; it should be a time like 90s": "budget = 90",
    "'quiet' is not allowed: it is an option of the command line only": "quiet = true",
    "not TOML": "steps = = 3",
    "not TOML: Exceeds the limit": f"first-seed = {'9' * 5000}",
    "not TOML: maximum recursion depth": f"metrics = {'[' * 3000}",
    "for out; it should be": 'out = "a\\u0000b"',
    "data_root: invalid value": 'data-root = "a\\u0000b"',
}
BAD = [
    (["--architectures", "resnet51"], "'resnet51'; did you mean 'resnet50'?"),
    (["--architectures", ","], "no architecture is named"),
    (["--metrics", "macz"], "'macz'; did you mean 'macs'?"),
    (["--metrics", ","], "--metrics: invalid value ','; it should be a list of names, as in size,compute"),
    (["--device", ""], "invalid value ''; it should be a list of names, as in cpu,cuda"),
    (["--lang", " "], "it should be a list of names, as in en,ru"),
    (["--modes", ""], "it should be a list of names, as in eager,bf16"),
    (["--finetune", ""], "it should be a list of names, as in full,probe"),
    (["--keep-env", ""], "it should be a list of names, as in HTTP_PROXY,HF_TOKEN"),
    (["--batches", ""], "it should be a list of numbers, as in 1,2,4,8"),
    (["--sizes", ","], "it should be a list of numbers, as in 160,224"),
    (["--dataset", "digit"], "'digit'; did you mean 'digits'?"),
    (["--dataset", "imagefolder"], "imagefolder:PATH"),
    (["--dataset", "imagefolder:nowhere/at/all"], "nowhere/at/all: there is no such folder; "),
    (["--dataset", f"imagefolder:{ROOT / 'docs'}", "--metrics", "size"], "docs: images, but no folder for each class"),
    (["--dataset", "fashion-mnist", "--data-root", str(ROOT / "README.md")], "README.md is not a folder; name one"),
    (["--lang", "xx"], "unknown language 'xx'"),
    (["--device", "gpu"], "'gpu'; did you mean 'cuda'?"),
    (["--device", "GPU:0"], "'GPU:0'; did you mean 'cuda'?"),
    (["--device", "xpuu"], "'xpuu'; did you mean 'xpu'?"),
    (["--device", "cuda:99"], "'cuda:99' is not there"),
    (["--steps", "-1"], "invalid value -1; it should be greater than or equal to 1"),
    (["--steps", "few"], "'few' is not a valid integer"),
    (["--steps", "9" * 400], "it should be less than or equal to 1000000"),
    (["--seeds", "0"], "invalid value 0"),
    (["--seeds", "1001"], "invalid value 1001; it should be less than or equal to 1000"),
    (["--first-seed", str(2**64)], "it should be less than or equal to 9223372036854775807"),
    (["--timeout", "0"], "greater than 0"),
    (["--timeout", "inf"], "invalid value inf; it should be a finite number"),
    (["--preset", "quik"], "did you mean 'quick'?"),
    (["--weights", "none"], "invalid value 'none'"),
    (["--checkpoint", "resnet18"], "invalid value 'resnet18'; it should be NAME=FILE"),
    (["--architectures", "resnet18", "--checkpoint", "resnet1=f.pth"], "did you mean 'resnet18'?"),
    (["--architectures", "resnet18", "--checkpoint", "resnet18=nowhere.pth"], "nowhere.pth cannot be read"),
    (["--finetune", "full,prob"], "'prob'; did you mean 'probe'?"),
    (["--budget", "20"], "it should be a time like 90s, 20m or 1h30m"),
    (["--config", "nowhere.toml"], "nowhere.toml: cannot be read"),
    (["--config", ""], "it should be a path; the current folder is '.'"),
    (["--baseline", ""], "it should be a path; the current folder is '.'"),
    (["--data-root", " "], "it should be a path; the current folder is '.'"),
    (["--architecturs", "resnet18"], "--architectures"),
]


@pytest.mark.parametrize(("options", "line"), BAD)
def test_bad_input_is_one_line_and_nothing_written(options: list[str], line: str, tmp_path: Path) -> None:
    done = call("--out", tmp_path / "new", *options)
    assert done.returncode == 2
    assert done.stdout == ""
    assert line in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_every_list_adds_to_itself_where_it_is_repeated() -> None:
    words = ["--metrics", "size", "--metrics=macs,depth", "--batches", "8", "--batches", "1", "--preset", "quick"]
    given = command.make_context("reporter", words).params
    chosen = settings({key: given[key] for key in ("metrics", "batches", "preset", "architectures")})
    assert (chosen.metrics, chosen.batches, chosen.architectures) == (("size", "macs", "depth"), (1, 8), ("lecture",))
    for name, inside in {"": command, **command.commands}.items():
        for option in inside.params:
            assert option.multiple or not str(option.metavar).endswith(",…"), f"{name} {option.name}"
    inside = command.commands["ab"].make_context("ab", ["--metrics", "latency_cpu", "--metrics", "latency_cuda"])
    assert inside.params["metrics"] == "latency_cpu,latency_cuda"
    assert command.commands["ab"].make_context("ab", []).params["metrics"] == "latency"


@pytest.mark.parametrize("before", [["--fail-on", "exact"], ["--quiet", "--out", "results"], ["--progress", "auto"]])
@pytest.mark.parametrize("name", ["compare", "nightly"])
def test_options_before_a_command_are_refused(before: list[str], name: str) -> None:
    """They would have no effect: a gate that is dropped never fails."""
    done = call(*before, name, "a", "b")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"reporter: {before[0]} has no effect before '{name}'; give options after it\n"


@pytest.mark.parametrize(("line", "text"), CONFIGS.items())
def test_bad_config_file_is_one_line(line: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(text)
    done = call("--out", tmp_path / "new", "--config", tmp_path / "run.toml")
    assert done.returncode == 2
    assert "run.toml" in done.stderr
    assert line in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_a_config_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """As editors on Windows save it."""
    (tmp_path / "run.toml").write_text('preset = "quick"\ntitle = "Сети"\n', encoding="utf-8-sig")
    chosen = settings({}, tmp_path / "run.toml")
    assert (chosen.preset, chosen.title) == ("quick", "Сети")


@pytest.mark.parametrize("given", [(), ("--out", "{other}")])
def test_a_config_file_names_the_folder_and_the_command_line_wins(given: tuple[str, ...], tmp_path: Path) -> None:
    """Both folders belong to somebody else, so that the refusal shows which of them is meant."""
    places = {"named": tmp_path / "named", "other": tmp_path / "other"}
    for name, place in places.items():
        place.mkdir()
        (place / f"{name}.tex").write_text("mine")
    (tmp_path / "run.toml").write_text(f'out = "{places["named"]}"\npreset = "quick"\n')
    done = call("--config", tmp_path / "run.toml", *(part.format(**places) for part in given))
    assert done.returncode == 2
    assert f"holds something else ({'other' if given else 'named'}.tex)" in done.stderr


IN_A_FILE: dict[str, tuple[str, str, object, object]] = {
    "architectures": ('["resnet18", "vgg16"]', "alexnet", ("resnet18", "vgg16"), ("alexnet",)),
    "metrics": ('"size,latency"', "compute", ("size", "latency"), ("compute",)),
    "preset": ('"quick"', "thorough", "quick", "thorough"),
    "device": ('["cpu"]', "auto,cuda", ("cpu",), ("auto", "cuda")),
    "dataset": ('"synthetic"', "cifar10", "synthetic", "cifar10"),
    "data_root": ('"data"', "other", "data", "other"),
    "weights": ('"random"', "pretrained", "random", "pretrained"),
    "checkpoint": ('"resnet18=a.pth"', "resnet18=b.pth", ("resnet18=a.pth",), ("resnet18=b.pth",)),
    "finetune": ('["probe", "scratch"]', "full", ("probe", "scratch"), ("full",)),
    "modes": ('"bf16"', "eager,fp16", ("bf16",), ("eager", "fp16")),
    "input_size": ('"320x256"', "96", "320x256", "96"),
    "threads": ("2", "1", 2, 1),
    "batches": ("[1, 8]", "4", (1, 8), (4,)),
    "sizes": ("[64, 96]", "32", ("64", "96"), ("32",)),
    "steps": ("3", "4", 3, 4),
    "seeds": ("2", "5", 2, 5),
    "first_seed": ("7", "9", 7, 9),
    "lang": ('["ru"]', "en", ("ru",), ("en",)),
    "edition": ('"choice"', "lecture", "choice", "lecture"),
    "title": ('"A title"', "Another", "A title", "Another"),
    "course": ('"Vision 1"', "Vision 2", "Vision 1", "Vision 2"),
    "author": ('"Ada"', "Grace", "Ada", "Grace"),
    "license": ('"CC0"', "MIT", "CC0", "MIT"),
    "timeout": ("90.5", "30", 90.5, 30.0),
    "budget": ('"20m"', "90s", "20m", "90s"),
    "fresh": ("true", "", True, True),
    "baseline": ('"before"', "earlier", "before", "earlier"),
    "fail_on": ('"exact"', "any", "exact", "any"),
    "against": ('"torch==2.14.1"', "env", "torch==2.14.1", "env"),
    "executor": ('"ray"', "local", "ray", "local"),
    "ray_address": ('"a:1"', "b:2", "a:1", "b:2"),
    "keep_env": ('["A_TOKEN"]', "B_TOKEN", ("A_TOKEN",), ("B_TOKEN",)),
}
"""Of each option: its value in TOML and on the command line, and both as they are read."""


def test_every_option_may_be_in_a_config_file_and_the_command_line_wins(tmp_path: Path) -> None:
    assert {*IN_A_FILE, "out"} == set(CONFIGURABLE)
    config = tmp_path / "run.toml"
    config.write_text("".join(f"{name.replace('_', '-')} = {toml}\n" for name, (toml, *_) in IN_A_FILE.items()))

    def read(words: list[str]) -> dict[str, object]:
        given = command.make_context("reporter", words).params
        chosen = settings({name: given[name] for name in (*IN_A_FILE, "architecture")}, config)
        return {name: getattr(chosen, name) for name in IN_A_FILE}

    assert read([]) == {name: of_file for name, (_, _, of_file, _) in IN_A_FILE.items()}
    for name, (_, word, _, of_line) in IN_A_FILE.items():
        found = read([f"--{name.replace('_', '-')}", *filter(None, [word])])
        assert found == {each: of_file for each, (_, _, of_file, _) in IN_A_FILE.items()} | {name: of_line}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('architecture = ["a.py:NET"]', "'architecture' is not allowed: it names code"),
        ('config = "b.toml"', "'config' is not allowed: a config file cannot name another one"),
        ("out = 3", "invalid value 3 for out"),
        ('outt = "r"', "unknown key 'outt'; did you mean 'out'?"),
    ],
)
def test_a_refused_key_has_its_reason(text: str, why: str, tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(ReporterError) as caught:
        settings({}, tmp_path / "run.toml")
    assert why in str(caught.value)
    assert "architectures" not in str(caught.value)


def test_a_folder_that_is_no_results_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    done = call("--out", tmp_path)
    assert (done.returncode, [path.name for path in tmp_path.iterdir()]) == (2, ["thesis.tex"])
    assert "holds something else (thesis.tex)" in done.stderr


def test_unwritable_folders(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "is a file" in call("--out", tmp_path / "file").stderr
    assert "is a file" in call("--out", tmp_path / "file" / "below").stderr
    assert call("--out", "/proc/nowhere").returncode == 2
    assert call().returncode == 2


@pytest.mark.parametrize("words", [["--out"], ["nightly", "--out"]])
def test_a_folder_that_cannot_be_examined_is_a_usage_error(words: list[str], tmp_path: Path) -> None:
    """Not a traceback, whose exit code 1 is that of a regression."""
    done = call(*words, tmp_path / ("x" * 300), "--architectures", "alexnet", "--metrics", "size")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "x cannot be used (File name too long); name another folder" in done.stderr


def test_a_folder_that_cannot_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path, **__: object) -> NoReturn:
        raise PermissionError(13, "Permission denied")

    for method in ("iterdir", "stat"):  # by its own mode, and by that of a folder around it
        with monkeypatch.context() as patch:
            patch.setattr(Path, method, refuse)
            with pytest.raises(ReporterError, match=r"cannot be .*\(Permission denied\)"):
                check_folder(tmp_path)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/gone']"), "No usable temporary d"),
        (OSError("AF_UNIX path too long"), "AF_UNIX path too long"),
        (OSError(errno.ENOSPC, "No space left on device", "/full/report.md"), "/full/report.md: No space left on dev"),
        (TimeoutError(), "TimeoutError"),
    ],
    ids=str,
)
def test_an_error_of_the_operating_system_is_no_regression(
    error: OSError, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it names a file or not: it is one line and exit code 2; the exit code of a traceback is that of one."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise error

    monkeypatch.setattr(main, "measure_and_report", fail)
    done = call("--out", "nowhere")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"reporter: {line}")


@pytest.mark.parametrize(
    "words",
    [["--out", ""], ["render", ""], ["compare", "", ""], ["choose", " "], ["accept", ""], ["nightly", "--out="]],
)
def test_an_empty_path_is_not_the_current_folder(words: list[str], tmp_path: Path) -> None:
    done = call(*words, folder=tmp_path)
    assert (done.returncode, done.stderr.count("\n"), list(tmp_path.iterdir())) == (2, 1, [])
    assert "it should be a path; the current folder is '.'" in done.stderr


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["render", "nodir"], "nodir: no records to report; there is no such folder; name a folder of reporter --out"),
        (["choose", "."], ".: no records to report; there are no records in it; name a folder of reporter --out"),
        (["render", "x" * 300], "x" * 300),
        (["choose", "x" * 300], "x" * 300),
        (["extra"], "unknown command 'extra'; known: ab, accept, choose, compare, list, "),
        (["rendr", "results"], "unknown command 'rendr'; did you mean 'render'?"),
    ],
)
def test_a_line_names_what_would_be_right(words: list[str], line: str, tmp_path: Path) -> None:
    done = call(*words, folder=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert line in done.stderr


def test_the_home_folder_is_expanded(tmp_path: Path) -> None:
    """In `--out`, `out` of a config file, `--baseline` and arguments; a file there is refused by its whole path."""
    (tmp_path / "file").write_text("")
    (tmp_path / "run.toml").write_text('out = "~/file"')
    home = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    for words in (("--out", "~/file"), ("--config", "~/run.toml"), ("render", "~/file")):
        assert str(tmp_path / "file") in call(*words, folder=tmp_path, variables=home).stderr
    done = call("--out", "~/new", "--baseline", "~/away", folder=tmp_path, variables=home)
    assert str(tmp_path / "away") in done.stderr
    assert not (tmp_path / "~").exists()


def test_list_knows_the_contract() -> None:
    known = json.loads(call("list", "--json").stdout)
    assert [entry["name"] for entry in known["architectures"]] == LECTURE
    assert {entry["key"] for entry in known["metrics"]} >= KEYS
    assert {"digits", "fashion-mnist", "cifar10", "imagenette", "flowers102", "oxford-pets", "imagefolder",
            "synthetic"} <= {entry["name"] for entry in known["datasets"]}  # fmt: skip


def test_list_of_all_torchvision() -> None:
    names = [
        entry["name"] for entry in json.loads(call("list", "--architectures", "all", "--json").stdout)["architectures"]
    ]
    assert len(names) == len(set(names)) >= 85
    assert {*LECTURE, "vit_b_16", "regnet_y_400mf"} <= set(names)


def test_a_defect_is_no_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's own exit code after a traceback is 1, which CI systems publish as a regression."""

    def broken(*_: object, **__: object) -> None:
        raise KeyError("::error::depth")

    monkeypatch.setattr(main, "command", SimpleNamespace(main=broken))
    done = call("list")
    assert (done.returncode, done.stdout) == (2, "")
    *trace, last = done.stderr.splitlines()
    assert trace[0].startswith("Traceback")
    assert trace[-1].startswith("KeyError: ")
    assert "::error" not in done.stderr
    assert last == "reporter: unexpected KeyError; the traceback is above"


def test_torch_is_not_imported(tmp_path: Path) -> None:
    """By several commands, one after the other in one process, whose charts are blank."""
    for record in lecture()[:3]:
        record_files.save(tmp_path, record)
    commands = [["--help"], ["list"], ["list", "--json"], ["render", str(tmp_path)]]
    code = f"""
import sys
from reporter.cli.main import main

for arguments in {commands}:
    try:
        main(arguments)
    except SystemExit as end:
        print(end.code, {HEAVY} & set(sys.modules))
"""
    paths = os.pathsep.join(map(str, (ROOT, BLANK_CHARTS)))
    environment = os.environ | {"PYTHONPATH": paths}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    printed = [line for line in done.stdout.splitlines() if line.endswith("set()")]
    assert printed == [f"{end} set()" for end in (0, 0, 0, 0)], done.stdout + done.stderr


def test_nightly_prints_its_result_on_standard_output_and_messages_on_standard_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def once(work: nightly.Plan, seen: object, output: nightly.Output, steps: nightly.Steps) -> int:
        output.message("a message")
        output.result("the result")
        return 1

    monkeypatch.setattr(nightly, "run", once)
    options = ("--architectures", "alexnet", "--metrics", "size", "--device", "cpu")
    done = CliRunner().invoke(command, ["nightly", "--out", str(tmp_path), *options])
    assert (done.exit_code, done.stdout) == (1, "the result\n")
    assert done.stderr.endswith("a message\n")


def test_an_interrupted_run_with_fresh_is_resumed_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same command would measure again what it has measured."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "_measured", interrupted)
    monkeypatch.setattr(interrupts, "leave", lambda: sys.exit(INTERRUPTED))
    options = ("--out", tmp_path, "--architectures", "resnet18", "--metrics", "parameters", *QUICK)
    found = [call(*options, *more, report=False).stderr.splitlines()[-1] for more in ((), ("--fresh",))]
    assert [each.partition("; rerun ")[2] for each in found] == [
        "the same command to resume",
        "the command without --fresh to resume",
    ]


def test_an_interrupted_nightly_run_prints_only_json_with_progress_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(nightly, "run", interrupted)
    options = ("--architectures", "alexnet", "--metrics", "size", "--device", "cpu", "--progress", "json")
    done = CliRunner().invoke(command, ["nightly", "--out", str(tmp_path), *options])
    messages = [json.loads(line) for line in done.stderr.splitlines()]
    interruption = {"event": "message", "text": f"interrupted; the last complete run stays in {tmp_path}"}
    assert (done.exit_code, messages[-1]) == (130, interruption)


@pytest.mark.parametrize("command", [[str(SCRIPT)], [sys.executable, "-m", "reporter"]])
def test_the_console_script_and_the_module_are_the_command(command: list[str]) -> None:
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"reporter, version {reporter.__version__}\n", "")
