"""Mutation score of reporter/stats: the share of small faults in it that its unit tests detect.

`python benchmarks/mutation_score.py` changes one statement at a time by an operator of mutations.py or by removing it,
and runs tests/test_stats_*.py against each change in a process of its own: first the tests of the changed module, then
the others. A fault is detected if a test fails or the tests take more than LONGEST seconds. SAMPLE of all faults are
drawn with a fixed seed, and more of each module of which fewer than FEWEST are among them; `--all` takes every one.
Hypothesis draws the same examples each time. Prints the table and writes mutation_score.md.

What no test detects needs a reason in mutation_score.json: either `equivalent`, if the result cannot differ, or why it
is accepted. The score leaves equivalent faults out. Exits with 1 if the score is below GOAL, more than MOST_EQUIVALENT
of all faults are equivalent, or an undetected fault has no reason.

`--only MODULE` runs the faults of one module and writes nothing.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import importlib
import json
import multiprocessing
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from mutations import Fault, Source, changed, faults, locate, modules, units
from planted_faults import difference

ROOT = Path(__file__).parent.parent
TESTS = sorted((ROOT / "tests").glob("test_stats_*.py"))
PAGE, REASONS = (ROOT / "benchmarks" / f"mutation_score.{ending}" for ending in ("md", "json"))
GOAL, MOST_EQUIVALENT = 0.85, 0.10
LONGEST = 120
SAMPLE, FEWEST, SEED = 160, 8, 14
PROCESSES = 2


class Result(NamedTuple):
    """A fault, and the test that detects it; empty if none does."""

    fault: Fault
    detected: str


class Reason(NamedTuple):
    """Why a fault is not detected."""

    text: str
    equivalent: bool


class Changed(MetaPathFinder, SourceLoader):
    """Imports one module from another text than that of its file."""

    def __init__(self, name: str, path: Path, text: str) -> None:
        self._name, self._path, self._text = name, path, text

    def find_spec(self, name: str, path: object, target: ModuleType | None = None) -> ModuleSpec | None:
        return spec_from_loader(name, self) if name == self._name else None

    def get_filename(self, fullname: str) -> str:
        return f"{self._path} (changed)"

    def get_data(self, path: str) -> bytes:
        return self._text.encode()


class FirstFailure:
    """A plug-in of pytest that keeps the name of the first test that fails."""

    name = ""

    def pytest_runtest_logreport(self, report: object) -> None:
        if getattr(report, "failed", False):
            self.name = self.name or str(getattr(report, "nodeid", ""))

    def pytest_collectreport(self, report: object) -> None:
        self.pytest_runtest_logreport(report)


def every_fault(package: Path) -> list[Fault]:
    """All faults of a package, each simple statement removed among them."""
    found = []
    for name, path in modules(package).items():
        source = Source(path.read_text(encoding="utf-8"))
        full = f"{package.parent.name}.{name}"
        found += [*faults(full, source), *removals(full, source)]
    return list(dict.fromkeys(found))


def removals(module: str, source: Source) -> Iterator[Fault]:
    """Each assignment that changes a name which has a value already, and each expression statement, removed."""
    assigned: set[tuple[str, str]] = set()
    seen = Counter[tuple[str, str]]()
    for unit in units(source.tree.body):
        before = source.text(unit.node)
        match unit.node:
            case ast.AugAssign() | ast.Expr():
                yield Fault(module, unit.function, "removed", before, "pass", seen[unit.function, before])
            case ast.Assign(targets=[ast.Name(id=name)]) if (unit.function, name) in assigned:
                yield Fault(module, unit.function, "removed", before, "pass", seen[unit.function, before])
        if isinstance(unit.node, ast.Assign):
            names = (node.id for node in ast.walk(unit.node) if isinstance(node, ast.Name))
            assigned |= {(unit.function, name) for name in names}
        seen[unit.function, before] += 1


def test_files(fault: Fault) -> tuple[list[Path], list[Path]]:
    """The test files of the changed module, and the others."""
    name = f"test_stats_{fault.module.rpartition('.')[2]}"
    return [path for path in TESTS if path.stem == name], [path for path in TESTS if path.stem != name]


def detected(task: tuple[Fault, Path, str]) -> Result:
    """Run the tests against a changed module, in a child of this process."""
    fault, path, text = task
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            signal.alarm(LONGEST)
            os.write(writing, run_tests(fault, path, text).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        name = answer.read().decode()
    _, status = os.waitpid(child, 0)
    return Result(fault, name if name else f"no result: signal {status}" if status else "stopped before any result")


def run_tests(fault: Fault, path: Path, text: str) -> str:
    """The first test that fails, or NOTHING."""
    import pytest
    from hypothesis import Phase, settings

    phases = (Phase.explicit, Phase.generate)  # the first failure is enough
    settings.register_profile("same", derandomize=True, database=None, deadline=None, phases=phases)
    settings.load_profile("same")
    sys.meta_path.insert(0, Changed(fault.module, path, text))
    sys.path.insert(0, str(ROOT / "tests"))
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    options = (
        "-x",
        "-q",
        "--noconftest",
        "-c",
        os.devnull,
        "--rootdir",
        str(ROOT),
        "-p",
        "no:cacheprovider",
        "--assert=plain",
        "--tb=no",
    )
    for files in test_files(fault):
        first = FirstFailure()
        if code := pytest.main([*options, *map(str, files)], plugins=[first]):
            return first.name or f"pytest ended with {int(code)}"
    return NOTHING


NOTHING = "nothing"
"""Sent by a child whose tests all pass."""


def chosen(package: Path, everything: bool) -> tuple[list[Fault], int]:
    """The faults that are tried, in the order of the modules, and the number of all."""
    found = every_fault(package)
    if everything:
        return found, len(found)
    chance = random.Random(SEED)
    drawn = set(chance.sample(range(len(found)), min(SAMPLE, len(found))))
    for module in dict.fromkeys(fault.module for fault in found):
        places = [place for place, fault in enumerate(found) if fault.module == module]
        others = [place for place in places if place not in drawn]
        more = FEWEST - (len(places) - len(others))
        drawn |= set(chance.sample(others, max(0, min(more, len(others)))))
    return [found[place] for place in sorted(drawn)], len(found)


def all_results(wanted: Sequence[Fault], package: Path) -> list[Result]:
    """The results of some faults."""
    places = locate(package, wanted)
    tasks = [(fault, places[fault].path, changed({places[fault]: fault.after})) for fault in wanted]
    results: list[Result] = []
    for name in ("pytest", "hypothesis.strategies", "scipy.stats"):  # once, not in every child
        importlib.import_module(name)
    control = wanted[0]
    unchanged = detected((control, places[control].path, places[control].source.data.decode()))
    if unchanged.detected != NOTHING:
        sys.exit(f"without a fault, a test fails: {unchanged.detected}")
    with multiprocessing.get_context("fork").Pool(PROCESSES) as pool:
        for result in pool.imap(detected, tasks):
            results.append(Result(result.fault, "" if result.detected == NOTHING else result.detected))
            if len(results) % 20 == 0:
                print(f"{len(results)} of {len(wanted)}", flush=True)
            if not results[-1].detected:
                print(f"{len(results)}: not detected: {identity(result.fault)}", flush=True)
    return results


def reasons() -> dict[tuple[str, str, str, str, int], Reason]:
    """The reasons of mutation_score.json, by fault."""
    rows = json.loads(REASONS.read_text(encoding="utf-8")) if REASONS.exists() else []
    return {
        (row["module"], row["function"], row["before"], row["after"], row.get("ordinal", 0)): Reason(
            row["reason"], row.get("equivalent", False)
        )
        for row in rows
    }


def identity(fault: Fault) -> tuple[str, str, str, str, int]:
    return fault.module, fault.function, fault.before, fault.after, fault.ordinal


def page(results: Sequence[Result], of: int) -> tuple[str, bool]:
    """The table as Markdown, and whether all goals are met."""
    known = reasons()
    left = {result.fault: known.get(identity(result.fault)) for result in results if not result.detected}
    equivalent = sum(reason is not None and reason.equivalent for reason in left.values())
    killed = len(results) - len(left)
    score, share = _score(killed, len(results) - equivalent), equivalent / len(results)
    lines = [
        "# Mutation score of reporter/stats",
        "",
        f"Score {score:.1%}; the goal is {GOAL:.0%}. {killed} of {len(results)} faults are detected by "
        f"tests/test_stats_*.py, {equivalent} ({share:.1%}, at most {MOST_EQUIVALENT:.0%}) are equivalent to the "
        f"original. They are {'all' if of == len(results) else f'drawn with seed {SEED} from the {of}'} faults of the "
        f"package{'' if of == len(results) else f', at least {FEWEST} of each module that has as many'}.",
        "`python benchmarks/mutation_score.py` describes how the faults are made, and writes this page.",
        "",
        "| module | faults | detected | equivalent | accepted | score |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for module in dict.fromkeys(result.fault.module for result in results):
        lines.append(_row(*_counts(module, results, left)))
    lines += [
        "",
        "## Not detected",
        "",
        "| module | function | original | fault | reason |",
        "| --- | --- | --- | --- | --- |",
    ]
    for fault, reason in left.items():
        text = "**no reason given**" if reason is None else f"{'equivalent: ' * reason.equivalent}{reason.text}"
        short = fault.module.rpartition(".")[2]
        lines.append(_row(f"`{short}`", f"`{fault.function}`", *difference(fault.before, fault.after), text))
    met = score >= GOAL and share <= MOST_EQUIVALENT and None not in left.values()
    return "\n".join(lines) + "\n", met


def _counts(module: str, results: Sequence[Result], left: Mapping[Fault, Reason | None]) -> list[str]:
    count = sum(result.fault.module == module for result in results)
    missed = [reason for fault, reason in left.items() if fault.module == module]
    equivalent = sum(reason is not None and reason.equivalent for reason in missed)
    killed = count - len(missed)
    cells = (count, killed, equivalent, len(missed) - equivalent)
    return [f"`{module.rpartition('.')[2]}`", *map(str, cells), f"{_score(killed, count - equivalent):.0%}"]


def _score(killed: int, different: int) -> float:
    """The share of faults that change a result which is detected; 1 if there are none."""
    return killed / different if different else 1.0


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="MODULE")
    parser.add_argument("--all", action="store_true", help="every fault instead of a sample")
    given = parser.parse_args()
    package = ROOT / "reporter" / "stats"
    names = [name.rpartition(".")[2] for name in modules(package)]
    if given.only and given.only not in names:
        parser.error(f"--only: unknown module {given.only!r}; it should be one of {', '.join(names)}")
    wanted, of = chosen(package, given.all)
    wanted = [fault for fault in wanted if not given.only or fault.module.endswith(f".{given.only}")]
    if not wanted:
        parser.error(f"--only: no fault of {given.only} is in the sample; add --all")
    text, met = page(all_results(wanted, package), of)
    print(text)
    if not given.only:
        PAGE.write_text(text, encoding="utf-8")
        sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
