"""Import path of this program and its child processes: installed packages, never the current folder."""

from __future__ import annotations

import os
import sys

ROOT = os.path.abspath(__file__).rsplit(os.sep, 3)[0]
"""The folder that contains this package."""


def leave_current_folder() -> None:
    """Removes the current folder, which `python -m` puts first on sys.path, unless this package is imported from it."""
    try:
        current = os.getcwd()
    except OSError:
        return
    if not sys.flags.safe_path and sys.path[0] == current and not _is_root(current):
        del sys.path[0]


def variables() -> dict[str, str]:
    """The environment variables that keep the current folder off the sys.path of a child process.

    `python -m reporter` in a checkout imports a package that is not installed: PYTHONPATH lets a child process find it.
    """
    changed = {"PYTHONSAFEPATH": "1"}
    if is_lent():
        changed["PYTHONPATH"] = os.pathsep.join(filter(None, (ROOT, os.environ.get("PYTHONPATH"))))
    return changed


class Safely:
    """A context in which every child process that is started has these variables."""

    def __enter__(self) -> None:
        changed = variables()
        self._before = {name: os.environ.get(name) for name in changed}
        os.environ.update(changed)

    def __exit__(self, *_: object) -> None:
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def is_lent() -> bool:
    """Whether this package was imported from the first folder of sys.path, where child processes do not look."""
    return bool(sys.path) and _is_root(sys.path[0])


def _is_root(folder: str) -> bool:
    return os.path.realpath(folder) == os.path.realpath(ROOT)
