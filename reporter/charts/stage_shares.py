"""Shares of parameters and multiply-adds by stage, from the image to the classifier."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from reporter.charts.bars import names_axis
from reporter.model import Chart, Record
from reporter.report import units
from reporter.report.cards import record_structure
from reporter.report.cards.record_structure import Stage
from reporter.report.comparison import Comparison
from reporter.report.drawing.vega import PAPER, Spec, data
from reporter.report.language import Language

GRIDS = ("#b5e3d3", "#7cccbb", "#46b0b0", "#2d8aa8", "#3a66a0", "#4b4690", "#3b2a68", "#6b7280")
"""From the full resolution to the coarsest, then that of stages without a grid, such as the tokens of a transformer."""
GRIDLESS = len(GRIDS) - 1
LAST = "#e08a00"
"""Of fully connected layers."""
CONNECTED = re.compile(r"(?:\d+ × )?\w*(?:Linear|Classifier|Head)(?:\(.*\))?")
"""The kind of a linear layer, of several, or of a classifier made of them."""
DARK, BRIGHT = "#10151a", "#ffffff"
WIDTH, NARROW, STEP = 400, 122, 24
LEAST = 8
"""A smaller share, in percent, has no room for its number."""
EARLY = 3
"""Early stages have feature maps of at least 1/2**EARLY of the image's resolution."""
MANY, TIMES = 0.1, 3
"""Many MACs and few parameters: at least this share of all MACs, and so many times the share of the parameters."""


def draw(comparison: Comparison, language: Language, width: int = WIDTH) -> Spec | None:
    plotted = [record for record in comparison.networks if record_structure.stages(record)]
    if not plotted:
        return None
    _ = language._
    parameters = [row for record in plotted for row in _rows(record, "parameters", language)]
    macs = [row for record in plotted for row in _rows(record, "macs", language)]
    shown = {row["grid"]: row["colour"] for row in sorted(parameters + macs, key=lambda row: row["rank"])}
    order = [record.architecture for record in plotted]
    second = names_axis() if width == NARROW else None
    return {
        "spacing": 24,
        "hconcat": [
            _panel(parameters, order, shown, _("share of the parameters (%)"), names_axis(), width=width),
            _panel(macs, order, shown, _("share of the MACs (%)"), second, width=width),
        ],
    }


def early(comparison: Comparison, language: Language) -> str:
    """A sentence on early stages, if it holds for all networks."""
    plotted = [record for record in comparison.networks if record_structure.stages(record)]
    if not all(map(_has_early_macs, plotted)):
        return ""
    return language._("Early stages have few parameters but many MACs.")


def _has_early_macs(record: Record) -> bool:
    """Whether its early stages have many of the MACs and few of the parameters."""
    stages = record_structure.stages(record)
    first = [stage for stage in stages if stage.level is not None and stage.level <= EARLY]
    macs = sum(stage.macs for stage in first) / (sum(stage.macs for stage in stages) or 1)
    parameters = sum(stage.parameters for stage in first) / (sum(stage.parameters for stage in stages) or 1)
    return macs >= max(MANY, TIMES * parameters)


def _panel(
    rows: list[Spec], order: list[str], shown: dict[str, str], title: str, names: Spec | None, *, width: int
) -> Spec:
    scale = {"domain": list(shown), "range": list(shown.values())}
    legend = {"orient": "top", "title": None, "columns": 8, "symbolType": "square"}
    wide = [row for row in rows if row["end"] - row["start"] >= LEAST * WIDTH / width]
    colour = {"field": "grid", "type": "nominal", "scale": scale, "legend": legend}
    bar = {"type": "bar", "height": 17, "stroke": PAPER, "strokeWidth": 1}
    whole = {
        "scale": {"domain": [0, 100], "nice": False},
        "axis": {"tickCount": 2 if width == NARROW else 5, "grid": False},
    }
    return {
        "width": width,
        "height": {"step": STEP},
        "encoding": {
            "y": {"field": "name", "type": "nominal", "sort": order, "title": None, "axis": names},
            "x": {"field": "start", "type": "quantitative", "title": title, **whole},
        },
        "layer": [
            {"data": data(rows), "mark": bar, "encoding": {"x2": {"field": "end"}, "color": colour}},
            *(_numbers([row for row in wide if row["ink"] == ink], ink) for ink in (DARK, BRIGHT)),
        ],
    }


def _numbers(rows: list[Spec], ink: str) -> Spec:
    middles = [{**row, "start": (row["start"] + row["end"]) / 2} for row in rows]
    return {
        "data": data(middles),
        "mark": {"type": "text", "fontSize": 12.5, "color": ink},
        "encoding": {"text": {"field": "text"}},
    }


def _rows(record: Record, price: str, language: Language) -> list[Spec]:
    """The shares of a network from left to right: stages on one grid together, each stage without a grid apart."""
    parts: list[tuple[int | None, int]] = []
    for stage in record_structure.stages(record):
        value, level = int(getattr(stage, price)), _level(stage)
        if parts and stage.level is not None and parts[-1][0] == level:
            parts[-1] = (level, parts[-1][1] + value)
        elif value:
            parts.append((level, value))
    return _shares(record.architecture, parts, language)


def _level(stage: Stage) -> int | None:
    """The place of a stage in `GRIDS`; None for fully connected layers."""
    if stage.level is not None:
        return min(max(stage.level, 0), GRIDLESS - 1)
    return None if CONNECTED.fullmatch(stage.kind) else GRIDLESS


def _shares(name: str, parts: Sequence[tuple[int | None, int]], language: Language) -> list[Spec]:
    whole, start, rows = sum(value for _, value in parts), 0.0, []
    for level, value in parts:
        end = start + 100 * value / whole
        rank = len(GRIDS) if level is None else min(max(level, 0), len(GRIDS) - 1)
        rows.append(
            {
                "name": name,
                "start": round(start, 3),
                "end": round(end, 3),
                "text": units.part(language, value / whole),
                "rank": rank,
                "grid": language._("fully connected") if level is None else _grid(rank, language),
                "colour": (*GRIDS, LAST)[rank],
                "ink": DARK if rank < 3 or level is None else BRIGHT,
            }
        )
        start = end
    return rows


def _grid(rank: int, language: Language) -> str:
    """The resolution of a stage's feature maps relative to the image, if it has any."""
    if rank == GRIDLESS:
        return language._("no feature maps (such as tokens)")
    return language._("full resolution") if rank == 0 else f"1/{2**rank}"


ENTRIES = (
    Chart(
        name="stages",
        title="Where an architecture spends its parameters and MACs",
        caption=(
            "Shares of each architecture's parameters and MACs from the image to the classes. Color: the resolution "
            "of the feature maps relative to the image; each fully connected layer is separate."
        ),
        draw=draw,
        narrow=partial(draw, width=NARROW),
        remark=early,
        chapter="size",
        order=3,
    ),
)
