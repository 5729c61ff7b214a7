"""From a Vega-Lite specification to pictures: SVG files, SVG for the page, PNG; and what all charts share.

Colours that depend on light or dark are drawn as sentinels and replaced afterwards: by CSS variables in the page, by
the light colours on white in files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import vl_convert

from reporter.telling.language import Language

Spec = dict[str, Any]
INK, MUTED, GRID, PAPER, FRONT = "#010203", "#010204", "#010205", "#010206", "#010207"
LIGHT = {INK: "#1b1f24", MUTED: "#57606a", GRID: "#dfe3e8", PAPER: "#ffffff", FRONT: "#6a737d"}
VARIABLES = {INK: "--ink", MUTED: "--muted", GRID: "--grid", PAPER: "--paper", FRONT: "--front"}

FAMILIES = {
    "AlexNet": "#8a8f98",
    "VGG": "#e08a00",
    "Inception": "#2f9fd8",
    "GoogLeNet": "#2f9fd8",
    "DenseNet": "#00916e",
    "ResNet": "#2a6fdb",
    "SE-ResNet": "#d55e00",
    "ResNeXt": "#c2659b",
    "SE-ResNeXt": "#97751a",
}
"""Colours that are told apart with every common colour vision, on white and on near black."""
SPARE = ("#7b61c9", "#4f8f2f", "#b8433a", "#3f8f9a", "#a07cc5", "#7f8c3a")
FONT = "Arial, 'Liberation Sans', Helvetica, sans-serif"
"""Fonts of the same widths: labels are placed before anybody knows which of them the reader has."""
SIZE = 14
VERSION = "6.4"


def palette(families: Sequence[str]) -> dict[str, str]:
    """A colour for each family; one that the lecture does not know gets a spare one by its rank."""
    others = [family for family in families if family not in FAMILIES]
    spare = {family: SPARE[index % len(SPARE)] for index, family in enumerate(sorted(others))}
    return {family: FAMILIES.get(family) or spare[family] for family in families}


def coloured(families: Sequence[str], title: str | None = None, legend: bool = True) -> Spec:
    """The colour channel: by family, the same in every chart."""
    colours = palette(families)
    scale = {"domain": list(colours), "range": list(colours.values())}
    return {
        "field": "family",
        "type": "nominal",
        "scale": scale,
        "legend": {"title": title, "orient": "top", "columns": 8, "symbolType": "circle"} if legend else None,
    }


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
    title = {"color": INK, "fontSize": SIZE + 1, "fontWeight": 600, "anchor": "start", "subtitleColor": MUTED}
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
    shared = {"type": "text", "fontSize": size, **mark}
    layer = {"data": data(rows), "encoding": {"text": {"field": field}}}
    halo = {**shared, "color": PAPER, "stroke": PAPER, "strokeWidth": 4, "strokeJoin": "round"}
    return [{**layer, "mark": halo}, {**layer, "mark": {**shared, "color": colour}}]


def literal(field: str = "colour") -> Spec:
    """A colour that stands in the data."""
    return {"field": field, "type": "nominal", "scale": None, "legend": None}


def draw(spec: Spec, language: Language) -> str:
    """An SVG with sentinel colours, one image without roles inside."""
    whole = {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "config": config(), "padding": 8, **spec}
    svg: str = vl_convert.vegalite_to_svg(whole, vl_version=VERSION, format_locale=language.vega)
    svg = re.sub(r' (?:role|aria-[a-z]+|class|pointer-events)="[^"]*"', "", svg)
    return re.sub(r"\d+\.\d{2,}", lambda found: f"{float(found[0]):.1f}", svg)


def file(svg: str, title: str) -> str:
    """The SVG as a file: light, on white, with its title."""
    for sentinel, colour in LIGHT.items():
        svg = svg.replace(sentinel, colour)
    return svg.replace("<svg ", '<svg role="img" ', 1).replace(">", f"><title>{escape(title)}</title>", 1)


def inline(svg: str, name: str, title: str) -> str:
    """The SVG as part of a page: colours by CSS variables, ids of its own, one image to a screen reader."""
    for sentinel, variable in VARIABLES.items():
        svg = svg.replace(sentinel, f"var({variable})")
    ids = list(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg)))
    for index, old in enumerate(ids):
        new = f"{name}-{index}"
        svg = svg.replace(f'id="{old}"', f'id="{new}"').replace(f"url(#{old})", f"url(#{new})")
    svg = re.sub(r' (?:xmlns(?::xlink)?|version)="[^"]*"', "", svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(title)}" ', 1)


def png(svg: str) -> bytes:
    """A file's SVG as a PNG of twice its size, for projectors."""
    return bytes(vl_convert.svg_to_png(svg, scale=2))
