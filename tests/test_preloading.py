"""What the fork server imports before the first worker."""

from __future__ import annotations

import json
import subprocess
import sys
from multiprocessing import forkserver
from pathlib import Path

import pytest
import torch
from forked import execute

from reporter.model import Architecture
from reporter.model.settings import Settings
from reporter.run.executors.local import LOADED, LocalExecutor
from reporter.run.preparation import prepare

SKLEARN, MKL = "reporter.worker.preloaded_sklearn", "reporter.worker.preloaded_mkl"
needs_mkl = pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="torch is built without MKL")


def test_workers_do_not_search_what_they_inherit_for_garbage() -> None:
    """A full collection of the 500,000 objects takes a worker as long as hundreds of calls of a small network."""
    code = "import gc, json; print(json.dumps([gc.get_freeze_count(), len(gc.get_objects()), gc.get_threshold()]))"
    frozen, others, thresholds = json.loads(execute(code).stdout)
    assert frozen > 100_000 > others
    assert thresholds == [700, 10, 10]


class Seen(LocalExecutor):
    """Finds a GPU; notes what is to be preloaded."""

    def gpus(self, asked: bool) -> list[str]:
        return []


def chosen(*_: object) -> tuple[Architecture, ...]:
    return ()


@pytest.mark.parametrize(
    ("metrics", "modules"),
    [
        (("size", "latency_cpu"), []),
        (("size", "finetune_top1"), [SKLEARN]),
        (("gradient_flow",), [SKLEARN]),
        (("operators",), [MKL]),
        (("kernels",), [MKL]),
        ((), [SKLEARN, MKL]),
    ],
)
def test_what_only_some_metrics_need_is_preloaded_for_them(
    metrics: tuple[str, ...], modules: list[str], tmp_path: Path
) -> None:
    executor = Seen()
    prepare(tmp_path, Settings(metrics=metrics), executor, chosen)
    assert forkserver._forkserver._preload_modules == [*LOADED, *modules]


FIRST_CALL = """
from reporter.worker.profiling.kernel_names import verbose
with verbose() as capture:
    torch.ones(2, 2) @ torch.ones(2, 2)
    lines = [line for line in capture.text().splitlines() if line.startswith(b"MKL_VERBOSE")]
print(*("call" if line.startswith(b"MKL_VERBOSE SGEMM(") else "about MKL" for line in lines), sep=", ")
"""


@needs_mkl
def test_mkl_has_measured_the_frequency_of_the_processor() -> None:
    """In the fork server of the tests; MKL prints it in a line before the first call that it reports."""
    assert MKL in LOADED
    assert execute(f"import torch\n{FIRST_CALL}").stdout.splitlines()[-1] == "call"


@needs_mkl
@pytest.mark.slow
@pytest.mark.parametrize(("module", "printed"), [("torch", "about MKL, call"), (MKL, "call")])
def test_mkl_measures_the_frequency_of_the_processor_once(module: str, printed: str) -> None:
    """In a fresh process, without and with what is preloaded; no thread is started, which a fork would lose."""
    code = f"""
import importlib, os
import torch
before = os.listdir("/proc/self/task")
importlib.import_module("{module}")
assert os.listdir("/proc/self/task") == before
{FIRST_CALL}"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, [printed]), done.stderr


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch is built without oneDNN")
def test_what_is_preloaded_reads_no_variables_of_onednn() -> None:
    """It reads them once: at its first use, which is in the worker."""
    code = f"""
import importlib, os
import torch
from reporter.worker.profiling.kernel_names import primitives, verbose
importlib.import_module("{MKL}")
os.environ["ONEDNN_MAX_CPU_ISA"] = "SSE41"
with verbose() as capture:
    torch.nn.functional.conv2d(torch.ones(1, 64, 20, 20), torch.ones(64, 64, 3, 3))
    print(*(each.implementation for each in primitives(capture.text())))
"""
    printed = execute(code).stdout
    assert printed.strip()
    assert "avx" not in printed


def test_what_is_preloaded_adds_up() -> None:
    executor = LocalExecutor()
    for module in (SKLEARN, "reporter.worker.preloaded_timm", SKLEARN):
        executor.preload(module)
    assert forkserver._forkserver._preload_modules == [*LOADED, SKLEARN, "reporter.worker.preloaded_timm"]
    LocalExecutor()
    assert forkserver._forkserver._preload_modules == LOADED


@pytest.mark.parametrize(("error", "printed"), [("EOFError", False), ("ValueError", True)])
def test_a_process_that_was_never_sent_a_job_prints_nothing(error: str, printed: bool) -> None:
    """A run that is interrupted ends between the request for a process and the job: the process reads an empty pipe."""
    code = f"import reporter.host.forkserver; raise {error}('Ran out of input')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert ("Ran out of input" in done.stderr) is printed
