"""Sides of `reporter ab` from the fork server, which has loaded torch already, in place of new interpreters."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.connection import Connection

from reporter.host import importing
from reporter.run.executors.local import LocalExecutor, _serve


class ForkedSide:
    """What `Side` needs of `subprocess.Popen`; `test_ab_installed.py` starts real interpreters."""

    def __init__(self, command: object, **more: object) -> None:
        LocalExecutor()  # sets what the fork server loads
        _serve(())
        context = multiprocessing.get_context("forkserver")
        commands, tell = context.Pipe(duplex=False)
        hear, answers = context.Pipe(duplex=False)
        self.stdin, self.stdout = (os.fdopen(os.dup(end.fileno()), mode) for end, mode in ((tell, "wb"), (hear, "rb")))
        self._process = context.Process(target=serve, args=(commands, answers))
        with importing.Safely():
            self._process.start()
        for end in (commands, tell, hear, answers):
            end.close()

    def kill(self) -> None:
        self._process.kill()

    def wait(self) -> int | None:
        self._process.join()
        self.stdin.close()
        self.stdout.close()
        return self._process.exitcode


def serve(commands: Connection, answers: Connection) -> None:
    """The process: commands come on standard input."""
    from reporter.run.paired import side

    os.dup2(commands.fileno(), 0)
    side.serve(answers.fileno())
