"""The check of a mode's outputs: their error against a float64 run, and the error that a precision explains."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from reporter.host import files
from reporter.host.machine import threads_of_job
from reporter.model import ReporterError, UnsupportedError
from reporter.model.attempts import attempt
from reporter.worker import outputs
from reporter.worker.copies import convert, copied
from reporter.worker.torch_state import threads
from reporter.worker.variants.rounding import PRECISIONS, round_weights
from reporter.worker.variants.varied_inputs import LEAST_VARIATION, variation

FACTOR = 4.0
"""How many times the error of the rounded run a mode may have: it sums in another order and rounds at other places."""
CONSTANT = 0.9
"""No limit is above this share of the least error that a constant output can have, however coarse the precision is."""
RANDOM = 1e-6
"""A model is random if two float64 runs on one image differ by more than this share of the range of its scores.

Rounding explains less, and less noise is below the limit of every precision.
"""
SUSPICIOUS = 1e-4
"""Limit of fp32 above which a model is run twice, to see whether it is random; in the lecture's it is at most 4e-5."""

Call = Callable[[Tensor], Any]
Result = TypeVar("Result")


class Check(NamedTuple):
    """The output error of a mode, the largest error that its precision explains, and whether it is larger."""

    error: float
    limit: float
    exceeds: bool


class Reference:
    """The float64 scores of a model for some images, and how far scores of a lower precision may differ from them.

    Neither depends on the output of any mode. `network` must not change as long as limits are asked for: that of fp32
    is computed on the same copy as the scores, each other one on first use on a copy of its own, and at most one copy
    exists at a time. Images are run one at a time, as modes are, because the scores of some models depend on the rest
    of the batch. A limit is taken from some of the images, which can only lower it, and from all of them if an error is
    above that: the verdict is always that of all images. What was computed is kept in the file `kept` where one is
    named, for other processes with the same weights and images; nothing is kept of weights whose bytes torch does not
    show, as of some quantized ones.
    """

    def __init__(
        self, network: nn.Module, images: Tensor, classes: int | None = None, kept: Path | None = None
    ) -> None:
        self.network = network
        self.images = images.detach().to("cpu", torch.float32, memory_format=torch.contiguous_format)
        self.classes = classes or None
        identity, _ = attempt(partial(_identity, network, self.images))
        self._kept, self._identity = kept if identity else None, identity
        found = self._restored()
        self._limits: dict[tuple[str, int], float] = found.get("limits", {})
        self.scores: Tensor = found["scores"] if found else self._on_copy(torch.float64, self._exact)
        self.variation = variation(self.scores)
        if not found:
            self._keep()

    def limit(self, precision: str, count: int | None = None) -> float:
        """`FACTOR` times the error of a run with weights and the outputs of operators rounded to a precision.

        That of the `count` images with the widest range of scores; if it is None, of as many as `Rounded.scores` takes.
        At most `CONSTANT` of the least error of a constant output: a mode that ignores its input always exceeds it.
        """
        count = _first(precision, self.scores) if count is None else count
        if (precision, count) not in self._limits:
            work = partial(self._limit_on, precision, self.scores, count)
            self._limits[precision, count] = self._on_copy(PRECISIONS[precision].dtype, work)
            self._keep()
        return self._limits[precision, count]

    def check(
        self,
        call: Call,
        precision: str,
        form: Callable[[Tensor], Tensor] | None = None,
        batch: int = 1,
        count: int | None = None,
    ) -> Check:
        """Run a mode on the images, `batch` at a time in the form that it takes, and compare its scores with these.

        On all of them, or on the `count` with the widest range of scores.
        Raises UnsupportedError where the scores hardly vary over the images: a wrong mode could not be recognized; and
        ReporterError where the outputs of the mode cannot be compared, which makes it wrong.
        """
        self.require_variation()
        limit = self.limit(precision)
        try:
            chosen = _widest(self.scores, count or len(self.scores))
            scores = run(call, self.images[chosen], form, self.classes, batch)
            found = error(scores, self.scores[chosen], extent(self.scores))
        except UnsupportedError as wrong:  # the scores of the model itself were found
            raise ReporterError(str(wrong)) from None
        if limit < found <= CONSTANT * constant_error(self.scores):
            limit = self.limit(precision, len(self.images))
        return Check(found, limit, found > limit)

    def require_variation(self) -> None:
        """UnsupportedError where the scores vary too little over the images for an error to mean anything."""
        if not self.scores.isfinite().all():
            raise UnsupportedError("the model returns NaN or infinity in float64: outputs cannot be compared")
        if self.variation < LEAST_VARIATION:
            raise UnsupportedError(
                f"the scores hardly depend on the input (their standard deviation between images is "
                f"{self.variation:.1g} of their range, less than {LEAST_VARIATION:g}): outputs cannot be compared"
            )

    def _restored(self) -> dict[str, Any]:
        """What the file has for the same weights and images; empty if there is none."""
        if self._kept is None or not self._kept.exists():
            return {}
        found = attempt(partial(torch.load, self._kept, weights_only=True))[0] or {}
        return found if found.get("identity") == self._identity else {}

    def _keep(self) -> None:
        """Saves what was computed; nothing is kept if the file cannot be written, which is no fault of a mode."""
        if self._kept is not None:
            content = {"identity": self._identity, "scores": self.scores, "limits": self._limits}
            attempt(partial(save, self._kept, content))

    def _exact(self, copy: nn.Module) -> Tensor:
        """The scores of a copy in float64. If they vary, the limit of fp32 is kept, too: all checks need it.

        UnsupportedError where another run on the first image has other scores: an error against them means nothing.
        """
        images, count = self.images.double(), 0
        scores = run(copy, images, classes=self.classes)
        if variation(scores) >= LEAST_VARIATION:
            with suppress(UnsupportedError):  # raised again by `limit`
                count = _first("fp32", scores)
                self._limits["fp32", count] = self._limit_on("fp32", scores, count, copy)
        if self._limits.get(("fp32", count), math.inf) > SUSPICIOUS:
            first, again = (run(copy, images[:1], classes=self.classes) for _ in range(2))
            if (again - first).abs().max() > RANDOM * extent(scores):
                raise UnsupportedError("the output of the model is random: outputs cannot be compared")
        return scores

    def _limit_on(self, precision: str, scores: Tensor, count: int, copy: nn.Module) -> float:
        """The limit of a precision for some images, from a copy in the data type of its rounding, which is rounded."""
        rounding = PRECISIONS[precision]
        widest = _widest(scores, count)
        round_weights(copy, rounding)
        with rounding.operators():
            rounded = run(copy, rounding.image(self.images[widest].to(rounding.dtype)), classes=self.classes)
        if not rounded.isfinite().all():
            raise UnsupportedError(f"the model overflows in {precision}: there is no limit for its output error")
        return min(FACTOR * error(rounded, scores[widest], extent(scores)), CONSTANT * constant_error(scores))

    def _on_copy(self, dtype: torch.dtype, work: Callable[[nn.Module], Result]) -> Result:
        """What some work finds on a copy of the model on the CPU in that data type."""
        found, verdict = attempt(partial(self._copied, dtype, work))
        if found is not None:
            return found
        if verdict.status == "oom":
            raise MemoryError(verdict.reason)
        name = str(dtype).removeprefix("torch.")
        reason = f"the model does not run in {name} on the CPU ({verdict.reason}): its outputs cannot be checked"
        raise UnsupportedError(str(verdict.reason) if verdict.status == "unsupported" else reason)

    def _copied(self, dtype: torch.dtype, work: Callable[[nn.Module], Result]) -> Result:
        with torch.inference_mode(False), torch.no_grad(), threads(threads_of_job()):
            copy = copied(self.network).eval().to("cpu")  # first, because MPS does not have float64
            return work(convert(copy, dtype))


def save(path: Path, content: Mapping[str, Any]) -> None:
    """Save tensors to a file for other processes: a kill leaves the file before or none."""
    made = BytesIO()
    torch.save(dict(content), made)
    files.write(path, made.getvalue())


def run(
    call: Call,
    images: Tensor,
    form: Callable[[Tensor], Tensor] | None = None,
    classes: int | None = None,
    batch: int = 1,
) -> Tensor:
    """The scores, N x classes in float64, of a callable that is given `batch` images at a time.

    The first images follow the last one where N is no multiple of it; their second scores are left out. Scores become
    float64 on the CPU: MPS does not have it.
    """
    count = len(images)
    split = images[torch.arange(math.ceil(count / batch) * batch) % count].split(batch)
    batches: Iterable[Tensor] = (form(each) if form else each for each in split)
    with torch.no_grad():
        found = [outputs.scores(call(each), classes).detach().cpu().to(torch.float64, copy=True) for each in batches]
    shapes = {_shape(scores): None for scores in found}
    if len(shapes) > 1:
        raise ReporterError(f"the outputs differ in shape between images: {', '.join(shapes)}")
    return torch.cat(found)[: count if len(found[0]) == batch else None]


def _widest(scores: Tensor, count: int) -> Tensor:
    """The places of the `count` images with the widest range of scores; of all images, in their order."""
    if count == len(scores):
        return torch.arange(count)
    return (scores.amax(1) - scores.amin(1)).topk(count).indices


def _first(precision: str, scores: Tensor) -> int:
    """From how many images the limit of a precision is taken at first."""
    rounding = PRECISIONS[precision]
    count = math.ceil(rounding.scores / scores.shape[1]) if rounding.scores else len(scores)
    return min(count, len(scores))


def _identity(network: nn.Module, images: Tensor) -> str:
    """A digest of weights, buffers and images with their names; the same on each device and for each memory format."""
    digest = sha256()
    for name, tensor in (*network.named_parameters(), *network.named_buffers(), ("images", images)):
        content = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)
        digest.update(f"{name} {tensor.dtype} {_shape(tensor)};".encode())
        digest.update(content.numpy().data)
    return digest.hexdigest()


def extent(scores: Tensor) -> float:
    """The range of scores: the largest minus the smallest."""
    return float(scores.max() - scores.min())


def constant_error(scores: Tensor) -> float:
    """The least error against these scores that an output can have which is the same for all inputs."""
    return float((scores.amax(0) - scores.amin(0)).max()) / 2 / extent(scores)


def error(scores: Tensor, reference: Tensor, over: float | None = None) -> float:
    """The largest absolute difference from the reference scores, divided by their range or by `over`."""
    if scores.shape != reference.shape:
        raise ReporterError(f"the outputs have the shape {_shape(scores)}, those of the model {_shape(reference)}")
    scores = scores.double()
    if not scores.isfinite().all():
        raise ReporterError("the outputs contain NaN" if scores.isnan().any() else "the outputs contain infinity")
    over = extent(reference) if over is None else over
    if not over > 0:
        raise UnsupportedError("all scores of the model are equal: outputs cannot be compared")
    return float((scores - reference).abs().max()) / over


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape))
