"""False positives and detection rate of --against: `python benchmarks/reference_nights.py simulate`.

simulate draws runs from the real rounds of the runs that collect measured, or while there are none, of those in
repeatability.jsonl: 18 architectures, 20 comparisons of an environment with itself at one thread. Each round of an
architecture is a whole round of it, drawn with replacement. One architecture is slowed by adding a log ratio to its
pairs. First, the copies of resnet18 that were really slowed are drawn in the same way, and their rates are compared
with those of the runs as they were measured. The rounds are tested as in a run:
after each look, rows that are decided are not measured again.

collect measures runs for the same test as `reporter --against` does: this environment against one that imports the same
packages, with copies of resnet18 that are slowed by 3 % and 5 % on one side (slowed.py) in the same runs. It needs a
machine without other work. Every run is appended to the file with all its samples as soon as it is complete, and the
next command continues with the next run; with `--minutes` no run is begun that would not end in time. A command may be
killed at any moment, `timeout 12m` for example: the measurements of a run that is not complete are kept in `--folder`,
and the next command completes it. judge tests the samples and prints how many runs there are, the rates with their 95 %
intervals beside the goals, by how much the copies are measured to be slower, the number of false positives, and how
long a run took.

A run has the kind of its copies: `own work` since they repeat a share of their own work, which takes 3 % and 5 % longer
on any processor, and `convolutions` before, when these were a fixed number. judge and simulate take runs of one kind:
that of the last run, or of `--copies`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import subprocess
import sys
import sysconfig
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
from repeatability import FILE, SLOWED

from reporter.cli.progress import progress
from reporter.compare import reference_file, reference_rule
from reporter.compare.reference_names import RowPlace
from reporter.compare.reference_rule import ReferenceTime
from reporter.metrics.latency import ONE_THREAD
from reporter.model import Reading
from reporter.model.settings import settings
from reporter.run.paired import interleaving, paired_run, reference_run
from reporter.run.paired.reference_run import ReferenceRequest
from reporter.run.preparation import prepare_ab
from reporter.run.request import moment
from reporter.stats.noise import Log
from reporter.stats.proportions import wilson
from reporter.stats.samples import interval

KEY, ROUNDS = ONE_THREAD.key, 3
TONIGHT = ("resnet18_3_tonight", "resnet18_5_tonight")
"""The copies that are slowed on one side; slowed.py, which imports torch, has their code."""
EXPECTED = dict(zip(TONIGHT, (0.03, 0.05), strict=True))
"""By how much each of them is slower."""
COPIES, FORMER = "own work", "convolutions"
"""What slows them; in runs without this entry FORMER, which on an Intel Xeon took 6 % in place of 5 %."""
REFERENCE = "SLOWED_REFERENCE"
RUNS = Path(__file__).parent / "reference_nights.jsonl"
FOLDER = Path(tempfile.gettempdir()) / "reference_nights"
WANTED = 20
"""Runs for which the goals are set."""
GOALS = dict(zip(TONIGHT, (14, 19), strict=True))
"""In how many of these runs each copy has to be found."""
RATE = 0.01
"""The goal for runs with a false positive, whichever architecture it is."""
LONGEST = 12.0
"""Minutes of both sides together, the median run."""
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
) -> dict[RowPlace, ReferenceTime]:
    """The verdicts of one simulated run, with rows that stop early."""
    drawn: dict[str, list[Pairs]] = {name: [] for name in real}
    decided: dict[RowPlace, ReferenceTime] = {}
    for look in reference_rule.looks(ROUNDS):
        for name, pool in real.items():
            if (KEY, "eager", name) not in decided:
                missing = look - len(drawn[name])
                drawn[name] += [pool[index] for index in chance.integers(0, len(pool), missing)]
        sides = {RowPlace(KEY, "eager", name): readings(taken, changes.get(name, 0.0)) for name, taken in drawn.items()}
        rows = {row.place: row for row in reference_rule.verdicts(sides)} | decided
        decided = {place: row for place, row in rows.items() if row.decided}
    return rows


def slower(rows: Mapping[RowPlace, ReferenceTime]) -> set[str]:
    return {row.architecture for row in rows.values() if row.verdict == "slower"}


def simulate(count: int, seed: int, runs: Sequence[Mapping[str, Any]] = ()) -> Iterator[str]:
    """The rates, as a table in Markdown; rounds are drawn from collected runs if there are any."""
    real, chance = of_runs(runs) if runs else rounds(FILE), np.random.default_rng(seed)
    plain = {name: pool for name, pool in real.items() if name not in (*SLOWED, *TONIGHT)}
    names = sorted(plain)
    used, sizes, alarms, missed = Counter[int](), [], 0, 0
    for _ in range(count):
        rows = night(chance, plain, {})
        alarms += bool(slower(rows))
        missed += sum(row.verdict == "noisy" for row in rows.values())
        used.update(row.rounds for row in rows.values())
        sizes += [reference_rule.detectable(list(rows.values())) or math.nan]
    source = f"{len(runs)} collected runs" if runs else FILE.name
    yield f"{count} simulated runs of {len(plain)} architectures from the rounds of {source}, seed {seed}"
    own = np.random.default_rng([seed, 1])
    yield from drawn_again(own, real, runs, count // 10) if runs else reproduced(own, real, plain, count // 10)
    yield f"| a run without a change reports an architecture as slower | {alarms} of {count} |"
    yield f"| change that a run would have detected (median) | {np.median(sizes):.1%} |"
    yield f"| rows without a verdict (noisy) | {missed} of {count * len(plain)} |"
    total = sum(used.values())
    yield f"| rounds of a row | {', '.join(f'{n}: {c / total:.0%}' for n, c in sorted(used.items()))} |"
    for share in (0.02, 0.03, 0.05):
        found = 0
        for number in range(count // 5):
            name = names[number % len(names)]
            found += name in slower(night(chance, plain, {name: math.log1p(share)}))
        yield f"| a slowdown of {share:.0%} of one architecture is found | {found} of {count // 5} |"


def of_runs(runs: Iterable[Mapping[str, Any]]) -> dict[str, list[Pairs]]:
    """The rounds of each architecture in collected runs."""
    found: dict[str, list[Pairs]] = {}
    for run in runs:
        for name, (a, b) in run["pairs"].items():
            found.setdefault(name, []).extend(zip(map(np.array, a), map(np.array, b), strict=True))
    return found


def drawn_again(
    chance: np.random.Generator, real: Mapping[str, list[Pairs]], runs: Sequence[Mapping[str, Any]], count: int
) -> Iterator[str]:
    """The rates of the slowed copies: in the runs as they were measured, and in runs that are drawn from them."""
    measured = [slower(replayed(run["pairs"])) for run in runs]
    drawn = [slower(night(chance, real, {})) for _ in range(count)]
    for name in TONIGHT:
        for title, found in (("measured", measured), ("simulated", drawn)):
            yield f"| {name}: found in {title} runs | {of(sum(name in names for names in found), len(found))} |"


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
                RowPlace(KEY, "eager", each): readings(pairs, 0.0)
                for each, pairs in taken.items()
                if len(pairs) == ROUNDS
            }
            measured += any(
                row.architecture == "resnet18" and row.verdict == "slower" for row in reference_rule.verdicts(sides)
            )
        drawn = sum("resnet18" in slower(night(chance, {**plain, "resnet18": real[name]}, {})) for _ in range(count))
        yield f"| {name}: found in measured comparisons of {ROUNDS} rounds | {measured} of {runs} |"
        yield f"| {name}: found in simulated runs | {drawn} of {count} |"


def collect(count: int, path: Path, architectures: str, minutes: float, folder: Path = FOLDER) -> None:
    """Measures runs until there are `count` in the file, or the next one would end after so many minutes."""
    repair(path)
    earlier = of_copies(collected(path), COPIES)
    start, longest = monotonic(), max((run["seconds"] for run in earlier), default=0.0)
    for number in range(len(earlier), count):
        begun = monotonic()
        if begun - start + longest >= 60 * minutes:
            left = f"the next run takes up to {longest / 60:.0f} min"
            print(f"{number} of {count}; {left}; repeat the command with --minutes above that", flush=True)
            break
        line = {"run": number, "copies": COPIES, **measured(architectures, folder)}
        with path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        (folder / reference_file.PARTIAL).unlink(missing_ok=True)
        longest = max(longest, monotonic() - begun)
        print(f"{number + 1} of {count}: {line['seconds']:.0f} s for both sides", flush=True)


def measured(architectures: str, folder: Path) -> dict[str, Any]:
    """One run: the verdicts, and the samples of both sides, round by round; an interrupted one is completed."""
    slowed = tuple(f"{Path(__file__).with_name('slowed.py')}:{name}" for name in TONIGHT)
    chosen = settings({"architectures": architectures, "architecture": slowed, "metrics": KEY})
    folder.mkdir(parents=True, exist_ok=True)
    places = beside(folder.resolve() / "reference"), interleaving.here()
    os.environ[REFERENCE] = str(places[0])
    request, started = prepare_ab(None, chosen), moment()
    with paired_run.sides(places, (), reference_run.OPTIONS, shared=True) as (a, b):
        examined = a.about, b.about
    journal = folder / reference_file.PARTIAL
    work = ReferenceRequest(request, request.metrics, {}, places, examined, shared=True, journal=journal)
    shown = progress(sys.stderr, sides=("reference", "tonight"))
    try:
        done = reference_run.run(work, shown)
    finally:
        shown.close()
    found = reference_file.document(
        examined, list(done.rows.values()), gaps=done.gaps, changes=[], started=started, seconds=round(done.seconds, 1)
    )
    pairs = {
        place[2]: [[rounded(part) for part in reading.counted] for reading in both]
        for place, both in done.taken.items()
    }
    return {
        "pairs": pairs,
        **found.model_dump(mode="json", exclude={"reference": {"torch_file"}, "tonight": {"torch_file"}}),
    }


def beside(place: Path) -> Path:
    """An environment that imports the packages of this one, made if it is not there."""
    if (place / "complete").exists():
        return place
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    site = next(place.glob("lib/python*/site-packages"))
    (site / "shared.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    (place / "complete").touch()
    return place


def rounded(samples: Sequence[float]) -> list[float]:
    return [round(seconds, 6) for seconds in samples]


def repair(path: Path) -> None:
    """Ends a line that a crash has cut off; it is no run."""
    if path.exists() and not path.read_bytes().endswith(b"\n"):
        with path.open("a") as file:
            file.write("\n")


def collected(path: Path) -> list[dict[str, Any]]:
    """The runs in the file, without lines that were cut off."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else ():
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return found


def copies_of(run: Mapping[str, Any]) -> str:
    """What slowed the copies of a run."""
    return str(run.get("copies", FORMER))


def of_copies(runs: Iterable[dict[str, Any]], copies: str) -> list[dict[str, Any]]:
    """The runs with one kind of copies."""
    return [run for run in runs if copies_of(run) == copies]


def chosen(path: Path, copies: str | None) -> list[dict[str, Any]]:
    """The runs in the file with one kind of copies, by default that of the last run; the others are named."""
    runs = collected(path)
    kind = copies or (copies_of(runs[-1]) if runs else COPIES)
    found = of_copies(runs, kind)
    if left_out := len(runs) - len(found):
        print(f"left out, as other copies were measured: {left_out} of {len(runs)} runs; see --copies", flush=True)
    return found


def replayed(pairs: Mapping[str, Sequence[Sequence[Sequence[float]]]]) -> dict[RowPlace, ReferenceTime]:
    """The verdicts of a collected run: after each look, rows that are decided have no more rounds."""
    decided: dict[RowPlace, ReferenceTime] = {}
    rows: dict[RowPlace, ReferenceTime] = {}
    for look in reference_rule.looks(ROUNDS):
        sides = {}
        for name, (a, b) in pairs.items():
            taken = [(np.array(before), np.array(after)) for before, after in zip(a[:look], b[:look], strict=True)]
            sides[RowPlace(KEY, "eager", name)] = readings(taken, 0.0)
        rows = {row.place: row for row in reference_rule.verdicts(sides)} | decided
        decided = {place: row for place, row in rows.items() if row.decided}
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("simulate", "collect", "judge"))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--file", type=Path, default=RUNS)
    parser.add_argument("--architectures", default="lecture")
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--copies", choices=(COPIES, FORMER))
    asked = parser.parse_args()
    if asked.what == "simulate":
        show(simulate(asked.count, asked.seed, chosen(asked.file, asked.copies)))
    elif asked.what == "collect":
        collect(asked.count, asked.file, asked.architectures, asked.minutes, asked.folder)
    else:
        judge(asked.file, asked.copies)


def judge(path: Path, copies: str | None = None) -> None:
    """Prints the rates of collected runs with one kind of copies, and how long they took."""
    show(rates(chosen(path, copies)))


def show(lines: Iterable[str]) -> None:
    """Prints lines, with the head of a table in Markdown before the first row."""
    is_row = False
    for line in lines:
        if line.startswith("|") and not is_row:
            print("\n| | |\n| --- | --- |")
            is_row = True
        print(line, flush=True)


def rates(runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The rates, as a table in Markdown."""
    nights = [replayed(run["pairs"]) for run in runs]
    found = [slower(rows) for rows in nights]
    every = [row for rows in nights for row in rows.values()]
    if not runs:
        yield "no runs are collected yet"
        return
    count, rounds = len(runs), Counter(row.rounds for row in every)
    kinds = ", ".join(sorted({str(run["machine_kind"]) for run in runs}))
    yield f"{count} of {WANTED} runs, of {len(nights[0]) - len(TONIGHT)} architectures on {kinds}"
    (copies,) = {copies_of(run) for run in runs}
    alarms = sum(bool(names - set(TONIGHT)) for names in found)
    yield f"| runs with a false positive, any architecture | {of(alarms, count)}; {against_rate(alarms, count)} |"
    wrong = Counter(name for names in found for name in names - set(TONIGHT))
    if wrong:
        yield f"| false positives | {', '.join(f'{name}: {number}' for name, number in wrong.items())} |"
    for name, goal in GOALS.items():
        ratios = [row.ratio for row in every if row.architecture == name]
        hits = sum(name in names for names in found)
        yield f"| {name} is found | {of(hits, count)}; {against_goal(hits, count, goal)} |"
        yield f"| {name}, slowed by {copies}: how much slower it is | {size(ratios, EXPECTED[name])} |"
    sizes = [reference_rule.detectable(list(rows.values())) or math.nan for rows in nights]
    yield f"| change that a run would have detected (median) | {np.median(sizes):.1%} |"
    yield f"| rows without a verdict (noisy) | {sum(row.verdict == 'noisy' for row in every)} of {len(every)} |"
    yield f"| rounds of a row | {', '.join(f'{n}: {c / len(every):.0%}' for n, c in sorted(rounds.items()))} |"
    seconds = [run["seconds"] / 60 for run in runs]
    times = f"median {np.median(seconds):.1f}, longest {max(seconds):.1f}"
    verdict = "holds" if np.median(seconds) <= LONGEST else "exceeded"
    yield f"| minutes of both sides together | {times}; bound {LONGEST:g} for the median: {verdict} |"


def size(ratios: Sequence[float], expected: float) -> str:
    """How much slower runs measured a copy, with the 95 % interval of the mean, beside what is expected."""
    logs = np.log(ratios)
    bounds = interval(logs.tolist(), "mean")
    shown = f"{math.expm1(float(logs.mean())):.1%}, {expected:.0%} expected"
    if bounds is None:
        return f"{shown}; too few runs for an interval"
    low, high = map(math.expm1, bounds)
    verdict = "contains" if low <= expected <= high else "excludes"
    return f"{shown}; the 95 % interval {low:.1%} to {high:.1%} {verdict} it"


def of(number: int, count: int) -> str:
    """A rate with its 95 % interval."""
    low, high = (min(1.0, max(0.0, bound)) for bound in wilson(number / count, count))
    return f"{number} of {count} (95 % interval {low:.0%} to {high:.0%})"


def against_rate(alarms: int, count: int) -> str:
    """Whether runs show that the rate of false positives is at most RATE: few runs cannot."""
    low, high = wilson(alarms / count, count)
    shown = "met" if high <= RATE else "missed" if low > RATE else f"{count} runs cannot show it, see simulate"
    return f"goal: at most 1 of 100: {shown}"


def against_goal(hits: int, count: int, goal: int) -> str:
    """Whether a goal is met; before all runs are collected, whether it can still be."""
    missing, wanted = max(0, WANTED - count), f"goal {goal} of {WANTED}"
    if hits / max(count, WANTED) >= goal / WANTED:
        return f"{wanted}: met"
    if (hits + missing) / max(count, WANTED) < goal / WANTED:
        return f"{wanted}: missed"
    return f"{wanted}: open, {missing} runs are missing"


if __name__ == "__main__":
    main()
