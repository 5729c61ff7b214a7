"""The simulation of runs with --against from real rounds: it finds what is slowed and hardly anything else."""

from __future__ import annotations

import math

import numpy as np
import reference_nights
from repeatability import FILE, SLOWED

from reporter.compare import reference_rule


def test_simulated_runs_from_real_rounds() -> None:
    real = reference_nights.rounds(FILE)
    plain = {name: pool for name, pool in real.items() if name not in SLOWED}
    chance = np.random.default_rng(1)
    alarms = sum(bool(reference_nights.slower(reference_nights.night(chance, plain, {}))) for _ in range(30))
    assert alarms <= 2
    found, rounds = 0, set()
    for _ in range(20):
        rows = reference_nights.night(chance, plain, {"resnet50": math.log(1.05)})
        found += "resnet50" in reference_nights.slower(rows)
        rounds |= {row.rounds for row in rows.values()}
    assert found >= 18
    assert rounds <= set(reference_rule.looks(3))
    assert min(rounds) == 3, "a row that is clear stops early"
    assert len(rounds) > 1, "a row in doubt gets more rounds"
