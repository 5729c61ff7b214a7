"""Networks whose auxiliary heads come first in what training returns, or are a part of its class scores."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import samples
import torch
from networks import LargeHead, own, subject
from torch import Tensor, nn

from reporter.host.job import Job
from reporter.model import Metric, Reading
from reporter.registry.catalog import collect
from reporter.report.comparison import compare
from reporter.report.language import language
from reporter.tables import groups
from reporter.worker.entry import measure
from reporter.worker.learning.finetuning import loss_of
from reporter.worker.learning.training_steps import exercise, initial_gradients, learner
from reporter.worker.variants.mode_timing import measure_modes

pytestmark = pytest.mark.usefixtures("digits_once")
SHORT = {"image_size": 16, "steps": 2, "seeds": 1, "test_images": 8, "batch_size": 4}
DATA = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)), torch.arange(4)


class Side(nn.Module):
    """Scores of a head on top of two stages, and those of two auxiliary heads below."""

    def __init__(self, classes: int, pack: Callable[[Tensor, Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.first, self.second, self.pack = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 1), pack
        self.head, self.aux1 = nn.Linear(8, classes), nn.Linear(8, classes)
        self.aux2 = nn.Sequential(nn.Conv2d(8, classes, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, images: Tensor) -> Any:
        maps = self.first(images).relu()
        top = self.second(maps).relu()
        scores = self.head(top.mean((2, 3)))
        if not self.training:
            return scores
        return self.pack(self.aux1(maps.mean((2, 3))), self.aux2(top), scores)


PACKINGS = {
    "heads first": lambda low, high, scores: (low, high, scores),
    "between": lambda low, high, scores: [low, scores, high],
    "nested": lambda low, high, scores: ((low, high), scores),
    "log-probabilities": lambda low, high, scores: tuple(each.log_softmax(1) for each in (low, high, scores)),
    "last": lambda low, high, scores: (scores, low, high),
}


@pytest.mark.parametrize("packing", PACKINGS)
def test_training_takes_the_scores_that_no_auxiliary_head_computes(packing: str) -> None:
    made = subject(own(build=lambda classes: Side(classes, PACKINGS[packing]), classes=4), image_size=16)
    network, _ = learner(made, 4, 0)
    stepped, (images, labels), recipe, _ = exercise(made, "cpu")
    for each, batch in ((network, DATA), (stepped, (images, labels))):
        loss_of(each.train()(batch[0]), batch[1], recipe, 4).backward()
        learning = {name.partition(".")[0] for name, weight in each.named_parameters() if weight.grad is not None}
        assert learning == {"first", "second", "head"}
    used = initial_gradients(made, DATA, 4, 0)
    assert {name for name, weight in used if weight.grad is not None} == {"first", "second", "head"}


class Added(nn.Module):
    """The output of its auxiliary head is added to the class scores in training."""

    def __init__(self, classes: int, kernel: int = 3) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 8, 1)
        self.head, self.aux = nn.Linear(8, classes), nn.Conv2d(8, classes, kernel)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.first(images).relu()
        scores: Tensor = self.head(self.second(maps).relu().mean((2, 3)))
        return scores + 0.3 * self.aux(maps).mean((2, 3)) if self.training else scores


METRICS = collect("reporter.metrics", Metric)
NEEDED = "images of 16 px are too small for the auxiliary head, without which the network does not train"


@pytest.mark.parametrize(("kernel", "wanted"), [(3, ("ok", None)), (24, ("unsupported", NEEDED))])
def test_a_network_that_does_not_train_without_its_auxiliary_head_keeps_it(
    kernel: int, wanted: tuple[str, str | None]
) -> None:
    made = subject(own(build=partial(Added, kernel=kernel)), **SHORT)
    assert made.heads == ("aux",)
    found = {each.quantity.key: each for name in ("gradients", "finetune") for each in measure(METRICS[name], made)}
    assert len(found) == 6
    assert {key: (each.status, each.reason) for key, each in found.items()} == dict.fromkeys(found, wanted)


def test_a_probe_needs_no_auxiliary_head() -> None:
    _, about = learner(subject(own(build=partial(Added, kernel=24)), **SHORT), 10, 0, "probe")
    assert about["auxiliary_dropped"] == "a linear probe trains the head alone"


DROPPED = "images of 16 px are too small for the auxiliary head"
NOTE = f"auxiliary heads dropped: {DROPPED}"


@pytest.mark.parametrize("metric", ["train_step_cpu", "memory_training"])
@pytest.mark.parametrize(("kernel", "noted"), [(20, True), (3, False)])
def test_training_steps_without_auxiliary_heads_are_noted(metric: str, kernel: int, noted: bool) -> None:
    """Times of modes have it in what all of them train; a table names the network."""
    made = subject(own(partial(LargeHead, kernel=kernel), classes=4), image_size=16, seconds=0.01)
    assert made.heads == ("aux",)
    (reading,) = measure(METRICS[metric], made)
    assert reading.measured
    assert reading.detail.get("auxiliary_dropped") == (DROPPED if noted else None)
    assert (NOTE in reading.notes) is noted
    record = samples.record(samples.ROWS[0])
    record = record.model_copy(update={"readings": record.readings | {reading.quantity.key: reading}})
    table = groups.group(reading.quantity.group)(compare([record]), language("en"))
    assert table
    named = f"Training without auxiliary heads, for which the training images are too small: {record.architecture}."
    assert (named in table.notes) is noted
    assert language("ru").translate(NOTE) == (
        "без вспомогательных выходов: изображения в 16 пикс. слишком малы для вспомогательного выхода"
    )


def test_training_steps_of_modes_without_auxiliary_heads_are_noted(tmp_path: Path) -> None:
    made = subject(own(LargeHead, classes=4), image_size=16, seconds=0.01)
    job = Job(
        architecture="small", metrics=("train_step_cpu",), device="cpu", process="modes cpu",
        conditions=made.conditions, modes=("channels_last",), cache=str(tmp_path),
    )  # fmt: skip
    sent: list[dict[str, Any]] = []
    measure_modes(job, METRICS, made, sent.append)
    readings = [Reading.model_validate(each["reading"]) for each in sent if "reading" in each]
    found = {each.quantity.key: each.notes for each in readings if "train_step" in each.quantity.key}
    assert sorted(found) == ["speedup_train_step_cpu", "train_step_cpu"]
    assert all(NOTE in notes for notes in found.values())
