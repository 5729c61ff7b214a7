"""The committed output of the static pass against what its code counts now."""

from __future__ import annotations

import logging
from collections import Counter
from functools import cache

import pytest
from commands import ROOT
from counters import COUNTERS, habits, silence
from static_pass import CONDITIONS, Row, causes, error, ours
from torchvision.models import get_model_weights

from reporter.worker.lookup import find
from reporter.worker.subject import Subject

OUTPUT = (ROOT / "benchmarks" / "static_pass.md").read_text(encoding="utf-8")


@cache
def faults() -> dict[str, float]:
    """What fvcore gets wrong of each operator."""
    with silence():
        return habits(COUNTERS["fvcore"])


@pytest.mark.parametrize("level", [logging.NOTSET, logging.INFO])
def test_logging_is_as_before_after_a_counter_failed(level: int) -> None:
    logging.disable(level)
    try:
        with pytest.raises(ValueError, match="not counted"), silence():
            raise ValueError("not counted")
        assert logging.root.manager.disable == level
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize(
    "name",
    ["squeezenet1_1", *(pytest.param(name, marks=pytest.mark.slow) for name in ("resnet18", "mobilenet_v3_small"))],
)
def test_a_network_counted_again_gives_its_row(name: str) -> None:
    """Multiply-adds by this program and by fvcore, and the operators that fvcore gets wrong."""
    entry = find(name)
    row = Row(name, get_model_weights(name)[entry.weights or ""].meta["_ops"])
    ours(entry, row, Counter())
    assert row.missing == []
    subject = Subject(entry, "cpu", CONDITIONS)
    with silence():
        row.macs["fvcore"] = COUNTERS["fvcore"](subject.network, subject.input(1))
    by_fvcore = f"{error(row, 'fvcore'):+.1%}: {', '.join(causes(row, 'fvcore', faults()))}"
    assert f"| {name} | {row.published} | {row.macs['ours'] / 1e9:.3f} | {by_fvcore} |" in OUTPUT
