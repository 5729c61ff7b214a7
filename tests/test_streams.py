"""Standard streams that are closed, full or left by their reader."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT

LIST = ("-m", "reporter", "list")
VARIABLES = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}


def run(*arguments: str, closed: str = "", stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    shell = ("sh", "-c", f'exec "$0" "$@" {closed}', sys.executable, *arguments)
    return subprocess.run(shell, stdout=stdout, stderr=subprocess.PIPE, text=True, env=VARIABLES, check=False)


def test_a_reader_that_leaves_early_changes_no_exit_code() -> None:
    """The exit code 1 is that of a regression."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run(*LIST, stdout=writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
def test_a_full_disk_is_one_line() -> None:
    with open("/dev/full", "w") as full:
        done = run(*LIST, stdout=full.fileno())
    assert done.returncode == 2
    assert done.stderr == "reporter: standard output cannot be written to (No space left on device)\n"


def test_a_closed_stream_is_the_null_device() -> None:
    """In workers, too: otherwise they have no standard output, or another file in its place."""
    worker = "import os; os.write(1, b'x'); os.write(2, b'x'); os.read(0, 1)"
    code = f"""
import subprocess, sys
from reporter.cli import streams

streams.prepare()
print("x")
print("x", file=sys.stderr)
sys.exit(subprocess.call([sys.executable, "-c", {worker!r}]))
"""
    assert run("-c", code, closed="<&- >&- 2>&-").returncode == 0
