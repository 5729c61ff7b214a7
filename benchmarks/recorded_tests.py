"""A pytest plugin that writes what every test did, one JSON line each, and runs only the tests of a list, in its order.

`python -m pytest -p benchmarks.recorded_tests`; the variables RECORDED_TESTS and WANTED_TESTS name the two files.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

RECORDED, WANTED = os.environ.pop("RECORDED_TESTS", ""), os.environ.pop("WANTED_TESTS", "")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keeps the tests that are wanted, alone or with all of their file, in the order in which they are named."""
    if WANTED:
        wanted = json.loads(Path(WANTED).read_text(encoding="utf-8"))
        order = {name: place for place, name in enumerate(wanted["only"])}
        places = {item: order.get(item.nodeid, order.get(item.nodeid.partition("::")[0], -1)) for item in items}
        kept = [item for item in items if places[item] >= 0 and item.nodeid not in wanted["without"]]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = sorted(kept, key=lambda item: places[item])


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _write(test=report.nodeid, when=report.when, outcome=report.outcome, seconds=round(report.duration, 3))


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        _write(test=report.nodeid, when="collect", outcome="failed", seconds=0.0)


def _write(**line: object) -> None:
    if RECORDED:
        with Path(RECORDED).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
