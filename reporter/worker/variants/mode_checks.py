"""What is measured once in each execution mode: its preparation, its first call, and the error of its outputs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from time import perf_counter

from reporter.model import Reading, Verdict, absent
from reporter.model.attempts import attempt
from reporter.model.modes import FIRST_CALL, OUTPUT_ERROR, PREPARE, Mode
from reporter.worker.variants.mode_preparation import ModePreparation
from reporter.worker.variants.mode_readings import once_timed
from reporter.worker.variants.mode_variants import Variant


class ModeChecks:
    """Prepares modes for single images and checks their outputs; counts the seconds of both.

    `eager` is the reason why the outputs of eager could not be checked, and with them those of no mode.
    """

    def __init__(self, preparation: ModePreparation) -> None:
        self.preparation = preparation
        self.preparing = self.checking = 0.0
        self.eager: Verdict | None = None

    def checked(self, variant: Variant, mode: Mode) -> Reading:
        """The output error of a variant."""
        start = perf_counter()
        try:
            return self.preparation.checked(variant, mode)
        finally:
            self.checking += perf_counter() - start

    def prepared(self, mode: Mode, afresh: bool = False) -> Sequence[Reading]:
        """Time of the preparation and of the first call, and the output error; `afresh`: with an empty cache."""
        if afresh:
            shutil.rmtree(self.preparation.cache / mode.name, ignore_errors=True)
        image = self.preparation.subject.input(1)
        if mode.precision == "int8":
            _ = self.preparation.calibration  # made before the preparation is timed
        start = perf_counter()
        variant = self.preparation.variant(mode, image)
        prepared = perf_counter()
        self.preparation.first_call(variant, image)
        called = perf_counter()
        self.preparing += called - start
        once = [once_timed(PREPARE, prepared - start), once_timed(FIRST_CALL, called - prepared)]
        return [*once, *self._error(variant, mode)]

    def _error(self, variant: Variant, mode: Mode) -> Iterator[Reading]:
        if self.eager:
            found, verdict = None, self.eager
        else:
            found, verdict = attempt(partial(self.checked, variant, mode))
        yield from [found] if found else absent([OUTPUT_ERROR], verdict.status, verdict.reason or "")
