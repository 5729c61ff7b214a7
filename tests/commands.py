"""Running the command: as a user does, in a process of its own (`run`), or by its `main` in this process (`call`)."""

from __future__ import annotations

import gc
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager, nullcontext, redirect_stderr, redirect_stdout, suppress
from itertools import count
from multiprocessing import forkserver
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

ROOT = Path(__file__).parent.parent
NETWORKS = ROOT / "tests" / "data" / "tiny.py"
TINY, WIDE = (("--architecture", f"{NETWORKS}:{name}") for name in ("TINY", "WIDE"))
"""Options for networks that are measured in seconds."""
BRIEF = 0.02
"""Seconds of a time in `call`, a seventh of what --preset quick takes."""
USUAL, NEVER = 30.0, 3600.0
"""Seconds between lines which say that something still goes on: those of the program, and those in `call`."""
BLANK = '<svg xmlns="http://www.w3.org/2000/svg" version="1.1" width="9" height="9" viewBox="0 0 9 9"></svg>'
BLANK_CHARTS = ROOT / "tests" / "data" / "blank_charts"
"""A folder for PYTHONPATH: processes specify their charts, but do not convert them, which takes most of a report."""
QUICK = ("--preset", "quick", "--weights", "random", "--modes", "eager")


@contextmanager
def drawing_every(number: int) -> Iterator[None]:
    """Draws one of so many charts of reports, and leaves the others blank: all pictures are made in the same way."""
    from reporter.report.drawing import drawn_charts

    order, draw = count(), drawn_charts.vega.draw

    def drawn(spec: dict[str, Any], language: object) -> str:
        return str(draw(spec, language)) if next(order) % number == number // 2 else BLANK

    with mock.patch.object(drawn_charts.vega, "draw", drawn):
        yield


def copy_of_the_checkout(folder: Path, charts: bool = True) -> Path:
    """The package and its templates, to which a test may add files.

    Without `charts` it has only those that other charts import, and its reports take seconds less. Compiled modules
    are copied, too: a process that had to compile them again would take a second longer.
    """
    for name in ("reporter", "templates"):
        shutil.copytree(ROOT / name, folder / name)
    drawing = {} if charts else {path: path.read_text() for path in (folder / "reporter" / "charts").glob("*.py")}
    for path in drawing:
        if path.stem[0] != "_" and not any(f"charts.{path.stem} import" in text for text in drawing.values()):
            path.unlink()
    return folder


def start(
    *arguments: object, root: Path = ROOT, variables: Mapping[str, str | None] | None = None, **more: object
) -> subprocess.Popen[str]:
    """`python -m reporter` with the package in `root`; `variables` of the environment are set, or taken away (None)."""
    changed = os.environ | {"PYTHONPATH": str(root), "PYTHONSAFEPATH": "1"} | (variables or {})
    environment = {name: value for name, value in changed.items() if value is not None}
    command = [sys.executable, "-m", "reporter", *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
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


def call(
    *arguments: object,
    folder: Path = ROOT,
    variables: Mapping[str, str] | None = None,
    seconds: float | None = None,
    report: bool = True,
) -> subprocess.CompletedProcess[str]:
    """`reporter` with these arguments, from a folder, in this process: no new interpreter has to start.

    The workers of a measurement are real ones. `run` is for what depends on a process: interrupts, limits, imports,
    another copy of the package. With --preset quick a time is taken for `seconds`: BRIEF by default, except in turns
    with another environment, where short ones would hide a difference. Charts are specified, but blank: converting them
    takes most of the time of a report. No report is written where a test does not look at it. On a busy machine no line
    says that something still goes on, unless a test shortens the interval of these lines.
    """
    from reporter.cli import heartbeat, main
    from reporter.host import interrupts
    from reporter.model.settings import PRESETS
    from reporter.report import build
    from reporter.report.drawing import drawn_charts

    out, errors = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    handlers, thresholds = [(number, signal.getsignal(number)) for number in interrupts.SIGNALS], gc.get_threshold()
    hook = sys.unraisablehook
    code: object = None
    if seconds is None and not {"ab", "--against"} & set(arguments):
        seconds = BRIEF
    brief = {} if seconds is None else {"seconds": seconds}
    blank = SimpleNamespace(**vars(drawn_charts.vega) | {"draw": lambda spec, language: BLANK})
    interval = NEVER if heartbeat.INTERVAL == USUAL else heartbeat.INTERVAL
    try:
        with (
            mock.patch.dict(os.environ, variables or {}),
            another_fork_server() if variables else nullcontext(),
            mock.patch.dict(PRESETS["quick"], brief),
            mock.patch.object(drawn_charts, "vega", blank),
            mock.patch.object(heartbeat, "INTERVAL", interval),
            nullcontext() if report else mock.patch.object(build, "write", lambda out, *_: [out / "report.html"]),
            chdir(folder),
            redirect_stdout(out),
            redirect_stderr(errors),
        ):
            main.main([str(argument) for argument in arguments])
    except SystemExit as end:
        code = end.code
    finally:
        gc.set_threshold(*thresholds)
        sys.unraisablehook = hook
        for number, handler in handlers:
            signal.signal(number, handler)
    texts = [stream.buffer.getvalue().decode() for stream in (out, errors) if not stream.flush()]
    return subprocess.CompletedProcess(["reporter", *map(str, arguments)], code, *texts)


@contextmanager
def another_fork_server() -> Iterator[None]:
    """Lets workers have the environment of this moment: theirs is that of their fork server. The one before stays."""
    server = forkserver._forkserver
    before = vars(server).copy()
    server.__init__()
    vars(server)["_preload_modules"] = before["_preload_modules"]
    try:
        yield
    finally:
        server._stop()
        vars(server).update(before)


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


def wait_for(text: str, printed: Callable[[], str], seconds: float = 20) -> None:
    """Waits until another thread has printed a text, but no longer than `seconds`."""
    end = time.monotonic() + seconds
    while text not in printed() and time.monotonic() < end:
        time.sleep(0.002)


def errors_so_far() -> str:
    """What the command that `call` runs has printed to standard error."""
    text: str = sys.stderr.buffer.getvalue().decode()  # type: ignore[attr-defined]
    return text


def without_seconds(text: str) -> str:
    """The lines of a heartbeat, each with 0 s in place of the time that had passed."""
    return re.sub(r"after \d+ s\b", "after 0 s", text)
