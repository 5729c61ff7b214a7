"""Learning rates for training from random weights: the same range test for every architecture of the lecture.

    python benchmarks/training_rates.py measure [NAME ...]   appends to training_rates.jsonl what is not in it yet
    python benchmarks/training_rates.py choose               prints facts/training_rates.csv

Every architecture is trained with one seed, which no measurement uses, at 1e-3 and 3e-3, then at the next rate on the
side of the better one (3e-4 or 1e-2). The rate with the highest held-out accuracy is chosen, the lower one of two that
are equal. Steps, batch and images are those of the standard preset. One thread.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

RAW = Path(__file__).with_suffix(".jsonl")
SEED = 1000
LOW, FIRST, SECOND, HIGH = 3e-4, 1e-3, 3e-3, 1e-2


def main(arguments: Sequence[str]) -> None:
    if arguments[0] == "measure":
        measure(arguments[1:])
    else:
        print("architecture,learning_rate")
        for name, rate in chosen(rows()).items():
            print(f"{name},{rate:g}")


def rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in RAW.read_text().splitlines()] if RAW.exists() else []


def found(name: str) -> dict[float, float]:
    """The accuracy of an architecture at each rate so far."""
    return {row["learning_rate"]: row["top1"] for row in rows() if row["architecture"] == name}


def chosen(every: Sequence[dict[str, Any]]) -> dict[str, float]:
    """The best rate of each architecture; the lower one of two that are equal."""
    names = dict.fromkeys(row["architecture"] for row in every)
    best = {}
    for name in names:
        at = {row["learning_rate"]: row["top1"] for row in every if row["architecture"] == name}
        best[name] = min(at, key=lambda rate: (-at[rate], rate))
    return best


def measure(names: Sequence[str]) -> None:
    import torch
    from training import LECTURE, train

    from reporter.facts import training_rates

    torch.set_num_threads(1)
    for last in (False, True):
        for name in names or LECTURE:
            before = found(name)
            third = HIGH if before.get(SECOND, 0) > before.get(FIRST, 0) else LOW
            for rate in [third] if last else [FIRST, SECOND]:
                if rate in before:
                    continue
                training_rates()[name] = rate
                result = train(name, SEED, 1)
                line = {"architecture": name, "learning_rate": rate, "seed": SEED, "torch": torch.__version__}
                with RAW.open("a") as file:
                    file.write(json.dumps({**line, "top1": result["top1"][0], **result["recipe"]}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
