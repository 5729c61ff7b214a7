"""Paths that are not text in the encoding of the file system, in messages to workers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from commands import call
from networks import CONDITIONS, own

from reporter.host import files
from reporter.host.job import Job
from reporter.host.questions import CheckCheckpoint, Describe, TryModel
from reporter.model import ReporterError
from reporter.model.settings import settings
from reporter.registry.selection import own_checkpoints


@pytest.mark.parametrize("name", [os.fsdecode(b"caf\xe9/net.py"), "caf%C3%A9 é/net.py", "net.py", ""])
def test_a_worker_receives_the_path(name: str) -> None:
    job = Job(
        architecture="net", metrics=(), device="cpu", conditions=CONDITIONS, process="x", cache=name, reference=name
    )
    assert Job.model_validate_json(job.model_dump_json()) == job
    for kind, key in ((Describe, "reference"), (TryModel, "reference"), (CheckCheckpoint, "architecture")):
        question = kind.model_validate({key: name, "file": "small.pth", "sha256": "0"})
        assert kind.model_validate_json(question.model_dump_json()) == question


@pytest.mark.parametrize("option", ["dataset", "data_root", "title"])
def test_an_option_that_no_record_can_hold_is_refused_in_one_line(option: str) -> None:
    """Reports and the jobs of workers are UTF-8."""
    line = rf"--{option.replace('_', '-')}: invalid value 'imagefolder:caf\\udce9'; it should be text in UTF-8"
    with pytest.raises(ReporterError, match=line):
        settings({option: os.fsdecode(b"imagefolder:caf\xe9")})
    assert settings({option: "imagefolder:café"})


def test_a_checkpoint_in_such_a_folder_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("the file system takes no such name")
    (folder / "small.pth").touch()
    monkeypatch.chdir(folder)
    with pytest.raises(ReporterError, match=r"--checkpoint: the path '.*caf\\udce9/small.pth' should be text in UTF-8"):
        own_checkpoints(["small=small.pth"], [own()])


def test_documents_escape_bytes_that_are_not_text() -> None:
    """Names of folders, of environments and of files in settings may have such bytes."""
    name = os.fsdecode(b"caf\xe9 \xc3\xa9")
    document = {"new": name, name: [name]}
    expected = {"new": "caf\\udce9 é", "caf\\udce9 é": ["caf\\udce9 é"]}
    for text in (files.dumps(document), files.line(document), files.lines({"kept": [document]}, "kept").decode()):
        text.encode("utf-8")
        read = json.loads(text)
        assert read.get("kept", [read]) == [expected]


def test_a_run_with_such_names(tmp_path: Path) -> None:
    """What was measured is compared, listed and measured again, whatever the folders are called."""
    base, new = (tmp_path / os.fsdecode(name) for name in (b"base\xe9", b"new\xe9"))
    quick = ("--preset", "quick", "--architectures", "resnet18", "--metrics", "size")
    assert call("--out", base, *quick).returncode == 0
    for more in ((), ("--fresh",)):
        done = call("--out", new, "--baseline", base, *quick, *more)
        assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    stored = json.loads((new / "comparison.json").read_text("utf-8"))
    assert stored["base"].endswith("base\\udce9")
