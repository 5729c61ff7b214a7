"""Jobs in one environment alone, in which nothing is compared in turns: counts and kernels of a walk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic

from reporter.host.job import Job
from reporter.model import Reading, ReporterError
from reporter.run.paired import paired_run
from reporter.run.paired.interleaving import Side
from reporter.run.request import Request

LIMIT = 300.0
"""Seconds of a job."""


@contextmanager
def opened(name: str, place: Path, request: Request) -> Iterator[Side]:
    """An environment with a process that has loaded torch; `name` is that of messages."""
    with closing(Side(name, place, paired_run.needs(request), request.keep_env)) as side:
        side.hello()
        yield side


def done(side: Side, job: Job) -> list[Reading]:
    """The readings of a job on one side; ReporterError if its worker failed."""
    try:
        side.start(job, monotonic() + LIMIT)
        verdict = side.finish()
    except (TimeoutError, EOFError, BrokenPipeError) as error:
        raise ReporterError(f"{side.name}: {type(error).__name__}") from None
    if verdict.status != "ok":
        raise ReporterError(f"{job.architecture}: {verdict.reason}")
    return side.readings
