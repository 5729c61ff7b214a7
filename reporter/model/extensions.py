"""What one file adds: `Dataset`, `Metric`, `Engine`, `Chart`, `Claim` (`Architecture` is in architecture.py)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from reporter.model import sources
from reporter.model.architecture import FinetuningMethod
from reporter.model.attempts import attempt
from reporter.model.readings import Number, Quantity, Reading, Status

if TYPE_CHECKING:
    from torch import Tensor

Edition = Literal["lecture", "choice"]
"""What a report opens with: the lecture's claims and the ImageNet challenge, or what helps to choose a backbone."""

Chapter = Literal[
    "timeline", "overview", "choice", "years", "accuracy", "size", "memory", "time", "modes", "why", "finetune",
    "history", "more", "sources",
]  # fmt: skip
"""The chapters of the report that contain charts and tables; the edition decides their order."""


@dataclass(frozen=True)
class Dataset:
    """Labelled images. `load(root, size, train)` gives (float images N x 3 x size x size, normalised; int64 labels N).

    `root` is the folder of --data-root, `folder` the one in it that has all files, where there is one: readings of
    other files are measured again. ValueError or OSError from `load` becomes the reason in the row.

    `side` is the size in pixels at which networks are trained, where larger images would show no more. If `pooled`, the
    split into training and held-out images is not that of the publisher, and every seed draws another one.

    `check` is called with the path of `folder` before anything is measured; ValueError or OSError if `load` cannot read
    it.

    `classes` is the number of classes, of which `load` may give a sample that lacks some; if it depends on the files,
    `count_classes` returns it for the path of `folder`. Without either, it is the largest label plus one.
    """

    name: str
    title: str
    load: Callable[[Path, int, bool], tuple[Tensor, Tensor]]
    source: str
    classes: int | None = None
    folder: str = ""
    side: int | None = None
    pooled: bool = False
    check: Callable[[Path], object] | None = None
    count_classes: Callable[[Path], int] | None = None


@dataclass(frozen=True)
class Inference:
    """How a metric of time runs the network: with one thread or all, and one image or a batch of `throughput_batch`."""

    one_thread: bool = False
    batched: bool = False


@dataclass(frozen=True)
class Metric:
    """How quantities are measured: `measure(subject)` yields a `Reading` for each.

    `subject` is a `reporter.worker.subject.Subject`: the model, its inputs, the device and the conditions. Metrics with
    the same `process`, any text, share one fresh process, and have the same `device` and `timed`; a `timed` one is
    repeated in rounds over all architectures. `device` is where it is taken: on the CPU, on a GPU, on the faster of
    those that were chosen (`any`), or on none, because it counts. `depends` names the conditions besides the machine
    that its readings depend on; `finetuning` is the mode of --finetune that asks for it, where it needs one. `always`:
    taken in every run, whatever --metrics names, because it is looked up and costs no measuring time; `on_request`:
    only if --metrics names it. `inference` is there if it is the time of an inference, which can be measured in every
    execution mode; `curve` if it is the best of a curve over the batch size. `profile`: it is measured in every
    execution mode too, with the same quantities. `training`: it is the time of a training step, which is measured in
    the modes that can train. `fallback(subject)` yields, without running the model, readings that are stored if the
    worker ends before it has measured them.
    """

    name: str
    quantities: tuple[Quantity, ...]
    measure: Callable[[Any], Iterator[Reading]]
    process: str
    device: Literal["cpu", "cuda", "xpu", "mps", "any", "none"] = "none"
    timed: bool = False
    depends: tuple[str, ...] = ()
    finetuning: FinetuningMethod | None = None
    always: bool = False
    on_request: bool = False
    inference: Inference | None = None
    curve: bool = False
    profile: bool = False
    training: bool = False
    fallback: Callable[[Any], Iterator[Reading]] | None = None

    @cached_property
    def code(self) -> dict[str, str]:
        """The condition on its code: a digest of it, if it is not part of this package."""
        digest = sources.of_others(self.measure)
        return {"code": digest} if digest else {}

    @property
    def is_compared_in_turns(self) -> bool:
        """Whether two environments can be compared by it: a time that many samples are taken of in each round."""
        return self.timed and all(each.centre == "median" for each in self.quantities)

    @property
    def takes_input(self) -> bool:
        """Whether its readings depend on --input-size: those of the weights and of the training do not."""
        others = {"image_size", "dataset"} & set(self.depends) or {each.group for each in self.quantities} == {"size"}
        return "input_size" in self.depends or not others

    @property
    def uses_threads(self) -> bool:
        """Whether its readings depend on --threads when it is measured on the CPU."""
        return not (self.inference and self.inference.one_thread)


@dataclass(frozen=True)
class Engine:
    """Software that runs a prepared network: `prepare(model, example, precision=..., cache=..., calibration=...)`.

    It returns a callable and does not change `model`, an evaluating `nn.Module` in eager mode. `example` is the images
    that it will be called with (N x 3 x H x W, in the data type and memory format of the mode). `precision` is "fp32"
    or one of `precisions`, which contains some of amp, bf16, fp16, int8 and tf32; an engine that converts weights
    itself gets a fp32 model. `cache` is None, or an empty or earlier used folder for what it prepared. `calibration` is
    None or more images like `example` (N x 3 x H x W, N a multiple of its batch size), from which int8 takes the ranges
    of activations. `prepare` raises UnsupportedError, with one line, where the model cannot be converted.

    The callable takes such images and returns what the model returns, as tensors on the CPU or the device of `example`,
    which later calls do not overwrite. It uses as many threads as torch does at the time of `prepare`, and none of them
    spins between calls. It may have a method `operators(images, count)`, which runs it so often and returns for each
    call a list of (node, operator, kernel, seconds).

    `memory_formats` has `channels_last` where the engine takes it; `modules` are the packages it imports, `extra` the
    extra of this distribution that installs them. `unavailable()` returns the reason why it cannot be used here besides
    missing packages, or an empty string; `refuses(precision)` the reason why it can compute in one of `precisions` on
    this machine neither natively nor emulated. `converts` has the precisions that `prepare` makes itself, for which the
    model stays fp32; `precision_modules` are the packages that a precision needs besides. `train(model, cache=...)` is
    there if the engine can train: it returns the module to train, and a context manager for the first training step.
    """

    name: str
    title: str
    prepare: Callable[..., Callable[[Any], Any]]
    precisions: tuple[str, ...] = ()
    memory_formats: tuple[str, ...] = ()
    devices: tuple[str, ...] = ("cpu",)
    modules: tuple[str, ...] = ()
    extra: str = ""
    converts: tuple[str, ...] = ()
    unavailable: Callable[[], str] = lambda: ""
    refuses: Callable[[str], str] = lambda precision: ""
    precision_modules: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    train: Callable[..., tuple[Any, AbstractContextManager[Any]]] | None = None

    @cached_property
    def code(self) -> dict[str, str]:
        """The condition on its code: a digest of it, if it is not part of this package."""
        digest = sources.of_others(self.prepare)
        return {"engine_code": digest} if digest else {}

    @property
    def missing(self) -> str:
        """Why it cannot be used here in fp32, with what to install; empty if it can be used."""
        return self.lacks("fp32")

    def lacks(self, precision: str) -> str:
        """Why it cannot be used here in a precision, with what to install; empty if it can be used."""
        absent = [module for module in self._needed(precision) if not _is_installed(module)]
        if absent:
            install = f"install the extra {self.extra!r}, in a checkout pip install '.[{self.extra}]'"
            return f"{', '.join(absent)} not installed; {install if self.extra else 'install it'}"
        found, verdict = attempt(lambda: self.unavailable() or self.refuses(precision))
        return str(verdict.reason if verdict.reason else found or "")

    def version(self, precision: str = "fp32") -> dict[str, str]:
        """The versions of the packages that it needs, by module; of torch for an engine that needs no other package."""
        return {module: _version(module) for module in self._needed(precision) or ("torch",)}

    def _needed(self, precision: str) -> tuple[str, ...]:
        return (*self.modules, *self.precision_modules.get(precision, ()))


@dataclass(frozen=True)
class Chart:
    """One figure: `draw(comparison, language)` returns a Vega-Lite specification, None if there is nothing to show.

    `comparison` is a `reporter.report.comparison.Comparison`, `language` a `reporter.report.language.Language`.
    `order` is its place in its `chapter`, smallest first. Of more than `most` architectures it is given a selection.
    `eager`: it shows times of eager only, and its caption adds that if other modes were measured. `edition`: the only
    edition of the report that shows it, see reporter/report/page/edition.py. `slide`: it is only written as a file.
    `remark(comparison, language)` returns a sentence of the caption that depends on what is drawn. `narrow`: `draw` for
    the width of a phone, shown instead on narrow screens. `per_machine`: it has a panel for each machine, and is given
    the records of the four newest of more machines.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[Any, Any], dict[str, Any] | None]
    chapter: Chapter = "more"
    order: int = 100
    most: int = 40
    eager: bool = False
    edition: Edition | None = None
    slide: bool = False
    remark: Callable[[Any, Any], str] | None = None
    narrow: Callable[[Any, Any], dict[str, Any] | None] | None = None
    per_machine: bool = False


@dataclass(frozen=True)
class Claim:
    """A statement of the lecture: `verdict(case)` compares it with what was measured.

    `case` is a `reporter.report.claim_verdicts.Case`, the result an `Answer` of that module.
    `measure()` runs in a worker and returns numbers by name, which the case contains; `needs` names the
    metrics of records that it needs besides. `formula` is TeX, without words, each line a formula of its own.
    """

    name: str
    statement: str
    verdict: Callable[[Any], Any]
    measure: Callable[[], Mapping[str, Number]] | None = None
    formula: str = ""
    needs: tuple[str, ...] = ()
    order: int = 100

    @property
    def definition(self) -> str:
        """A digest of the file that measures its evidence: evidence of another file is measured again."""
        return sources.of_file(self.measure) if self.measure else ""


def exact(quantity: Quantity, number: Number, **detail: Any) -> Reading:
    """A reading that is counted, not sampled."""
    return Reading(quantity=quantity, samples=(number,), detail=detail)


def absent(quantities: Iterable[Quantity], status: Status, reason: str) -> Iterator[Reading]:
    """Readings that could not be had, each with the reason."""
    for quantity in quantities:
        yield Reading(quantity=quantity, status=status, reason=reason)


def _is_installed(module: str) -> bool:
    """Whether a module is found; that of a package, of which the package is imported, is not if that fails."""
    found, _ = attempt(lambda: find_spec(module))
    return found is not None


def _version(module: str) -> str:
    try:
        return _installed(module, tuple(sys.path))
    except PackageNotFoundError:
        return "not installed"


@cache
def _installed(module: str, path: tuple[str, ...]) -> str:
    """The version of the distribution that contains a module: `onnxruntime` is in onnxruntime-gpu, too.

    Kept for the folders in `path`, which are searched: reading it takes milliseconds, and a run asks hundreds of times.
    Raises PackageNotFoundError, which is not kept.
    """
    try:
        return version(module)
    except PackageNotFoundError:
        if found := packages_distributions().get(module):
            return version(found[0])
        raise
