"""What is measured once in each execution mode: its preparation, its first call, and the error of its outputs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Literal

from reporter.model import Reading, ReporterError, UnsupportedError, Verdict, absent
from reporter.model.attempts import attempt, first_line
from reporter.model.modes import (
    CHECK_FAILED,
    FIRST_CALL,
    OUTPUT_ERROR,
    PREPARE,
    Mode,
    is_larger,
    unchecked,
    was_compared,
)
from reporter.worker.variants.mode_preparation import ModePreparation
from reporter.worker.variants.mode_readings import once_timed
from reporter.worker.variants.mode_variants import Variant, eager

AGAIN = 1
"""Images on which a later round checks the outputs: those with the widest range of scores."""


class ModeChecks:
    """Prepares modes for single images and checks the outputs of what is timed; `spent` has the seconds of both.

    A mode of torch runs the same module in all settings, and is checked once. An engine prepares another callable for
    each number of threads and for each batch: each is checked before it is timed, which costs a pass over the 8 images
    in that setting, and the largest error is that of the mode. A later round prepares both again, and checks them on
    `AGAIN` images with the scores and limits that the first one kept. `ready` has the callables for single images and
    all threads, which are timed without being prepared again, if it `keeps` them. `eager` is the reason why the outputs
    of eager could not be checked, and with them those of no mode, unless it is that of a failure, which is eager's own.
    """

    def __init__(self, preparation: ModePreparation, keeps: bool) -> None:
        self.preparation, self.keeps = preparation, keeps
        self.spent = {"preparing": 0.0, "checking": 0.0}
        self.eager: Verdict | None = None
        self.ready: dict[str, Variant] = {}
        self._errors: dict[str, Reading] = {}
        self._checked_again: set[str] = set()

    @contextmanager
    def counting(self, share: Literal["preparing", "checking"]) -> Iterator[None]:
        """Adds the seconds of what is done meanwhile to a share, also if it fails."""
        start = perf_counter()
        try:
            yield
        finally:
            self.spent[share] += perf_counter() - start

    def calibrate(self) -> None:
        """Calibrates the network where that is possible, which is part of checking; building it is not."""
        _ = self.preparation.subject.network
        with self.counting("checking"):
            attempt(self.preparation.calibrate)

    def checked(self, variant: Variant, mode: Mode, batch: int = 1, count: int | None = None) -> Reading:
        """The output error of a variant that takes so many images, or why its outputs cannot be compared."""
        with self.counting("checking"):
            try:
                return self.preparation.checked(variant, mode, batch, count)
            except UnsupportedError:
                raise
            except ReporterError as error:
                return next(absent([OUTPUT_ERROR], "failed", first_line(error)))

    def take(self, threads: int, batch: int) -> Mapping[str, Variant]:
        """What is prepared for a setting; nothing else is kept in memory."""
        ready, self.ready = self.ready, {}
        return ready if (threads, batch) == (self.preparation.subject.threads, 1) else {}

    def worse(self, variant: Variant, mode: Mode, batch: int) -> Iterator[Reading]:
        """The output error of what an engine prepared for another setting, if it takes the place of the one before.

        Of several checks that failed, the first reason stays.
        """
        before = self._errors.get(mode.name)
        if before is None or not (before.measured or CHECK_FAILED in before.detail):
            return
        now = self.batch_error(variant, mode, batch)
        if now and (before.measured or was_compared(now)) and is_larger(now, before):
            self._errors[mode.name] = now
            yield now

    def again(self, variant: Variant, mode: Mode, batch: int) -> Iterator[Reading]:
        """The output error of what a later round prepared, if it is above its limit or cannot be compared.

        A mode of torch is checked once. Nothing is checked where the first round left no scores to compare with, and
        nothing is found where the scores of eager are not those of the first round either.
        """
        if mode.name in self._checked_again or not self.preparation.has_scores:
            return
        if not mode.engine:
            self._checked_again.add(mode.name)
        batch = batch if mode.engine else 1
        found = self.batch_error(variant, mode, batch, AGAIN)
        if found and found.reason and was_compared(found) and not self._eager_differs(mode, batch, AGAIN):
            yield found

    def batch_error(self, variant: Variant, mode: Mode, batch: int, count: int | None = None) -> Reading | None:
        """The output error of what an engine prepared for a batch, or the reason why it has none.

        None if it is above its limit, or cannot be found, only because the scores depend on the rest of the batch.
        """
        found, verdict = attempt(partial(self.checked, variant, mode, batch, count))
        if (found is None or found.reason) and batch > 1 and self._eager_differs(mode, batch, count):
            return None
        return found or unchecked(verdict)

    def _eager_differs(self, mode: Mode, batch: int, count: int | None) -> bool:
        """Whether eager's scores, in batches, differ by more than the precision of a mode explains."""
        plain = eager(self.preparation.subject.network, self.preparation.subject.form)
        found, _ = attempt(partial(self.checked, plain, mode, batch, count))
        return found is None or found.reason is not None

    def prepared(self, mode: Mode, afresh: bool = False) -> Sequence[Reading]:
        """Time of the preparation and of the first call, and the output error; `afresh`: with an empty cache."""
        if afresh:
            shutil.rmtree(self.preparation.cache / mode.name, ignore_errors=True)
        image = self.preparation.subject.input(1)
        if mode.precision == "int8":
            _ = self.preparation.calibration  # made before the preparation is timed
        with self.counting("preparing"):
            start = perf_counter()
            variant = self.preparation.variant(mode, image)
            prepared = perf_counter()
            self.preparation.first_call(variant, image)
            called = perf_counter()
        once = [once_timed(PREPARE, prepared - start), once_timed(FIRST_CALL, called - prepared)]
        errors = list(self._error(variant, mode))
        if mode.engine:
            self._errors[mode.name] = errors[0]
            self.ready |= {mode.name: variant} if self.keeps else {}
        return [*once, *errors]

    def _error(self, variant: Variant, mode: Mode) -> Iterator[Reading]:
        if self.eager and self.eager.status != "failed":
            found, verdict = None, self.eager
        else:
            found, verdict = attempt(partial(self.checked, variant, mode))
        yield found or unchecked(verdict)
