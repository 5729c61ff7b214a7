"""Rate at which `reporter ab --walk` finds a step among 16 versions: `python benchmarks/version_walks.py simulate`.

simulate walks over 16 versions with the real rounds of repeatability.jsonl in place of measurements: from a version on,
an architecture is 10 % slower, or nowhere. Comparisons have the rounds and the rules of a walk.

collect runs the command itself, with an index of 16 wheels of a package on this machine: the network of each version
makes 10 % more convolutions from a version on, or nowhere; five walks of each kind. It needs a machine without other
work. Each walk is appended to the file when it is complete, and the next command continues. A command may be killed at
any moment, `timeout 12m` for example: the walk is kept in `--folder`, and the next command resumes it. judge prints how
many walks there are and the rates.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from reference_nights import KEY, ROUNDS, Pairs, collected, readings, repair, show
from reference_nights import rounds as real_rounds
from repeatability import FILE, SLOWED
from version_index import served, wheel

from reporter.compare import bisection, reference_rule
from reporter.compare.bisection import Effect, Found
from reporter.compare.reference_names import RowPlace
from reporter.run.paired import version_walk

VERSIONS, SLOWER = 16, 1.1
MOST_COMPARISONS = 6
CONVOLUTIONS = 100
"""Of a forward pass before the step."""
FOLDER = Path(tempfile.gettempdir()) / "version_walks"
WALKS = Path(__file__).with_name("version_walks.jsonl")
STEPS = (1, 4, 8, 11, 15, None, None, None, None, None)
"""The first slower version in each walk that collect runs."""
NETWORK = """
import paced
import torch
from torch import nn
from reporter.types import Architecture

class Paced(nn.Module):
    def __init__(self):
        super().__init__()
        self.work = nn.Conv2d(32, 32, 3, padding=1)
        self.register_buffer("image", torch.randn(1, 32, 28, 28))

    def forward(self, images):
        for _ in range(paced.CONVOLUTIONS):
            self.work(self.image)
        return images

def build(classes):
    layers = nn.Conv2d(3, 8, 3, bias=False), Paced(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes)
    return nn.Sequential(*layers)

PACED = Architecture("paced", "Test", 2026, "none", build, input_size=32)
"""


def walked(chance: np.random.Generator, pool: Sequence[Pairs], step: int | None) -> tuple[Found, int]:
    """The result of a walk with drawn rounds, and the number of comparisons."""
    whole: list[float] = []

    def compare(before: int, after: int, *, confirms: bool = False) -> Effect:
        slower = step is not None and before < step <= after
        middle = math.sqrt(whole[0]) if whole and not confirms else None
        row = compared(chance, pool, math.log(SLOWER) if slower else 0.0, middle)
        whole.append(row.ratio)
        return Effect(math.log(row.ratio), row.verdict == "slower")

    found = bisection.search(VERSIONS, compare, partial(compare, confirms=True))
    assert found
    return found, len(whole)


def compared(
    chance: np.random.Generator, pool: Sequence[Pairs], change: float, middle: float | None
) -> reference_rule.ReferenceTime:
    """One comparison in looks; it ends when its row is decided, or on one side of `middle`."""
    drawn: list[Pairs] = []
    for look in reference_rule.looks(ROUNDS):
        drawn += [pool[index] for index in chance.integers(0, len(pool), look - len(drawn))]
        [row] = reference_rule.verdicts({RowPlace(KEY, "eager", "paced"): readings(drawn, change)})
        if row.decided or (middle is not None and version_walk.excludes(row, middle)):
            break
    return row


def simulate(count: int, seed: int) -> Iterator[str]:
    """The rates, as a table in Markdown."""
    chance = np.random.default_rng(seed)
    pools = [pool for name, pool in real_rounds(FILE).items() if name not in SLOWED]
    for title, slowed in (("a slowdown of 10 %", True), ("no slowdown", False)):
        right, most = 0, 0
        for number in range(count):
            step = int(chance.integers(1, VERSIONS)) if slowed else None
            found, comparisons = walked(chance, pools[number % len(pools)], step)
            right += (found.step.after if found.step else None) == step
            most = max(most, comparisons)
        yield f"| {title}: right | {right} of {count}, in at most {most} comparisons |"


def collect(path: Path, minutes: float, preset: str, folder: Path = FOLDER) -> None:
    """Runs the walks that the file does not have, until the next one would end after so many minutes."""
    repair(path)
    earlier = collected(path)
    start, longest = monotonic(), max((walk["seconds"] for walk in earlier), default=0.0)
    for number in range(len(earlier), len(STEPS)):
        begun = monotonic()
        if begun - start + longest >= 60 * minutes:
            left = f"the next walk takes up to {longest / 60:.0f} min"
            print(f"{number} of {len(STEPS)}; {left}; repeat the command with --minutes above that", flush=True)
            break
        place = folder.resolve() / f"walk{number}"
        resumed = place.exists()
        result = real_walk(place, STEPS[number], preset)
        longest = max(longest, monotonic() - begun)
        seconds = round(monotonic() - begun, 1)
        line = {"walk": number, "planted": STEPS[number], "seconds": seconds, "resumed": resumed, **result}
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        shutil.rmtree(place, ignore_errors=True)
        print(f"{number + 1} of {len(STEPS)}: {result['headline']}", flush=True)


def real_walk(folder: Path, step: int | None, preset: str) -> dict[str, Any]:
    """What `reporter ab --walk` prints for 16 wheels, slower from number `step` on."""
    packages, own = folder / "index" / "simple" / "paced", folder / "own"
    packages.mkdir(parents=True, exist_ok=True)
    own.mkdir(exist_ok=True)
    for number in range(VERSIONS):
        more = SLOWER if step is not None and number >= step else 1.0
        wheel(packages, "paced", f"1.{number}", text=f"CONVOLUTIONS = {round(CONVOLUTIONS * more)}\n")
    (own / "paced.py").write_text(f"CONVOLUTIONS = {CONVOLUTIONS}\n")
    (folder / "network.py").write_text(NETWORK)
    command = [sys.executable, "-m", "reporter", "ab", "--walk", "paced", f"1.0..1.{VERSIONS - 1}", "--json"]
    command += ["--architecture", f"{folder / 'network.py'}:PACED", "--metrics", KEY, "--preset", preset]
    with served(folder / "index") as url:
        (folder / "pip.conf").write_text(f"[global]\nindex-url = {url}/\n")
        variables = {"PIP_CONFIG_FILE": str(folder / "pip.conf"), "XDG_CACHE_HOME": str(folder / "cache")}
        done = subprocess.run(
            command, env=os.environ | variables | {"PYTHONPATH": str(own)}, stdout=subprocess.PIPE, check=False
        )
    if not done.stdout:
        raise SystemExit(f"the walk ended with exit code {done.returncode}; its message is above")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def rates(walks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The rates of walks that were run, as a table in Markdown."""
    yield f"{len(walks)} of {len(STEPS)} walks"
    for title, of_kind in (
        ("a slowdown of 10 %", [walk for walk in walks if walk["planted"] is not None]),
        ("no slowdown", [walk for walk in walks if walk["planted"] is None]),
    ):
        right = sum(is_right(walk) for walk in of_kind)
        most = max((len(walk["comparisons"]) for walk in of_kind), default=0)
        wanted = sum((step is not None) == (title != "no slowdown") for step in STEPS)
        missed = right < len(of_kind) or most > MOST_COMPARISONS
        left = wanted - len(of_kind)
        state = "missed" if missed else f"open, {left} walks are missing" if left > 0 else "met"
        goal = f"goal {wanted} of {wanted}, in at most {MOST_COMPARISONS}: {state}"
        yield f"| {title}: right | {right} of {len(of_kind)}, in at most {most} comparisons; {goal} |"
    if whole := [walk["seconds"] / 60 for walk in walks if not walk.get("resumed")]:
        yield f"| minutes of a walk that was not interrupted, median | {np.median(whole):.1f} |"


def is_right(walk: Mapping[str, Any]) -> bool:
    """Whether a walk found the planted step, or has the verdict that there is none: one that was too noisy has none."""
    if walk["planted"] is None:
        return walk["step"] is None and walk["comparisons"][0]["verdict"] != "noisy"
    return bool(walk["step"]) and walk["step"]["after"] == f"1.{walk['planted']}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("simulate", "collect", "judge"))
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--file", type=Path, default=WALKS)
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--preset", default="standard")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    asked = parser.parse_args()
    if asked.what == "collect":
        collect(asked.file, asked.minutes, asked.preset, asked.folder)
        return
    show(simulate(asked.count, asked.seed) if asked.what == "simulate" else rates(collected(asked.file)))


if __name__ == "__main__":
    main()
