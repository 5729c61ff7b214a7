"""False positives and detection rate of --against: `python benchmarks/reference_nights.py simulate`.

simulate draws runs from the real rounds in repeatability.jsonl: 18 architectures, 20 comparisons of an environment with
itself at one thread. Each round of an architecture is a whole round of it, drawn with replacement. One architecture is
slowed by adding a log ratio to its pairs; the real copy of resnet18 that was slowed by about 5 % is drawn in the same
way, and its rate is compared with that of the comparisons as they were measured. The rounds are tested as in a run:
after each look, rows that are decided are not measured again.

collect measures runs for the same test with `reporter --against` itself: the environment against itself, with copies of
resnet18 that are slowed (slowed.py) in the same runs; it needs a machine without other work. judge prints its rates.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from repeatability import FILE, SLOWED

from reporter.compare import reference_rule
from reporter.compare.reference_rule import Place, ReferenceTime
from reporter.metrics.latency import ONE_THREAD
from reporter.model import Reading
from reporter.stats.noise import Log

KEY, ROUNDS = ONE_THREAD.key, 3
RUNS = Path(__file__).parent / "reference_nights.jsonl"
Pairs = tuple[Log, Log]


def rounds(path: Path) -> dict[str, list[Pairs]]:
    """The measured rounds of each architecture: the seconds of both sides."""
    found: dict[str, list[Pairs]] = {}
    for line in path.read_text().splitlines()[1:]:
        for pair in json.loads(line)["pairs"]:
            found.setdefault(pair["network"], []).append((np.array(pair["a"]), np.array(pair["b"])))
    return found


def readings(taken: list[Pairs], change: float) -> tuple[Reading, Reading]:
    """Both sides of a row; `change` is a log ratio that is added to tonight's."""
    sizes = tuple(len(a) for a, _ in taken)
    a, b = (np.concatenate([pair[side] for pair in taken]) for side in (0, 1))
    return tuple(  # type: ignore[return-value]
        Reading(quantity=ONE_THREAD, samples=tuple(seconds.tolist()), rounds=sizes)
        for seconds in (a, b * math.exp(change))
    )


def night(
    chance: np.random.Generator, real: Mapping[str, list[Pairs]], changes: Mapping[str, float]
) -> dict[Place, ReferenceTime]:
    """The verdicts of one simulated run, with rows that stop early."""
    drawn: dict[str, list[Pairs]] = {name: [] for name in real}
    decided: dict[Place, ReferenceTime] = {}
    for look in reference_rule.looks(ROUNDS):
        for name, pool in real.items():
            if (KEY, "eager", name) not in decided:
                missing = look - len(drawn[name])
                drawn[name] += [pool[index] for index in chance.integers(0, len(pool), missing)]
        sides = {(KEY, "eager", name): readings(taken, changes.get(name, 0.0)) for name, taken in drawn.items()}
        rows = {row.place: row for row in reference_rule.verdicts(sides)} | decided
        decided = {place: row for place, row in rows.items() if row.decided}
    return rows


def slower(rows: Mapping[Place, ReferenceTime]) -> set[str]:
    return {row.architecture for row in rows.values() if row.verdict == "slower"}


def simulate(count: int, seed: int) -> Iterator[str]:
    """The rates, as a table in Markdown."""
    real, chance = rounds(FILE), np.random.default_rng(seed)
    plain = {name: pool for name, pool in real.items() if name not in SLOWED}
    names = sorted(plain)
    used, sizes, alarms, missed = Counter[int](), [], 0, 0
    for _ in range(count):
        rows = night(chance, plain, {})
        alarms += bool(slower(rows))
        missed += sum(row.verdict == "noisy" for row in rows.values())
        used.update(row.rounds for row in rows.values())
        sizes += [reference_rule.detectable(list(rows.values())) or math.nan]
    yield f"{count} simulated runs of {len(plain)} architectures, seed {seed}"
    yield f"| a run without a change reports an architecture as slower | {alarms} of {count} |"
    yield f"| size that a run would have found (median) | {np.median(sizes):.1%} |"
    yield f"| rows without a verdict (noisy) | {missed} of {count * len(plain)} |"
    total = sum(used.values())
    yield f"| rounds of a row | {', '.join(f'{n}: {c / total:.0%}' for n, c in sorted(used.items()))} |"
    for share in (0.02, 0.03, 0.05):
        found = 0
        for number in range(count // 5):
            name = names[number % len(names)]
            found += name in slower(night(chance, plain, {name: math.log1p(share)}))
        yield f"| a slowdown of {share:.0%} of one architecture is found | {found} of {count // 5} |"
    yield from reproduced(chance, real, plain, count // 10)


def reproduced(
    chance: np.random.Generator, real: Mapping[str, list[Pairs]], plain: Mapping[str, list[Pairs]], count: int
) -> Iterator[str]:
    """The rate of the real slowed copy: in the comparisons as they were measured, and in simulated runs."""
    for name in SLOWED:
        measured = 0
        runs = len(real[name]) // ROUNDS
        for run in range(runs):
            part = slice(run * ROUNDS, (run + 1) * ROUNDS)
            taken = {each: pool[part] for each, pool in {**plain, "resnet18": real[name]}.items()}
            sides = {
                (KEY, "eager", each): readings(pairs, 0.0) for each, pairs in taken.items() if len(pairs) == ROUNDS
            }
            measured += any(
                row.architecture == "resnet18" and row.verdict == "slower" for row in reference_rule.verdicts(sides)
            )
        drawn = sum("resnet18" in slower(night(chance, {**plain, "resnet18": real[name]}, {})) for _ in range(count))
        yield f"| {name}: found in measured comparisons of {ROUNDS} rounds | {measured} of {runs} |"
        yield f"| {name}: found in simulated runs | {drawn} of {count} |"


def collect(count: int, path: Path, architectures: str) -> None:
    """Measures runs until there are `count` in the file; an interrupted command resumes."""
    here = Path(__file__).parent
    for number in range(len(path.read_text().splitlines()) if path.exists() else 0, count):
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "-m", "reporter", "--out", f"{folder}/out", "--architectures", architectures]
            command += [word for name in SLOWED for word in ("--architecture", f"{here / 'slowed.py'}:{name}")]
            command += ["--metrics", KEY, "--against", sys.prefix]
            subprocess.run(command, check=True)
            against: dict[str, Any] = json.loads(Path(folder, "out", "summary.json").read_text())["against"]
        with path.open("a") as file:
            file.write(json.dumps({"run": number, **against}) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("simulate", "collect", "judge"))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--file", type=Path, default=RUNS)
    parser.add_argument("--architectures", default="lecture")
    asked = parser.parse_args()
    if asked.what == "simulate":
        for line in simulate(asked.count, asked.seed):
            print(line, flush=True)
    elif asked.what == "collect":
        collect(asked.count, asked.file, asked.architectures)
    else:
        judge(asked.file)


def judge(path: Path) -> None:
    """Prints for each architecture how often collected runs reported it as slower, and how long they took."""
    runs = [json.loads(line) for line in path.read_text().splitlines()]
    found = Counter(row["architecture"] for run in runs for row in run["verdicts"] if row["verdict"] == "slower")
    names = dict.fromkeys(row["architecture"] for run in runs for row in run["verdicts"])
    for name in names:
        print(f"| {name} | slower in {found[name]} of {len(runs)} runs |")
    print(f"| seconds of both sides, median | {np.median([run['seconds'] for run in runs]):.0f} |")
    print(f"| size that a run would have found, median | {np.median([run['detectable'] for run in runs]):.1%} |")


if __name__ == "__main__":
    main()
