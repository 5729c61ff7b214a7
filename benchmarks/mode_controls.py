"""Are the gains of execution modes real? Three controls on real calls, of small and large networks.

`python benchmarks/mode_controls.py [ARCHITECTURE,…]` (default: eight networks) measures in fresh processes:

- A/A: eager against eager as a "mode". Of 40 pairs none may be stated as a gain or loss, and at most 5 of the 95 %
  intervals may exclude 1.
- a mode that is slowed by 5 %: it waits after each call. It has to be stated in 19 of 20 pairs.
- each available engine in turns with eager and alone: the two medians should agree within 5 %.

`--rounds N` rounds (default 3, as the standard preset), `--seconds S` of sampling per mode and time (default 0.25).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter
from typing import Any

from reporter.host.job import Job
from reporter.model import Engine, Metric, Reading, Record
from reporter.model.fields import MODES_SHARE
from reporter.model.readings import SPEEDUP
from reporter.model.settings import PRESETS, Conditions
from reporter.registry import execution_modes
from reporter.registry.catalog import collect

NETWORKS = ("resnet18", "squeezenet1_1", "mobilenet_v2", "googlenet", "shufflenet_v2_x1_0", "mnasnet0_5", "alexnet",
            "efficientnet_b0")  # fmt: skip
KEYS = ("latency_cpu_1thread", "latency_cpu")
SLOWED = 0.05


def again(model: Any, example: Any, **_: Any) -> Callable[[Any], Any]:
    """Eager itself."""
    return model


def slowed(model: Any, example: Any, **_: Any) -> Callable[[Any], Any]:
    """Eager, and 5 % of its time of waiting."""

    def call(images: Any) -> Any:
        start = perf_counter()
        found = model(images)
        now = perf_counter()
        end = now + SLOWED * (now - start)
        while perf_counter() < end:
            pass
        return found

    return call


CONTROLS = {name: Engine(name, name, prepare) for name, prepare in (("again", again), ("slowed", slowed))}


def measure(
    name: str, mode: str, number: int, conditions: Conditions, alone: bool = False
) -> dict[str, dict[str, Any]]:
    """The readings of one round of a mode, in a process of its own."""
    import multiprocessing

    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_measure, (name, mode, number, conditions.model_dump_json(), alone))


def _measure(name: str, mode: str, number: int, conditions: str, alone: bool) -> dict[str, dict[str, Any]]:
    from reporter.worker import mode_preparation, mode_timing, torch_state
    from reporter.worker.lookup import find
    from reporter.worker.subject import Subject

    torch_state.settle()
    every = execution_modes.engines() | CONTROLS
    for module in (execution_modes, mode_preparation, mode_timing):
        module.engines = lambda: every  # type: ignore[attr-defined]
    found: dict[str, dict[str, Any]] = {}

    def send(message: dict[str, Any]) -> None:
        if "reading" in message and message["mode"] == mode:
            found[message["reading"]["quantity"]["key"]] = message["reading"]

    with tempfile.TemporaryDirectory() as cache:
        made = Conditions.model_validate_json(conditions)
        job = Job(
            architecture=name, metrics=KEYS, device="cpu", conditions=made, process="modes", round=number + 1,
            modes=(mode,), cache=cache,
        )  # fmt: skip
        subject = Subject(find(name), "cpu", made, number)
        rotation = _alone if alone else mode_timing.rotate
        mode_timing.measure_modes(job, collect("reporter.metrics", Metric), subject, send, rotation)
    return found


def _alone(calls: Any, timer: Any, **more: Any) -> dict[str, tuple[float, ...]]:
    """The modes without eager beside them, whose time is taken first."""
    from reporter.worker.rotation import rotate

    return {name: each for one in calls for name, each in rotate({one: calls[one]}, timer, **more).items()}


def joined(rounds: Sequence[dict[str, Any]]) -> Reading:
    """One reading with all rounds."""
    parts = [Reading.model_validate(each) for each in rounds]
    samples = tuple(sample for part in parts for sample in part.samples)
    return parts[0].model_copy(update={"samples": samples, "rounds": tuple(len(part.samples) for part in parts)})


def record(name: str, mode: str, rounds: Sequence[dict[str, dict[str, Any]]]) -> Record:
    """The speedups of a mode in all rounds."""
    keys = [key for key, reading in rounds[0].items() if key.startswith(SPEEDUP) and reading["status"] == "ok"]
    readings = {key: joined([each[key] for each in rounds]) for key in keys}
    about = {"family": "control", "year": None, "paper": "", "variant": "", "input_size": 224, "started": ""}
    return Record(architecture=name, mode=mode, machine="here", readings=readings, **about)


def main() -> int:
    from reporter.compare.mode_gains import gains

    parser = argparse.ArgumentParser()
    parser.add_argument("architectures", nargs="?", default=",".join(NETWORKS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.25)
    parser.add_argument("--engines", default="onnxruntime,openvino")
    asked = parser.parse_args()
    names = asked.architectures.split(",")
    changed = {"rounds": asked.rounds, "seconds": asked.seconds / MODES_SHARE}
    conditions = Conditions(**{**PRESETS["standard"], **changed})
    print("| control | pairs | stated | intervals without 1 | median ratio |\n| --- | ---: | ---: | ---: | ---: |")
    for mode in CONTROLS:
        records = [record(name, mode, _rounds(name, mode, conditions)) for name in names]
        found = gains(records).values()
        outside = sum(not gain.low <= 1 <= gain.high for gain in found)
        stated = sum(gain.stated for gain in found)
        print(
            f"| {mode} | {len(found)} | {stated} | {outside} | {median(gain.ratio for gain in found):.3f} |", flush=True
        )
    print("\n| architecture | mode | key | in turns | alone | difference |\n| --- | --- | --- | ---: | ---: | ---: |")
    available = [each for each in asked.engines.split(",") if not execution_modes.engines()[each].missing]
    for name in names:
        for mode in available:
            turns, alone = (_rounds(name, mode, conditions, alone) for alone in (False, True))
            for key in KEYS:
                print(f"| {name} | {mode} | {key} | {_difference(key, turns, alone)} |", flush=True)
    return 0


def _difference(key: str, *sides: Sequence[dict[str, dict[str, Any]]]) -> str:
    """The medians of a time in turns and alone, and how far apart they are."""
    readings = [joined([each[key] for each in rounds]) for rounds in sides]
    if reason := next((each.reason for each in readings if not each.samples), None):
        return f"{reason} | |"
    turns, alone = (median(each.samples) for each in readings)
    return f"{turns * 1e3:.2f} ms | {alone * 1e3:.2f} ms | {turns / alone - 1:+.1%}"


def _rounds(name: str, mode: str, conditions: Conditions, alone: bool = False) -> list[dict[str, dict[str, Any]]]:
    return [measure(name, mode, number, conditions, alone) for number in range(conditions.rounds)]


if __name__ == "__main__":
    sys.exit(main())
