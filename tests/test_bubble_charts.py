"""Bubble charts: the inset for a crowded part, colors of very many families, and the forms of all charts for phones."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import combinations, pairwise
from statistics import median

import gpu_samples
import mode_samples
import profile_samples
import pytest
import samples
from test_charts import NOT_IN_SAMPLES
from test_many_families import UNDRAWN, newest

from reporter.charts import _inset, accuracy_vs_cost, macs_latency
from reporter.charts._bubbles import NARROW, Axis, Plane, size
from reporter.charts._plane import chart as drawn
from reporter.model import Chart, Record
from reporter.registry.catalog import collect
from reporter.report import sections
from reporter.report.comparison import Comparison, compare
from reporter.report.drawing import narrowing, thinning, vega
from reporter.report.drawing.family_colors import colors, of_all
from reporter.report.drawing.label_placement import Box, Bubble, Line, leader, place
from reporter.report.drawing.narrowing import narrowed
from reporter.report.language import language
from reporter.report.sections import Folded
from reporter.report.units import is_doubtful

ENGLISH, RUSSIAN = language("en"), language("ru")
CHARTS = {name: chart for name, chart in collect("reporter.charts", Chart).items() if not chart.slide}
PHONE = 358
"""Pixels of a page of 390 between its margins."""


def crowd(seed: int, count: int = 12) -> Plane:
    """Networks in one corner, and two far away from it."""
    chance = random.Random(seed)
    places = [(chance.uniform(40, 60), chance.uniform(76, 79)) for _ in range(count)] + [(1, 56), (2, 60)]
    rows = [
        {"name": f"net{number}", "family": "ResNet", "about": "{}", "x": x, "y": y, "parameters": 25e6, "hollow": False,
         "front": number % 5 == 0, "low": 0.9 * x, "high": 1.2 * x, "bottom": y - 2, "top": y + 1}
        for number, (x, y) in enumerate(places)
    ]  # fmt: skip
    x, y = Axis(0.6, 120, 1080, "x"), Axis(54, 81, 560, "y", log=False)
    given = Plane(rows, x, y, {"ResNet": "#2a6fdb"}, ENGLISH, lines=[[(1, 56), (2, 56), (2, 60), (50, 60), (50, 77)]])
    size(given)
    return given


@pytest.mark.parametrize("seed", range(5))
def test_the_inset_enlarges_the_crowd_and_covers_nothing(seed: int) -> None:
    given = crowd(seed)
    part = _inset.window(given)
    assert part
    inside = [row for row in given.rows if _inset.contains(part, given.bubble(row))]
    assert len(inside) >= 6
    place = _inset.room(given, part, [])
    assert place
    assert place.right - place.left >= 1.5 * (part.right - part.left)
    assert place.bottom - place.top >= 1.5 * (part.bottom - part.top)
    assert not place.overlaps(part)
    assert not any(place.touches(given.bubble(row)) for row in given.rows)
    assert not any(box.overlaps(place) for box in _inset._boxes(given))
    moved = [_inset._moved(given, row, part, place) for row in inside]
    for before, after in zip(combinations(inside, 2), combinations(moved, 2), strict=True):
        near, far = (math.dist(*(given.pixel(row["x"], row["y"]) for row in pair)) for pair in (before, after))
        assert far >= 1.49 * near
    assert all(place.left - 1 <= given.x.pixel(row[end]) <= place.right + 1 for row in moved for end in ("low", "high"))
    heights = [(given.pixel(row["x"], row["top"])[1], given.pixel(row["x"], row["bottom"])[1]) for row in moved]
    assert all(place.top - 1 <= top < bottom <= place.bottom + 1 for top, bottom in heights)


@pytest.mark.parametrize("seed", range(5))
def test_labels_are_off_lines_and_off_the_lines_to_other_labels(seed: int) -> None:
    """Words that a frame, a front, an interval or the line to another label strikes through cannot be read."""
    chance = random.Random(seed)
    bubbles = [Bubble(chance.uniform(200, 800), chance.uniform(100, 500), 6, f"network {n}") for n in range(14)]
    intervals = [Line(bubble.x - 20, bubble.y, bubble.x + 20, bubble.y) for bubble in bubbles]
    frame = [*intervals, Line(400, 200, 700, 200), Line(700, 200, 700, 400), Line(0, 300, 900, 350)]
    boxes = place(bubbles, 1000, 600, 14, lines=frame)
    found = [box for box in boxes if box]
    assert len(found) == len(bubbles)
    assert not [box for box in found for line in frame if box.crosses(line)]
    leaders = [line for bubble, box in zip(bubbles, boxes, strict=True) if box and (line := leader(bubble, box))]
    assert not [box for box in found for line in leaders if box.crosses(line)]
    on_lines = place(bubbles, 1000, 600, 14)
    assert [box for box in on_lines if box for line in frame if box.crosses(line)], "without them some labels would be"


def test_a_label_without_a_place_off_the_lines_is_kept() -> None:
    grid = [Line(0, y, 200, y) for y in range(0, 200, 4)]
    assert all(place([Bubble(100, 100, 5, "net")], 200, 200, 14, lines=grid))


@pytest.mark.parametrize(
    ("line", "crosses"),
    [((0, 5, 20, 5), True), ((5, 0, 5, 20), True), ((0, 0, 20, 20), True), ((6, 6, 7, 7), True), ((0, 5, 4, 5), False),
     ((0, 12, 20, 12), False), ((0, 14, 14, 0), True), ((0, 25, 25, 0), False), ((5, 5, 5, 5), True)],
)  # fmt: skip
def test_a_line_crosses_a_box_if_a_part_is_inside(line: tuple[float, ...], crosses: bool) -> None:
    assert Box(4.5, 4, 10, 10).crosses(Line(*line)) == crosses


def test_a_few_bubbles_need_no_inset() -> None:
    given = crowd(0, count=2)
    assert _inset.window(given) is None
    assert "vconcat" not in drawn(given)


def test_lines_are_clipped_to_the_part_that_is_enlarged() -> None:
    given = crowd(1)
    part = _inset.window(given)
    assert part
    segments = list(_inset.clipped(given, part))
    assert segments, "the line enters the crowd from below"
    for x, y in (point for segment in segments for point in segment):
        assert part.left - 1e-6 <= x <= part.right + 1e-6
        assert part.top - 1e-6 <= y <= part.bottom + 1e-6


def test_a_clipped_line_is_as_long_as_what_lies_within() -> None:
    """Against points along the lines: slanted, level and upright ones, through a corner, along a side and outside."""
    given = replace(crowd(0), x=Axis(0, 100, 100, "x", log=False), y=Axis(0, 100, 100, "y", log=False))
    part = Box(20, 30, 70, 60)
    lines = [[(0, 0), (100, 100)], [(10, 50), (90, 50), (90, 90)], [(40, 0), (40, 45), (60, 45)], [(0, 60), (35, 95)],
             [(20, 10), (20, 95)]]  # fmt: skip
    for line in lines:
        inside = sum(math.dist(*segment) for segment in _inset.clipped(replace(given, lines=[line]), part))
        points = [
            (x0 + share * (x1 - x0), 100 - y0 - share * (y1 - y0), math.dist((x0, y0), (x1, y1)) / 2000)
            for (x0, y0), (x1, y1) in pairwise(line)
            for share in ((at + 0.5) / 2000 for at in range(2000))
        ]
        wanted = sum(step for x, y, step in points if 20 <= x <= 70 and 30 <= y <= 60)
        assert inside == pytest.approx(wanted, abs=0.2), line


@pytest.mark.parametrize("seed", range(4))
def test_empty_rectangles_are_all_that_nothing_is_in(seed: int) -> None:
    """The largest of them is that of a search over all rectangles of cells; boxes may lie partly outside."""
    chance, cell = random.Random(seed), _inset.CELL
    columns, rows = 10, 6
    corners = [(chance.uniform(-30, cell * columns), chance.uniform(-30, cell * rows)) for _ in range(5)]
    taken = [Box(x, y, x + chance.uniform(2, 60), y + chance.uniform(2, 40)) for x, y in corners]

    def area(box: Box) -> float:
        return (box.right - box.left) * (box.bottom - box.top)

    found = list(_inset._empty(taken, cell * columns + 7, cell * rows + 7))
    assert not any(box.overlaps(other) for box in found for other in taken)
    every = (
        Box(left * cell, top * cell, right * cell, bottom * cell)
        for left, right in combinations(range(columns + 1), 2)
        for top, bottom in combinations(range(rows + 1), 2)
    )
    assert max(map(area, found)) == max(area(box) for box in every if not any(box.overlaps(other) for other in taken))


@pytest.mark.parametrize(("low", "high"), [(0.013, 0.071), (2.8, 10.6), (74, 81), (100, 90_000)])
def test_the_numbers_on_an_axis_are_round(low: float, high: float) -> None:
    found = _inset.round_values(Axis(low, high, 1, ""))
    assert 2 <= len(found) <= 6
    assert all(low <= value <= high for value in found)


def families(count: int) -> Comparison:
    """As many families as that, of which each of the lecture's architectures has one more network."""
    records = samples.lecture()
    named = [records[at % len(records)].model_copy(update={"architecture": f"net{at}", "family": f"family {at}"})
             for at in range(count)]  # fmt: skip
    return compare([*records, *named])


def test_very_many_families_have_few_colors_that_differ() -> None:
    comparison = families(30)
    named = of_all(comparison)
    assert 4 <= len(named) <= 8
    assert len(set(named.values())) == len(named)
    assert {record.family for record in comparison.front} & set(named)
    shown = colors(comparison, comparison.records)
    assert set(shown) == {record.family for record in comparison.records}
    assert all(color == vega.OTHER for family, color in shown.items() if family not in named)
    legend = vega.coloured(shown, ENGLISH)["legend"]["values"]
    assert legend[-1] == "other families"
    assert set(legend[:-1]) == set(named)


def test_a_family_has_the_same_color_in_each_chart() -> None:
    comparison = families(30)
    some = comparison.records[::3]
    assert colors(comparison, some).items() <= colors(comparison, comparison.records).items()


def test_a_few_families_all_have_colors() -> None:
    comparison = families(3)
    shown = colors(comparison, comparison.records)
    assert vega.OTHER not in shown.values()
    assert "other families" not in vega.coloured(shown, ENGLISH)["legend"]["values"]


@pytest.fixture(scope="module")
def lecture() -> Comparison:
    return compare(samples.with_gradients(samples.lecture()))


@pytest.fixture(scope="module")
def measured() -> Comparison:
    """Half of the architectures with what the samples lack: modes, operators, stages, curves, and times on a GPU."""
    eager = map(profile_samples.profiled, samples.lecture()[::2])
    return compare([*mode_samples.with_modes(list(eager)), *map(newest, gpu_samples.measured())])


REPEATED = {"modes_1thread", "modes_cuda", "roofline_1thread"}
"""Charts that are drawn by the functions of others and differ in their times only."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in REPEATED else []) for name in CHARTS]
)
def test_charts_fit_a_phone(name: str, lecture: Comparison, measured: Comparison) -> None:
    """Every chart of the page has a form whose labels are legible without scrolling sideways."""
    chart, comparison = CHARTS[name], measured if name in NOT_IN_SAMPLES else lecture
    assert chart.narrow
    spec = chart.narrow(comparison, RUSSIAN)
    assert (spec is None) == (chart.draw(comparison, RUSSIAN) is None) == (name in UNDRAWN)
    if spec:
        svg = vega.draw(narrowed(spec), RUSSIAN)
        assert vega.least_legible(svg).width <= PHONE
        assert "NaN" not in svg


def test_the_crowd_is_a_panel_of_its_own_on_a_phone(lecture: Comparison) -> None:
    spec = accuracy_vs_cost.against("macs", NARROW)(lecture, ENGLISH)
    assert spec
    whole, part = spec["vconcat"]
    assert whole["width"] == part["width"] == NARROW
    names = [{row["name"] for layer in panel["layer"] for row in layer["data"]["values"] if "parameters" in row}
             for panel in (whole, part)]  # fmt: skip
    assert names[1] < names[0]


def test_the_trend_of_times_that_follow_macs_has_no_distance() -> None:
    points = [(x, 3 * x**0.8) for x in (1, 2, 5, 20)]
    trend = macs_latency._trend(points)
    assert [y / x**0.8 for x, y in trend] == pytest.approx([3, 3])
    assert macs_latency._distance({"x": 4, "y": 3 * 4**0.8}, trend) == pytest.approx(0, abs=1e-9)
    assert macs_latency._distance({"x": 4, "y": 30 * 4**0.8}, trend) == pytest.approx(1)


def with_many(count: int) -> Comparison:
    records: list[Record] = samples.lecture()
    copies = [records[at % 18].model_copy(update={"architecture": f"net{at}"}) for at in range(count)]
    return compare([*records, *copies])


def test_all_of_many_networks_are_bubbles() -> None:
    comparison = with_many(120)
    spec = accuracy_vs_cost.against("macs")(comparison, ENGLISH)
    assert spec
    names = {row["name"] for layer in spec["layer"] for row in layer["data"]["values"] if "parameters" in row}
    assert len(names) == 138
    assert accuracy_vs_cost.ENTRIES[0].most >= 138


def test_times_over_macs_have_vertical_intervals_and_the_sign_of_noisy_ones() -> None:
    """That of `inception_v2` is noisy."""
    key, comparison = "latency_cpu_1thread", compare(samples.lecture())
    spec = macs_latency.against(key)(comparison, ENGLISH)
    assert spec
    vertical = [
        layer for layer in spec["layer"] if "y2" in layer.get("encoding", {}) and layer["mark"]["type"] == "rule"
    ]
    spans = {row["name"]: row for row in vertical[0]["data"]["values"]}
    for record in comparison.records:
        interval, value = record.readings[key].interval, record.value(key)
        assert interval
        assert value
        row = spans[record.architecture]
        ends = (row["bottom"] / row["y"], row["top"] / row["y"])
        assert ends == pytest.approx((interval[0] / value, interval[1] / value))
        assert ends[0] < 1 < ends[1]
    rows = {row["name"]: row for layer in spec["layer"] for row in layer["data"]["values"] if "parameters" in row}
    doubtful = {r.architecture for r in comparison.records if is_doubtful(r.readings[key])}
    assert {name for name, row in rows.items() if row["mark"] == "≈"} == doubtful
    assert "inception_v2" in doubtful


TIMED = {
    "a": (0.80, 10e9, 0.120),
    "b": (0.79, 9e9, 0.060),
    "c": (0.78, 8e9, 0.030),
    "many_macs": (0.70, 20e9, 0.010),
    "few_macs": (0.68, 1e9, 0.011),
}
"""Top-1, MACs and seconds: `many_macs` is on the front by time only, `few_macs` on the front by MACs only."""


def test_the_front_by_time_is_that_of_all_networks() -> None:
    """Of five networks four are shown: which ones depends on the cost that the chart is about."""
    key, pattern = "latency_cpu_1thread", samples.record(samples.ROWS[9])
    records = []
    for name, (top1, macs, seconds) in TIMED.items():
        readings = {"imagenet_top1": samples.reading("imagenet_top1", top1), "macs": samples.reading("macs", macs),
                    key: samples.reading(key, *samples.times(seconds))}  # fmt: skip
        records.append(pattern.model_copy(update={"architecture": name, "readings": {**pattern.readings, **readings}}))
    shown = thinning.pictured(compare(records), 4)
    assert {record.architecture for record in shown.networks} == set(TIMED) - {"many_macs"}
    for cost, at, left_out in (("macs", 1, "many_macs"), (key, 2, "few_macs")):
        ahead = {name for name, row in TIMED.items() if not any(
            other[0] > row[0] and other[at] < row[at] for other in TIMED.values())}  # fmt: skip
        spec = accuracy_vs_cost.against(cost)(shown, ENGLISH)
        assert spec
        rows = {row["name"]: row["front"] for layer in spec["layer"] for row in layer["data"]["values"]
                if "parameters" in row}  # fmt: skip
        assert set(rows) == {name for name, is_ahead in rows.items() if is_ahead} == ahead == set(TIMED) - {left_out}


@pytest.mark.parametrize(("count", "folded"), [(2, False), (20, True)])
def test_the_cards_of_many_families_are_folded(count: int, folded: bool) -> None:
    section = sections.architectures(families(count), ENGLISH)
    assert any(isinstance(block, Folded) and block.name == "cards" for block in section.blocks) == folded


ARIAL = {
    "-": 333, "i": 222, "l": 222, "t": 278, "c": 500, "s": 500, "x": 500, "e": 556, "g": 556, "n": 556, "o": 556,
    "p": 556, "N": 722, "D": 722, "R": 722, "A": 667, "S": 667, "E": 667, "X": 667, "V": 667, "I": 278, "G": 778,
    "L": 556,
}  # fmt: skip
"""Advance widths in thousandths of the font size, from the font metrics of Helvetica, which Arial shares."""


def test_the_width_of_a_legend_is_that_of_arial() -> None:
    """For the charts of a page and of a phone alike; the longest name decides how many columns a legend has."""
    widths = {name: sum(ARIAL[letter] for letter in name) / 1000 for name in vega.FAMILIES}
    middle = median(width / len(name) for name, width in widths.items())
    assert abs(vega.LEGEND_CHARACTER - middle) < 0.01
    longest = max(widths, key=len)
    assert vega.longest_name(widths) == pytest.approx(vega.SIZE * widths[longest], rel=0.05)
    for columns in (vega._columns, lambda names: narrowing._columns({"legend": {"values": names}})):
        many = [columns(["a" * length])["columns"] for length in (1, 20, 60)]
        assert many == sorted(many, reverse=True)
        assert many[0] > many[-1]
