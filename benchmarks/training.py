"""Does another seed or another torch overturn the ranking of the training column? Runs and their comparison.

    python benchmarks/training.py run NAME FIRST_SEED    appends a run of the lecture's architectures to training.jsonl
    python benchmarks/training.py judge                  compares the runs pair by pair, and prints the table

A run trains as the standard preset does, with the code of `reporter`, but with one thread, so that several runs do not
disturb each other: accuracies do not depend on the speed of a machine. Run it with each version of torch, and with
disjoint seeds: 0 and 2.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from statistics import mean
from time import process_time
from typing import Any

from reporter.stats.shares import SeedShares, Shares

RAW = Path(__file__).with_suffix(".jsonl")
LECTURE = (
    "resnet18", "densenet121", "googlenet", "bn_inception", "se_resnet50", "resnet50", "resnext50_32x4d", "densenet201",
    "se_resnext50_32x4d", "inception_v3", "inception_v2", "resnet101", "se_resnet101", "alexnet", "vgg16_bn", "vgg16",
    "vgg19_bn", "vgg19",
)  # fmt: skip
FEWEST_SEPARATED = 80


def main(arguments: Sequence[str]) -> None:
    if arguments[0] == "run":
        run(arguments[1], int(arguments[2]))
    else:
        sys.exit(judge())


def train(name: str, first_seed: int, seeds: int | None = None) -> dict[str, Any]:
    """The accuracies of one architecture as the standard preset measures them, and the recipe."""
    from reporter.metrics import finetune
    from reporter.model.settings import Settings
    from reporter.worker.lookup import find
    from reporter.worker.subject import Subject

    conditions = Settings(weights="random", first_seed=first_seed, seeds=seeds).conditions()
    start = process_time()
    top1, *_ = finetune.measure(Subject(find(name), "cpu", conditions))
    keys = ("learning_rate", "steps", "batch_size", "image_size")
    return {
        "top1": top1.samples,
        "test_images": top1.detail["test_images"],
        "recipe": {key: top1.detail["recipe"][key] for key in keys},
        "processor_seconds": round(process_time() - start, 1),
    }


def run(label: str, first_seed: int) -> None:
    import torch

    torch.set_num_threads(1)
    done = {row["architecture"] for row in rows() if row["run"] == label}
    for name in LECTURE:
        if name not in done:
            line = {"run": label, "torch": torch.__version__, "first_seed": first_seed, "architecture": name}
            with RAW.open("a") as file:
                file.write(json.dumps(line | train(name, first_seed)) + "\n")


def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RAW.read_text().splitlines()] if RAW.exists() else []


def judge() -> int:
    """Prints the runs side by side and the verdict on all pairs; 1 if the column is not good enough."""
    runs: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows():
        runs.setdefault(row["run"], {})[row["architecture"]] = row
    shares = {label: _shares(run) for label, run in runs.items()}
    print_table(runs, shares)
    pairs = list(combinations(LECTURE, 2))
    signs = {pair: [_sign(run, *pair) for run in shares.values()] for pair in pairs}
    opposite = [pair for pair in pairs if len(set(signs[pair]) - {0}) > 1]
    separated = sum(len(set(signs[pair])) == 1 and signs[pair][0] != 0 for pair in pairs)
    print(f"\n{len(runs)} runs, {len(pairs)} pairs")
    for label, run in shares.items():
        print(f"separated in {label}: {sum(_sign(run, *pair) != 0 for pair in pairs)}")
        print(f"standard deviation between seeds in {label}: {run.pooled_deviation:.3f}")
    print(f"separated with the same sign in all runs: {separated} (at least {FEWEST_SEPARATED})")
    print(f"significant in opposite orders: {len(opposite)} (0){''.join(f', {pair}' for pair in opposite)}")
    return int(bool(opposite) or separated < FEWEST_SEPARATED)


def print_table(runs: Mapping[str, Mapping[str, Mapping[str, Any]]], shares: Mapping[str, Shares]) -> None:
    """The mean of each run with its interval, in percent, the highest first."""
    print(f"| architecture | {' | '.join(runs)} |")
    print("| --- |" + " ---: |" * len(runs))
    first = next(iter(runs.values()))
    for name in sorted(first, key=lambda name: -mean(first[name]["top1"])):
        cells = [_cell(run.get(name), shares[label], name) for label, run in runs.items()]
        print(f"| {name} | {' | '.join(cells)} |")


def _cell(row: Mapping[str, Any] | None, run: Shares, name: str) -> str:
    if row is None:
        return ""
    low, high = run.interval(name)
    return f"{100 * mean(row['top1']):.1f} ({100 * low:.0f} to {100 * high:.0f})"


def _shares(run: Mapping[str, Mapping[str, Any]]) -> Shares:
    return Shares({name: SeedShares(tuple(row["top1"]), row["test_images"]) for name, row in run.items()})


def _sign(run: Shares, one: str, two: str) -> int:
    """1 where the first is significantly higher, -1 where it is lower, 0 where the run does not separate them."""
    if not run.differ(one, two):
        return 0
    return 1 if mean(run.series[one].shares) > mean(run.series[two].shares) else -1


if __name__ == "__main__":
    main(sys.argv[1:])
