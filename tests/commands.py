"""Running the command as a user does, in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def copy_of_the_checkout(folder: Path) -> Path:
    """The package and its templates, to which a test may add files."""
    for name in ("reporter", "templates"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def start(*arguments: object, root: Path = ROOT, **more: object) -> subprocess.Popen[str]:
    """`python -m reporter` with the package in `root`."""
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-m", "reporter", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=root, **more
    )


def run(*arguments: object, root: Path = ROOT, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """The same, waited for."""
    process = start(*arguments, root=root)
    try:
        out, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, errors)
