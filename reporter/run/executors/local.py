"""Executor for this machine: worker processes are started fresh from a fork server, waited for and killed."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Collection, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import forkserver, resource_tracker, util
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from time import monotonic
from typing import Any

from reporter.host import accelerators, confinement, gpus, gpus_by_torch, importing, interrupts, machine, preloading
from reporter.host.credentials import withheld
from reporter.host.questions import Answer, ListGpus, Question, WorkerError
from reporter.model import ReporterError, Verdict
from reporter.model.attempts import attempt
from reporter.model.devices import accelerator_in
from reporter.model.settings import Settings
from reporter.run.executors import loading
from reporter.run.request import Request
from reporter.run.slots import NO_CUDA, Event, Message, Slot, converse

WATCHED = ["reporter.host.forkserver"]
"""What the fork server loads first, so that it ends with the run."""
LOADED = [*WATCHED, "reporter.worker.preloaded"]
"""What the fork server loads before the first worker."""
MOST_COUNTING = 8
"""How many jobs that only count run side by side at most."""
EXIT_TIMEOUT = 5.0
"""Seconds that a worker has to end after its last message."""
LONGEST_WAIT = 86400.0
"""Seconds of one call that waits for messages: the system refuses more than 24 days."""
LONGEST_FOLDER = 70
"""The most bytes in the path of a temporary folder that leave room for the path of a socket in it."""
SHORT_FOLDERS = ("/tmp", "/var/tmp")
"""Temporary folders in place of one whose path is longer."""


@dataclass(frozen=True)
class Worker:
    """A process that answers a question; `children` are the processes that ran before, `deadline` ends it."""

    process: BaseProcess
    reader: Connection
    children: set[int]
    timeout: float
    deadline: float


class LocalExecutor:
    """Runs a job in each slot of this machine; the parent waits and never imports torch."""

    away: Sequence[Slot] = ()
    no_cuda = NO_CUDA
    accelerator = "cuda"

    def __init__(self, keep: Collection[str] = ()) -> None:
        confinement.adopt()
        self._keep = keep
        self._round = 0
        self.loading = 0.0
        self._preloaded: dict[str, None] = {}
        self._served = "forkserver" in multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context("forkserver" if self._served else "spawn")
        if self._served:
            self._context.set_forkserver_preload(LOADED)
        self._workers: dict[Slot, Worker] = {}
        self.slots = [Slot("", "", machine.about())]

    @classmethod
    def chosen(cls, settings: Settings) -> LocalExecutor:
        """The executor that settings ask for."""
        return cls(settings.keep_env)

    def preload(self, module: str) -> None:
        """Preload a module in the fork server, once instead of in every worker; no effect if it runs already."""
        if self._served:
            self._preloaded |= {module: None}
            self._context.set_forkserver_preload([*LOADED, *self._preloaded])

    def open(self, request: Request) -> Sequence[str]:
        """A slot for each GPU that was asked for, else one; and one to count in for each core but the first."""
        devices = request.gpus or (request.devices.get(accelerator_in(request.devices), ""),)
        self.slots = [Slot("", device, request.about) for device in devices]
        more = min(machine.usable_threads(), MOST_COUNTING) - 1
        self.slots += [Slot("", "", request.about, counts=True) for _ in range(more)]
        return ()

    def gpus(self, asked: bool) -> Sequence[str]:
        """Return the names of the GPUs that torch detects; torch is not loaded on a machine without a driver.

        Those that the driver does not list are part of the machine's facts from here on.
        """
        if not asked and not accelerators.are_likely():
            self.no_cuda = gpus.hidden() or NO_CUDA
            return ()
        try:
            seen = self.ask(ListGpus())
        except WorkerError as error:
            self.no_cuda = f"a worker cannot load torch: {error}"
            return ()
        self.no_cuda, self.accelerator = seen.reason, seen.type
        gpus.IN_TORCHS_ORDER[:] = seen.uuids
        if not gpus.installed():
            gpus_by_torch.remember(seen)
        machine.facts.cache_clear()
        return seen.names

    def ask(self, question: Question[Answer], timeout: float | None = None) -> Answer:
        """The answer of a fresh worker; WorkerError with the reason if there is none."""
        answered: Message = {}
        try:
            verdict = converse(self, self.slots[0], question.model_dump_json(), answered.update, timeout)
        finally:
            self.close()
        if verdict and verdict.status == "ok" and "answer" in answered:
            answer: Answer = question.answer.validate_python(answered["answer"])
            return answer
        raise WorkerError(answered.get("error") or (verdict and verdict.reason) or "the worker ended without an answer")

    def start(self, slot: Slot, question: str, timeout: float | None = None, number: int | None = None) -> None:
        """Starts a fresh worker that answers a question.

        Every round, by its number, has a fork server of its own: all workers of one lie in memory alike, and that
        decides of times too. A round that begins on one GPU while another still measures shares that one's.
        """
        if number not in (None, self._round) and not self._workers:
            self._round = number
            self.renew()
        reader, writer = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_enter, args=(question, writer))
        if self._served:
            _serve(self._keep)
        seconds = math.inf if timeout is None else timeout
        worker = self._workers[slot] = Worker(process, reader, confinement.children(), seconds, math.inf)
        begun = monotonic()
        with importing.Safely(), nullcontext() if self._served else withheld(self._keep):
            self._start(process)
        now = monotonic()
        self.loading = max(self.loading, now - begun)
        self._workers[slot] = replace(worker, deadline=now + seconds)  # torch is loaded now
        writer.close()

    def listen(self) -> Event:
        """A message of a worker; or how it ended: a child of the network may hold its side of the pipe open."""
        while True:
            workers = self._workers.items()
            left = min(worker.deadline for _, worker in workers) - monotonic()
            both = [(worker.reader, worker.process.sentinel) for _, worker in workers]
            ready = wait([each for pair in both for each in pair], min(max(0.0, left), LONGEST_WAIT))
            for slot, worker in workers:
                if worker.reader in ready:
                    try:
                        message = json.loads(worker.reader.recv_bytes())
                    except (EOFError, OSError):  # OSError: it ended in the middle of a message
                        return slot, self._finish(slot)
                    if "unusable" in message:
                        return slot, self._finish(slot, Verdict("failed", message["unusable"]))
                    return slot, message
                if worker.process.sentinel in ready:
                    return slot, self._finish(slot)
                if monotonic() >= worker.deadline:
                    return slot, self._finish(slot, Verdict("timeout", f"not done after {worker.timeout:.0f} s"))

    def renew(self) -> None:
        """Ends the fork server; the next job starts another, which loads everything again."""
        if self._served:
            with interrupts.deferred():
                forkserver._forkserver._stop()  # type: ignore[attr-defined]

    def late_notices(self) -> Sequence[str]:
        """None: this machine has no nodes."""
        return ()

    def close(self) -> None:
        """Ends the workers that still run."""
        for slot in list(self._workers):
            self._finish(slot, Verdict("skipped", "the run was ended"))

    def _start(self, process: BaseProcess) -> None:
        """Starts a worker; where loading torch ends the fork server, the workers load it, and their end is reported.

        ReporterError where torch is not loaded in time.
        """
        try:
            with loading.limited(forkserver._forkserver._forkserver_pid):  # type: ignore[attr-defined]
                process.start()
        except (EOFError, OSError):
            if not self._served:
                raise
            self._context.set_forkserver_preload(WATCHED)
            self.renew()
            _serve(self._keep)
            process.start()

    def _finish(self, slot: Slot, verdict: Verdict | None = None) -> Verdict:
        """How the worker ended, if it is not the verdict that ends it."""
        worker = self._workers[slot]
        try:
            if verdict is None:
                worker.process.join(EXIT_TIMEOUT)
                verdict = ending(worker.process.exitcode)
            return verdict
        finally:
            with interrupts.deferred():
                server = forkserver._forkserver._forkserver_pid  # type: ignore[attr-defined]  # it may be a new one
                _kill(worker.process, worker.children | {server})
                del self._workers[slot]
            worker.reader.close()


def _serve(keep: Collection[str]) -> None:
    """Starts the fork server where there is none, deaf to Ctrl-C, which a terminal sends to all processes of a run.

    Its workers inherit its environment, which has no credentials except the variables to `keep`.
    """
    with interrupts.deferred(), importing.Safely(), withheld(keep):
        interrupts.remove_at_end(_temporary_folder())
        resource_tracker.ensure_running()  # first, because it lifts the mask
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        with confinement.named_as_parent():
            forkserver.ensure_running()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _temporary_folder() -> str:
    """The temporary folder of multiprocessing, which it creates elsewhere if the path of the usual one is too long.

    ReporterError if there is no other. Nothing else changes its folder.
    """
    usual = tempfile.gettempdir()
    if len(os.fsencode(usual)) <= LONGEST_FOLDER:
        return util.get_temp_dir()
    short = next((folder for folder in SHORT_FOLDERS if os.access(folder, os.W_OK | os.X_OK)), None)
    if short is None:
        raise ReporterError(f"the path {usual} is too long; set TMPDIR to a folder of at most {LONGEST_FOLDER} bytes")
    tempfile.tempdir = short
    try:
        return util.get_temp_dir()  # creates it on the first call
    finally:
        tempfile.tempdir = usual


def _enter(task: str, connection: Connection) -> None:
    """Entry point of a worker; if it cannot load torch, that is its only message."""
    entry, verdict = attempt(partial(preloading.load, preloading.WORKER))
    if entry is None:
        connection.send_bytes(json.dumps({"unusable": verdict.reason}).encode())
        return
    entry.main(task, connection)


def ending(code: int | None) -> Verdict:
    """Return the verdict for the exit code of a worker."""
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


def _kill(process: BaseProcess, before: set[int]) -> None:
    """Ends the worker and everything it started, also what left its group: orphans become children of this process."""
    if process.pid is None:
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()
    while orphans := confinement.children() - before:
        before |= orphans
        for orphan in orphans:
            with suppress(OSError):  # it has become another user's
                os.kill(orphan, signal.SIGKILL)
                os.waitpid(orphan, 0)
