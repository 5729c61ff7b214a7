"""Do the default tests detect faults? Plants 30 drawn faults, one at a time, and runs the tests against each.

`python benchmarks/planted_faults.py draw` writes planted_faults.json: 40 faults drawn with a fixed seed. The first 30
whose code still exists and that are not equivalent to the original are planted; `list` prints them and their modules.

`run --checkout DIR --python FILE` plants them in a second checkout, which that interpreter has installed editable:

    git worktree add --detach DIR
    python -m venv DIR/.venv && DIR/.venv/bin/pip install -e 'DIR[test]'
    python benchmarks/planted_faults.py run --checkout DIR --python DIR/.venv/bin/python

The test files that are most relevant by their words and imports run first, until a test fails. A failure counts if the
test fails again with the fault and passes without it. For the faults that are left, each test file runs once with
a probe at the code of every fault, which shows the tests that execute it, in this process or in another. A test that never
executes the code of a fault has the same outcome with and without it, so only the others run against the fault, and
then the whole files that contain one.

Results are kept in DIR/planted_faults, and the same command resumes. They are written to planted_faults.md.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mutations import Fault, Place, draw, locate
from planted_checkout import ROOT, Checkout, failed
from relevance import by_relevance

LIST, PAGE = (ROOT / "benchmarks" / f"planted_faults.{ending}" for ending in ("json", "md"))
SEED, DRAWN, PLANTED, GOAL = 14, 40, 30, 27
SHOWN = 40
"""Characters around a change."""
NEAR_FILES = 4
"""The most relevant test files, which run first."""
QUICK_SECONDS = 90
"""Of the tests that execute the code of a fault, as many of the quickest as take this long together run before others."""
PROBE = """
def _planted_probe(number, _seen=set()):  # noqa
    import os
    test = os.environ.get("PYTEST_CURRENT_TEST", "?").rpartition(" ")[0]
    if (number, test) not in _seen:
        _seen.add((number, test))
        try:
            file = os.open({path!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
            os.write(file, f"{{number}}\\t{{test}}\\n".encode())
            os.close(file)
        except OSError:
            pass

"""


class State:
    """The results so far, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self.probed: dict[str, str] = kept.get("probed", {})
        """Test files, and the digest of each."""
        self.reached: dict[str, dict[str, list[str]]] = kept.get("reached", {})
        """Of a fault, the files whose processes reach it, and which of their tests."""
        self.seconds: dict[str, float] = kept.get("seconds", {})
        self.failing: list[str] = kept.get("failing", [])
        """Tests that fail without a fault."""
        self.results: dict[str, dict[str, Any]] = kept.get("results", {})

    def save(self) -> None:
        kept = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        self._path.write_text(json.dumps(kept, indent=1), encoding="utf-8")

    def file_seconds(self, file: str) -> float:
        return sum(seconds for test, seconds in self.seconds.items() if test.startswith(f"{file}::"))


def read_list() -> list[Fault]:
    return [Fault(**each) for each in json.loads(LIST.read_text(encoding="utf-8"))["faults"]]


def write_list() -> None:
    """Draws, and keeps the reasons in a list that is there already."""
    reasons = {(each.function, each.after): each.equivalent for each in read_list()} if LIST.exists() else {}
    faults = [asdict(fault) for fault in draw(ROOT / "reporter", DRAWN, SEED)]
    for fault in faults:
        fault["equivalent"] = reasons.get((fault["function"], fault["after"]), "")
    LIST.write_text(json.dumps({"seed": SEED, "faults": faults}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def chosen(package: Path) -> tuple[dict[int, Place], dict[int, str]]:
    """The places of the faults to plant, by number in the list; and why others before the last of them are not."""
    faults = read_list()
    places = locate(package, faults)
    planted, excluded = dict[int, Place](), dict[int, str]()
    for number, fault in enumerate(faults):
        if len(planted) == PLANTED:
            break
        if fault.equivalent:
            excluded[number] = f"equivalent: {fault.equivalent}"
        elif fault not in places:
            excluded[number] = "its code no longer exists"
        else:
            planted[number] = places[fault]
    return planted, excluded


def probe(checkout: Checkout, state: State) -> None:
    """Runs each new or changed test file once with probes at the faults."""
    log = checkout.folder / "reached.tsv"
    faults = read_list()
    inside: dict[Path, dict[int, Place]] = {}
    for fault, place in locate(checkout.package, faults).items():
        inside.setdefault(place.path, {})[faults.index(fault)] = place
    texts = {path: probed(places, log) for path, places in inside.items()}
    for file, digest in checkout.tests().items():
        if state.probed.get(file) == digest:
            continue
        log.write_text("")
        with checkout.changed(texts):
            lines = checkout.pytest(only=[file])
        for number, test in sorted({tuple(line.split("\t")) for line in log.read_text(encoding="utf-8").splitlines()}):
            tests = state.reached.setdefault(number, {}).setdefault(file, [])
            if test.startswith(file) and test not in tests:
                tests.append(test)
        for name in {line["test"] for line in lines}:
            state.seconds[name] = sum(line["seconds"] for line in lines if line["test"] == name)
        unclear = failed(lines)  # a probe may be in the way
        state.failing += failed(checkout.pytest(only=unclear)) if unclear else []
        state.probed[file] = digest
        state.save()
        print(f"{file}: {state.file_seconds(file):.0f} s", *unclear, flush=True)


def probed(places: Mapping[int, Place], log: Path) -> str:
    """A module with a call at each of some places, and the function that is called."""
    source = next(iter(places.values())).source
    head = [node for node in source.tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    edits = [((end := source.span(head[-1])[1] if head else 0), end, PROBE.format(path=str(log)))]
    for number, place in places.items():
        start, end = source.span(place.node)
        if isinstance(place.node, ast.stmt):
            edits.append((start, start, f"_planted_probe({number}); "))
        else:
            edits += [(start, start, f"(_planted_probe({number}), ("), (end, end, "))[1]")]
    data = source.data
    for start, end, text in sorted(edits, reverse=True):
        data = data[:start] + text.encode() + data[end:]
    return data.decode()


def near(checkout: Checkout, number: int, place: Place) -> dict[str, Any]:
    """Runs the most relevant test files against a fault."""
    spent = 0.0
    for file in by_relevance(checkout.root, place.module, place.function)[:NEAR_FILES]:
        test, seconds = detecting(checkout, number, place, [file], set())
        spent += seconds
        if test:
            return {"caught": test, "seconds": round(spent, 1)}
    return {"caught": ""}


def far(checkout: Checkout, state: State, number: int, place: Place) -> dict[str, Any]:
    """Runs all tests that execute the code of a fault, and the files that contain one."""
    reached = state.reached.get(str(number), {})
    tests = [test for tests in reached.values() for test in tests]
    spent, quick = 0.0, list[str]()
    for test in sorted(tests, key=lambda test: state.seconds.get(test, 0.0)):
        spent += state.seconds.get(test, 0.0)
        quick += [test] if spent < QUICK_SECONDS else []
    spent = 0.0
    for selection in (quick, *([file] for file in sorted(reached, key=state.file_seconds))):
        test, seconds = detecting(checkout, number, place, selection, set(state.failing)) if selection else ("", 0.0)
        spent += seconds
        if test:
            return {"caught": test, "seconds": round(spent, 1)}
    return {"caught": "", "tests": len(tests), "files": len(reached)}


def detecting(
    checkout: Checkout, number: int, place: Place, selection: Sequence[str], failing: set[str]
) -> tuple[str, float]:
    """Which of some tests or files detects a fault, and the seconds until its failure; an empty name if none does."""
    planted = {place.path: place.planted(read_list()[number].after)}
    ignored, spent = set(failing), 0.0
    while True:
        with checkout.changed(planted):
            lines = checkout.pytest("-x", only=selection, without=ignored)
            spent += sum(line["seconds"] for line in lines)
            first = failed(lines)[:1]
            again = failed(checkout.pytest(only=first)) if first else []
        if not first:
            return "", spent
        if again and not failed(checkout.pytest(only=first)):
            return first[0], spent
        ignored |= set(first)  # fails with and without the fault, or not always


def run(checkout: Checkout, only: Sequence[int]) -> None:
    """Plants the faults that have no result yet, or those that are named."""
    state = State(checkout.folder / "state.json")
    places, excluded = chosen(checkout.package)
    wanted = {number: place for number, place in places.items() if number in only or not only}
    for number, place in wanted.items():
        if only or str(number) not in state.results:
            state.results[str(number)] = near(checkout, number, place)
            _report(state, number, place)
    left = {number: place for number, place in wanted.items() if not state.results[str(number)].get("caught")}
    left = {number: place for number, place in left.items() if only or "files" not in state.results[str(number)]}
    if left:
        probe(checkout, state)
    for number, place in left.items():
        state.results[str(number)] = far(checkout, state, number, place)
        _report(state, number, place)
    PAGE.write_text(page(state, places, excluded), encoding="utf-8")


def _report(state: State, number: int, place: Place) -> None:
    state.save()
    print(number, place.module, place.function, state.results[str(number)], flush=True)


def page(state: State, places: Mapping[int, Place], excluded: Mapping[int, str]) -> str:
    """The table of results, as Markdown."""
    faults = read_list()
    results = {number: state.results[str(number)] for number in places if str(number) in state.results}
    caught = sum(bool(result["caught"]) for result in results.values())
    lines = [
        "# Planted faults",
        "",
        f"{caught} of {len(results)} faults caught by the default set of tests; the goal is {GOAL} of {PLANTED}.",
        f"Drawn with seed {SEED} by `benchmarks/planted_faults.py`, which describes how. Line breaks are shortened.",
        "",
        "| no. | module | function | kind | original | fault | caught by | seconds |",
        "| ---: | --- | --- | --- | --- | --- | --- | ---: |",
    ]
    for number, result in results.items():
        fault, test = faults[number], result["caught"].removeprefix("tests/")
        before, after = _difference(fault.before, fault.after)
        cells = [str(number), f"`{places[number].module}`", f"`{fault.function}`", fault.kind, before, after]
        lines.append(_row(*cells, f"`{test}`" if test else "**not caught**", str(result.get("seconds", ""))))
    if excluded:
        lines += ["", "Not planted:", "", "| no. | module | function | original | fault | reason |"]
        lines += ["| ---: | --- | --- | --- | --- | --- |"]
    for number, reason in excluded.items():
        fault = faults[number]
        lines.append(
            _row(
                str(number), f"`{fault.module}`", f"`{fault.function}`", *_difference(fault.before, fault.after), reason
            )
        )
    return "\n".join(lines) + "\n"


def _difference(before: str, after: str) -> tuple[str, str]:
    """What differs between two texts, with some of what is common around it."""
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    first, rest = max(start - SHOWN, 0), max(end - SHOWN, 0)
    one, two = (
        f"`{'…' * (first > 0)}{' '.join(text[first : len(text) - rest].split())}{'…' * (rest > 0)}`"
        for text in (before, after)
    )
    return one, two


def _common(one: str, two: str) -> int:
    """The length of the common start of two texts."""
    return next((place for place, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("draw")
    commands.add_parser("list")
    runner = commands.add_parser("run")
    runner.add_argument("--checkout", type=Path, required=True)
    runner.add_argument("--python", type=Path, default=Path(sys.executable))
    runner.add_argument("--only", type=int, action="append", default=[], metavar="N")
    given = parser.parse_args()
    if given.command == "draw":
        write_list()
    elif given.command == "list":
        for number, place in chosen(ROOT / "reporter")[0].items():
            print(
                number,
                place.module,
                place.function,
                *_difference(place.source.text(place.node), read_list()[number].after),
            )
    else:
        run(Checkout(given.checkout, given.python), given.only)


if __name__ == "__main__":
    main()
