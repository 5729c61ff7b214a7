"""Entry point of a worker: measures metrics of one architecture, or claims, and sends results as JSON."""

from __future__ import annotations

import json
import math
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any

import torchvision  # noqa: F401  loaded once in the fork server, not in every worker

from reporter.architectures import timm
from reporter.architectures.torchvision import discover
from reporter.host import accelerators, concurrent_jobs, questions
from reporter.host.confinement import confine, limit_memory
from reporter.host.job import Job, wanted
from reporter.host.questions import TASKS, MeasureClaims, TimmModel, TorchvisionModel
from reporter.model import Claim, Metric, Number, Reading, Verdict, absent, thread_counts
from reporter.model.attempts import attempt
from reporter.model.fields import plain
from reporter.registry.catalog import collect
from reporter.registry.execution_modes import conditions_of
from reporter.worker import device, loaded_libraries, precision, references, torch_state, trial
from reporter.worker.latency import timing
from reporter.worker.latency.curve_points import measure_curve
from reporter.worker.latency.rotation import Rotation, rotate
from reporter.worker.lookup import find
from reporter.worker.subject import Subject
from reporter.worker.variants.mode_timing import measure_modes
from reporter.worker.weights import checkpoint_check

STALLED = 10.0
"""Seconds without a byte after which a download is given up."""
Send = Callable[[dict[str, Any]], None]
Named = Callable[[str], device.Device]


def main(task: str, connection: Connection) -> None:
    """Entry point of the process: does what it is sent, answers in JSON messages and closes the connection."""
    confine(connection)
    socket.setdefaulttimeout(STALLED)
    with connection:

        def send(message: dict[str, Any]) -> None:
            connection.send_bytes(json.dumps(message).encode())

        asked = TASKS.validate_json(task)
        if isinstance(asked, Job):
            run(asked, send)
        elif isinstance(asked, MeasureClaims):
            gather(asked.names, send)
        else:
            found, verdict = attempt(partial(answer, asked))
            failed = verdict.status != "ok"
            send({"error": verdict.reason} if failed else {"answer": asked.answer.dump_python(found, mode="json")})


def answer(question: questions.Question[Any]) -> object:
    """The answer to a question, of the type that it names."""
    if isinstance(question, questions.ListGpus):
        return accelerators.visible_to_torch()
    if isinstance(question, questions.ListTorchvision):
        return [TorchvisionModel(entry.name, str(entry.weights), entry.input_size) for entry in discover()]
    if isinstance(question, questions.ListTimm):
        return [TimmModel(*about) for about in timm.model_list()]
    if isinstance(question, questions.MeasureSpeed):
        return torch_state.speed()
    return about_model(question)


def about_model(question: questions.Question[Any]) -> object:
    """The answer to a question about one model, whose code runs in limited memory."""
    limit_memory("cpu")
    if isinstance(question, questions.Describe):
        return references.described(question.reference)
    if isinstance(question, questions.TryModel):
        return trial.trial(question.reference, question.input_size)
    if isinstance(question, questions.CheckCheckpoint):
        return checkpoint_check.checkpoint_error(question.architecture, Path(question.file), question.sha256)
    raise TypeError(f"unknown question {question!r}")


def run(
    job: Job,
    send: Send,
    sample: timing.Sampler = timing.sample,
    named: Named = device.named,
    rotation: Rotation = rotate,
) -> None:
    """Measures the metrics of a job in turn; one that fails becomes a reason and the next one is measured.

    A network that cannot be found is the reason for all of them. Messages: {"fallback": ...} for each reading that is
    stored if the worker ends too early, {"measuring": name} before each metric, {"reading": ...} for each reading, and
    at the end {"busy": s, "building": s}, seconds inside measuring calls and seconds spent on building networks. Of
    modes and curves there are also "preparing" and "checking", which are no part of "busy". {"unknown": name} for a
    metric of a package that this environment does not have.
    """
    limit_memory(job.device)
    concurrent_jobs.share(job.concurrent)
    torch_state.settle(threads=job.conditions.threads)
    catalogue = collect("reporter.metrics", Metric)
    job = _without_unknown(job, catalogue, send)
    if not job.metrics:
        send({"busy": 0.0, "building": 0.0})
        return
    subject, verdict = attempt(partial(_subject, job, sample, named))
    if subject and job.modes and (reason := subject.refused_size):
        verdict = Verdict("unsupported", reason)
    if subject is None or verdict.status != "ok":
        for mode, metric, quantity in wanted(job, catalogue):
            settings: dict[str, Any] = {}
            if subject:
                once = job.is_once(quantity)
                own = subject.conditions.of_mode() if once else subject.conditions.of(metric, subject.place.name)
                settings = thread_counts.conditions_of(quantity.key, own) | conditions_of(mode)
            for reading in absent([quantity], verdict.status, verdict.reason or ""):
                kept = reading.model_copy(update={"settings": settings})
                send({"reading": kept.model_dump(mode="json"), "mode": mode})
        return
    start = perf_counter()
    spent: dict[str, float] = {}
    if job.curve:
        spent = measure_curve(job, catalogue[job.metrics[0]], subject, send)
    elif job.modes:
        spent = measure_modes(job, catalogue, subject, send, rotation)
    else:
        for reading in _fallbacks(job, catalogue, subject):
            send({"fallback": reading.model_dump(mode="json")})
        for name in job.metrics:
            send({"measuring": name})
            for reading in measure(catalogue[name], subject):
                send({"reading": reading.model_dump(mode="json")})
    others = subject.building + sum(spent.values())
    send({"busy": perf_counter() - start - others, "building": subject.building, **spent})


def _without_unknown(job: Job, catalogue: Mapping[str, Metric], send: Send) -> Job:
    """The job without metrics that this environment does not have, of which it sends the names."""
    for name in job.metrics:
        if name not in catalogue:
            send({"unknown": name})
    return job.model_copy(update={"metrics": tuple(name for name in job.metrics if name in catalogue)})


def _subject(job: Job, sample: timing.Sampler, named: Named) -> Subject:
    """What is measured; its device is the current one before anything is built."""
    place = named(job.device)
    place.select()
    entry = loaded_libraries.load_own(job.reference) if job.reference else find(job.architecture)
    subject = Subject(entry, place, job.conditions, job.round, sample)
    subject.ceilings, subject.metrics = job.ceilings, job.metrics
    return subject


def gather(names: Sequence[str], send: Send) -> None:
    """Measures the evidence for some claims in turn; that which fails becomes a reason.

    Messages: {"claim": name, "numbers": ..., "reason": ...} for each, and at the end {"busy": s, "building": 0}.
    """
    torch_state.settle()
    catalogue = collect("reporter.claims", Claim)
    start = perf_counter()
    for name in names:
        numbers, verdict = attempt(partial(_numbers, catalogue[name]))
        send({"claim": name, "numbers": numbers or {}, "reason": verdict.reason})
    send({"busy": perf_counter() - start, "building": 0.0})


def measure(metric: Metric, subject: Subject) -> list[Reading]:
    """The readings of one metric, each with the conditions it depends on; never raises.

    What a metric yields before it fails is kept, such as the memory of an inference where training has too little.
    """
    taken: list[Reading] = []
    _, verdict = attempt(partial(_take, metric, subject, taken))
    readings, wrong = attempt(partial(_checked, metric, subject, taken))
    if readings is None:
        readings, verdict = [], wrong if verdict.status == "ok" else verdict
    if verdict.status == "failed" and "image_size" in metric.depends:
        reason, _ = attempt(partial(_one_size, metric, subject))
        verdict = Verdict("unsupported", reason) if reason else verdict
    if verdict.status == "failed" and metric.takes_input and subject.refused_size:
        verdict = Verdict("unsupported", subject.refused_size)
    known = {reading.quantity.key for reading in readings}
    for quantity in (each for each in metric.quantities if each.key not in known):
        if verdict.status == "ok":
            readings += absent([quantity], "failed", f"the metric gave no reading of {quantity.key}")
        else:
            readings += absent([quantity], verdict.status, verdict.reason or "")
    return _with_conditions(readings, metric, subject)


def _one_size(metric: Metric, subject: Subject) -> str | None:
    """Why no image of the size that a metric trains on goes through the network; see `Subject.one_size`."""
    from reporter.worker.learning.training_steps import training_side

    return subject.one_size(training_side(subject) if metric.finetuning else None)


def _fallbacks(job: Job, catalogue: Mapping[str, Metric], subject: Subject) -> Iterator[Reading]:
    """The readings that metrics yield without running the model; none of a metric whose fallback fails."""
    for name in job.metrics:
        found, _ = attempt(partial(_fallback, catalogue[name], subject))
        yield from found or ()


def _fallback(metric: Metric, subject: Subject) -> list[Reading]:
    """The readings that a metric yields without running the model, each with the conditions it depends on."""
    return _with_conditions(metric.fallback(subject) if metric.fallback else (), metric, subject)


def _with_conditions(readings: Iterable[Reading], metric: Metric, subject: Subject) -> list[Reading]:
    """The readings of a metric with the conditions that each depends on.

    Texts are as where a record is read: a name of a file that is not UTF-8 could not be written.
    """
    own = subject.conditions.of(metric, subject.place.name)
    return [
        reading.model_copy(
            update={
                "settings": thread_counts.conditions_of(reading.quantity.key, own),
                "detail": plain(reading.detail),
            }
        )
        for reading in readings
    ]


def _take(metric: Metric, subject: Subject, taken: list[Reading]) -> None:
    """Adds the readings of a metric to a list, each as soon as it is yielded."""
    for reading in metric.measure(subject):
        taken.append(reading)


def _checked(metric: Metric, subject: Subject, readings: list[Reading]) -> list[Reading]:
    """Readings that a metric yielded; ValueError where something in one is NaN or infinite, which no record takes.

    Readings of an accelerator name it in their detail, and the precision that they were taken in.
    """
    precision.check()
    if metric.device != "none" and (identity := subject.place.identity()):
        about = {"device": identity, "precision": precision.current()}
        readings = [reading.model_copy(update={"detail": reading.detail | about}) for reading in readings]
    for reading in readings:
        json.dumps(reading.model_dump(mode="json"), allow_nan=False)
    return readings


def _numbers(claim: Claim) -> dict[str, Number]:
    """What a claim measures; ValueError where something in it is no finite number."""
    found = dict(claim.measure()) if claim.measure else {}
    for name, number in found.items():
        if not math.isfinite(number):
            raise ValueError(f"{name} is {number}")
    return found
