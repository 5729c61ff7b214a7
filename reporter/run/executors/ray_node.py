"""The actor that measures on a node of a Ray cluster, in fresh workers, exactly as on a single machine."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from reporter.host import accelerators, importing, machine
from reporter.host.fingerprints import variables
from reporter.model import Verdict
from reporter.registry import execution_modes
from reporter.run.executors.local import LocalExecutor
from reporter.run.slots import Event, Message


class NodeWorker:
    """A Ray actor with exclusive use of a slot; what Ray changes in its process is undone.

    Of the credentials of its node, workers inherit the variables to `keep`.
    """

    def __init__(self, folder: str, preloaded: Sequence[str], keep: Sequence[str] = ()) -> None:
        vars(sys.modules["__main__"]).pop("__file__", None)  # workers would load the main module, which is Ray's
        with suppress(OSError):  # relative paths, as of data sets, are relative to where the run was started
            os.chdir(folder)
        with suppress(OSError, AttributeError):  # Ray makes its processes nice, which only root can undo
            os.setpriority(os.PRIO_PROCESS, 0, 0)
        self._executor = LocalExecutor(keep)
        for module in preloaded:
            self._executor.preload(module)

    def about(self) -> dict[str, Any]:
        """Return the machine, as in a record, the digest of the code, variables that change kernels, and engines."""
        if accelerators.are_unlisted():
            self._executor.gpus(asked=True)
        engines = execution_modes.description()
        return {"code": code(), "machine": machine.about(), "variables": variables(), "engines": engines}

    def answer(self, question: str, timeout: float | None, number: int | None) -> Iterator[Message | Verdict]:
        """Yield the messages of a fresh worker, and last how it ended."""
        os.environ.pop("OMP_NUM_THREADS", None)  # Ray's, not the user's: threads are counted as without Ray
        self._executor.start(self._executor.slots[0], question, timeout, number)
        event: Event = None
        while event is None or not isinstance(event[1], Verdict):
            event = self._executor.listen()
            if event:
                yield event[1]


def code() -> str:
    """Return a digest of this package: readings of different code do not belong in the same records."""
    files = sorted((Path(importing.ROOT) / "reporter").rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
