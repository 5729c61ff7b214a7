"""What readings depend on besides the code: images, and variables that change which kernels run."""

from __future__ import annotations

import ast
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

import forked
import pytest
from commands import run
from networks import CONDITIONS, own
from PIL import Image
from simulated import METRICS, Simulated, slot

from reporter.cli.progress import Lines
from reporter.compare.folders import compare
from reporter.host import gpus, machine
from reporter.host.fingerprints import Images, files, variables
from reporter.registry.selection import images
from reporter.run import experiment
from reporter.run.request import Request
from reporter.store import record_files

KEYS = ("size", "latency_cpu_1thread", "gradients")


def made(folder: Path, names: str = "ab", count: int = 3) -> Path:
    for kind in names:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            (folder / kind / f"{number}.bin").write_bytes(kind.encode() * 100)
    return folder


def rewritten(path: Path) -> None:
    """The same size, other content: only the time of its change says so."""
    before = path.stat()
    path.write_bytes(bytes(before.st_size))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: rewritten(folder / "a" / "1.bin"),
        lambda folder: (folder / "a" / "new.bin").write_bytes(b"x"),
        lambda folder: (folder / "b" / "2.bin").unlink(),
        lambda folder: (folder / "b" / "2.bin").rename(folder / "a" / "2b.bin"),
        lambda folder: (folder / "a").rename(folder / "c"),
    ],
)
def test_a_change_of_a_file_changes_the_digest(change: Callable[[Path], object], tmp_path: Path) -> None:
    folder = made(tmp_path / "images")
    before = files(folder)
    assert before == files(folder)
    change(folder)
    assert files(folder) != before


def test_what_does_not_change_the_digest(tmp_path: Path) -> None:
    folder = made(tmp_path / "images")
    before = files(folder)
    (folder / ".DS_Store").write_bytes(b"x")
    made(folder / ".ipynb_checkpoints")
    (folder / "a" / "._0.bin").write_bytes(b"x")
    (folder / "empty").mkdir()
    (folder / "b" / "loop").symlink_to(folder)
    assert files(folder) == before
    (folder / "b" / "loop").unlink()
    folder.rename(tmp_path / "moved")
    assert files(tmp_path / "moved") == before
    assert files(tmp_path / "none") is None


def test_linked_folders_are_read(tmp_path: Path) -> None:
    folder = made(tmp_path / "images")
    (folder / "c").symlink_to(made(tmp_path / "elsewhere"))
    before = files(folder)
    rewritten(tmp_path / "elsewhere" / "a" / "0.bin")
    assert files(folder) != before


def test_only_the_folder_of_the_data_set_counts(tmp_path: Path) -> None:
    for name in ("FashionMNIST/raw", "cifar-10-batches-py"):
        made(tmp_path / name)
    before = {name: images(name, str(tmp_path)).before for name in ("fashion-mnist", "cifar10", "digits", "synthetic")}
    rewritten(tmp_path / "FashionMNIST" / "raw" / "a" / "0.bin")
    after = {name: images(name, str(tmp_path)).before for name in before}
    assert {name for name in before if before[name] != after[name]} == {"fashion-mnist"}
    assert before["cifar10"] is not None
    assert before["digits"] is before["synthetic"] is None
    assert images(f"imagefolder:{tmp_path}", None).before == files(tmp_path)


def rounds(folder: Path, found: Images, **more: Any) -> list[str]:
    """What a simulated run measured, with these images."""
    conditions = CONDITIONS.model_copy(update={"data": found.before, **more})
    metrics = {name: METRICS[name] for name in KEYS}
    request = Request(folder, [own()], metrics, {"cpu": "cpu", "any": "cpu"}, conditions, images=found)
    executor = Simulated([slot("here")])
    experiment.run(request, executor, Lines(StringIO()))
    return [name for each in executor.done for name in each.job.metrics]


def test_only_what_depends_on_the_images_is_measured_again(tmp_path: Path) -> None:
    folder = made(tmp_path / "images")
    assert rounds(tmp_path, Images(folder)) == list(KEYS)
    assert rounds(tmp_path, Images(folder)) == []
    rewritten(folder / "a" / "1.bin")
    assert rounds(tmp_path, Images(folder)) == ["gradients"]
    assert rounds(tmp_path, Images(folder)) == []
    shutil.rmtree(folder)  # images that are gone have not changed
    assert rounds(tmp_path, Images(folder)) == []


def test_images_that_a_run_fetches_are_those_of_the_next(tmp_path: Path) -> None:
    class Fetched(Images):
        @cached_property
        def used(self) -> str | None:  # type: ignore[override]
            made(tmp_path / "images")
            return files(tmp_path / "images")

    assert "gradients" in rounds(tmp_path, Fetched(tmp_path / "images", fetched=True))
    assert rounds(tmp_path, Images(tmp_path / "images", fetched=True)) == []
    for fetched in (True, False):  # own images that change in the middle of a run are those of its start
        found = Images(tmp_path / "images", fetched)
        before = found.before
        rewritten(tmp_path / "images" / "a" / "0.bin")
        assert (found.used == before) is not fetched


def test_a_reading_without_a_digest_is_used(tmp_path: Path) -> None:
    """As in records of reporter 0.1.0."""
    rounds(tmp_path, Images())
    assert rounds(tmp_path, Images(made(tmp_path / "images"))) == []


def test_variables_that_change_what_is_measured() -> None:
    counted = {
        "ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default",
        "MKL_CBWR": "COMPATIBLE", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2", "MKL_DEBUG_CPU_TYPE": "5",
        "NVIDIA_TF32_OVERRIDE": "0", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1", "CUBLAS_WORKSPACE_CONFIG": ":16:8",
        "CUDNN_FRONTEND_ATTN_DP_WORKSPACE_LIMIT": "1", "OMP_PROC_BIND": "close", "KMP_AFFINITY": "compact",
        "GLIBC_TUNABLES": "glibc.malloc.arena_max=1", "MALLOC_ARENA_MAX": "1", "LD_PRELOAD": "libjemalloc.so",
        "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True", "PYTORCH_TUNABLEOP_ENABLED": "1",
        "TORCH_COMPILE_DISABLE": "1", "TORCHDYNAMO_DISABLE": "1", "TORCHINDUCTOR_MAX_AUTOTUNE": "1",
    }  # fmt: skip
    others = {"HOME": "/", "ONEDNN_VERBOSE": "1", "DNNL_VERBOSE": "1", "MKL_VERBOSE": "1", "CUDNN_LOGLEVEL_DBG": "3",
              "OMP_NUM_THREADS": "1", "OMP_DISPLAY_ENV": "1", "TORCH_HOME": "/", "TORCH_LOGS": "+dynamo",
              "TORCHINDUCTOR_CACHE_DIR": "/", "TORCHDYNAMO_VERBOSE": "1"}  # fmt: skip
    assert variables(counted | others) == dict(sorted(counted.items()))
    assert variables({"LD_PRELOAD": "a\x1b[1m\udcff" + "b" * 1000})["LD_PRELOAD"].startswith("a\\x1b[1m\\udcffbbb")


def test_a_variable_makes_another_reading_but_not_another_count(tmp_path: Path) -> None:
    capped = {"variables": {"ONEDNN_MAX_CPU_ISA": "AVX2"}}
    assert rounds(tmp_path, Images(), **capped) == list(KEYS)
    [before], _ = record_files.load_all(tmp_path)
    assert rounds(tmp_path, Images(), **capped) == []
    assert rounds(tmp_path, Images()) == list(KEYS[1:])
    [after], _ = record_files.load_all(tmp_path)
    why = {gap.why for gap in compare([before], [after]).gaps}
    assert why == {"taken under other settings (ONEDNN_MAX_CPU_ISA AVX2, then None)"}


def test_a_node_measures_under_its_own_variables(tmp_path: Path) -> None:
    def measured(*nodes: str) -> set[tuple[str, str]]:
        slots = [replace(slot(node, machine=node), variables={"OMP_PROC_BIND": node}) for node in nodes]
        metrics = {name: METRICS[name] for name in KEYS}
        request = Request(tmp_path, [own()], metrics, {"cpu": "cpu", "any": "cpu"}, CONDITIONS)
        executor = Simulated(slots)
        experiment.run(request, executor, Lines(StringIO()))
        return {(each.slot.node, name) for each in executor.done for name in each.job.metrics}

    assert measured("a", "b") == {(node, name) for node in "ab" for name in KEYS}
    assert measured("a", "b") == set()
    found = {
        record.machine: record.readings["latency_cpu_1thread"].settings for record in record_files.load_all(tmp_path)[0]
    }
    assert [found[node]["variables"] for node in "ab"] == [{"OMP_PROC_BIND": node} for node in "ab"]


def test_the_kind_of_a_machine_does_not_depend_on_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    before = machine.key()
    for name in ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "OMP_NUM_THREADS", "MKL_ENABLE_INSTRUCTIONS"):
        monkeypatch.setenv(name, "1")
    for function in (machine.facts, machine.usable_threads, gpus.installed):
        function.cache_clear()
    assert machine.key() == before


def test_scikit_learn_in_the_process_changes_no_condition() -> None:
    """It sets variables of Intel's OpenMP when it is imported, which make no difference to what is measured.

    A process of the fork server, which has imported it, does so again.
    """
    code = """
import importlib, os, sklearn
for name in [name for name in os.environ if name.startswith("KMP_")]:
    del os.environ[name]
before = dict(os.environ)
importlib.reload(sklearn)
print(dict(os.environ.items() - before.items()))
"""
    added = ast.literal_eval(forked.execute(code).stdout)
    assert added
    assert variables(added) == {}
    assert variables({"KMP_AFFINITY": "compact"}) == {"KMP_AFFINITY": "compact"}


@pytest.mark.slow
def test_a_run_after_images_or_variables_changed(tmp_path: Path) -> None:
    """Through the command: once more what depends on them, and then nothing."""
    for kind, level in (("dark", 60), ("light", 190)):
        for part, count in (("train", 12), ("val", 6)):
            (tmp_path / "images" / part / kind).mkdir(parents=True)
            for number in range(count):
                picture = Image.new("RGB", (40, 40), (level + number,) * 3)
                picture.save(tmp_path / "images" / part / kind / f"{number}.png")
    net = tmp_path / "net.py"
    net.write_text("from torch import nn\n\n\ndef build(classes):\n    return nn.Sequential(nn.Conv2d(3, 8, 3, 4), "
                   "nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes))\n")  # fmt: skip
    options = ("--out", tmp_path / "r", "--architecture", f"{net}:build", "--metrics", "latency_cpu,finetune_top1",
               "--dataset", f"imagefolder:{tmp_path / 'images'}", "--preset", "quick", "--steps", 3,
               "--modes", "eager")  # fmt: skip

    of_every_run = {"imagenet_top1", "imagenet_top5", "imagenet_best_top1", "imagenet_best_top5", "finished"}

    def lines(**variables: str) -> set[str]:
        done = run(*options, variables=variables)
        assert done.returncode == 0, done.stderr
        words = {line.split()[2].rstrip(";") for line in done.stderr.splitlines() if line.startswith("[")}
        found = words - of_every_run
        assert found or "nothing to do" in done.stderr
        return found

    every = {"latency_cpu", "finetune_top1", "finetune_seconds", "gradient_ratio_trained", "finetune_step_seconds"}
    assert lines() == every
    assert lines() == set()
    Image.new("RGB", (40, 40), (0, 0, 0)).save(tmp_path / "images" / "train" / "dark" / "0.png")
    assert lines() == every - {"latency_cpu"}
    assert lines(ATEN_CPU_CAPABILITY="default") == every
    assert lines(ATEN_CPU_CAPABILITY="default") == set()
    assert lines() == every
