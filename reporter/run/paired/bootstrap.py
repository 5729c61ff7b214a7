"""Start one side of `reporter ab`: the Python of the measured environment runs this file as a script.

Everything is imported from that environment, except the package `reporter`: a finder serves it from the folder of this
file, ahead of any version that is installed there. No folder of the measuring environment is put on `sys.path`.
A JSON line on standard output either describes the environment (see side.py) or contains the key `refused`. The
arguments are packages that the side needs besides.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and sys.path[:1] == [__file__.rpartition("/")[0]]:  # where PYTHONSAFEPATH is ignored
    del sys.path[0]

import json
import os
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from types import ModuleType
from typing import NoReturn

OLDEST = (3, 11)
NEEDED = ("torch", "torchvision", "pydantic", "typing_extensions")
"""All that a side imports besides the standard library and `reporter`."""
REINSTALL = ("--force-reinstall", "torch", "torchvision")
PACKAGE = "reporter"


class Lent(MetaPathFinder):
    """Finds the package `reporter` in one folder, and nothing else."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname == PACKAGE:
            return PathFinder.find_spec(fullname, [self.folder])
        return PathFinder.find_spec(fullname, path) if fullname.startswith(PACKAGE + ".") else None


def main() -> None:
    """Import what a side needs from its own environment, then serve jobs; an answer `refused` where that fails."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what an import prints is not an answer
    os.write(answers, b"\n")  # ends a line that was printed while Python started
    if sys.version_info < OLDEST:
        numbers = ".".join(map(str, sys.version_info[:3]))
        refuse(answers, f"it runs Python {numbers}; Python {OLDEST[0]}.{OLDEST[1]} or newer is required")
    missing = [name for name in (*NEEDED, *sys.argv[1:]) if find_spec(name) is None]
    if missing:
        refuse(answers, "it does not have " + ", ".join(missing), missing)
    for name in ("torch", "torchvision", *sys.argv[1:]):
        load(answers, name)
    lend(os.path.abspath(__file__).rsplit(os.sep, 4)[0])
    try:
        from reporter.run.paired import side
    except Exception as error:
        refuse(answers, "it cannot load reporter's measuring code: " + described(error), ("--upgrade", *NEEDED[2:]))
    side.serve(answers)


def lend(folder: str) -> None:
    """Make `import reporter` find the package in a folder, also where another one was imported by a .pth file."""
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]
    sys.meta_path.insert(0, Lent(folder))


def load(answers: int, name: str) -> None:
    """Import a package and use it once; refuse, with its version and file, where that fails."""
    try:
        module = import_module(name)
        if name == "torch" and module.nn.Module and module.ones(1).add(1).item() != 2:
            raise ArithmeticError("1 + 1 is not 2")
        if not isinstance(module.__version__, str) or not module.__file__:
            raise ImportError("it has no version or no file")
    except BaseException as error:  # a stub may also raise SystemExit
        refuse(answers, f"it cannot use {found(name)}: {described(error)}", REINSTALL)


def found(name: str) -> str:
    """A package with its version, as far as it is known without an import, and its file."""
    try:
        number = " " + version(name)
    except PackageNotFoundError:
        number = ""
    try:
        spec = find_spec(name)
    except ValueError:  # imported, but without a spec
        spec = None
    return f"{name}{number} ({spec.origin if spec and spec.origin else 'no file'})"


def described(error: BaseException) -> str:
    """An exception in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def refuse(answers: int, reason: str, packages: Sequence[str] = ()) -> NoReturn:
    """Answer why this environment cannot be measured, and which packages to install in it; ends the process."""
    line = json.dumps({"refused": reason, "packages": list(packages)})
    os.write(answers, line.encode() + b"\n")
    os._exit(0)


if __name__ == "__main__":
    main()
