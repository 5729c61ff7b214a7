"""Running the command as a user does, in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent


def copy_of_the_checkout(folder: Path) -> Path:
    """The package and its templates, to which a test may add files."""
    for name in ("reporter", "templates"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def start(
    *arguments: object, root: Path = ROOT, variables: Mapping[str, str | None] | None = None, **more: object
) -> subprocess.Popen[str]:
    """`python -m reporter` with the package in `root`; `variables` of the environment are set, or taken away (None)."""
    changed = os.environ | {"PYTHONPATH": str(root), "PYTHONSAFEPATH": "1"} | (variables or {})
    environment = {name: value for name, value in changed.items() if value is not None}
    command = [sys.executable, "-m", "reporter", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": hearing}
    return subprocess.Popen(command, text=True, encoding="utf-8", env=environment, cwd=root, **(pipes | more))


def hearing() -> None:
    """Lets a process hear an interrupt, also where the tests run in the background of a shell, deaf to it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run(
    *arguments: object, root: Path = ROOT, timeout: float = 300, **more: object
) -> subprocess.CompletedProcess[str]:
    """The same, waited for."""
    process = start(*arguments, root=root, **more)
    try:
        out, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)


def marked(mark: str) -> list[int]:
    """The processes, whoever their parent is by now, whose environment REPORTER_TEST marks; zombies are none."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"REPORTER_TEST={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def soon_none(mark: str, seconds: float) -> bool:
    """Whether the last marked process is gone in time."""
    end = time.monotonic() + seconds
    while marked(mark):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
