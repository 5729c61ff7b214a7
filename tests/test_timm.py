"""timm's networks: what they are called, which images they take, and that they count as timm says."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path

import pytest
import samples
from commands import ROOT, call, run
from networks import subject
from test_architectures import highest_rate

from reporter import facts
from reporter.architectures import timm as ours
from reporter.cli import choosing
from reporter.metrics import fvcore_macs, imagenet_accuracy
from reporter.metrics.size import measure as measure_size
from reporter.model import Architecture, Reading, ReporterError
from reporter.registry.selection import select
from reporter.report.language import language
from reporter.report.published import accuracy_marks
from reporter.store import record_files
from reporter.worker.lookup import find

pytestmark = pytest.mark.skipif(find_spec("timm") is None, reason="timm is not installed")
RESULTS = [row for rows in facts.timm_accuracies().values() for row in rows]

with (Path(__file__).parent / "data" / "timm_benchmark.csv").open(encoding="utf-8", newline="") as file:
    TABLE = {row["model"]: row for row in csv.DictReader(file)}
CHEAP = ("resnet18", "dla60x_c", "mobilenetv2_100", "tinynet_e", "ghostnet_100", "convnext_zepto_rms", "lcnet_050",
         "vit_tiny_patch16_224", "mixer_s32_224", "pit_ti_224", "mobilevit_xxs", "efficientvit_b0")  # fmt: skip
COUNTED = ("tinynet_e", "mixer_s32_224", "vit_tiny_patch16_224")
some = pytest.mark.parametrize(
    "name", [name if name in CHEAP else pytest.param(name, marks=pytest.mark.slow) for name in TABLE]
)


@cache
def known() -> tuple[Architecture, ...]:
    return tuple(ours.described(*each) for each in ours.model_list())


def names(*words: str) -> list[str]:
    return [entry.name for entry in select(words, list, known)]


def test_names_and_globs() -> None:
    assert names("timm:resnet50", "timm:vit_tiny_*_224") == ["timm:resnet50", "timm:vit_tiny_patch16_224",
                                                            "timm:vit_tiny_r_s16_p8_224"]  # fmt: skip
    assert len(names("timm:*")) > 1300
    assert names("alexnet", "timm:resnet18") == ["alexnet", "timm:resnet18"]
    with pytest.raises(ReporterError, match="unknown architecture 'timm:resnet51'; did you mean 'timm:resnet5"):
        names("timm:resnet51")
    with pytest.raises(ReporterError, match="timm has no architecture 'nothing'"):
        find("timm:nothing")


def test_what_is_said_of_one() -> None:
    import timm

    entry = find("timm:resnet50")
    assert (entry.family, entry.year, entry.input_size, entry.weights) == ("ResNet", None, 224, None)
    assert entry.made_of == f"timm {timm.__version__}"
    assert find("timm:vit_small_patch16_384").input_size == 384
    assert entry.definition != ours.described("resnet50", "resnet", 288).definition


def published(name: str, **changed: object) -> dict[str, Reading]:
    return {reading.quantity.key: reading for reading in imagenet_accuracy.measure(subject(name, **changed))}


def test_names_with_tags() -> None:
    """A tag is known with its own input size and license; a glob has tags only where it has a dot."""
    assert names("timm:resnet50.tv_in1k") == ["timm:resnet50.tv_in1k"]
    assert len(names("timm:resnet50.*")) > 10
    assert all("." not in name for name in names("timm:*"))
    sizes = {name: find(name).input_size for name in names("timm:convnext_base.*")}
    assert sizes["timm:convnext_base.fb_in22k_ft_in1k"] == 224
    assert sizes["timm:convnext_base.fb_in22k_ft_in1k_384"] == 384
    assert find("timm:convnext_base.fb_in22k_ft_in1k").published["weights_license"] == "apache-2.0"
    with pytest.raises(ReporterError, match=r"unknown architecture 'timm:resnet50.tv_in2k'; did you mean"):
        names("timm:resnet50.tv_in2k")
    with pytest.raises(ReporterError, match=r"timm has no architecture 'resnet50.nothing'"):
        find("timm:resnet50.nothing")


@pytest.mark.parametrize("name", ["resnet50.tv_in1k", "resnet50", "mobilenetv4_conv_medium", "efficientnet_b0"])
def test_published_accuracies_are_those_of_timms_table(name: str) -> None:
    """Of the tag in the name or the default tag, at the image size of the network if the table has it."""
    import timm

    found, entry = published(f"timm:{name}"), find(f"timm:{name}")
    top1, best = found["imagenet_top1"], found["imagenet_best_top1"]
    tag = timm.get_pretrained_cfg(name).tag
    assert top1.detail["weights"] == f"{name.partition('.')[0]}.{tag}"
    rows = [row for row in RESULTS if row["model"] == top1.detail["weights"]]
    sizes = {int(row["img_size"]) for row in rows}
    assert (top1.detail["test_size"] == entry.input_size) == (entry.input_size in sizes)
    (row,) = (row for row in rows if int(row["img_size"]) == top1.detail["test_size"])
    assert top1.value == pytest.approx(float(row["top1"]) / 100)
    assert found["imagenet_top5"].value == pytest.approx(float(row["top5"]) / 100)
    assert top1.detail["crop"] == float(row["crop_pct"])
    assert "aa4b585" in top1.detail["source"]
    assert best.value >= top1.value
    assert best.detail["weights"].startswith(f"{name.partition('.')[0]}.")


def test_tags_without_a_row_and_other_sizes() -> None:
    found = published("timm:levit_conv_512d")
    assert found["imagenet_top1"].status == "unsupported"
    assert "no published row for this tag in timm's table: levit_conv_512d.untrained" in found["imagenet_top1"].reason
    assert "not of 64" in published("timm:resnet18", input_size="64")["imagenet_top1"].reason
    assert published("timm:resnet18", input_size="288")["imagenet_top1"].detail["test_size"] == 288
    known = {f"{name}.{tag}" for name, _, _, tag, _ in ours.model_list() if "." not in name}
    assert len(known & {row["model"] for row in RESULTS}) > 850


@pytest.mark.parametrize(("measured", "sign"), [(256, ""), (224, "¶")])
def test_an_accuracy_at_another_size_is_marked(measured: int, sign: str, tmp_path: Path) -> None:
    detail = {"weights": "a.b", "test_size": 256}
    reading = samples.reading("imagenet_top1", 0.8, **detail)
    record = samples.record(samples.ROWS[0])
    record = record.model_copy(
        update={"input_size": measured, "readings": record.readings | {"imagenet_top1": reading}}
    )
    assert accuracy_marks.other_size(record) == (256 if sign else None)
    assert accuracy_marks.special(record) == (sign or "§")
    record_files.save(tmp_path, record)
    text = choosing.in_words(choosing.chosen(tmp_path, {}))
    assert ("¶ (256 px)" in text) == ("¶ accuracy taken at another image size" in text) == bool(sign)
    notes = " ".join(accuracy_marks.footnotes([record], language("en")))
    assert ("AlexNet: 256 pixels" in notes or "alexnet: 256 pixels" in notes) == bool(sign)


def test_images_are_as_large_as_the_network_names() -> None:
    """Its `input_size`, which is the size of timm's table but for networks that it tests with larger images."""
    import timm

    for name, row in TABLE.items():
        size, known = find(f"timm:{name}").input_size, timm.get_pretrained_cfg(name)
        assert size == known.input_size[1], name
        assert int(row["infer_img_size"]) in (size, (known.test_input_size or known.input_size)[1]), name


@pytest.mark.parametrize(("name", "size"), [("resnet50", 224), ("mobilenetv4_conv_medium", 256), ("tinynet_e", 106)])
def test_a_test_size_is_not_the_input_size(name: str, size: int) -> None:
    assert find(f"timm:{name}").input_size == size


@some
def test_parameters_are_those_of_timms_table(name: str) -> None:
    (parameters, *_) = measure_size(subject(f"timm:{name}"))
    assert f"{parameters.value / 1e6:.2f}" == f"{float(TABLE[name]['param_count']):.2f}"


LSTMS = 1024 * 8 * 2 * 4 * 48 * (192 + 48) + 256 * 28 * 2 * 4 * 96 * (384 + 96)
"""Multiply-adds that fvcore does not see in sequencer2d_s, by hand: tokens x LSTMs x directions x gates x widths."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in COUNTED else [pytest.mark.slow]) for name in TABLE]
)
def test_multiply_adds_are_those_of_timms_table(name: str) -> None:
    """It counts by fvcore: so do we besides, and what that counter adds to our own number is named to the last."""
    made = subject(replace(find(f"timm:{name}"), input_size=int(TABLE[name]["infer_img_size"])))
    (counted,) = fvcore_macs.measure(made)
    assert f"{counted.value / 1e9:.2f}" == f"{float(TABLE[name]['infer_gmacs']):.2f}"
    added = sum(number for key, number in counted.detail["operators"].items() if key in fvcore_macs.EXTRAS)
    missing = counted.detail["because"].get("missing", 0)
    assert made.counts.macs == counted.value - added + missing
    assert missing == (LSTMS if name == "sequencer2d_s" else 0)


@some
def test_learns_slower_without_batch_norm(name: str) -> None:
    made = subject(f"timm:{name}")
    assert 0 < made.architecture.learning_rate <= highest_rate(made.meta)


def test_the_table_has_fifty_networks_of_different_kinds() -> None:
    modules = {module for name, module, *_ in ours.model_list() if name in TABLE}
    assert len(TABLE) > 100
    assert len(modules) > 50


def test_without_timm_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is hidden from the command as if it were not there."""

    def version(name: str) -> str:
        raise PackageNotFoundError(name)

    ours.require.cache_clear()
    monkeypatch.setattr(ours, "version", version)
    done = call("--out", tmp_path / "new", "--architectures", "timm:resnet50")
    assert done.returncode == 2
    assert done.stderr == f"reporter: {ours.MISSING}\n"
    assert "pip install 'timm>=1.0'" in done.stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
def test_a_run_of_one(tmp_path: Path) -> None:
    options = ("--out", tmp_path, "--architectures", "timm:test_resnet", "--preset", "quick", "--device", "cpu",
               "--steps", "2")  # fmt: skip
    done = run(*options)
    assert done.returncode == 0, done.stderr
    (record,) = record_files.load_all(tmp_path)[0]
    assert record.architecture == "timm:test_resnet"
    assert all(record.value(key) for key in ("parameters", "macs", "latency_cpu", "finetune_top1", "gradient_ratio"))
    assert record.readings["imagenet_top1"].detail["weights"] == "test_resnet.r160_in1k"
    assert record.published["weights_license"] == "apache-2.0"
    assert record.readings["finetune_top1"].detail["weights_reason"] == ours.UNPUBLISHED
    assert "nothing to do" in run(*options).stderr
    assert "--architectures timm:test_resnet" in (tmp_path / "report.md").read_text().replace("\\", "")


@pytest.mark.slow
def test_they_are_listed_and_no_parent_imports_timm() -> None:
    done = run("list", "--architectures", "timm:test_*", "--json")
    assert "timm:test_resnet" in [entry["name"] for entry in json.loads(done.stdout)["architectures"]]
    code = "import sys; from reporter.cli.main import main\ntry: main(['list', '--architectures', 'timm:test_vit'])\n"
    code += "finally: print({'torch', 'timm'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.stdout.splitlines()[-1] == "set()"
