"""What stands on a node of a cluster and measures there, in fresh workers, exactly as on a machine of one's own."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from reporter.host import importing, machine
from reporter.host.fingerprints import variables
from reporter.model import Verdict
from reporter.run.executors.local import LocalExecutor
from reporter.run.slots import Heard, Message


class Post:
    """A Ray actor that has a slot to itself; Ray's own traces in its process are undone."""

    def __init__(self, folder: str, preloaded: Sequence[str]) -> None:
        vars(sys.modules["__main__"]).pop("__file__", None)  # workers would load the main module, which is Ray's
        with suppress(OSError):  # relative paths, as of data sets, are told from where the run was started
            os.chdir(folder)
        with suppress(OSError, AttributeError):  # Ray makes its processes nice, which only root can undo
            os.setpriority(os.PRIO_PROCESS, 0, 0)
        self._executor = LocalExecutor()
        for module in preloaded:
            self._executor.preload(module)

    def about(self) -> dict[str, Any]:
        """The machine, as a record says it, the code that measures on it, and variables that change its kernels."""
        return {"code": code(), "machine": machine.about(), "variables": variables()}

    def answer(self, question: str, timeout: float | None, number: int | None) -> Iterator[Message | Verdict]:
        """What a fresh worker says, and last how it ended."""
        os.environ.pop("OMP_NUM_THREADS", None)  # Ray's, not the user's: threads are counted as without Ray
        self._executor.begin(self._executor.slots[0], question, timeout, number)
        heard: Heard = None
        while heard is None or not isinstance(heard[1], Verdict):
            heard = self._executor.listen()
            if heard:
                yield heard[1]


def code() -> str:
    """A digest of this package: what other code measures does not belong in the same records."""
    files = sorted((Path(importing.ROOT) / "reporter").rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
