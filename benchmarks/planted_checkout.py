"""A second checkout of the package: texts are put in place of its modules, and its tests run."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RUN_SECONDS, TEST_SECONDS = 3600, 120
"""Tests that take longer have failed: a fault may make a loop endless."""
Line = dict[str, Any]
"""What the plugin recorded of a test: its identifier, the phase, the outcome and the seconds."""


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
        command = [str(self.python), "-c", "import reporter; print(reporter.__file__)"]
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

    def pytest(self, *options: str, only: Sequence[str], without: Collection[str] = ()) -> list[Line]:
        """Runs some tests or files at low priority and returns what the plugin recorded."""
        lines, wanted = self.folder / "tests.jsonl", self.folder / "wanted.json"
        lines.write_text("")
        wanted.write_text(json.dumps({"only": list(only), "without": list(without)}))
        given = os.environ | {"RECORDED_TESTS": str(lines), "WANTED_TESTS": str(wanted)}
        files = dict.fromkeys(test.partition("::")[0] for test in only)
        plugins = ["-p", "benchmarks.recorded_tests", "-p", "no:cacheprovider", "-n", "0", f"--timeout={TEST_SECONDS}"]
        command = ["nice", "-n", "10", str(self.python), "-m", "pytest", *plugins, *options, *files]
        with (self.folder / "pytest.log").open("a", encoding="utf-8") as log:
            process = subprocess.Popen(
                command,
                cwd=self.root,
                env=given,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                status = process.wait(RUN_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                status = process.wait()
        found = [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]
        if status not in (0, 1, 5) and not failed(found):  # such as a crash of the interpreter
            name = found[-1]["test"] if found else only[0]
            found.append({"test": name, "when": "end", "outcome": "failed", "seconds": 0.0})
        return found


def failed(lines: Sequence[Line]) -> list[str]:
    return list(dict.fromkeys(line["test"] for line in lines if line["outcome"] == "failed"))
