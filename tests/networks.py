"""Small real networks for the tests of the measuring side."""

from __future__ import annotations

import hashlib
import inspect
from functools import partial
from pathlib import Path

from commands import BRIEF
from torch import nn

from reporter.model import Architecture
from reporter.model.settings import PRESETS, Conditions
from reporter.worker.lookup import find
from reporter.worker.subject import Subject

CONDITIONS = Conditions(**{**PRESETS["quick"], "seconds": BRIEF, "batch_size": 4, "weights": "random"})


def small(classes: int) -> nn.Module:
    """A convolution, batch norm, pooling and a linear layer: 3 x 8 x 9 + 16 + (8 + 1) x classes parameters."""
    body = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    return nn.Sequential(body, nn.Flatten(), nn.Linear(8, classes))


def own(build: object = small, **more: object) -> Architecture:
    return Architecture(name="small", family="Test", year=2026, paper="none", build=build, input_size=32, **more)


def subject(architecture: str | Architecture, **changed: object) -> Subject:
    entry = find(architecture) if isinstance(architecture, str) else architecture
    return Subject(entry, "cpu", CONDITIONS.model_copy(update=changed))


def definition_of_0_1_0(entry: Architecture) -> str:
    """What records of reporter 0.1.0 have: a digest of the whole file of the function, and of the recipe."""
    function = entry.build.func if isinstance(entry.build, partial) else entry.build
    recipe = (entry.input_size, entry.weights, entry.learning_rate, entry.label_smoothing, entry.auxiliary_loss)
    source = Path(str(inspect.getsourcefile(function))).read_bytes()
    return hashlib.sha256(source + repr(recipe).encode()).hexdigest()[:12]
