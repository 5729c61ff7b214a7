"""Names of references and of kinds of machines, under which ratios, findings and acceptances are stored.

A reference has the versions of the packages on which times depend, a kind of machine the processor with its
instructions, and the GPUs. Development versions before 0.2.0 stored shorter names, with torch and torchvision only, and
with fewer instructions: what was stored under such a name continues under the longer one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from reporter.host.machine import MORE
from reporter.model.plurals import counted

if TYPE_CHECKING:
    from reporter.documents.reference_verdicts import ReferenceSide

NAMED = (
    "torch", "torchvision", "timm", "onnxruntime", "onnxruntime-gpu", "openvino", "nncf", "onnx", "onnxscript",
)  # fmt: skip
"""The packages whose versions name a reference: the networks, and what the engines run and convert them with."""


class _PlacedRow(Protocol):
    """What is about one row: a verdict, a change, a gap or a finding."""

    @property
    def metric(self) -> str: ...
    @property
    def mode(self) -> str: ...
    @property
    def architecture(self) -> str: ...


class RowPlace(NamedTuple):
    """A row of a comparison with a reference; the order of the fields is that in which rows are grouped and sorted."""

    metric: str
    mode: str
    architecture: str

    @classmethod
    def of(cls, row: _PlacedRow) -> RowPlace:
        """The row that a verdict, a change, a gap or a finding is about."""
        return cls(row.metric, row.mode, row.architecture)


def reference(side: ReferenceSide) -> str:
    """The name of a reference."""
    versions = side.packages | side.versions
    return " ".join(f"{name}=={versions[name]}" for name in NAMED if name in versions)


def is_same(one: str, other: str) -> bool:
    """Whether two names are of the same reference: one of them may leave out packages."""
    a, b = set(one.split()), set(other.split())
    return a <= b or b <= a


def former(machine_kind: str) -> str:
    """The name that a kind of machine had in development versions before 0.2.0."""
    return machine_kind.partition(MORE)[0]


def runs_on_all_threads(metric: str) -> bool:
    """Whether a time depends on the number of threads of the processor."""
    return "_cpu" in metric and not metric.endswith("_1thread")


def conditions(threads: int | None, input_size: str | None) -> str:
    """What the name of a curve has besides its kind of machine: threads, and an image size; empty without both."""
    parts = [counted(threads, "thread") if threads else "", f"{input_size} px" if input_size else ""]
    return ", ".join(filter(None, parts))
