"""Architectures are resolved by one function; what is missing is an error, or an entry with its reason."""

from __future__ import annotations

from typing import Any

import pytest

from reporter.host.questions import Describe, ListTorchvision, Question, WorkerError
from reporter.model import ReporterError
from reporter.run.roster import chosen

FIELDS = {
    "family": "Own", "year": None, "paper": "", "input_size": 224, "variant": "", "weights": None, "published": {},
    "learning_rate": 0.01, "label_smoothing": 0.0, "auxiliary_loss": 0.0, "classes": 1000, "made_of": "", "caution": "",
}  # fmt: skip


class Asked:
    """Answers like an executor's worker: it can build every reference except those of broken.py."""

    def ask(self, question: Question[Any], timeout: float | None = None) -> Any:
        if isinstance(question, ListTorchvision):
            return []
        assert isinstance(question, Describe)
        if question.reference.startswith("broken.py"):
            raise WorkerError("it raises an error")
        return {**FIELDS, "name": question.reference.rpartition(":")[2]}


WORDS = ("alexnet", "resnet1800", " vgg16 ", "alexnet")
REFERENCES = ("a.py:first", "broken.py:second", "b.py:first", "c.py:third", "c.py:third")


def test_what_is_missing_is_collected_with_its_reason_and_the_rest_is_found() -> None:
    missing: dict[str, str] = {}
    found = chosen(WORDS, REFERENCES, Asked(), missing=missing)
    assert [entry.name for entry in found] == ["alexnet", "vgg16", "first", "third"]
    assert list(missing) == ["resnet1800", "broken.py:second", "b.py:first"]
    assert missing["resnet1800"].startswith("unknown architecture 'resnet1800'")
    assert missing["broken.py:second"] == "it raises an error"
    assert missing["b.py:first"] == "the name 'first' is taken by a.py:first"


@pytest.mark.parametrize(
    ("words", "references", "line"),
    [
        (WORDS, (), "unknown architecture 'resnet1800'"),
        ((), REFERENCES, "--architecture broken.py:second: it raises an error"),
        ((), ("a.py:first", "b.py:first"), "--architecture b.py:first: the name 'first' is taken by a.py:first"),
        ((" ",), (), "no architecture is named"),
    ],
)
def test_otherwise_the_first_one_is_an_error(words: tuple[str, ...], references: tuple[str, ...], line: str) -> None:
    with pytest.raises(ReporterError, match=line):
        chosen(words, references, Asked())
