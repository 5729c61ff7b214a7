"""The script that plants faults: what it draws, and how it finds a fault again in code that has moved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mutation_score
import planted_faults
import pytest
from mutations import Fault, Source, changed, draw, faults, locate

SHAPES = '''"""Not `1 < 2`, as this is a docstring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from math import pi, tau

__all__ = ["area"]
Kind = Literal["small", "large"]


def area(width: float, height: float) -> float:
    if width < 0 or height < 0:
        raise ValueError("negative")
    return width * height


class Square:
    side: Literal["one", "two"]

    def kind(self, limits: dict[str, float]) -> Kind:
        return "small" if self.width() < limits["small"] else "large"

    def width(self) -> float:
        return float(self.side == "two") + 1
'''
EXPECTED = {
    ("area", "comparison", "width <= 0 or height < 0"),
    ("area", "boolean", "width < 0 and height < 0"),
    ("area", "condition dropped", "(height < 0)"),
    ("area", "exception", "pass"),
    ("area", "arithmetic", "return width / height"),
    ("area", "return value", "return None"),
    ("Square.kind", "key", """return "small" if self.width() < limits['small_'] else "large\""""),
    ("Square.kind", "negation", """return "small" if (not (self.width() < limits["small"])) else "large\""""),
    ("Square.width", "constant", 'return float(self.side == "two") + 2'),
}


def test_the_faults_of_a_module() -> None:
    found = {(fault.function, fault.kind, fault.after) for fault in faults("shapes", Source(SHAPES))}
    assert found >= EXPECTED
    assert {function for function, _, _ in found} == {"area", "Square.kind", "Square.width"}


def package(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        path = folder / "package" / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "package"


def test_each_fault_is_found_again_where_its_code_went(tmp_path: Path) -> None:
    """In another module, written in other lines, between other functions, in a method whose name changed."""
    moved = SHAPES.replace("width < 0 or height < 0", "(\n        width < 0\n        or height < 0\n    )")
    moved = "import math\n\n" + moved.split("\n", 2)[2].replace("from __future__ import annotations\n", "")
    moved = moved.replace("def kind", "def size_class")
    there = package(tmp_path, geometry__flat=moved, empty="")
    every = list(faults("package.shapes", Source(SHAPES)))
    places = locate(there, every)
    assert set(places) == set(every)
    for fault, place in places.items():
        assert place.module == "package.geometry.flat"
        text = changed({place: fault.after})
        assert text != moved
        compile(text, "flat", "exec")


def test_the_same_code_twice_in_a_function(tmp_path: Path) -> None:
    text = "def twice(x):\n    x += 1\n    print(x)\n    x += 1\n    return x\n"
    first, second = [each for each in faults("package.a", Source(text)) if each.after == "x += 2"]
    places = locate(package(tmp_path, a=text), [first, second])
    assert changed({places[first]: first.after}) == text.replace("1", "2", 1)
    assert changed({places[first]: first.after, places[second]: second.after}) == text.replace("1", "2")
    assert changed({places[second]: second.after}) == text.replace("1", "2").replace("2", "1", 1)


def test_code_that_is_gone_or_unclear_is_not_found(tmp_path: Path) -> None:
    gone = Fault("package.a", "f", "constant", "return 3", "return 4")
    unclear = Fault("package.a", "f", "constant", "return 5", "return 6")
    there = package(tmp_path, a="def f():\n    return 1\n", b="def g():\n    return 5\n", c="def h():\n    return 5\n")
    assert locate(there, [gone, unclear]) == {}


def test_a_draw_repeats_and_spreads(tmp_path: Path) -> None:
    there = package(tmp_path, **{f"part{number}": SHAPES for number in range(12)})
    drawn = draw(there, 6, seed=1)
    assert drawn == draw(there, 6, seed=1) != draw(there, 6, seed=2)
    assert len({fault.module for fault in drawn}) == len({fault.kind for fault in drawn}) == 6


def test_the_list_has_faults_of_as_many_modules() -> None:
    listed = planted_faults.read_list()
    assert len(listed) == len({fault.module for fault in listed}) == planted_faults.DRAWN


@pytest.mark.slow
def test_the_code_of_each_fault_exists() -> None:
    """If code of a fault was renamed, its entry in the list is renamed, too: the same faults are planted as before.

    A fault whose code was removed has the reason in the list.
    """
    places, excluded = planted_faults.chosen(planted_faults.ROOT / "reporter")
    assert len(places) == planted_faults.PLANTED
    why = ("equivalent", "removed")
    assert not {number: reason for number, reason in excluded.items() if not reason.startswith(why)}


EQUIVALENT = Fault("stats.samples", "mean", "return 1", "return 1.0", "return 1")


@pytest.mark.parametrize(("others", "row"), [(0, "| 1 | 0 | 1 | 0 | 100% |"), (1, "| 2 | 1 | 1 | 0 | 100% |")])
def test_the_score_of_a_module_leaves_out_equivalent_faults(
    others: int, row: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it has no others."""
    reason = mutation_score.Reason("the same number", True)
    monkeypatch.setattr(mutation_score, "reasons", lambda: {mutation_score.identity(EQUIVALENT): reason})
    detected = mutation_score.Result(replace(EQUIVALENT, ordinal=5), "test_mean")
    text, _ = mutation_score.page([mutation_score.Result(EQUIVALENT, ""), *[detected] * others], 9)
    assert f"| `samples` {row}" in text


@pytest.mark.parametrize(("module", "line"), [("sample", "one of "), ("few", "no fault of few is in the sample")])
def test_a_module_without_faults_to_try_is_one_line(
    module: str, line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["mutation_score.py", "--only", module])
    monkeypatch.setattr(mutation_score, "modules", lambda _: {"stats.few": Path("few.py"), "stats.samples": Path()})
    monkeypatch.setattr(mutation_score, "chosen", lambda *_: ([EQUIVALENT], 1))
    with pytest.raises(SystemExit) as ended:
        mutation_score.main()
    assert ended.value.code == 2
    assert line in capsys.readouterr().err
