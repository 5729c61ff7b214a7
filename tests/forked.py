"""Python code in a fresh process of the fork server, which has loaded torch already, in place of a new interpreter."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from reporter.host import importing
from reporter.run.executors.local import LocalExecutor, _serve


def execute(code: str, *arguments: str, check: bool = True, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs `python -c CODE ARGUMENTS` as `subprocess.run` does, with torch imported; at most 2 minutes.

    The variables are set before the code runs, for libraries that read them at their first use.
    """
    LocalExecutor()  # sets what the fork server loads
    _serve(())
    with TemporaryDirectory() as folder:
        streams = [str(Path(folder) / name) for name in ("stdout", "stderr")]
        process = multiprocessing.get_context("forkserver").Process(
            target=_execute, args=(code, arguments, variables, streams)
        )
        with importing.Safely():
            process.start()
        process.join(120)
        process.kill()
        process.join()
        out, errors = (Path(path).read_text(encoding="utf-8") for path in streams)
    if check:
        assert process.exitcode == 0, errors
    return subprocess.CompletedProcess(code, process.exitcode or 0, out, errors)


def _execute(code: str, arguments: Sequence[str], variables: Mapping[str, str], streams: Sequence[str]) -> None:
    for number, path in enumerate(streams, 1):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    os.environ.update(variables)
    sys.argv = ["-c", *arguments]
    exec(compile(code, "<code>", "exec"), {"__name__": "__main__"})
