"""One job in one fresh process: a network, a device, some metrics; readings go back as JSON as soon as they are had."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from time import perf_counter
from typing import Any

import sklearn.datasets
import sklearn.model_selection  # noqa: F401  loaded once in the fork server, not anew in every worker
import torch
import torchvision  # noqa: F401  as above

from reporter.architectures.torchvision import discover
from reporter.catalog import collect
from reporter.measuring import machine
from reporter.measuring.job import Job
from reporter.measuring.subject import Subject
from reporter.selection import find
from reporter.types import Metric, Reading, Status, absent

Send = Callable[[dict[str, Any]], None]


def main(question: str, connection: Connection) -> None:
    """Entry point of the process: answers a question in JSON messages and closes the connection."""
    die_with_parent()
    os.setsid()  # so that whatever the network starts can be killed with it
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    silence()
    with connection:

        def send(message: dict[str, Any]) -> None:
            connection.send_bytes(json.dumps(message).encode())

        if question == "cuda":
            send({"cuda": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]})
        elif question == "architectures":
            send({"architectures": [(entry.name, entry.weights, entry.input_size) for entry in discover()]})
        else:
            run(Job.model_validate_json(question), send)


def run(job: Job, send: Send) -> None:
    """Measures the metrics of a job in turn; one that fails becomes a reason and the next goes on.

    Messages: {"reading": ...} for each, and at the end {"busy": s, "building": s}, seconds inside measuring calls and
    seconds spent on building networks.
    """
    machine.settle()
    catalogue = collect("reporter.metrics", Metric)
    subject = Subject(find(job.architecture), job.device, job.conditions)
    start = perf_counter()
    for name in job.metrics:
        for reading in measure(catalogue[name], subject):
            send({"reading": reading.model_dump(mode="json")})
    send({"busy": perf_counter() - start - subject.building, "building": subject.building})


def measure(metric: Metric, subject: Subject) -> list[Reading]:
    """The readings of one metric, each with the conditions it depends on; never raises."""
    try:
        readings = list(metric.measure(subject))
    except torch.OutOfMemoryError as error:
        readings = list(absent(metric.quantities, "oom", _first_line(error)))
    except MemoryError as error:
        readings = list(absent(metric.quantities, "oom", _first_line(error)))
    except Exception as error:  # a network may raise anything; the row says what
        status: Status = "oom" if "can't allocate memory" in str(error) else "failed"
        readings = list(absent(metric.quantities, status, f"{type(error).__name__}: {_first_line(error)}"))
    settings = subject.conditions.of(metric, str(subject.device))
    return [reading.model_copy(update={"settings": settings}) for reading in readings]


def die_with_parent() -> None:
    """Asks Linux to end this process with the fork server, which ends with the run, also where that was killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1 is PR_SET_PDEATHSIG


def silence() -> None:
    """Sends what a network prints nowhere: standard output belongs to the report's own answers."""
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0][:300]
