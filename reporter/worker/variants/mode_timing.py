"""Measures a network in execution modes: prepares each mode, checks its outputs, and times it in turns with eager."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import torch

from reporter.host import machine
from reporter.host.job import Job
from reporter.model import Inference, Metric, Quantity, Reading, Verdict, absent
from reporter.model.attempts import attempt
from reporter.model.fields import MODES_SHARE
from reporter.model.modes import ONCE, OUTPUT_ERROR, Mode, parse, unchecked
from reporter.model.records import EAGER
from reporter.registry.execution_modes import conditions_of, engines
from reporter.worker.latency import clock_settling, timing
from reporter.worker.latency.rotation import Rotation, consecutive, rotate
from reporter.worker.subject import INPUTS, Subject
from reporter.worker.torch_state import threads
from reporter.worker.variants.mode_checks import ModeChecks
from reporter.worker.variants.mode_preparation import ModePreparation, cache_folder
from reporter.worker.variants.mode_profiles import ModeProfiles
from reporter.worker.variants.mode_readings import Measured, Samples, lost, of_device, order, pairs, settings_of
from reporter.worker.variants.mode_training import ModeTraining, computing, without_eager
from reporter.worker.variants.mode_variants import Variant, eager

Send = Callable[[dict[str, Any]], None]
Found = Iterator[tuple[str, Reading]]
Around = Callable[[], AbstractContextManager[Any]]


class ModeTiming:
    """The modes of a job: `readings` yields each with its mode; `running` is called before another mode runs.

    `checks` counts the seconds that are spent on preparing and checking and are not part of any time.
    """

    def __init__(
        self,
        job: Job,
        metrics: Sequence[Metric],
        subject: Subject,
        *,
        cache: Path,
        running: Callable[[str], None],
        rotation: Rotation,
    ) -> None:
        self.job, self.subject, self.running, self.rotation = job, subject, running, rotation
        self.preparation = ModePreparation(subject, cache, trained=bool(job.reference))
        self.metrics = sorted((metric for metric in metrics if metric.inference), key=order)
        self.checks = ModeChecks(self.preparation, keeps=bool(self.metrics))
        self.training = [metric for metric in metrics if metric.training]
        self.has_curve = any(metric.curve for metric in metrics)
        self.profiles = ModeProfiles(subject, [metric for metric in metrics if metric.profile])
        self.modes = {name: parse(name, engines()) for name in job.modes}
        self.once = {name: mode for name, mode in self.modes.items() if job.prepares(name)}
        self.lost: dict[str, Verdict] = {}
        self._last = EAGER

    def readings(self) -> Found:
        """The readings of all modes; one that fails in single images is the reason for all that is left of it."""
        if (self.once or self.job.cache) and self.job.metrics != ("kernels",):  # which do not depend on weights
            self.checks.calibrate()
        if self.once and (self.metrics or self.training or self.has_curve):  # others were checked when they were timed
            yield from self._once()
        for metric in self.metrics:
            assert metric.inference
            before = dict(self.lost)
            yield from self._times(metric, metric.inference)
            self.lost = before if metric.inference.batched else self.lost  # a batch may only be too large
        if self.job.round == 0:
            yield from self._profiled()
        for metric in () if self.job.only_checks else self.training:  # last: a mode that cannot train is lost then
            yield from self._training_times(metric, self._modes_of(metric))

    def _profiled(self) -> Found:
        """The operators and stages of each mode that can be prepared, in every setting."""
        for setting in self.profiles.settings:
            with self.profiles.running(setting):
                for name, variant in self._variants(self.modes, 1, {}).items():
                    if name != EAGER:
                        self.running(name)
                        call = self._call_of(name, variant, 1)
                        yield from ((name, each) for each in self.profiles.readings(setting, variant, call))
        for name in self.modes:
            if verdict := self.lost.get(name):
                yield from ((name, each) for each in self.profiles.lost(verdict))

    def _once(self) -> Found:
        """Prepares every mode for one image, with its first call and the check of its outputs."""
        plain = eager(self.subject.network, self.subject.form)
        own, verdict = attempt(partial(self.checks.checked, plain, Mode()))
        yield EAGER, own or unchecked(verdict)
        self.checks.eager = None if own else verdict  # it is timed all the same
        for name, mode in self.once.items():
            self.running(name)
            if found := self._attempt(name, partial(self.checks.prepared, mode, afresh=bool(self.job.round))):
                yield from ((name, reading) for reading in found)
            else:
                yield from ((name, reading) for reading in self._absent(name, ONCE))

    def _times(self, metric: Metric, inference: Inference) -> Found:
        """The times of all modes that are left, and their speedups; with `only_checks`, only larger output errors."""
        modes = self._modes_of(metric)
        batch = self.subject.conditions.throughput_batch if inference.batched else 1
        count = 1 if inference.one_thread else self.subject.threads
        pinned = machine.one_core(self.job.round) if inference.one_thread else nullcontext()
        timer = timing.timer(self.subject.place, rows=inference.batched)  # as for the throughput of eager
        machine.keep_freed_memory()
        with threads(count), ExitStack() as stack:
            ready = self.checks.take(count, batch)
            variants = self._variants(modes, batch, ready)  # before: an engine may count the processors once for all
            yield from self._errors({name: each for name, each in variants.items() if name not in ready}, batch)
            if self.job.only_checks:
                return
            stack.enter_context(pinned)
            calls = self._calls(variants, batch)
            before = self._alone(calls, timer)
            measured = self._sampled(calls, torch.inference_mode, timer)
            after = self._alone(calls, timer)
        alone = {name: (*before[name], *after[name]) for name in before.keys() & after.keys()}
        found = measured, self.lost, self.subject.place
        yield from pairs(modes, metric.quantities[0], *found, batch=batch, alone=alone)

    def _modes_of(self, metric: Metric) -> dict[str, Mode]:
        """The modes in which a metric is measured."""
        return {name: mode for name, mode in self.modes.items() if self.job.measures(name, metric.name)}

    def _errors(self, variants: Mapping[str, Variant], batch: int) -> Found:
        """The output errors of what was prepared for a setting, if they take the place of those before."""
        for name in (each for each in self.modes if each in variants):
            self.running(name)
            find = self.checks.worse if name in self.once else self.checks.again
            yield from ((name, reading) for reading in find(variants[name], self.modes[name], batch))

    def _alone(self, calls: Mapping[str, Callable[[], object]], timer: timing.Timer) -> Samples:
        """Seconds per call of each mode of an engine without calls of eager in between; those that fail are left out.

        There are none where another process decides when to call.
        """
        found: Samples = {}
        for name in (each for each in calls if each in self.modes and each not in self.lost):
            if self.modes[name].engine and self.rotation is rotate:
                self.running(name)
                with torch.inference_mode():
                    samples, _ = attempt(partial(consecutive, calls[name], timer))
                found |= {name: tuple(samples)} if samples else {}
        return found

    def _training_times(self, metric: Metric, modes: Mapping[str, Mode]) -> Found:
        """The times of a training step of all modes that can train, and their speedups.

        A mode that does not fit into memory beside the others is measured again beside eager alone.
        """
        left = [name for name in modes if name not in self.lost]
        measured, trains = self._trained(modes)
        lacking = [name for name in left if name in self.lost and self.lost[name].status == "oom"]
        again = lacking if trains and len(left) > 1 and self.rotation is rotate else []
        computed = {name: computing(mode) for name, mode in modes.items() if name not in again}
        yield from pairs(computed, metric.quantities[0], measured, self.lost, self.subject.place)
        for name in again:
            self.lost = {each: verdict for each, verdict in self.lost.items() if each not in (EAGER, name)}
            gc.collect()
            yield from self._training_times(metric, {name: modes[name]})

    def _trained(self, modes: Mapping[str, Mode]) -> tuple[Measured, bool]:
        """What training steps took, and whether that of eager could be run; none of them stays in memory."""
        machine.keep_freed_memory()
        self.running(EAGER)
        training = self._attempt(EAGER, partial(ModeTraining, self.subject, self.preparation.cache))
        with threads(self.subject.threads):
            calls = {name: self._noting(name, step) for name, step in self._steps(training, modes).items()}
            samples, load, states = self._sampled(calls, nullcontext, timing.timer(self.subject.place))
        return (samples, load, states | (training.detail if training else {})), bool(calls)

    def _steps(self, training: ModeTraining | None, modes: Mapping[str, Mode]) -> dict[str, Callable[[], object]]:
        """A training step of eager and of each mode that can train, if eager can; the mode is noted before it runs."""
        found = {}
        with self.checks.counting("preparing"):
            for name, mode in {EAGER: Mode(), **modes}.items():
                if training and name not in self.lost:
                    self.running(name)
                    step = self._attempt(name, partial(training.step, mode))
                    if step is not None:
                        found[name] = step
        if EAGER not in found:
            reasons = {name: self.lost.get(name, self.lost[EAGER]) for name in modes}
            self.lost |= {name: without_eager(self.subject, each) for name, each in reasons.items()}
        return found if EAGER in found else {}

    def _sampled(self, calls: dict[str, Callable[[], object]], around: Around, timer: timing.Timer) -> Measured:
        """The samples of eager and of the modes that can be timed; one that fails is left out of a new rotation.

        With them, the load of other programs meanwhile, and the state of the accelerator before.
        """
        before = machine.load()
        while len(calls) > 1:
            found, verdict = attempt(partial(self._rotate, calls, around, timer))
            if found is not None:
                after = machine.load()
                load = after.background_load_since(before) if before and after else None
                return found[0], load, found[1]
            failed = list(calls) if self._last == EAGER else [self._last]
            self.lost |= dict.fromkeys(failed, verdict)
            calls = {name: call for name, call in calls.items() if name not in failed}
        return {}, None, {}

    def _rotate(
        self, calls: Mapping[str, Callable[[], object]], around: Around, timer: timing.Timer
    ) -> tuple[Samples, dict[str, Any]]:
        seconds, goal = self.subject.conditions.seconds * MODES_SHARE, self.subject.conditions.goal
        with around():
            self.running(EAGER)
            states = clock_settling.settled(self.subject.place, calls[EAGER])
            samples = self.rotation(calls, timer, seconds=seconds, goal=goal, announce=self.running)
        return samples, states

    def _variants(self, modes: Mapping[str, Mode], batch: int, ready: Mapping[str, Variant]) -> dict[str, Variant]:
        """Eager and the modes that can be prepared for a batch, each of which has been called."""
        found = {EAGER: eager(self.subject.network, self.subject.form)}
        with self.checks.counting("preparing"):
            for name, mode in modes.items():
                if name not in self.lost:
                    self.running(name)
                    variant = self._attempt(name, partial(self.preparation.ready, mode, batch, ready.get(name)))
                    found |= {name: variant} if variant else {}
        return found

    def _calls(self, variants: Mapping[str, Variant], batch: int) -> dict[str, Callable[[], object]]:
        """A call of each variant whose inputs fit into memory; none where those of eager do not."""
        made = {name: self._attempt(name, partial(self._call_of, name, each, batch)) for name, each in variants.items()}
        if made[EAGER] is None:
            self.lost |= dict.fromkeys(made, self.lost[EAGER])
            return {}
        return {name: call for name, call in made.items() if call is not None}

    def _call_of(self, name: str, variant: Variant, batch: int) -> Callable[[], object]:
        """A call on several inputs in turn, which lie ready in the variant's form."""
        ready = cycle([variant.form(each) for each in self.subject.input(batch * INPUTS).split(batch)])
        return self._noting(name, lambda: variant.run(next(ready)))

    def _noting(self, name: str, work: Callable[[], object]) -> Callable[[], object]:
        """The same work, which notes that it ran last."""

        def call() -> object:
            self._last = name
            return work()

        return call

    def _attempt(self, name: str, work: Callable[[], Any]) -> Any:
        """The result of some work for a mode; None where it fails, which is the reason for what is left of it."""
        found, verdict = attempt(work)
        if found is None:
            self.lost[name] = verdict
        return found

    def _absent(self, name: str, quantities: Sequence[Quantity]) -> Iterator[Reading]:
        return absent(quantities, self.lost[name].status, self.lost[name].reason or "")


def measure_modes(
    job: Job, metrics: Mapping[str, Metric], subject: Subject, send: Send, rotation: Rotation = rotate
) -> dict[str, float]:
    """Sends the readings of all modes of a job; gives the seconds spent on preparing and checking them.

    A network that cannot be built, or does not fit into memory, is the reason for all of them.
    """
    chosen = [metrics[name] for name in job.metrics]
    settings = settings_of(chosen, subject)
    with cache_folder(job.cache) as cache:
        made = ModeTiming(
            job, chosen, subject, cache=cache, running=lambda mode: send({"running": mode}), rotation=rotation
        )
        about = {name: of_device(subject.place, mode) for name, mode in {EAGER: Mode(), **made.modes}.items()}
        checked: set[str] = set()
        _, verdict = attempt(lambda: subject.network is not None)  # no reference is kept: a training step replaces it
        for mode, reading in made.readings() if verdict.status == "ok" else lost(job, metrics, verdict):
            own = settings.get(reading.quantity.key, subject.conditions.of_mode()) | conditions_of(mode)
            detail = reading.detail | about[mode] if reading.measured else reading.detail
            kept = reading.model_copy(update={"settings": own, "detail": detail})
            worse = reading.quantity == OUTPUT_ERROR and mode in checked
            send({"reading": kept.model_dump(mode="json"), "mode": mode, "replaces": worse})
            checked |= {mode} if reading.quantity == OUTPUT_ERROR else set()
    return made.checks.spent
