"""Questions of the parent to a worker process, each with the type of its answer.

A question is sent as JSON; its answer comes back as JSON and is validated against the type.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from reporter.host.file_names import FileName
from reporter.host.job import Job
from reporter.model import ReporterError

Answer = TypeVar("Answer")


class WorkerError(ReporterError):
    """A worker gave no answer; the text is the reason."""


class VisibleGpus(BaseModel):
    """The names and UUIDs of torch's accelerators, with their type, or torch's reason why there are none.

    `devices` is the identity of each where the driver does not list it.
    """

    names: list[str]
    uuids: list[str]
    reason: str
    type: str = "cuda"
    devices: list[dict[str, JsonValue]] = []


class TorchvisionModel(NamedTuple):
    """A classifier of torchvision: its name, its first weights, the side of its input in pixels."""

    name: str
    weights: str
    input_size: int


class TimmModel(NamedTuple):
    """A model of timm: its name, the module that builds it, the side of its input in pixels.

    And the tag of its weights, which is timm's default where the name has none, and their license.
    """

    name: str
    module: str
    input_size: int
    tag: str = ""
    license_name: str = ""


class Question(BaseModel, Generic[Answer]):
    """Something that only a process with torch can answer."""

    model_config = ConfigDict(frozen=True)

    answer: ClassVar[TypeAdapter[Any]]


class ListGpus(Question[VisibleGpus]):
    """Which accelerators torch sees."""

    kind: Literal["gpus"] = "gpus"
    answer = TypeAdapter(VisibleGpus)


class ListTorchvision(Question[list[TorchvisionModel]]):
    """All classifiers of the installed torchvision."""

    kind: Literal["torchvision"] = "torchvision"
    answer = TypeAdapter(list[TorchvisionModel])


class ListTimm(Question[list[TimmModel]]):
    """All models of the installed timm that take square images of three channels."""

    kind: Literal["timm"] = "timm"
    answer = TypeAdapter(list[TimmModel])


class Describe(Question[dict[str, Any]]):
    """The fields of the `Architecture` that FILE.py:NAME or package.module:NAME refers to."""

    kind: Literal["describe"] = "describe"
    reference: FileName
    answer = TypeAdapter(dict[str, JsonValue])


class TryModel(Question[dict[str, str]]):
    """What is wrong with the model of a reference before it is measured: `error`, `notice`, or neither.

    `input_size` is that of --input-size, empty if it is not given.
    """

    kind: Literal["try"] = "try"
    reference: FileName
    input_size: str = ""
    answer = TypeAdapter(dict[str, str])


class CheckCheckpoint(Question[str]):
    """Why a checkpoint file does not fit an architecture; empty if it does."""

    kind: Literal["checkpoint"] = "checkpoint"
    architecture: FileName
    file: str
    sha256: str
    answer = TypeAdapter(str)


class MeasureSpeed(Question[float]):
    """Seconds per multiply-accumulate of a convolution on all threads."""

    kind: Literal["speed"] = "speed"
    answer = TypeAdapter(float)


class MeasureClaims(BaseModel):
    """The evidence for claims, by name; each arrives in a message of its own."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["claims"] = "claims"
    names: tuple[str, ...]


Task = Annotated[
    Job | MeasureClaims | ListGpus | ListTorchvision | ListTimm | Describe | TryModel | CheckCheckpoint | MeasureSpeed,
    Field(discriminator="kind"),
]
TASKS: TypeAdapter[Any] = TypeAdapter(Task)
"""Parses what a worker is sent."""
