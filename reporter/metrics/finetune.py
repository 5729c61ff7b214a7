"""Held-out top-1 after a short fine-tuning, in three modes: full, linear probe and from scratch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from reporter.model import FinetuningMethod, Metric, Quantity, Reading, Verdict, absent
from reporter.model.attempts import attempt

if TYPE_CHECKING:
    from reporter.model.settings import Conditions
    from reporter.worker.finetuning import Recipe, TrainingHistory
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
    "Top-1 after fine-tuning",
    "Share of held-out images classified rightly after the short fine-tuning, batch-norm statistics "
    "recalibrated on training images; the mean over seeds. Networks that start from ImageNet weights are marked: they "
    "do not compare with those that start from random ones.",
)
SECONDS = _seconds(
    "finetune_seconds",
    "Fine-tuning time",
    "Seconds that the fine-tuning took, evaluation included, loading of images and weights not.",
)
RATIO = Quantity(
    key="gradient_ratio_trained",
    title="Gradient ratio, trained",
    unit="1",
    group="finetune",
    better="neither",
    centre="mean",
    definition="The gradient ratio on the same batch after the short fine-tuning; the mean over seeds.",
)
PROBE_TOP1 = _top1(
    "probe_top1",
    "Top-1 of a linear probe",
    "Share of held-out images classified rightly after only the head was trained, in as many steps as the fine-tuning "
    "has; all else, batch-norm statistics too, stays as it was loaded; the mean over seeds.",
)
PROBE_SECONDS = _seconds(
    "probe_seconds",
    "Time of the linear probe",
    "Seconds that the training of the head took, evaluation included, loading of images and weights not.",
)
SCRATCH_TOP1 = _top1(
    "scratch_top1",
    "Top-1 from random weights",
    "Share of held-out images classified rightly after the short fine-tuning where it starts from random weights, the "
    "recipe otherwise the same; the mean over seeds.",
)
SCRATCH_SECONDS = _seconds(
    "scratch_seconds",
    "Training time from random weights",
    "Seconds that the training from random weights took, evaluation included, loading of images not.",
)
QUANTITIES: dict[FinetuningMethod, tuple[Quantity, ...]] = {
    "full": (TOP1, SECONDS, RATIO),
    "probe": (PROBE_TOP1, PROBE_SECONDS),
    "scratch": (SCRATCH_TOP1, SCRATCH_SECONDS),
}
PROCESSES: dict[FinetuningMethod, str] = {"full": "fine-tuning", "probe": "linear probe", "scratch": "from scratch"}
RECIPE = ("dataset", "steps", "seeds", "batch_size", "image_size", "test_images")
WEIGHTS = ("weights", "checkpoint")


def measure(subject: Subject, mode: FinetuningMethod = "full") -> Iterator[Reading]:
    """Trains one network per seed on preloaded images."""
    from reporter.worker.auxiliary_heads import drop_auxiliary
    from reporter.worker.finetuning import Recipe, fine_tune
    from reporter.worker.training_steps import gradient_ratio, learner, load_images, noting_skipped

    conditions = subject.conditions
    with noting_skipped() as skipped:
        train, test, classes = load_images(conditions, subject.device)
    courses, seconds, ratios = [], [], []
    missing = Verdict("ok", None)
    for seed in range(conditions.seeds):
        network, about = learner(subject, classes, seed, mode)
        recipe = Recipe.of(subject.architecture, conditions.steps, conditions.batch_size, seed, mode == "probe")
        start = perf_counter()
        courses.append(fine_tune(network, train, test, recipe, classes))
        seconds.append(perf_counter() - start)
        if mode == "full" and missing.status == "ok":
            drop_auxiliary(network, subject.heads)
            ratio, missing = attempt(partial(gradient_ratio, network, train, conditions.batch_size, seed, classes))
            ratios += [] if ratio is None else [ratio]
    top1, spent, *rest = QUANTITIES[mode]
    images = {"classes": classes, "train_images": len(train[1]), "test_images": len(test[1])}
    detail = {
        **_details(conditions, recipe, courses[0], about),
        **images,
        **({"images_skipped": skipped} if skipped else {}),
    }
    yield Reading(quantity=top1, samples=tuple(history.top1 for history in courses), detail=detail)
    yield Reading(quantity=spent, samples=tuple(seconds))
    if missing.status == "ok":
        yield from (Reading(quantity=quantity, samples=tuple(ratios)) for quantity in rest)
    else:
        yield from absent(rest, missing.status, missing.reason or "")


def _details(conditions: Conditions, recipe: Recipe, history: TrainingHistory, about: dict[str, Any]) -> dict[str, Any]:
    """What the samples cannot say: from where it started, by which recipe, and how the first seed went."""
    recipe_detail = {
        "optimizer": history.optimizer,
        **asdict(recipe),
        "seeds": conditions.seeds,
        "image_size": conditions.image_size,
        "auxiliary_dropped": about.pop("auxiliary_dropped"),
        "batch_norm_recalibrated": "top1_uncalibrated" in history.evaluations[-1],
    }
    return {
        **about,
        "dataset": conditions.dataset,
        "curve": history.curve,
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
