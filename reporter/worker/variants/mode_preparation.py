"""Prepares a network for execution modes, and checks the outputs of what was prepared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from reporter.model import Reading, ReporterError, Verdict
from reporter.model.attempts import attempt
from reporter.model.modes import OUTPUT_ERROR, Mode
from reporter.registry.execution_modes import engines
from reporter.worker import precision
from reporter.worker.latency.fitting_batch import with_fitting_batch
from reporter.worker.outputs import has_nan
from reporter.worker.subject import Subject
from reporter.worker.variants import output_check, varied_inputs
from reporter.worker.variants.mode_variants import AMP, DTYPES, Variant, in_engine, in_torch
from reporter.worker.variants.output_check import save

CALIBRATION = "calibration.pt"
"""The file of what the calibration changed."""
REFERENCE = "reference.pt"
"""The file of the float64 scores and the limits."""
SAMPLED = 16
"""So many weights of each tensor distinguish models."""


class ModePreparation:
    """The variants of one network.

    `cache` is the folder that keeps the calibration, what engines made and the float64 scores; `trained`: the network
    may have trained weights, because it is from elsewhere.
    """

    def __init__(self, subject: Subject, cache: Path, trained: bool = False) -> None:
        self.subject, self.cache, self.trained = subject, cache, trained
        self._in_torch: dict[str, Variant] = {}
        self._called: WeakKeyDictionary[Variant, set[int]] = WeakKeyDictionary()

    def calibrate(self) -> None:
        """Makes the scores of the network depend on its input, before anything is prepared.

        Weights that may be trained are left as they are if the scores depend on the input. What was changed is kept in
        the cache: later rounds time the same weights, so that the files of engines are used again, and do not pay for
        the calibration. Where it is missing, or of other weights, it is made again.
        """
        network, path = self.subject.network, self.cache / CALIBRATION
        weights = _sampled(network)
        found = attempt(partial(torch.load, path, weights_only=True))[0] if path.exists() else None
        if found and torch.equal(found["weights"], weights):
            if found["changes"] is not None:
                varied_inputs.repeat_calibration(network, found["changes"])
            return
        if self.trained and attempt(self._varies)[0]:
            changes, verdict = None, Verdict("ok", None)
        else:
            changes, verdict = attempt(partial(varied_inputs.calibrate, network, self._placed(self.varied)))
        if verdict.status == "ok":
            attempt(partial(save, path, {"weights": weights, "changes": changes}))

    def variant(self, mode: Mode, images: Tensor) -> Variant:
        """A mode prepared for images like these; one without an engine is the same for all of them."""
        engine = engines().get(mode.engine)
        network, form = self.subject.network, self.subject.form
        if engine:
            calibration = self.calibration if mode.precision == "int8" else None
            return in_engine(network, mode, engine, form, images, cache=self.cache / mode.name, calibration=calibration)
        if mode.name not in self._in_torch:
            self._in_torch[mode.name] = in_torch(network, mode, form, self.subject.place.name)
        return self._in_torch[mode.name]

    def first_call(self, variant: Variant, images: Tensor) -> None:
        """Calls a variant; ReporterError where its output contains NaN or it changed the precision of torch."""
        found = _run(variant, variant.form(images))
        self.subject.place.synchronize()
        try:
            precision.check()
        finally:
            precision.fix()  # for the other modes
        if has_nan(found):
            raise ReporterError("the output contains NaN")
        self._called.setdefault(variant, set()).add(len(images))

    def ready(self, mode: Mode, batch: int, prepared: Variant | None = None) -> Variant:
        """A mode, `prepared` or not, that has been called with so many images: here, unless it was before.

        MemoryError where they do not fit: without an engine, which prepares one batch only, with the largest that does.
        """
        variant = prepared or self.variant(mode, self.subject.input(batch if mode.engine else 1))

        def call(size: int) -> None:
            self.first_call(variant, self.subject.input(size))

        if batch not in self._called.get(variant, ()):
            if mode.engine:
                call(batch)
            else:
                with_fitting_batch(partial(call, batch), call, batch)
        return variant

    @property
    def has_scores(self) -> bool:
        """Whether the cache has float64 scores to compare with."""
        return (self.cache / REFERENCE).exists()

    def checked(self, variant: Variant, mode: Mode, batch: int = 1, count: int | None = None) -> Reading:
        """The output error of a variant that takes so many images, with its limit in the detail.

        On all images, or on the `count` with the widest range of scores.
        """
        check = self._reference.check(
            partial(_run, variant),
            self._precision(mode),
            lambda images: variant.form(images).to(self.subject.device),
            batch,
            count,
        )
        reason = f"the output error is above its limit of {check.limit:.2g}" if check.exceeds else None
        return Reading(quantity=OUTPUT_ERROR, samples=(check.error,), detail={"limit": check.limit}, reason=reason)

    def _precision(self, mode: Mode) -> str:
        """The precision in which a mode computes: where it names none, or one of fp32 tensors, that of the network.

        Autocast on accelerators takes float16.
        """
        if mode.precision == "amp" and AMP.get(self.subject.device.type) == torch.float16:
            return "fp16"
        if mode.precision not in ("", "tf32"):
            return mode.precision
        own = next((name for name, dtype in DTYPES.items() if dtype == self.subject.form.dtype), "")
        return own or mode.precision or "fp32"

    @cached_property
    def varied(self) -> Tensor:
        """The images on which outputs are compared."""
        images: Tensor = varied_inputs.images(varied_inputs.COUNT, self.subject.size)
        return images

    @cached_property
    def calibration(self) -> Tensor:
        """The images from which the quantizers of int8 take the ranges of activations."""
        count, seed = varied_inputs.CALIBRATION, varied_inputs.CALIBRATION_SEED
        images: Tensor = varied_inputs.images(count, self.subject.size, seed)
        return images

    @cached_property
    def _classes(self) -> int | None:
        """How many class scores the outputs have; None where they cannot be recognized."""
        return attempt(lambda: self.subject.classes)[0]

    @cached_property
    def _reference(self) -> output_check.Reference:
        return output_check.Reference(self.subject.network, self.varied, self._classes, self.cache / REFERENCE)

    def _varies(self) -> bool:
        """Whether the scores of the network depend on its input as it is."""
        scores = output_check.run(self.subject.network, self.varied, self._placed, self._classes)
        return varied_inputs.variation(scores) >= varied_inputs.LEAST_VARIATION

    def _placed(self, images: Tensor) -> Any:
        return self.subject.form(images).to(self.subject.device)


@torch.inference_mode()
def _run(variant: Variant, images: Tensor) -> Any:
    """What a variant returns for images in its form, which are made outside inference mode, as those that are timed.

    torch.compile would compile the network again for images that are made in inference mode.
    """
    return variant.run(images)


def _sampled(network: nn.Module) -> Tensor:
    """Some weights of each tensor of a model, in float64 on the CPU: MPS does not have float64.

    What else its layers store, and tensors that have no such weights, such as quantized ones, are left out.
    """
    tensors = [each for each in network.state_dict().values() if isinstance(each, Tensor)]
    parts = [part for each in tensors if (part := attempt(partial(_sample, each))[0]) is not None]
    return torch.cat(parts) if parts else torch.zeros(0)


def _sample(tensor: Tensor) -> Tensor:
    return tensor.detach().flatten()[:SAMPLED].cpu().double()


@contextmanager
def cache_folder(cache: str) -> Iterator[Path]:
    """The folder for what is prepared; a temporary one where the results folder is on another machine.

    A node may have a folder of the same path, such as a checkout with results: only the folder of the run, which is
    created where it was started, shows that they are the same.
    """
    place = Path(cache)
    if cache and place.parent.is_dir():
        yield place
        return
    with TemporaryDirectory(prefix="reporter-", ignore_cleanup_errors=True) as temporary:
        yield Path(temporary)
