"""Held-out top-1 after a short training, in three modes: full, linear probe and from scratch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from reporter.model import FinetuningMethod, Metric, Quantity, Reading, UnsupportedError, Verdict, absent
from reporter.model.attempts import attempt
from reporter.model.fields import BATCH_OF, GRADIENT_RATIOS
from reporter.stats.proportions import is_chance

if TYPE_CHECKING:
    from torch import nn

    from reporter.worker.learning.finetuning import Images, Recipe, TrainingHistory
    from reporter.worker.subject import Subject


def _top1(key: str, title: str, definition: str) -> Quantity:
    return Quantity(
        key=key, title=title, unit="1", group="finetune", better="higher", centre="mean", definition=definition
    )


def _seconds(key: str, title: str, definition: str) -> Quantity:
    return Quantity(
        key=key, title=title, unit="s", group="finetune", better="lower", centre="mean", definition=definition
    )


TOP1 = _top1(
    "finetune_top1",
    "Top-1 after training",
    "Share of held-out images classified correctly after a short training of all layers: fine-tuning from pretrained "
    "weights, training from scratch from random ones, which do not compare. Batch-norm statistics are estimated again "
    "on training images. The mean over seeds, each with other weights, another order and other held-out images.",
)
SECONDS = _seconds(
    "finetune_seconds",
    "Training time",
    "Time that the training took, evaluation included, loading of images and weights not.",
)
RATIO = Quantity(
    key="gradient_ratio_trained",
    title="Gradient ratio, trained",
    unit="1",
    group="finetune",
    better="neither",
    centre="mean",
    definition="The gradient ratio after the short training, on the same batch: images of the same size, also where "
    "the training takes smaller ones, unless the network takes no others then. The geometric mean over the seeds of "
    "the training.",
)
STEP = _seconds(
    "finetune_step_seconds",
    "Training step",
    "Time of one training step on the images of the data set, at the size that the network is trained at; of each "
    "seed the median over its steps, and the mean over seeds.",
)
PROBE_TOP1 = _top1(
    "probe_top1",
    "Top-1 of a linear probe",
    "Share of held-out images classified correctly after only the head was trained, in as many steps as the training "
    "of all layers has; all else, batch-norm statistics too, stays as it was loaded; the mean over seeds.",
)
PROBE_SECONDS = _seconds(
    "probe_seconds",
    "Time of the linear probe",
    "Time that the training of the head took, evaluation included, loading of images and weights not.",
)
SCRATCH_TOP1 = _top1(
    "scratch_top1",
    "Top-1 after training from scratch",
    "Share of held-out images classified correctly after training all layers from random weights, at the learning rate "
    "for that; images, steps and batches are those of every training of the row. The mean over seeds.",
)
SCRATCH_SECONDS = _seconds(
    "scratch_seconds",
    "Time of training from scratch",
    "Time that the training from random weights took, evaluation included, loading of images not.",
)
QUANTITIES: dict[FinetuningMethod, tuple[Quantity, ...]] = {
    "full": (TOP1, SECONDS, RATIO, STEP),
    "probe": (PROBE_TOP1, PROBE_SECONDS),
    "scratch": (SCRATCH_TOP1, SCRATCH_SECONDS),
}
PROCESSES: dict[FinetuningMethod, str] = {"full": "training", "probe": "linear probe", "scratch": "from scratch"}
RECIPE = ("dataset", "steps", "seeds", "first_seed", "every_seed", "batch_size", "image_size", "test_images",
          "protocol")  # fmt: skip
WEIGHTS = ("weights", "checkpoint")
FINE = Verdict("ok", None)
TIMED_STEPS = 3
"""So many steps are timed where no accuracy is measured."""
ONLY_TIMED = "--preset quick only times training steps, which show no accuracy; use --preset standard, or --steps N"
NONE_HELD_OUT = "the held-out part of the data set has no images"
NONE_OF_A_FIFTH = "the data set has fewer than 5 images, of which a fifth is held out"
AT_CHANCE = "not trained with more seeds, because the accuracy with the first is close to that of guessing"


def measure(subject: Subject, mode: FinetuningMethod = "full") -> Iterator[Reading]:
    """Trains one network per seed on preloaded images; without steps, only the time of a step is measured."""
    from reporter.host import machine
    from reporter.worker.learning.training_steps import noting_images

    if not subject.conditions.steps and mode != "full":
        yield from absent(QUANTITIES[mode], "skipped", ONLY_TIMED)
        return
    machine.keep_freed_memory()
    with noting_images() as notes:
        series = SeedRuns.prepared(subject, mode)
    if not subject.conditions.steps:
        yield from series.timed()
        return
    series.train()
    yield from series.readings(notes)


@dataclass
class SeedRuns:
    """The trainings of one network in one mode, seed by seed; `parts` are the two parts of the data set.

    `side` is the size of their images, `ratio_side` that of the images of the gradient ratio.
    """

    subject: Subject
    mode: FinetuningMethod
    side: int
    ratio_side: int
    parts: tuple[Images, Images]
    classes: int
    pooled: bool
    courses: list[TrainingHistory] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    detail: dict[str, Any] = field(default_factory=dict)
    ratio_verdict: Verdict = FINE

    @classmethod
    def prepared(cls, subject: Subject, mode: FinetuningMethod) -> SeedRuns:
        """With its images loaded."""
        from reporter.registry.selection import dataset
        from reporter.worker.learning.training_steps import class_count, load_parts, training_side

        side = training_side(subject)
        parts = load_parts(subject.conditions, subject.device, side)
        classes, pooled = class_count(subject.conditions, *parts), dataset(subject.conditions.dataset).pooled
        return cls(subject, mode, side, subject.conditions.image_size, parts, classes, pooled)

    @property
    def seeds(self) -> range:
        conditions = self.subject.conditions
        return range(conditions.first_seed, conditions.first_seed + conditions.seeds)

    def train(self) -> None:
        """Trains with every seed; with the first alone if that is close to guessing, unless all seeds are asked for."""
        for seed in self.seeds:
            self._train(seed)
            if is_chance(self.courses[0].top1, self.guess) and not self.subject.conditions.every_seed:
                break

    @property
    def pool(self) -> tuple[Images, ...]:
        """The parts of the data set from which every seed draws its held-out images."""
        return self.parts if self.pooled else self.parts[1:]

    @cached_property
    def guess(self) -> float:
        """The share that guessing gives: of all images that may be held out, so that it is the same for all seeds."""
        from reporter.worker.learning.training_steps import guessing_share

        return guessing_share(self.classes, *self.pool)

    def _train(self, seed: int) -> None:
        from reporter.worker.learning.finetuning import fine_tune
        from reporter.worker.learning.training_steps import split_of_seed

        conditions = self.subject.conditions
        train, held_out = split_of_seed(self.parts, self.pooled, conditions.test_images, seed)
        if not len(held_out[1]):
            raise UnsupportedError(NONE_OF_A_FIFTH if self.pooled else NONE_HELD_OUT)
        network, recipe, about = self._prepared(seed, conditions.steps)
        start = perf_counter()
        self.courses.append(fine_tune(network, train, held_out, recipe, self.classes))
        self.seconds.append(perf_counter() - start)
        if self.mode == "full" and self.ratio_verdict.status == "ok":
            ratio, self.ratio_verdict = attempt(partial(self._ratio, network, seed))
            if self.ratio_verdict.status == "failed" and not self.ratios and self.ratio_side != self.side:
                self.ratio_side = self.side  # after training it takes images of no other size
                ratio, self.ratio_verdict = attempt(partial(self._ratio, network, seed))
            self.ratios += [] if ratio is None else [ratio]
        pool = sum(len(labels) for _, labels in self.pool)
        images = {"train_images": len(train[1]), "test_images": len(held_out[1]), "held_out_pool": pool}
        shares = {"classes": self.classes, "chance": self.guess}
        self.detail = self.detail or {**self._details(recipe, about), **shares, **images}

    def _prepared(self, seed: int, steps: int) -> tuple[nn.Module, Recipe, dict[str, Any]]:
        """The network of a seed, its recipe, and what its weights are."""
        from reporter.worker.learning.finetuning import Recipe
        from reporter.worker.learning.training_steps import learner

        subject, mode = self.subject, self.mode
        network, about = learner(subject, self.classes, seed, mode, self.side)
        kind = {"frozen": mode == "probe", "scratch": about["weights"] == "random"}
        return network, Recipe.of(subject.architecture, steps, subject.conditions.batch_size, seed, **kind), about

    def _ratio(self, network: nn.Module, seed: int) -> float:
        """On the batch of the ratio before training, or of the same number of training images of `side` pixels."""
        from reporter.worker.learning.training_steps import drop_heads, gradient_ratio

        images = self.parts[0] if self.ratio_side == self.side else self.ratio_images
        drop_heads(self.subject, network, self.ratio_side)
        return gradient_ratio(network, images, self.subject.conditions.batch_size, seed, self.classes)

    @cached_property
    def ratio_images(self) -> Images:
        """The images of the gradient ratio before training, where they have another size."""
        from reporter.worker.learning.training_steps import load_part

        return load_part(self.subject.conditions, self.subject.device)

    def readings(self, more: dict[str, Any]) -> Iterator[Reading]:
        """The readings of the mode, in the order of its quantities."""
        top1, spent, *rest = QUANTITIES[self.mode]
        left_out = len(self.seeds) - len(self.courses)
        detail = {**self.detail, **more, **({"seeds_left_out": left_out} if left_out else {})}
        reason = AT_CHANCE if left_out else None
        yield Reading(
            quantity=top1, samples=tuple(history.top1 for history in self.courses), reason=reason, detail=detail
        )
        yield Reading(quantity=spent, samples=tuple(self.seconds))
        if not rest:
            return
        if self.ratio_verdict.status == "ok":
            batch = {BATCH_OF: GRADIENT_RATIOS[0]} if self.ratio_side == self.subject.conditions.image_size else {}
            yield Reading(quantity=RATIO, samples=tuple(self.ratios), detail={**batch, "image_size": self.ratio_side})
        else:
            yield from absent((RATIO,), self.ratio_verdict.status, self.ratio_verdict.reason or "")
        yield Reading(quantity=STEP, samples=tuple(median(history.step_seconds) for history in self.courses))

    def timed(self) -> Iterator[Reading]:
        """The time of a training step alone."""
        from reporter.worker.learning.finetuning import train_for
        from reporter.worker.learning.training_steps import split_of_seed

        conditions = self.subject.conditions
        train, _ = split_of_seed(self.parts, self.pooled, conditions.test_images, conditions.first_seed)
        network, recipe, about = self._prepared(conditions.first_seed, TIMED_STEPS)
        history = train_for(network, train, recipe, self.classes)
        detail = {**about, "dataset": conditions.dataset, "classes": self.classes}
        yield Reading(quantity=TOP1, status="skipped", reason=ONLY_TIMED, detail=detail)
        yield from absent((SECONDS, RATIO), "skipped", ONLY_TIMED)
        detail = {"steps": TIMED_STEPS, "image_size": self.side, "batch_size": recipe.batch_size}
        yield Reading(quantity=STEP, samples=(median(history.step_seconds),), detail=detail)

    def _details(self, recipe: Recipe, about: dict[str, Any]) -> dict[str, Any]:
        """What the samples do not contain: the initial weights, the recipe, and the course of the first seed."""
        conditions, history = self.subject.conditions, self.courses[0]
        recipe_detail = {
            "optimizer": history.optimizer,
            **asdict(recipe),
            "seeds": conditions.seeds,
            "first_seed": conditions.first_seed,
            "image_size": self.side,
            "auxiliary_dropped": about.pop("auxiliary_dropped"),
            "batch_norm_recalibrated": history.recalibrated,
        }
        return {
            **about,
            "dataset": conditions.dataset,
            "held_out_drawn": "from all images" if self.pooled else "from the test part",
            "deterministic": self.subject.device.type == "cpu",
            "curve": history.curve,
            "curve_shows": "cross-entropy",
            "evaluations": history.evaluations,
            "recipe": recipe_detail,
        }


def _entry(name: str, mode: FinetuningMethod, *depends: str) -> Metric:
    return Metric(
        name,
        QUANTITIES[mode],
        partial(measure, mode=mode),
        process=PROCESSES[mode],
        device="any",
        depends=(*RECIPE, *depends),
        finetuning=mode,
    )


ENTRIES = (
    _entry("finetune", "full", *WEIGHTS),
    _entry("probe", "probe", *WEIGHTS),
    _entry("scratch", "scratch"),
)
