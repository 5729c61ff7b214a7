"""Paths that are not text in the encoding of the file system, in messages to workers."""

from __future__ import annotations

import os

import pytest
from networks import CONDITIONS

from reporter.host.job import Job
from reporter.host.questions import Describe, TryModel


@pytest.mark.parametrize("name", [os.fsdecode(b"caf\xe9/net.py"), "caf%C3%A9 é/net.py", "net.py", ""])
def test_a_worker_receives_the_path(name: str) -> None:
    job = Job(
        architecture="net", metrics=(), device="cpu", conditions=CONDITIONS, process="x", cache=name, reference=name
    )
    assert Job.model_validate_json(job.model_dump_json()) == job
    for kind in (Describe, TryModel):
        question = kind(reference=name)
        assert kind.model_validate_json(question.model_dump_json()) == question
