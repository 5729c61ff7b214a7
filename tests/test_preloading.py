"""What the fork server imports before the first worker."""

from __future__ import annotations

import json
from multiprocessing import forkserver
from pathlib import Path

import pytest
from forked import execute

from reporter.model import Architecture
from reporter.model.settings import Settings
from reporter.run.executors.local import LOADED, LocalExecutor
from reporter.run.preparation import prepare

SKLEARN = "reporter.worker.preloaded_sklearn"


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
        ((), [SKLEARN]),
    ],
)
def test_scikit_learn_is_imported_once_where_models_are_trained(
    metrics: tuple[str, ...], modules: list[str], tmp_path: Path
) -> None:
    executor = Seen()
    prepare(tmp_path, Settings(metrics=metrics), executor, chosen)
    assert forkserver._forkserver._preload_modules == [*LOADED, *modules]


def test_what_is_preloaded_adds_up() -> None:
    executor = LocalExecutor()
    for module in (SKLEARN, "reporter.worker.preloaded_timm", SKLEARN):
        executor.preload(module)
    assert forkserver._forkserver._preload_modules == [*LOADED, SKLEARN, "reporter.worker.preloaded_timm"]
    LocalExecutor()
    assert forkserver._forkserver._preload_modules == LOADED
