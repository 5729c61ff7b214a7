"""Networks whose auxiliary heads come first in what training returns, or are a part of its class scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from networks import own, subject
from torch import Tensor, nn

from reporter.worker.learning.finetuning import loss_of
from reporter.worker.learning.training_steps import exercise, initial_gradients, learner

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
    "last": lambda low, high, scores: (scores, low, high),
}


@pytest.mark.parametrize("packing", PACKINGS)
def test_training_takes_the_scores_that_no_auxiliary_head_computes(packing: str) -> None:
    made = subject(own(build=lambda classes: Side(classes, PACKINGS[packing]), classes=4), image_size=16)
    network, _ = learner(made, 4, 0)
    stepped, (images, labels), recipe = exercise(made, "cpu")
    for each, batch in ((network, DATA), (stepped, (images, labels))):
        loss_of(each.train()(batch[0]), batch[1], recipe, 4).backward()
        learning = {name.partition(".")[0] for name, weight in each.named_parameters() if weight.grad is not None}
        assert learning == {"first", "second", "head"}
    used = initial_gradients(made, DATA, 4, 0)
    assert {name for name, weight in used if weight.grad is not None} == {"first", "second", "head"}
