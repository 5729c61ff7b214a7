"""Worker processes as the parent sees them: started fresh from a fork server, waited for, killed."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from time import monotonic
from typing import Any

from reporter import interrupts
from reporter.measuring import confinement
from reporter.measuring.job import CLAIMS, Job
from reporter.types import Verdict

Receive = Callable[[dict[str, Any]], None]
LOADED = ["reporter.measuring.forkserver", "reporter.measuring.worker"]
"""What the fork server loads before the first worker."""
FAREWELL = 5.0
"""Seconds that a worker gets to end once it has said everything."""


class LocalExecutor:
    """Runs one job at a time on this machine; meanwhile the parent sleeps and never imports torch."""

    def __init__(self) -> None:
        confinement.adopt()
        self._round = 0
        self._served = "forkserver" in multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context("forkserver" if self._served else "spawn")
        if self._served:
            self._context.set_forkserver_preload(LOADED)

    def preload(self, module: str) -> None:
        """Has the fork server load a module besides, once and not in every worker; too late where it runs already."""
        if self._served:
            self._context.set_forkserver_preload([*LOADED, module])

    def run(self, job: Job, receive: Receive, timeout: float | None = None) -> Verdict:
        """Hands every message of the worker to `receive`; tells how the worker ended.

        Every round has a fork server of its own: all workers of one lie in memory alike, and that decides of times too.
        """
        if job.round != self._round:
            self._round = job.round
            self.renew()
        return self._run(job.model_dump_json(), receive, timeout)

    def gather(self, claims: Sequence[str], receive: Receive, timeout: float | None = None) -> Verdict:
        """The same for a worker that measures the evidence of some claims."""
        return self._run(f"{CLAIMS}{','.join(claims)}", receive, timeout)

    def ask(self, question: str) -> Any:
        """What only torch knows: GPUs (`cuda`), classifiers (`architectures`, those of `timm`), its `speed` here."""
        answers: dict[str, Any] = {}
        verdict = self._run(question, answers.update, None)
        return answers[question] if verdict.status == "ok" else []

    def renew(self) -> None:
        """Ends the fork server; the next job starts another, which loads everything anew."""
        if self._served:
            with interrupts.held_back():
                forkserver._forkserver._stop()  # type: ignore[attr-defined]

    def _run(self, question: str, receive: Receive, timeout: float | None) -> Verdict:
        reader, writer = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_enter, args=(question, writer))
        if self._served:
            _serve()
        known = confinement.children()
        try:
            process.start()
            writer.close()
            if not _listen(reader, process.sentinel, receive, timeout):
                return Verdict("timeout", f"not done after {timeout:.0f} s")
            process.join(FAREWELL)
            return ending(process.exitcode)
        finally:
            with interrupts.held_back():
                _kill(process, known)
            reader.close()


def _serve() -> None:
    """Starts the fork server where there is none, deaf to Ctrl-C, which a terminal sends to all processes of a run."""
    with interrupts.held_back():
        resource_tracker.ensure_running()  # first, because it lifts the mask
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        forkserver.ensure_running()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _enter(question: str, connection: Connection) -> None:
    from reporter.measuring import worker

    worker.main(question, connection)


def _listen(reader: Connection, ended: int, receive: Receive, timeout: float | None) -> bool:
    """Until the worker has ended or closed its side, which a child of the network may hold open; False: too late."""
    end = None if timeout is None else monotonic() + timeout
    while ready := wait([reader, ended], None if end is None else max(0.0, end - monotonic())):
        if reader not in ready:
            return True
        try:
            message = reader.recv_bytes()
        except (EOFError, OSError):  # OSError: it ended in the middle of a message
            return True
        receive(json.loads(message))
    return False


def ending(code: int | None) -> Verdict:
    """What the exit code of a worker says of how it ended."""
    if code is None:
        return Verdict("failed", "the worker did not end")
    if code == 0:
        return Verdict("ok", None)
    if code == -signal.SIGKILL:
        return Verdict("oom", "the worker was killed (SIGKILL), as happens when memory runs out")
    if code < 0:
        names = {number.value: number.name for number in signal.Signals}
        return Verdict("failed", f"the worker crashed ({names.get(-code, f'signal {-code}')})")
    return Verdict("failed", f"the worker ended with exit code {code}")


def _kill(process: BaseProcess, known: set[int]) -> None:
    """Ends the worker and everything it started, also what left its group: orphans become children of this process."""
    if process.pid is None:
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()
    while orphans := confinement.children() - known:
        known |= orphans
        for orphan in orphans:
            with suppress(OSError):  # it has become another user's
                os.kill(orphan, signal.SIGKILL)
                os.waitpid(orphan, 0)
