"""Worker processes as the parent sees them: started fresh from a fork server, waited for, killed."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from time import monotonic
from typing import Any

from reporter.measuring.job import Job
from reporter.types import Verdict

Receive = Callable[[dict[str, Any]], None]


class LocalExecutor:
    """Runs one job at a time on this machine; meanwhile the parent sleeps and never imports torch."""

    def __init__(self) -> None:
        method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
        self._context: Any = multiprocessing.get_context(method)
        if method == "forkserver":
            self._context.set_forkserver_preload(["reporter.measuring.worker"])

    def run(self, job: Job, receive: Receive, timeout: float | None = None) -> Verdict:
        """Hands every message of the worker to `receive`; tells how the worker ended."""
        return self._run(job.model_dump_json(), receive, timeout)

    def ask(self, question: str) -> Any:
        """What only torch knows: the GPUs it sees (`cuda`), torchvision's classifiers (`architectures`)."""
        answers: dict[str, Any] = {}
        verdict = self._run(question, answers.update, None)
        return answers[question] if verdict.status == "ok" else []

    def _run(self, question: str, receive: Receive, timeout: float | None) -> Verdict:
        reader, writer = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_enter, args=(question, writer))
        process.start()
        writer.close()
        try:
            if not _listen(reader, receive, timeout):
                return Verdict("timeout", f"not done after {timeout:.0f} s")
            process.join()
            return _ending(process.exitcode)
        finally:
            _kill(process)
            reader.close()


def _enter(question: str, connection: Connection) -> None:
    from reporter.measuring import worker

    worker.main(question, connection)


def _listen(reader: Connection, receive: Receive, timeout: float | None) -> bool:
    end = None if timeout is None else monotonic() + timeout
    while reader.poll(None if end is None else max(0.0, end - monotonic())):
        try:
            message = reader.recv_bytes()
        except EOFError:
            return True
        receive(json.loads(message))
    return False


def _ending(code: int) -> Verdict:
    if code == 0:
        return Verdict("ok", None)
    if code == -signal.SIGKILL:
        return Verdict("oom", "the worker was killed (SIGKILL), as happens when memory runs out")
    if code < 0:
        return Verdict("failed", f"the worker crashed ({signal.Signals(-code).name})")
    return Verdict("failed", f"the worker ended with exit code {code}")


def _kill(process: BaseProcess) -> None:
    """Ends the worker and everything it started, if any of that is still there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid or 0, signal.SIGKILL)
    process.kill()
    process.join()
