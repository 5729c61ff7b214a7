"""Do the default tests detect faults? Plants 30 drawn faults, one at a time, and runs the tests against each.

`python benchmarks/planted_faults.py draw` writes planted_faults.json: 40 faults drawn with a fixed seed. The first 30
whose code still exists and that are not equivalent to the original are planted; `list` prints them and their modules.
Where code is only renamed, its entry in planted_faults.json follows it, so that the same fault is planted.

`run --checkout DIR --python FILE` plants them in a second checkout, which that interpreter has installed editable:

    git worktree add --detach DIR
    python -m venv DIR/.venv && DIR/.venv/bin/pip install -e 'DIR[test]'
    python benchmarks/planted_faults.py run --checkout DIR --python DIR/.venv/bin/python

The test that detected a fault when planted_faults.md was written runs first, then the test files that are most relevant
by their words and imports, until a test fails. The faults that are left are then planted all together and every file
runs once; what fails there runs again with each of them alone.
A failure counts only if the test fails twice with the fault and passes without it.

Results are kept in DIR/planted_faults, and the same command resumes. They are written to planted_faults.md.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mutations import Fault, Place, changed, draw, locate
from planted_checkout import ROOT, Checkout, failed
from relevance import by_relevance

LIST, PAGE = (ROOT / "benchmarks" / f"planted_faults.{ending}" for ending in ("json", "md"))
SEED, DRAWN, PLANTED, GOAL = 14, 40, 30, 27
SHOWN = 40
"""Characters around a change."""
NEAR_FILES = 4
"""The most relevant test files, which run first."""


class State:
    """The results so far, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        self.results: dict[str, dict[str, Any]] = kept.get("results", {})
        self.together: list[int] = kept.get("together", [])
        """The faults that were planted together."""
        self.files: dict[str, str] = kept.get("files", {})
        """The test files that ran with these, and the digest of each."""

    def save(self) -> None:
        kept = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        self._path.write_text(json.dumps(kept, indent=1), encoding="utf-8")


def read_list() -> list[Fault]:
    return [Fault(**each) for each in json.loads(LIST.read_text(encoding="utf-8"))["faults"]]


def write_list() -> None:
    """Draws the faults, once: after code has moved, another draw would have others."""
    if LIST.exists():
        sys.exit(f"{LIST.name} exists; the same faults are planted before and after code moves")
    faults = [asdict(fault) for fault in draw(ROOT / "reporter", DRAWN, SEED)]
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
        elif fault.removed:
            excluded[number] = f"removed: {fault.removed}"
        elif fault not in places:
            excluded[number] = "its code no longer exists"
        else:
            planted[number] = places[fault]
    return planted, excluded


def last_detecting(number: int) -> list[str]:
    """The test that detected a fault when the table was written, if it still exists."""
    table = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    found = re.search(rf"^\| {number} \|.*\| `(test_\w+\.py)(::.*)` \| [\d.]* \|$", table, re.MULTILINE)
    return [f"tests/{found[1]}{found[2]}"] if found and (ROOT / "tests" / found[1]).exists() else []


def near(checkout: Checkout, number: int, place: Place) -> dict[str, Any]:
    """Runs the most relevant tests against a fault: the one that detected it last time, then whole files."""
    spent = 0.0
    for selected in [*last_detecting(number), *by_relevance(checkout.root, place.module, place.function)[:NEAR_FILES]]:
        test, seconds = detecting(checkout, number, place, [selected])
        spent += seconds
        if test:
            return {"caught": test, "seconds": round(spent, 1)}
    return {"caught": ""}


def all_together(checkout: Checkout, state: State, left: Mapping[int, Place]) -> None:
    """Runs every new or changed test file against all faults that are left, and what fails against each alone."""
    if not set(left) <= set(state.together):
        state.together, state.files = sorted(left), {}
    digests = checkout.tests()
    orders = [by_relevance(checkout.root, place.module, place.function) for place in left.values()]
    for file in sorted(digests, key=lambda file: min((order.index(file) for order in orders), default=0)):
        digest = digests[file]
        missed = {number: place for number, place in left.items() if not state.results[str(number)]["caught"]}
        if state.files.get(file) == digest or not missed:
            continue
        with checkout.changed(planted(missed)):
            suspects = failed(checkout.pytest(only=[file]))
        for test in suspects:
            if failed(checkout.pytest(only=[test])):  # without a fault
                continue
            for number, place in missed.items():
                name, seconds = detecting(checkout, number, place, [test])
                if name:
                    state.results[str(number)] = {"caught": name, "seconds": round(seconds, 1)}
                    _report(state, number, place)
        state.files[file] = digest
        state.save()
        print(file, *suspects, flush=True)
    for number in left:
        state.results[str(number)].setdefault("complete", True)


def planted(places: Mapping[int, Place]) -> dict[Path, str]:
    """The texts of the modules in which faults are planted."""
    faults = read_list()
    edits: dict[Path, dict[Place, str]] = {}
    for number, place in places.items():
        edits.setdefault(place.path, {})[place] = faults[number].after
    return {path: changed(inside) for path, inside in edits.items()}


def detecting(checkout: Checkout, number: int, place: Place, selection: Sequence[str]) -> tuple[str, float]:
    """Which of some tests or files detects a fault, and the seconds until its failure; an empty name if none does."""
    texts, spent = planted({number: place}), 0.0
    ignored: set[str] = set()
    while True:
        with checkout.changed(texts):
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
    missed = {number: place for number, place in wanted.items() if not state.results[str(number)]["caught"]}
    all_together(checkout, state, missed)
    state.save()
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
        before, after = difference(fault.before, fault.after)
        cells = [str(number), f"`{places[number].module}`", f"`{fault.function}`", fault.kind, before, after]
        lines.append(_row(*cells, f"`{test}`" if test else "**not caught**", str(result.get("seconds", ""))))
    if excluded:
        lines += ["", "Not planted:", "", "| no. | module | function | original | fault | reason |"]
        lines += ["| ---: | --- | --- | --- | --- | --- |"]
    for number, reason in excluded.items():
        fault = faults[number]
        lines.append(
            _row(
                str(number), f"`{fault.module}`", f"`{fault.function}`", *difference(fault.before, fault.after), reason
            )
        )
    return "\n".join(lines) + "\n"


def difference(before: str, after: str) -> tuple[str, str]:
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
                *difference(place.source.text(place.node), read_list()[number].after),
            )
    else:
        run(Checkout(given.checkout, given.python), given.only)


if __name__ == "__main__":
    main()
