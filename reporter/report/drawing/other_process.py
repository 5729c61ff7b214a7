"""Work on charts that another process does while the rest of a report is built.

vl-convert holds the interpreter's lock, so that a thread would not run beside the rest.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Any, Generic, TypeVar

from reporter.host import importing

T = TypeVar("T")


class OtherProcess(Generic[T]):
    """What `python -m MODULE` makes of some work, given as JSON on its standard input.

    It writes a JSON list, and `read` converts each item to a result. `here` computes them in this process: if `worth`
    is false, because starting a process would take longer, and if that process fails.
    """

    def __init__(
        self,
        module: str,
        work: Callable[[], str],
        read: Callable[[Any], T],
        here: Callable[[], Sequence[T]],
        *,
        worth: bool,
    ) -> None:
        self._module, self._work, self._read, self._here = module, work, read, here
        self._found: list[T] | None = None
        self._thread = Thread(target=self._ask, daemon=True)
        if worth:
            self._thread.start()

    @property
    def started(self) -> bool:
        """Whether another process does the work."""
        return self._thread.ident is not None

    def results(self) -> list[T]:
        """The results in the order of the work, once all are there."""
        if self.started:
            self._thread.join()
        if self._found is None:
            self._found = list(self._here())
        return self._found

    def _ask(self) -> None:
        command = [sys.executable, "-m", self._module]
        variables = os.environ | importing.variables()
        try:
            done = subprocess.run(
                command, input=self._work(), capture_output=True, text=True, check=True, env=variables, encoding="utf-8"
            )
            self._found = [self._read(each) for each in json.loads(done.stdout)]
        except (OSError, ValueError, TypeError, subprocess.CalledProcessError):
            pass


def answer(results: Callable[[Any], list[Any]]) -> None:
    """The main function of the other process: reads the work and writes the list of results."""
    sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    json.dump(results(json.load(sys.stdin)), sys.stdout)
