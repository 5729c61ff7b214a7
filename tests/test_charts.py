"""Contract tests over the catalogue of charts, and labels that never overlap."""

from __future__ import annotations

import json
import math
import operator
import random
import re
import struct
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from itertools import combinations, pairwise
from types import SimpleNamespace
from typing import Any
from unittest import mock
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import gpu_samples
import pytest
import samples
import vl_convert
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from reporter.charts import curves, table_slide, timeline
from reporter.model import Chart, Record
from reporter.registry.catalog import collect
from reporter.report import build, challenge_entries
from reporter.report.comparison import Comparison, compare
from reporter.report.drawing import drawn_charts, other_process, png_files, svg_files, vega
from reporter.report.drawing.label_placement import Bubble, place, spread
from reporter.report.language import language
from reporter.report.slide_table import slide_table

CHARTS = collect("reporter.charts", Chart)
WORLDS = {
    "lecture": samples.all_networks,
    "hostile": samples.few,
    "one": lambda: [samples.record(samples.ROWS[0])],
    "empty": lambda: [samples.record(samples.ROWS[0]).model_copy(update={"readings": {}})],
}
"""Records whose charts are drawn; reports on the first two are written in other tests, whose charts are drawn once."""

MODES = {name for name, chart in CHARTS.items() if chart.chapter == "modes"}
"""Drawn in test_mode_report.py."""
CURVES = {"latency_over_size", "throughput_over_batch"}
"""Drawn in test_curves.py."""
ON_GPU = {"accuracy_latency_cuda", "macs_latency_cuda", "throughput_cuda"}
"""Drawn from the records of a machine with a GPU, below."""
REASONS = {name for name, chart in CHARTS.items() if chart.chapter == "why"}
"""Drawn in test_explained.py."""
NOT_IN_SAMPLES = MODES | CURVES | REASONS | ON_GPU | {"history", "probe", "reference_ratios"}
NO_GRADIENTS = NOT_IN_SAMPLES | {"gradient_flow"}
OF_SEVERAL = NO_GRADIENTS | {
    "accuracy_by_year",
    "accuracy_latency",
    "accuracy_latency_all_threads",
    "accuracy_macs",
    "macs_latency",
    "ranks",
    "blocks",
    "table_slide",
}
WITHOUT = {
    "lecture": NOT_IN_SAMPLES,
    "hostile": NO_GRADIENTS,
    "one": OF_SEVERAL,
    "empty": set(CHARTS) - {"timeline", "timeline_slide"},
    "gpu": NO_GRADIENTS - ON_GPU - {"mode_speedups", "modes_cuda", "throughput_over_batch"},
}
"""The charts that have nothing to show in each world."""


IN_RUSSIAN = {name: [] if name == "hostile" else [pytest.mark.slow] for name in WORLDS}
"""The world in which every other chart is drawn in Russian as well."""


@pytest.fixture(scope="module", params=WORLDS)
def world(request: pytest.FixtureRequest) -> tuple[str, Comparison]:
    return request.param, compare(WORLDS[request.param]())


@pytest.mark.parametrize("chart", CHARTS.values(), ids=CHARTS)
def test_chart_keeps_its_contract(chart: Chart, world: tuple[str, Comparison]) -> None:
    """A title and caption; where it has something to show, an SVG that is XML, as a file and in a page, and a PNG."""
    check_chart(chart, "en", *world)


@pytest.mark.parametrize("world", [pytest.param(name, marks=IN_RUSSIAN[name]) for name in WORLDS], indirect=True)
@pytest.mark.parametrize(
    "chart",
    [
        pytest.param(each, marks=pytest.mark.slow if rank % 2 else (), id=name)
        for rank, (name, each) in enumerate(CHARTS.items())
    ],
)
def test_chart_keeps_its_contract_in_russian(chart: Chart, world: tuple[str, Comparison]) -> None:
    check_chart(chart, "ru", *world)


WITH_GPU_TIMES = {
    **dict.fromkeys(("accuracy_latency_cuda", "macs_latency_cuda", "modes_cuda", "ranks"), "Latency, GPU"),
    "latency": "Per image, GPU, batch of 4",
    "mode_speedups": "GPU",
    "throughput_cuda": "Throughput, GPU, images/s",
}
"""The charts that records of a machine with a GPU add to or change, and what is on their axes."""


@cache
def on_gpu() -> Comparison:
    return compare(gpu_samples.measured())


@pytest.mark.parametrize("code", ["en", pytest.param("ru", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", WITH_GPU_TIMES)
def test_chart_of_times_on_a_gpu_keeps_its_contract(name: str, code: str) -> None:
    check_chart(CHARTS[name], code, "gpu", on_gpu())
    titles = json.dumps(CHARTS[name].draw(on_gpu(), language("en")))
    assert WITH_GPU_TIMES[name] in titles


def test_lines_of_curves_have_display_names() -> None:
    """As the marks of all other charts have."""
    spec = json.dumps(CHARTS["throughput_over_batch"].draw(on_gpu(), language("en")))
    assert set(re.findall(r'"label": "([^"]+)"', spec)) == {"AlexNet", "VGG-16", "ResNet-50", "DenseNet-121"}
    assert '"field": "label"' in spec


@pytest.mark.parametrize("code", ["en", "ru"])
def test_panels_of_curves_name_their_device(code: str) -> None:
    record = next(each for each in gpu_samples.measured() if each.curves)
    points = tuple(each.model_copy(update={"device": "cpu"}) for each in record.curves.batch)
    curves = record.curves.model_copy(update={"batch": (*points, *record.curves.batch)})
    spec = CHARTS["throughput_over_batch"].draw(compare([record.model_copy(update={"curves": curves})]), language(code))
    assert spec
    titles = {"en": ["CPU", "GPU"], "ru": ["процессор", "видеокарта"]}
    assert [panel["title"] for panel in spec["vconcat"]] == titles[code]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CHARTS if name not in WITH_GPU_TIMES])
def test_other_charts_of_a_machine_with_a_gpu_keep_their_contract(name: str) -> None:
    check_chart(CHARTS[name], "en", "gpu", on_gpu())


def small_png(svg: str, scale: float) -> bytes:
    """A quarter as wide as a slide, which takes a third of the time; as wide as a slide: the tests of slides below."""
    return bytes(vl_convert.svg_to_png(svg, scale=scale / 4))


def check_chart(chart: Chart, code: str, name: str, comparison: Comparison) -> None:
    assert chart.title
    assert chart.caption.endswith(".")
    spec = chart.draw(comparison, language(code))
    assert (spec is None) == (chart.name in WITHOUT[name])
    if spec is None:
        return
    svg = drawn_charts.vega.draw(spec, language(code))
    assert "NaN" not in svg
    assert "undefined" not in svg
    for drawn in (vega.file(svg, chart.title), vega.inline(svg, chart.name, chart.title)):
        ElementTree.fromstring(drawn)
        assert "#01020" not in drawn, "every sentinel colour is replaced"
        assert "<script>" not in drawn, "which a network is called"
    if name == "lecture" and code == "en":
        with mock.patch.object(png_files, "vl_convert", SimpleNamespace(svg_to_png=small_png)):
            image = png_files.png(vega.file(svg, chart.title))
            assert image.startswith(b"\x89PNG")
            assert chart.name != "timeline" or image == png_files.png(vega.file(svg, chart.title))


def test_families_keep_their_colour() -> None:
    few, many = vega.palette(["VGG", "Other"]), vega.palette(["ResNet", "VGG", "Other"])
    assert few["VGG"] == many["VGG"]
    assert len(set(vega.FAMILIES.values())) == len(vega.FAMILIES) - 1, "GoogLeNet is an Inception"


def test_the_numbers_of_stages_are_legible_on_their_bars() -> None:
    """A contrast of at least 3, by the formula of WCAG 2."""
    record = samples.lecture()[0]
    shared = {"kind": "Conv2d", "output": "8×4×4", "parameters": 100, "macs": 100}
    stages = [{"name": f"stage {level}", "level": level, **shared} for level in (*range(7), None)]
    readings = record.readings | {"layers": samples.reading("layers", len(stages), stages=stages)}
    panels = CHARTS["stages"].draw(compare([record.model_copy(update={"readings": readings})]), language("en"))
    assert panels
    pairs = {
        (row["colour"], layer["mark"]["color"])
        for panel in panels["hconcat"]
        for layer in panel["layer"][1:]
        for row in layer["data"]["values"]
    }
    assert len(pairs) == len(stages)
    assert all(contrast(*pair) >= 3 for pair in pairs), pairs


def test_only_linear_layers_and_heads_of_them_are_called_fully_connected() -> None:
    """Tokens of a transformer, bare parameters and what runs in no module have no grid either."""
    record = samples.lecture()[0]
    shared = {"parameters": 100, "macs": 100}
    kinds = (
        *(("patches", "PatchEmbed", "196×192"), ("blocks", "12 × Block", "197×192"), ("token", "Parameter", "1×1×192")),
        *(("forward", "SwinTransformer", "1000"), ("scale", "Parameter", "192")),
        *(("fc", "Linear", "1000"), ("heads", "2 × Linear", ""), ("head", "NormMlpClassifierHead", "1000")),
    )
    stages = [{"name": name, "kind": kind, "output": output, "level": None, **shared} for name, kind, output in kinds]
    stages.insert(0, {"name": "stem", "kind": "Conv2d(3×3)", "output": "64×112×112", "level": 1, **shared})
    readings = record.readings | {"layers": samples.reading("layers", len(stages), stages=stages)}
    comparison = compare([record.model_copy(update={"readings": readings})])
    for code, words in (("en", ("no feature maps (such as tokens)", "fully connected")),
                        ("ru", ("без карт признаков (например, токены)", "полносвязные слои"))):  # fmt: skip
        spec = CHARTS["stages"].draw(comparison, language(code))
        assert spec
        for panel in spec["hconcat"]:
            layer = panel["layer"][0]
            rows = layer["data"]["values"]
            assert [row["grid"] for row in rows] == ["1/2", *[words[0]] * 5, *[words[1]] * 3]
            assert layer["encoding"]["color"]["scale"]["domain"] == ["1/2", *words]
            assert len({row["colour"] for row in rows}) == 3


@pytest.mark.parametrize(
    ("macs", "stated"), [((40, 60), True), ((14, 86), False), ((5, 95), False)], ids=["early", "similar", "level"]
)
def test_early_stages_are_said_to_have_many_macs_where_they_have(macs: tuple[int, int], stated: bool) -> None:
    """5 % of the parameters are in the stages up to 1/8 of the resolution; of two networks both must have it."""
    remark = CHARTS["stages"].remark
    assert remark
    records = [staged("one", (5, 95), macs), staged("two", (5, 95), (40, 60))]
    assert remark(compare(records), language("en")) == ("Early stages have few parameters but many MACs." * stated)
    assert bool(remark(compare(records), language("ru"))) == stated
    assert "Early" not in CHARTS["stages"].caption


def staged(name: str, parameters: tuple[int, int], macs: tuple[int, int]) -> Record:
    """A network with stages at 1/8 and 1/16 of the resolution."""
    record = samples.lecture()[0]
    about = {"kind": "Conv2d", "output": "8×4×4"}
    stages = [
        {"name": str(level), "level": level, **about, "parameters": price[0], "macs": price[1]}
        for level, *price in zip((3, 4), parameters, macs, strict=True)
    ]
    layers = samples.reading("layers", len(stages), stages=stages)
    return record.model_copy(update={"architecture": name, "readings": record.readings | {"layers": layers}})


def test_the_caption_of_training_memory_has_the_batch_that_was_measured() -> None:
    records = []
    for record, size in zip(samples.lecture()[:3], (80, 80, 32), strict=True):
        settings = {"batch_size": 16, "image_size": size}
        training = record.readings["peak_training_bytes"].model_copy(update={"settings": settings})
        records.append(record.model_copy(update={"readings": record.readings | {"peak_training_bytes": training}}))
    remark = CHARTS["memory"].remark
    assert remark
    assert remark(compare(records[:2]), language("en")) == "Batch: 16 images of 80 pixels."
    assert remark(compare(records), language("en")).endswith(" Batch: 16 images of 32 pixels.")
    assert remark(compare(records[:1]), language("ru")) == "Батч: 16 изображений 80 пикс."
    assert "80 pixels" not in CHARTS["memory"].caption


VISIONS = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
"""From linear RGB to what is seen: Machado, Oliveira and Fernandes (2009), severity 1."""
TO_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
WHITE = (0.95047, 1.0, 1.08883)


@pytest.mark.parametrize("vision", VISIONS)
def test_colors_of_families_differ_with_every_color_vision(vision: str) -> None:
    """By at least 12 in CIELAB; about 2 is the smallest difference that is seen side by side."""
    seen = {color: lightness_and_hue(color, vision) for color in dict.fromkeys(vega.FAMILIES.values())}
    apart = {(one, two): math.dist(seen[one], seen[two]) for one, two in combinations(seen, 2)}
    assert min(apart.values()) >= 12, min(apart, key=lambda pair: apart[pair])


def lightness_and_hue(color: str, vision: str) -> tuple[float, float, float]:
    """L*, a* and b* of a color as it is seen."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    met = [min(max(sum(map(operator.mul, row, linear)), 0), 1) for row in VISIONS[vision]]
    xyz = [sum(map(operator.mul, row, met)) / white for row, white in zip(TO_XYZ, WHITE, strict=True)]
    x, y, z = (math.cbrt(each) if each > 216 / 24389 else (24389 / 27 * each + 16) / 116 for each in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def contrast(*colors: str) -> float:
    """The ratio of the luminances of two colors, each increased by 0.05."""
    dark, light = sorted(map(luminance, colors))
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@given(seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_labels_overlap_nothing(seed: int) -> None:
    chance = random.Random(seed)
    bubbles = [
        Bubble(chance.uniform(60, 800), chance.uniform(60, 440), chance.uniform(4, 30), "x" * chance.randint(3, 18))
        for _ in range(28)
    ]
    boxes = [box for box in place(bubbles, 860, 500, 13) if box]
    assert len(boxes) >= 20, "nearly every label finds a place"
    for index, box in enumerate(boxes):
        assert not any(box.touches(bubble) for bubble in bubbles)
        assert not any(box.overlaps(other) for other in boxes[index + 1 :])


@given(st.lists(st.floats(0, 100), max_size=12))
def test_spread_keeps_order_and_distance(wanted: list[float]) -> None:
    placed = spread(wanted, 5, 0, 100)
    order = sorted(range(len(wanted)), key=lambda index: wanted[index])
    steps = [placed[b] - placed[a] for a, b in pairwise(order)]
    assert all(step >= 5 - 1e-6 for step in steps)
    assert all(-1e-6 <= y <= 100 + 1e-6 for y in placed)


def test_the_timeline_shows_official_values() -> None:
    bars = {(bar.year, bar.label): bar for bar in challenge_entries.bars()}
    assert [bar.error for bar in challenge_entries.bars() if bar.year == "2012"] == [16.422]
    assert bars["2013", "Clarifai"].layers is None, "its depth was never published"
    assert bars["2014", "VGG"].layers == 19
    assert bars["2016", "Trimps-Soushen"].layers is None
    assert bars["2017", "SENet"].layers == 154
    assert bars["2010", "NEC-UIUC"].handmade
    assert [person.error for person in challenge_entries.humans()] == [5.1, 12.0]


def test_the_bars_of_the_timeline_are_on_their_year_and_the_dots_apart() -> None:
    """Official errors and those of this report's architectures follow different protocols: a panel for each."""
    bars = timeline._bars(challenge_entries.bars())
    for year in {bar.entry.year for bar in bars}:
        middles = [bar.middle for bar in bars if bar.entry.year == year]
        assert sum(middles) / len(middles) == pytest.approx(int(year))
    spec = timeline.draw(compare(samples.few()), language("en"))
    entries, dots, depths = (str(panel["layer"]) for panel in spec["vconcat"]) if spec else ("", "", "")
    assert "NEC-UIUC" in entries
    assert "DenseNet" not in entries
    assert "DenseNet" in dots
    assert "NEC-UIUC" not in dots
    assert "DenseNet" in depths


def test_each_mark_of_a_network_has_its_values_as_a_title() -> None:
    """What a pointer shows, and what a page without a script has."""
    comparison = compare(samples.few())
    (picture,) = drawn_charts.draw(comparison, language("en"), [collect("reporter.charts", Chart)["macs_latency"]])
    titles = re.findall(
        r"<title>(\w+) · 224 px · MACs: [\d.]+ [MG] · Latency, CPU, 1 thread: [^<]*</title>", picture.file
    )
    assert {"vgg16", "alexnet"} <= set(titles)


def test_pictures_for_slides_are_files_only() -> None:
    """The timeline is 16:9 to the pixel, bars only; strips and blocks are of the recorded structure."""
    comparison = compare(samples.all_networks())
    charts = [chart for name, chart in CHARTS.items() if chart.slide or name in ("timeline", "parameters")]
    drawn = {picture.figure.name: picture for picture in drawn_charts.draw(comparison, language("en"), charts)}
    slides = {name: picture for name, picture in drawn.items() if picture.slide}
    assert set(slides) == {"timeline_slide", "table_slide", "stage_strips", "blocks"}
    timeline = ElementTree.fromstring(slides["timeline_slide"].file)
    assert (timeline.get("width"), timeline.get("height")) == ("1600", "900")
    assert struct.unpack(">II", png_files.png(slides["timeline_slide"].file)[16:24]) == (1920, 1080)
    words = " ".join(timeline.itertext())
    assert all(label in words for label in ("AlexNet", "ResNet", "152 layers", "SENet", "16.4"))
    assert "VGG" not in words
    report = build.build(comparison, language("en"), drawn.values(), ())
    figures = {block.name for section in report.sections for block in section.blocks if block.kind == "figure"}
    assert not figures & set(slides)
    (files,) = (block for section in report.sections for block in section.blocks if block.kind == "files")
    assert {file for _, file in files.files} == {f"figures/{name}.{end}" for name in slides for end in ("svg", "png")}


@pytest.mark.parametrize("code", ["en", "ru"])
def test_the_table_for_a_slide_is_a_picture_with_all_its_cells(code: str) -> None:
    """16:9 to the pixel; each cell and note, signs apart from their numbers, and no text that is cut off."""
    comparison, tongue = compare(samples.lecture()), language(code)
    table, (picture,) = slide_table(comparison, tongue), drawn_charts.draw(comparison, tongue, [CHARTS["table_slide"]])
    assert table
    image = ElementTree.fromstring(picture.file)
    assert (image.get("width"), image.get("height")) == ("1600", "900")
    assert struct.unpack(">II", png_files.png(picture.file)[16:24]) == (1920, 1080)
    shown = " ".join(image.itertext())
    words = {word for row in table.rows for cell in row for word in re.findall(r"[^\s*‡§]+", cell.text)}
    words |= {word for column in table.columns for word in f"{column.title} {column.unit}".split()}
    words |= {word for note in table.notes for word in note.split()}
    assert len(words) > 60
    assert [word for word in words if word not in shown] == []
    assert "…" not in shown
    assert CHARTS["table_slide"].draw(compare(samples.lecture()[:1]), tongue) is None


def widths(words: Sequence[Any]) -> list[float]:
    """The pixels that words of the table for a slide take in the font of the charts."""
    texts = "".join(
        f'<text y="{40 * number + 30}" font-family="{vega.FONT}" font-size="{word["mark"]["fontSize"]}px">'
        f"{escape(word['text'])}</text>"
        for number, word in enumerate(words)
    )
    size = f'width="{table_slide.WIDTH}" height="{40 * len(words)}"'
    shown = Image.open(BytesIO(png_files.png(f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{texts}</svg>')))
    scale, ink = shown.width / table_slide.WIDTH, shown.getchannel("A")
    rows = [ink.crop((0, round(40 * at * scale), ink.width, round(40 * (at + 1) * scale))) for at in range(len(words))]
    return [box[2] / scale for row in rows if (box := row.getbbox())]


def test_texts_of_the_table_for_a_slide_are_as_wide_as_their_characters_are_counted_for() -> None:
    """Each line of an idea or a note fits its room; the widest full line decides the width of a character."""
    widest: dict[float, float] = {}
    for code in ("en", "ru"):
        table = slide_table(compare(samples.lecture()), language(code))
        assert table
        places = dict(zip([column.key for column in table.columns], table_slide._places(table), strict=True))
        left, right = places[str(table.wrapped)]
        ideas = [word for word in table_slide._cells(table, 0) if word["x"] == left]
        notes = list(table_slide._notes(table, 0))
        for words, room, counted in (
            (ideas, right - left, table_slide.IDEA_WIDTH),
            (notes, table_slide.WIDTH - 2 * table_slide.LEFT, table_slide.NOTE_WIDTH),
        ):
            found = widths(words)
            assert len(found) == len(words) > 0
            assert max(found) <= room
            full = [
                width / (word["mark"]["fontSize"] * len(word["text"]))
                for word, width in zip(words, found, strict=True)
                if len(word["text"]) >= 12
            ]
            widest[counted] = max(widest.get(counted, 0.0), *full)
    for counted, width in widest.items():
        assert counted - 0.03 <= width <= counted


@pytest.mark.parametrize(
    ("first", "last", "parts", "ticks"),
    [
        (1, 10, 6, [1, 2, 4, 6, 8, 10]),
        (0, 50, 6, [0, 10, 20, 30, 40, 50]),
        (1, 1, 6, [1]),
        (1, 24, 6, [1, 5, 10, 15, 20]),
        (1, 240, 3, [1, 100, 200]),
        (1, 10, 3, [1, 5, 10]),
    ],
)
def test_the_axis_of_learning_curves_has_whole_steps_that_were_taken(
    first: int, last: int, parts: int, ticks: list[int]
) -> None:
    assert curves._ticks(first, last, parts) == ticks


SVGS = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="9"/>' for size in (16, 20)]


def test_a_process_of_its_own_converts_many_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the same files as this one does, in the same order; where it fails, this one does."""
    here = [png_files.png(svg) for svg in SVGS]
    monkeypatch.setattr(png_files, "WORTH", 1)
    converter = png_files.png
    monkeypatch.setattr(png_files, "png", lambda _: pytest.fail("converted here"))
    assert png_files.conversion(SVGS).results() == here
    assert here[0] != here[1]
    monkeypatch.setattr(png_files, "png", converter)
    monkeypatch.setattr(other_process.sys, "executable", "/nowhere/python")
    assert png_files.conversion(SVGS).results() == here


def test_few_charts_are_converted_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting a process takes longer than that."""
    monkeypatch.setattr(other_process.sys, "executable", "/nowhere/python")
    conversion = png_files.conversion(SVGS[:1])
    assert not conversion.started
    assert conversion.results() == [png_files.png(SVGS[0])]


@pytest.mark.parametrize("code", ["en", "ru"])
def test_a_process_of_its_own_draws_large_charts(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the same SVG as this one does, with the numbers and words of the language; where it fails, this one does."""
    comparison, tongue = compare(samples.few()), language(code)
    chosen = [CHARTS["memory"], next(chart for chart in CHARTS.values() if not chart.narrow), CHARTS["accuracy_macs"]]
    monkeypatch.setattr(drawn_charts, "vega", vega)
    here = drawn_charts.draw(comparison, tongue, chosen)
    assert len({picture.figure.svg for picture in here}) == 3
    assert [bool(picture.figure.narrow) for picture in here] == [True, False, True]
    monkeypatch.setattr(svg_files, "WORTH", 1)
    monkeypatch.setattr(vega, "draw", lambda *_: pytest.fail("drawn here"))
    pictures = drawn_charts.Pictures(comparison, tongue, chosen, convert=True)
    assert list(pictures) == here
    assert [png[:4] for png in pictures.pngs()] == [b"\x89PNG"] * 3
    monkeypatch.undo()
    monkeypatch.setattr(svg_files, "WORTH", 1)
    monkeypatch.setattr(drawn_charts, "vega", vega)
    monkeypatch.setattr(other_process.sys, "executable", "/nowhere/python")
    assert drawn_charts.draw(comparison, tongue, chosen) == here


class PanicError(BaseException):
    """As pyo3's PanicException, of vl-convert: no Exception."""


@pytest.mark.parametrize("meanwhile", [True, False])
def test_a_panic_while_charts_are_drawn_ends_the_report(meanwhile: bool) -> None:
    """It is raised where the charts are used, or at once; the program waited for ever."""

    def work() -> None:
        raise PanicError

    with pytest.raises(PanicError):
        drawn_charts._future(work, meanwhile=meanwhile).result(timeout=5)
