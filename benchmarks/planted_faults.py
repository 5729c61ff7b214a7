"""Does the default set of tests notice faults? Plants 30 drawn faults one at a time and runs the tests.

`python benchmarks/planted_faults.py draw` writes planted_faults.json: 40 faults with a fixed seed, of which the first 30
that still exist and are not equivalent to the original are planted. `run --checkout DIR --python FILE` does so in another
checkout, whose package that interpreter imports: `git worktree add --detach DIR`, then install it there, editable, in an
environment of its own. First, every test file runs once with a probe at the place of each fault, which shows the tests
whose processes reach it, and the seconds of each test. A test that never reaches a fault cannot notice it, so a fault runs
against the tests that reach it, the quickest first, and then against the whole files of those tests. A failure
counts if the same test fails again with the fault and passes without it. Everything is kept in a folder of that
checkout; the same command resumes. The table is planted_faults.md.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mutations import Fault, Place, draw, locate

ROOT = Path(__file__).resolve().parent.parent
LIST, PAGE = (ROOT / "benchmarks" / f"planted_faults.{ending}" for ending in ("json", "md"))
SEED, DRAWN, PLANTED, GOAL = 14, 40, 30, 27
RUN_SECONDS = 3600
SHOWN = 40
"""Characters around a change."""
Line = dict[str, Any]
TEST_SECONDS = 300
"""A test that takes longer has failed: a fault may make a loop endless."""
QUICK_SECONDS = 90
"""A fault meets the quickest of the tests that reach it first, so many as take this long together."""
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


class Checkout:
    """Another checkout of the package, in which faults are planted and tests run."""

    def __init__(self, root: Path, python: Path) -> None:
        self.root, self.python = root.resolve(), python.absolute()
        self.package = self.root / "reporter"
        self.folder = self.root / "planted_faults"
        """For the files of the run."""
        self._check()
        self.folder.mkdir(exist_ok=True)

    def _check(self) -> None:
        """Refuses a checkout that has changes, and an interpreter that imports another package."""
        if self.root == ROOT:
            sys.exit("faults are planted in another checkout: git worktree add --detach DIR")
        status = subprocess.run(["git", "diff", "--quiet", "HEAD"], cwd=self.root, check=False)
        if status.returncode:
            sys.exit(f"{self.root} has changes, perhaps a fault that was left in it: git checkout -- reporter")
        command = [self.python, "-c", "import reporter; print(reporter.__file__)"]
        found = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True).stdout.strip()
        if Path(found).resolve().parent != self.package.resolve():
            sys.exit(f"{self.python} imports {found}; install {self.root} editable in its environment")

    def tests(self) -> dict[str, str]:
        """The test files, and a digest of each."""
        files = sorted((self.root / "tests").glob("test_*.py"))
        return {f"tests/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    @contextmanager
    def changed(self, texts: Mapping[Path, str]) -> Iterator[None]:
        """Puts texts in place of modules for a while."""
        before = {path: path.read_text(encoding="utf-8") for path in texts}
        try:
            self._write(texts)
            yield
        finally:
            self._write(before)

    def _write(self, texts: Mapping[Path, str]) -> None:
        for path, text in texts.items():
            path.write_text(text, encoding="utf-8")
            for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
                compiled.unlink()  # a change within a second that keeps the size would not be seen

    def pytest(self, *arguments: str, only: Sequence[str] = ()) -> list[Line]:
        """Runs tests at low priority and returns what the plugin recorded."""
        lines, wanted = self.folder / "tests.jsonl", self.folder / "wanted.json"
        lines.write_text("")
        given = os.environ | {"RECORDED_TESTS": str(lines)}
        if only:
            wanted.write_text(json.dumps(list(only)))
            given["WANTED_TESTS"] = str(wanted)
            arguments = (*arguments, *dict.fromkeys(test.partition("::")[0] for test in only))
        options = ["-p", "benchmarks.recorded_tests", "-p", "no:cacheprovider", f"--timeout={TEST_SECONDS}"]
        command = ["nice", "-n", "10", str(self.python), "-m", "pytest", *options, *arguments]
        with (self.folder / "pytest.log").open("a", encoding="utf-8") as log:
            pipes = {"stdout": log, "stderr": log, "stdin": subprocess.DEVNULL}
            process = subprocess.Popen(command, cwd=self.root, env=given, start_new_session=True, **pipes)
            try:
                status = process.wait(RUN_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                status = process.wait()
        found = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
        if status not in (0, 1, 5) and not failed(found):  # such as a crash of the interpreter
            name = found[-1]["test"] if found else arguments[-1]
            found.append({"test": name, "when": "end", "outcome": "failed", "seconds": 0.0})
        return found


def failed(lines: Sequence[Line]) -> list[str]:
    return list(dict.fromkeys(line["test"] for line in lines if line["outcome"] == "failed"))


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
    texts = {path: _probed(places, log) for path, places in inside.items()}
    for file, digest in checkout.tests().items():
        if state.probed.get(file) == digest:
            continue
        log.write_text("")
        with checkout.changed(texts):
            lines = checkout.pytest(file)
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


def _probed(places: Mapping[int, Place], log: Path) -> str:
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


def examine(checkout: Checkout, state: State, number: int, place: Place) -> dict[str, Any]:
    """Plants a fault, runs the tests that reach it, and returns which of them notices it, if any."""
    fault = read_list()[number]
    planted = {place.path: place.planted(fault.after)}
    reached = state.reached.get(str(number), {})
    tests = sorted(
        (test for tests in reached.values() for test in tests), key=lambda test: state.seconds.get(test, 0.0)
    )
    spent, quick = 0.0, list[str]()
    for test in tests:
        spent += state.seconds.get(test, 0.0)
        quick += [test] if spent < QUICK_SECONDS else []
    words = {place.function.split(".")[-1], place.module.split(".")[-1]}
    files = sorted(reached, key=lambda file: (not _mentions(checkout.root / file, words), state.file_seconds(file)))
    ignored = set(state.failing)
    for selection in (quick, *([file] for file in files)):
        while remaining := [test for test in _within(selection, state) if test not in ignored]:
            with checkout.changed(planted):
                lines = checkout.pytest("-x", only=remaining)
                first = failed(lines)[:1]
                again = failed(checkout.pytest(only=first)) if first else []
            if not first:
                break
            if again and not failed(checkout.pytest(only=first)):
                return {"caught": first[0], "seconds": round(sum(line["seconds"] for line in lines), 1)}
            ignored |= set(first)  # fails with and without the fault, or not always
    return {"caught": "", "tests": len(tests), "files": len(files)}


def _within(selection: Sequence[str], state: State) -> list[str]:
    """Tests, or all tests of a file."""
    if len(selection) == 1 and "::" not in selection[0]:
        return [test for test in state.seconds if test.startswith(f"{selection[0]}::")]
    return list(selection)


def _mentions(file: Path, words: set[str]) -> bool:
    text = file.read_text(encoding="utf-8")
    return any(word in text for word in words)


def run(checkout: Checkout, only: Sequence[int]) -> None:
    state = State(checkout.folder / "state.json")
    places, excluded = chosen(checkout.package)
    probe(checkout, state)
    for number, place in places.items():
        if number in only or (not only and str(number) not in state.results):
            state.results[str(number)] = examine(checkout, state, number, place)
            state.save()
            print(number, place.module, place.function, state.results[str(number)], flush=True)
    PAGE.write_text(page(state, places, excluded), encoding="utf-8")


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
    start = len(os.path.commonprefix([before, after]))
    end = min(len(os.path.commonprefix([before[start:][::-1], after[start:][::-1]])), SHOWN)
    first = max(start - SHOWN, 0)
    rest = len(os.path.commonprefix([before[start:][::-1], after[start:][::-1]])) - end
    shown = (" ".join(text[first : len(text) - rest].split()) for text in (before, after))
    one, two = (f"`{'…' * (first > 0)}{text}{'…' * (rest > 0)}`" for text in shown)
    return one, two


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
