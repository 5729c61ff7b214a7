"""What all tests share: golden files, and the flag that takes over new ones."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from costs import Costs

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="take what is written now over as the golden files")
    parser.addoption("--costs", type=Path, metavar="FILE", help="append the processor and wall seconds of each test")


def pytest_configure(config: pytest.Config) -> None:
    if path := config.getoption("--costs"):
        config.pluginmanager.register(Costs(path.resolve()))


@pytest.fixture(autouse=True)
def denormals() -> Iterator[None]:
    """Gives back the small numbers that a measurement in this process flushes: hypothesis draws them."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with the golden file of that name, or takes it over."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--accept"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"no golden file {name}; run pytest --accept, and read what it wrote"
        assert text == path.read_text(encoding="utf-8"), f"{name} changed; if that is meant, run pytest --accept"

    return compare
