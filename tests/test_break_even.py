"""The number of images after which a mode has paid for its preparation, checked by running that many images."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from commands import ROOT

from reporter import measure
from reporter.report.modes.mode_ranking import break_even

KEY = "latency_cpu_1thread"
NETWORK = """
import torch
from torch import nn


def deep(classes=10):
    layers = [each for _ in range(40) for each in (nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())]
    body = nn.Sequential(nn.Conv2d(3, 8, 3), *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes))
    return body
"""
RUN = """
import sys
from pathlib import Path
from time import perf_counter, process_time

from deep import deep
from reporter.model.modes import Mode
from reporter.worker import torch_state

import torch

torch_state.settle()
from reporter.registry.execution_modes import engines
from reporter.worker.input_format import Form
from reporter.worker.variants.mode_variants import in_engine

most, block = int(sys.argv[1]), max(1, int(sys.argv[1]) // 40)
network, image = deep().eval(), torch.randn(1, 3, 32, 32)
network(image)
mode, made = Mode(engine="torchscript"), Path(sys.argv[2])
start = perf_counter()
variant = in_engine(network, mode, engines()["torchscript"], Form(), image, cache=made, calibration=None)
prepared = perf_counter() - start
with torch_state.threads(1), torch.inference_mode():
    eager, with_mode = 0.0, prepared
    for images in range(block, most + block, block):
        for side, call in enumerate((network, variant.run)):
            start = process_time()
            for _ in range(block):
                call(image)
            took = process_time() - start
            eager, with_mode = (eager, with_mode + took) if side else (eager + took, with_mode)
        if with_mode <= eager:
            break
print(images if with_mode <= eager else "inf", prepared, eager / images, (with_mode - prepared) / images)
"""
"""Prints after how many images the preparation and the calls of a mode took less time than eager, and these times.

Calls with one thread are taken in processor time, which other programs on the machine lengthen less.
"""


@pytest.mark.slow
@pytest.mark.timing
def test_the_total_times_cross_at_the_break_even(tmp_path: Path) -> None:
    """A cold preparation in a new process, then eager and the mode side by side until the mode has paid for it."""
    (tmp_path / "deep.py").write_text(NETWORK)
    options = {"preset": "standard", "weights": "random", "input_size": 32}
    found = measure(f"{tmp_path / 'deep.py'}:deep", [KEY], modes=["torchscript"], **options)["torchscript"]
    prepare, time, ratio = (found.value(key) for key in ("prepare_seconds", KEY, f"speedup_{KEY}"))
    assert prepare
    assert time
    assert ratio
    assert ratio > 1.05, "nothing to pay for the preparation with"
    expected = break_even(prepare, time, ratio)
    command = [sys.executable, "-c", RUN, str(round(4 * expected)), str(tmp_path / "made")]
    variables = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "PATH": ""}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=variables)
    crossed, *seen = map(float, done.stdout.split())
    assert expected / 2 < crossed < 2 * expected, (
        f"expected {expected} from {prepare, time, ratio}, saw {crossed, seen}"
    )
