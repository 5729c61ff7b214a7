"""Small real networks for the tests of the measuring side."""

from __future__ import annotations

import hashlib
import inspect
from functools import cache, partial
from pathlib import Path
from typing import Any

from commands import BRIEF
from torch import Tensor, nn
from torchvision.models import MobileNetV3, SwinTransformer, VisionTransformer
from torchvision.models.mobilenetv3 import InvertedResidualConfig

from reporter.model import Architecture
from reporter.model.settings import PRESETS, Conditions
from reporter.worker import precision
from reporter.worker.lookup import find
from reporter.worker.subject import Subject

CONDITIONS = Conditions(**{**PRESETS["quick"], "seconds": BRIEF, "batch_size": 4, "weights": "random"})


def small(classes: int) -> nn.Module:
    """A convolution, batch norm, pooling and a linear layer: 3 x 8 x 9 + 16 + (8 + 1) x classes parameters."""
    body = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    return nn.Sequential(body, nn.Flatten(), nn.Linear(8, classes))


def inverted_residuals(classes: int) -> nn.Module:
    """Three blocks of MobileNet v3: depthwise convolutions, squeeze and excitation, hard swish, one shortcut."""
    rows = ((16, 3, 16, 16, True, "RE", 2), (16, 5, 40, 24, True, "HS", 2), (24, 5, 48, 24, True, "HS", 1))
    return MobileNetV3([InvertedResidualConfig(*row, 1, 1.0) for row in rows], 64, classes)


def transformer(classes: int) -> nn.Module:
    """A vision transformer of two layers: 4 heads, 64 features of a token, 128 in the perceptrons."""
    return VisionTransformer(32, 16, num_layers=2, num_heads=4, hidden_dim=64, mlp_dim=128, num_classes=classes)


def shifted_windows(classes: int) -> nn.Module:
    """A Swin transformer of two stages, in each a block whose windows are shifted."""
    return SwinTransformer([4, 4], 24, depths=[2, 2], num_heads=[2, 4], window_size=[4, 4], num_classes=classes)


class LargeHead(nn.Module):
    """A network whose auxiliary head takes images that are as large as its kernel."""

    def __init__(self, classes: int, kernel: int = 20) -> None:
        super().__init__()
        self.body, self.head = nn.Conv2d(3, 8, 1), nn.Linear(8, classes)
        self.aux = nn.Sequential(nn.Conv2d(8, classes, kernel), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, images: Tensor) -> Any:
        maps = self.body(images).relu()
        scores = self.head(maps.mean((2, 3)))
        return (scores, self.aux(maps)) if self.training else scores


def own(build: object = small, **more: object) -> Architecture:
    return Architecture(name="small", family="Test", year=2026, paper="none", build=build, input_size=32, **more)


def subject(architecture: str | Architecture, **changed: object) -> Subject:
    """What a worker measures, with the precision that it sets first."""
    precision.fix()
    entry = find(architecture) if isinstance(architecture, str) else architecture
    return Subject(entry, "cpu", CONDITIONS.model_copy(update=changed))


@cache
def catalogued(name: str) -> Subject:
    """A network of the catalog, for tests that only look at its counts: each is counted once in a process."""
    return subject(name)


def definition_of_0_1_0(entry: Architecture) -> str:
    """What records of reporter 0.1.0 have: a digest of the whole file of the function, and of the recipe."""
    function = entry.build.func if isinstance(entry.build, partial) else entry.build
    recipe = (entry.input_size, entry.weights, entry.learning_rate, entry.label_smoothing, entry.auxiliary_loss)
    source = Path(str(inspect.getsourcefile(function))).read_bytes()
    return hashlib.sha256(source + repr(recipe).encode()).hexdigest()[:12]
