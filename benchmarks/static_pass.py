"""The static pass over torchvision's classifiers, against other counters: `python benchmarks/static_pass.py [GLOB]`.

Counts size, compute and exact memory of every network in this one process, then lets fvcore, ptflops and torchinfo
count the same networks on real tensors, and prints the seconds of each and where each differs from torchvision's
published numbers. Needs `pip install ptflops torchinfo`. Networks above 100 M parameters are left to our pass alone, so
that the others fit into 8 GiB.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import warnings
from collections.abc import Callable
from fnmatch import fnmatchcase
from time import perf_counter
from typing import Any

import torch
from torch import nn
from torchvision.models import get_model_weights

from reporter.architectures.torchvision import discover
from reporter.measuring.subject import Subject
from reporter.metrics import compute, memory_exact, size
from reporter.settings import PRESETS, Conditions

LARGE = 100e6
Counter = Callable[[nn.Module, torch.Tensor], float]


def ours(subject: Subject) -> float:
    """Multiply-adds in G; size and memory are counted along with them, as in a run."""
    readings = [reading for metric in (size, compute, memory_exact) for reading in metric.measure(subject)]
    return next(reading.value for reading in readings if reading.quantity.key == "macs") / 1e9


@torch.no_grad()
def fvcore(network: nn.Module, image: torch.Tensor) -> float:
    from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(network, image)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    return float(analysis.total()) / 1e9


@torch.no_grad()
def ptflops(network: nn.Module, image: torch.Tensor) -> float:
    from ptflops import get_model_complexity_info

    macs, _ = get_model_complexity_info(
        network, tuple(image.shape[1:]), as_strings=False, print_per_layer_stat=False, backend="pytorch"
    )
    return float(macs) / 1e9


@torch.no_grad()
def torchinfo(network: nn.Module, image: torch.Tensor) -> float:
    from torchinfo import summary

    return float(summary(network, input_data=image, verbose=0).total_mult_adds) / 1e9


def timed(count: Callable[[], float]) -> tuple[float, float]:
    start = perf_counter()
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        value = count()
    return value, perf_counter() - start


def main() -> None:
    logging.disable(logging.CRITICAL)
    conditions = Conditions(**PRESETS["standard"])
    counters: dict[str, Counter] = {"fvcore": fvcore, "ptflops": ptflops, "torchinfo": torchinfo}
    seconds = dict.fromkeys(["ours", "ours, the same networks", *counters], 0.0)
    wrong: dict[str, list[str]] = {name: [] for name in ["ours", *counters]}
    glob = sys.argv[1] if len(sys.argv) > 1 else "*"
    entries = [entry for entry in discover() if fnmatchcase(entry.name, glob)]
    for entry in entries:
        metadata: dict[str, Any] = get_model_weights(entry.name)[entry.weights or ""].meta
        published, subject = metadata["_ops"], Subject(entry, "cpu", conditions)
        value, took = timed(lambda subject=subject: ours(subject))  # type: ignore[misc]
        seconds["ours"] += took
        note(wrong["ours"], entry.name, value, published)
        if metadata["num_params"] > LARGE:
            continue
        seconds["ours, the same networks"] += took
        network, image = subject.network, subject.input(1)
        for name, counter in counters.items():
            value, took = timed(lambda counter=counter, n=network, i=image: counter(n, i))  # type: ignore[misc]
            seconds[name] += took
            note(wrong[name], entry.name, value, published)
    show(seconds, wrong, len(entries))


def note(wrong: list[str], name: str, value: float, published: float) -> None:
    """Keeps a count that is more than half a unit of the third decimal away from the published one."""
    if abs(value - published) > 6e-4:
        wrong.append(f"{name} {value / published - 1:+.1%}")


def show(seconds: dict[str, float], wrong: dict[str, list[str]], count: int) -> None:
    same = seconds["ours, the same networks"]
    print(f"{count} networks; the others count those below {LARGE:.0e} parameters\n")
    print("| counter | seconds | of our time | differ from torchvision's `_ops` |\n| --- | ---: | ---: | --- |")
    for name, took in seconds.items():
        differ = wrong.get(name, [])
        share = "" if name == "ours" else f"{took / same:.1f} x"
        print(f"| {name} | {took:.1f} | {share} | {len(differ) if name in wrong else ''} |")
    for name, differ in wrong.items():
        print(f"\n{name}: {', '.join(differ) or 'agrees everywhere'}")


if __name__ == "__main__":
    main()
