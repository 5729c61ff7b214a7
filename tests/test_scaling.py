"""The simulation of very many networks and nights, and the page that tells it."""

from __future__ import annotations

import io
import random
import re
import sys
from contextlib import redirect_stdout
from unittest import mock

import pytest
from commands import ROOT
from scaling_simulation import Cost, costs, main, night

from reporter.model.settings import Settings

NAMES = ("Settings: networks", "kinds", "overhead")
PAGE = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")


def simulation(*arguments: str) -> str:
    """What the script prints."""
    output = io.StringIO()
    with redirect_stdout(output), mock.patch.object(sys, "argv", ["scaling_simulation.py", *arguments]):
        main()
    return output.getvalue()


def test_the_page_shows_an_output_with_its_settings_and_says_what_is_simulated() -> None:
    shown = PAGE.split("<!-- output: python benchmarks/scaling_simulation.py -->\n")[1].split("<!-- end")[0]
    small = simulation("--networks", "6", "--kinds", "2")
    names = re.findall(r"(\w+) [\d.]+[,;]", small.splitlines()[0])
    assert names == re.findall(r"(\w+) [\d.]+[,;]", shown.splitlines()[0])
    assert {"networks", "kinds", "overhead", "static", "seed"} <= set(names)
    heads = [line for line in shown.splitlines() if line.startswith("| SIMULATED")]
    assert len(heads) == len([line for line in small.splitlines() if line.startswith("| SIMULATED")]) == 3


def test_the_overhead_on_the_page_is_that_of_its_settings() -> None:
    """Networks x kinds x tasks x seconds, by hand; and the simulation of the same settings prints it."""
    networks, kinds, overhead = (float(re.findall(rf"{name} ([\d.]+)", PAGE)[0]) for name in NAMES)
    tasks = 2 + Settings(preset="standard").conditions().rounds
    hours = f"| Ray's overhead in all, node hours | {networks * kinds * tasks * overhead / 1000 / 3600:.2f} |"
    assert hours in PAGE
    small = simulation("--networks", "100", "--kinds", "2")
    assert f"node hours | {100 * 2 * tasks * overhead / 1000 / 3600:.2f} |" in small


def test_costs_are_those_of_the_reference_run() -> None:
    found = costs()
    assert len(found) == 18
    assert all(min(cost.timing, cost.tuning, cost.rest) > 0 for cost in found)


@pytest.mark.parametrize("nodes", [1, 3])
def test_a_night_without_deaths_is_the_work_shared(nodes: int) -> None:
    made = night([Cost(3.0, 5.0, 2.0)] * 12, nodes, 0.0, random.Random(0), days=1e6)
    assert made.hours * 3600 == pytest.approx(12 * 10 / nodes)
    assert made.busy * 3600 == pytest.approx(120)
    assert (made.tasks, made.lost) == (12 * 5, 0)


def test_deaths_cost_what_was_under_way_and_nothing_else() -> None:
    made = night([Cost(30.0, 50.0, 20.0)] * 60, 4, 0.5, random.Random(1), days=0.005)
    assert made.tasks == 60 * 5
    assert made.lost > 0
    assert 60 * 100 + 300 * 0.5 < made.busy * 3600 < 60 * 100 + 300 * 0.5 + made.lost * 51
