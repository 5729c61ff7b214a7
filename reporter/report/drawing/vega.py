"""Vega-Lite charts as SVG files and SVG in the page, and what all charts share.

Colours that depend on light or dark are drawn as sentinels and replaced afterwards: by CSS variables in the page, by
the light colours on white in files.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import vl_convert

from reporter.report.drawing import tooltips
from reporter.report.language import Language

Spec = dict[str, Any]
INK, MUTED, GRID, PAPER, FRONT = "#010203", "#010204", "#010205", "#010206", "#010207"
LIGHT = {INK: "#1b1f24", MUTED: "#57606a", GRID: "#dfe3e8", PAPER: "#ffffff", FRONT: "#6a737d"}
VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid", PAPER: "--paper", FRONT: "--front"}

FAMILIES = {
    "AlexNet": "#7b61c9",
    "VGG": "#e08a00",
    "Inception": "#2f9fd8",
    "GoogLeNet": "#2f9fd8",
    "DenseNet": "#00916e",
    "ResNet": "#1e64ef",
    "SE-ResNet": "#d8662f",
    "ResNeXt": "#c2659b",
    "SE-ResNeXt": "#7f5c33",
}
"""Colors that are distinguishable with every common colour vision, on white and on near black.

Any two are at least 12 apart in CIELAB, also with protanopia, deuteranopia and tritanopia (tests/test_charts.py).
"""
SPARE = ("#8a8f98", "#4f8f2f", "#b8433a", "#3f8f9a", "#a07cc5", "#7f8c3a")
OTHER = "#949ba5"
"""The colour of families without one of their own."""
FONT = "Arial, 'Liberation Sans', Helvetica, sans-serif"
"""Fonts of the same widths: labels are placed before anybody knows which of them the reader has."""
MARGIN = {"left": 44, "right": 28, "top": 8, "bottom": 8}
"""Pixels around a chart: room for names where none of these fonts is there and a wider one is taken."""
SIZE = 14
LEGEND_CHARACTER = 0.55
"""Width of a character in a legend over the font size: the median over the names in `FAMILIES` is 0.556 in Arial."""
WIDEST = 700
"""How wide a text may become, in pixels, before it is cut off."""
OUTSIDE = r">[^<]+"
"""What stands between the tags of an SVG: words, which are left as they are."""
MARK = r'\bid="[^"]+"|url\(#[^)]+\)'
VERSION = "6.4"
LEAST_LABEL = 9.2
"""Pixels of the smallest label of a chart in the page."""
FONT_SIZE = re.compile(r'\bfont-size="([\d.]+)px"')
VIEW_BOX = re.compile(r'\bviewBox="0 0 ([\d.]+) ([\d.]+)"')
LONG = re.compile(r"\d+\.\d{2,}")


def palette(families: Sequence[str]) -> dict[str, str]:
    """A colour for each family; one that the lecture does not know gets a spare one by its rank."""
    others = [family for family in families if family not in FAMILIES]
    spare = {family: SPARE[index % len(SPARE)] for index, family in enumerate(sorted(others))}
    return {family: FAMILIES.get(family) or spare[family] for family in families}


def tinted(colours: Mapping[str, str]) -> Spec:
    """The colour channel without a legend: by family, the same in every chart."""
    scale = {"domain": list(colours), "range": list(colours.values())}
    return {"field": "family", "type": "nominal", "scale": scale, "legend": None}


def coloured(colours: Mapping[str, str], language: Language) -> Spec:
    """The colour channel with a legend of the families that have a colour of their own, and of the others."""
    shown = {family: colour for family, colour in colours.items() if colour != OTHER}
    if len(shown) < len(colours):
        shown[language._("other families")] = OTHER
    keys = {"title": None, "orient": "top", "symbolType": "circle", "values": list(shown), **_columns(list(shown))}
    return {**tinted({**colours, **shown}), "legend": keys}


def _columns(names: Sequence[str]) -> Spec:
    """The columns of a legend with room for these names, also in a font that is a fifth wider than those of `FONT`."""
    longest = longest_name(names)
    return {"columns": max(3, min(8, int(1000 / (1.2 * longest + 30)))), "columnPadding": round(10 + 0.2 * longest)}


def longest_name(names: Iterable[str]) -> float:
    """About how wide the longest name of a legend is, in pixels in the fonts of `FONT`."""
    return LEGEND_CHARACTER * SIZE * max(map(len, names), default=0)


def config() -> Spec:
    """The look that all charts share: large enough for a projector, nothing that does not carry information."""
    axis = {
        "labelColor": MUTED,
        "titleColor": INK,
        "domainColor": MUTED,
        "tickColor": MUTED,
        "gridColor": GRID,
        "labelFontSize": SIZE,
        "titleFontSize": SIZE,
        "titleFontWeight": "normal",
        "labelLimit": 320,
        "titleLimit": 700,
    }
    legend = {"labelColor": INK, "titleColor": INK, "labelFontSize": SIZE, "titleFontSize": SIZE, "labelLimit": 400}
    title = {"color": INK, "fontSize": SIZE + 1, "fontWeight": 600, "anchor": "start", "limit": 900}
    return {
        "aria": False,
        "font": FONT,
        "background": PAPER,
        "view": {"stroke": None},
        "axis": axis,
        "legend": legend,
        "title": title,
        "header": {"labelColor": INK, "labelFontSize": SIZE, "titleColor": INK},
        "text": {"color": INK, "fontSize": SIZE},
    }


def data(rows: Iterable[Spec]) -> Spec:
    return {"values": list(rows)}


def text(rows: Iterable[Spec], field: str, size: int = SIZE, colour: str = INK, **mark: Any) -> list[Spec]:
    """Words at their places, on a halo of paper that keeps them legible where they cross a line."""
    shared = {"type": "text", "fontSize": size, "limit": WIDEST, **mark}
    layer = {"data": data(rows), "encoding": {"text": {"field": field}}}
    halo = {**shared, "color": PAPER, "stroke": PAPER, "strokeWidth": 4, "strokeJoin": "round"}
    return [{**layer, "mark": halo}, {**layer, "mark": {**shared, "color": colour}}]


def literal(field: str = "colour") -> Spec:
    """A colour that stands in the data."""
    return {"field": field, "type": "nominal", "scale": None, "legend": None}


def draw(spec: Spec, language: Language) -> str:
    """An SVG with sentinel colours, one image without roles inside."""
    whole = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "config": config(),
        "padding": MARGIN,
        **spec,
    }
    svg: str = vl_convert.vegalite_to_svg(whole, vl_version=VERSION, format_locale=language.vega)
    return re.sub(r"<[^>]*>", _tidy, tooltips.legends(svg))


def _tidy(tag: re.Match[str]) -> str:
    """A tag without what a page does not need, places to a tenth of a pixel, and its mark's own attributes."""
    bare = re.sub(r' (?:role|aria-hidden|aria-roledescription|class|pointer-events)="[^"]*"', "", tag[0])
    places = r' (?:transform|d|x|y|[xy][12]|width|height|opacity)="[^"]*"'
    tenths = re.sub(places, lambda found: LONG.sub(lambda n: f"{float(n[0]):.1f}", found[0]), bare)
    return tooltips.with_attributes(tenths)


def file(svg: str, title: str) -> str:
    """The SVG as a file: light, on white, with its title."""
    svg = _in_tags("|".join(LIGHT), LIGHT.__getitem__, svg)
    return svg.replace("<svg ", '<svg role="img" ', 1).replace(">", f"><title>{escape(title)}</title>", 1)


def inline(svg: str, name: str, title: str) -> str:
    """The SVG as part of a page: colours by CSS variables, ids of its own, one image to a screen reader."""
    svg = _in_tags("|".join(VARIABLES), lambda sentinel: f"var({VARIABLES[sentinel]})", svg)
    ids: dict[str, str] = {}

    def own(mark: str) -> str:
        old = re.split('["#)]', mark)[1]
        return mark[: mark.index(old, 4)] + ids.setdefault(old, f"{name}-{len(ids)}") + mark[-1]

    svg = _in_tags(MARK, own, svg)
    svg = _in_tags(r' (?:xmlns(?::xlink)?|version)="[^"]*"', lambda _: "", svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1)


def _in_tags(pattern: str, replace: Callable[[str], str], svg: str) -> str:
    """Replaces a pattern in the tags of an SVG; a network may be called what looks like one."""
    return re.sub(
        f"{OUTSIDE}|{pattern}", lambda found: found[0] if found[0].startswith(">") else replace(found[0]), svg
    )


class Extent(NamedTuple):
    width: int
    height: int


def least_legible(svg: str) -> Extent:
    """The size in pixels below which the smallest label of an SVG is under `LEAST_LABEL` pixels."""
    sizes = [float(size) for size in FONT_SIZE.findall(svg)]
    box = VIEW_BOX.search(svg)
    if not sizes or not box:
        return Extent(0, 0)
    width, height = (math.ceil(float(side) * LEAST_LABEL / min(sizes)) for side in box.groups())
    return Extent(width, height)
