"""What Ray costs and how it scales: `python benchmarks/ray_overhead.py [GLOB] [--nodes 1,2,3] [--tasks N]`.

Starts a real Ray cluster on this machine, node by node. First jobs that measure nothing, one after the other: what a
call to Ray's actor takes by itself, what a fresh worker takes without Ray, and the whole task as a run begins it. Then
the static pass (size, multiply-adds, activations, depth, exact memory; a fresh process per network) of torchvision's
classifiers whose names fit GLOB, over one node, two and three. The nodes share this machine's cores, so that two cores
can do no better than twice one. Prints tables in Markdown.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

STATIC = ("parameters", "macs", "activations", "depth", "peak_activation_bytes", "peak_training_bytes")
STORE = 80 * 2**20
GOAL = 0.05


@contextmanager
def cluster(nodes: int) -> Iterator[str]:
    """A cluster of so many nodes of one CPU each; gives its address."""
    from ray.cluster_utils import Cluster

    made = Cluster(True, head_node_args={"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False})
    try:
        for _ in range(nodes - 1):
            made.add_node(num_cpus=1, object_store_memory=STORE)
        yield made.address
    finally:
        made.shutdown()


def request(glob: str, folder: Path, executor: Any) -> Any:
    from reporter.model.settings import Settings
    from reporter.run.preparation import prepare

    asked = ("torchvision",) if glob == "*" else (glob,)
    return prepare(folder, Settings(architectures=asked, metrics=STATIC, device=("cpu",)), executor)


def each(tasks: int, act: Callable[[], object]) -> list[float]:
    """Seconds of so many calls, one after the other, once it is warm."""
    from reporter.worker.latency.timing import cpu_timer

    act()
    return cpu_timer(act, tasks)


def overhead(address: str, tasks: int) -> None:
    """Jobs without a metric: nothing is built, nothing measured."""
    import ray

    from reporter.host.job import Job
    from reporter.run.executors.local import LocalExecutor
    from reporter.run.executors.ray import RayExecutor
    from reporter.run.slots import Executor, free

    def empty(executor: Executor) -> Callable[[], object]:
        from reporter.run.slots import converse

        job = Job(architecture="alexnet", metrics=(), device="cpu", conditions=asked.conditions, process="empty")
        return lambda: converse(executor, free(executor), job.model_dump_json(), lambda message: None)

    with TemporaryDirectory() as folder, closing(RayExecutor(address)) as remote, closing(LocalExecutor()) as local:
        asked = request("alexnet", Path(folder), local)
        remote.open(asked)
        actor = next(iter(remote._places.values())).actor
        rows = {
            "a call to an actor of Ray": each(tasks, lambda: ray.get(actor.about.remote())),
            "a fresh worker on this machine, without Ray": each(tasks, empty(local)),
            "a task: a call and a fresh worker on a node": each(tasks, empty(remote)),
        }
    print(f"| an empty job, {tasks} times | median, ms | worst of 20, ms | goal, ms |\n| --- | ---: | ---: | ---: |")
    for what, taken in rows.items():
        worst = sorted(taken)[int(len(taken) * 0.95)]
        goal = f"{GOAL * 1000:.0f}" if what.startswith("a task") else ""
        print(f"| {what} | {statistics.median(taken) * 1000:.1f} | {worst * 1000:.1f} | {goal} |", flush=True)
    _, alone, whole = (statistics.median(taken) for taken in rows.values())
    print(f"| what Ray adds to a fresh worker | {(whole - alone) * 1000:.1f} |  |  |")


def static_pass(glob: str, address: str | None) -> tuple[int, float, float, int]:
    """Jobs, wall seconds, seconds inside measuring calls, and failures; torch is loaded before the clock starts."""
    from reporter.cli.progress import Lines
    from reporter.run import experiment
    from reporter.run.executors.local import LocalExecutor
    from reporter.run.executors.ray import RayExecutor

    executor: Any = RayExecutor(address) if address else LocalExecutor()
    with TemporaryDirectory() as folder:
        asked = request(glob, Path(folder), executor)
        warm(executor, asked)
        outcome = experiment.run(asked, Warm(executor), Lines(StringIO()))
    return outcome.jobs, outcome.seconds, outcome.busy + outcome.building, outcome.failed


class Warm:
    """An executor with existing slots."""

    def __init__(self, executor: Any) -> None:
        self._executor = executor

    def open(self, request: Any) -> tuple[str, ...]:
        return ()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._executor, name)


def warm(executor: Any, asked: Any) -> None:
    """Opens the slots and lets each of them load torch, all at a time."""
    from reporter.host.job import Job
    from reporter.model import Verdict

    executor.open(asked)
    job = Job(architecture="alexnet", metrics=(), device="cpu", conditions=asked.conditions, process="empty")
    waiting = list(executor.slots)
    for slot in waiting:
        executor.start(slot, job.model_dump_json(), None)
    while waiting:
        heard = executor.listen()
        if heard and isinstance(heard[1], Verdict):
            waiting.remove(heard[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("glob", nargs="?", default="*", help="which of torchvision's classifiers (default: all)")
    parser.add_argument("--nodes", default="1,2,3", help="how many nodes, one after the other")
    parser.add_argument("--tasks", type=int, default=100, help="empty jobs")
    asked = parser.parse_args()
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    paths = [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    with cluster(1) as address:
        overhead(address, asked.tasks)
    print(
        "\n| static pass | networks | seconds | networks/s | beside one node | inside calls, s | failed |\n"
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    )
    row("without Ray", static_pass(asked.glob, None), None)
    first: float | None = None
    for nodes in map(int, asked.nodes.split(",")):
        with cluster(nodes) as address:
            done = static_pass(asked.glob, address)
        first = first or done[1]
        row(f"{nodes} node{'s' * (nodes > 1)}", done, first)
    print(f"\n{len(os.sched_getaffinity(0))} cores, Python {sys.version.split()[0]}, {versions()}")


def row(what: str, done: tuple[int, float, float, int], first: float | None) -> None:
    jobs, seconds, busy, failed = done
    beside = f"{first / seconds:.2f} x" if first else ""
    print(f"| {what} | {jobs} | {seconds:.1f} | {jobs / seconds:.2f} | {beside} | {busy:.1f} | {failed} |", flush=True)


def versions() -> str:
    from importlib.metadata import version

    return ", ".join(f"{package} {version(package)}" for package in ("ray", "torch", "torchvision"))


if __name__ == "__main__":
    main()
