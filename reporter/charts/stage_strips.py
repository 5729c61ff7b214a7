"""Strips of stages of whole architectures: what each is made of, and the size of its output."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from reporter import facts
from reporter.charts.stage_shares import BRIGHT, DARK, GRIDLESS, GRIDS, LAST
from reporter.model import Chart, Record
from reporter.report.cards import record_structure
from reporter.report.cards.record_structure import Stage
from reporter.report.comparison import Comparison
from reporter.report.display_names import display_name
from reporter.report.drawing.tooltips import about, pointed
from reporter.report.drawing.vega import INK, MUTED, PAPER, Spec, data, literal
from reporter.report.language import Language

WIDTH, STEP, BAR = 104, 58, 34
BRIGHT_FROM = 3
"""From this level on the color of a box is dark."""


def draw(comparison: Comparison, language: Language) -> Spec | None:
    """None if no architecture of the slides has recorded stages."""
    records = [record for name in facts.slides() if (record := comparison.network(name))]
    strips = [(record, _boxes(record, language)) for record in records]
    drawn = [(record, boxes) for record, boxes in strips if boxes]
    if not drawn:
        return None
    rows = [{**box, "y": STEP * place + BAR / 2} for place, (_, boxes) in enumerate(drawn) for box in boxes]
    names = [
        {"x": 0, "y": STEP * place + BAR / 2, "text": display_name(record.architecture)}
        for place, (record, _) in enumerate(drawn)
    ]
    longest = max(box["x2"] for box in rows)
    place = {"type": "quantitative", "axis": None}
    x = {"field": "x", "scale": {"domain": [-130, longest], "nice": False}, **place}
    y = {"field": "y", "scale": {"domain": [STEP * len(drawn), -8], "nice": False}, **place}
    box = {"type": "rect", "stroke": PAPER, "strokeWidth": 2}
    ends = {"x2": {"field": "x2"}, "y": {**y, "field": "top"}, "y2": {"field": "bottom"}}
    word = {"text": {"field": "text"}}
    return {
        "width": longest + 130,
        "height": STEP * len(drawn) + 8,
        "encoding": {"x": x, "y": y},
        "layer": [
            pointed({"data": data([{**row, "top": row["y"] - BAR / 2, "bottom": row["y"] + BAR / 2} for row in rows]),
                     "mark": box, "encoding": {**ends, "color": literal()}}),
            *({"data": data([{**row, "x": (row["x"] + row["x2"]) / 2} for row in rows if row["ink"] == ink]),
               "mark": {"type": "text", "fontSize": 12, "color": ink}, "encoding": word} for ink in (DARK, BRIGHT)),
            {"data": data([{**row, "x": (row["x"] + row["x2"]) / 2, "y": row["y"] + BAR / 2 + 8} for row in rows]),
             "mark": {"type": "text", "fontSize": 11, "color": MUTED}, "encoding": {"text": {"field": "output"}}},
            {"data": data([{**name, "x": -12} for name in names]),
             "mark": {"type": "text", "align": "right", "fontSize": 13, "fontWeight": 600, "color": INK},
             "encoding": word},
        ],
    }  # fmt: skip


def _boxes(record: Record, language: Language) -> list[Spec]:
    """A box for each run of stages at one resolution, each fully connected layer apart."""
    found = []
    stages = record_structure.stages(record)
    for level, run in groupby(stages, key=lambda stage: stage.name if stage.level is None else stage.level):
        members = list(run)
        shown = _largest_part(members, language)
        rank = level if isinstance(level, int) else None
        color = LAST if rank is None else GRIDS[min(rank, GRIDLESS - 1)]
        words = [f"{stage.name}: {stage.kind}, {stage.output}" for stage in members]
        found.append({
            "text": shown,
            "output": members[-1].output,
            "colour": color,
            "ink": BRIGHT if rank is not None and rank >= BRIGHT_FROM else DARK,
            "about": about(record, *words),
        })  # fmt: skip
    return [{**box, "x": WIDTH * place, "x2": WIDTH * (place + 1)} for place, box in enumerate(found)]


def _largest_part(stages: Sequence[Stage], language: Language) -> str:
    """What stages are made of, of several parts the one with the most MACs: `3 × conv 3×3`."""
    counts: Counter[str] = Counter()
    macs: Counter[str] = Counter()
    for stage in stages:
        part, count = _made_of(stage, language)
        counts[part] += count
        macs[part] += stage.macs
    part = max(counts, key=lambda each: (macs[each], counts[each]))
    return f"{counts[part]} × {part}" if counts[part] > 1 else part


WORDS = {
    r"Conv2d\((\d+×\d+).*": r"conv \1",
    r"BasicConv2d": "conv",
    r"Inception[A-E]": "Inception",
    r"BasicBlock": "basic block",
    r"Bottleneck": "bottleneck",
    r"SqueezedBottleneck": "SE bottleneck",
    r"DenseLayer": "dense layer",
}
"""What modules are called, by their kind in a record."""


def _made_of(stage: Stage, language: Language) -> tuple[str, int]:
    """What a stage is mostly made of, and how many of it: (`conv 3×3`, 3)."""
    found = re.fullmatch(r"(?:(\d+) × )?(.+)", stage.kind.split(", ")[0])
    count, kind = (int(found[1] or 1), found[2]) if found else (1, stage.kind)
    if kind == "Linear":
        return language._("fc"), count
    words = (re.sub(pattern, word, kind) for pattern, word in WORDS.items() if re.fullmatch(pattern, kind))
    return next(words, kind), count


ENTRIES = (
    Chart(
        name="stage_strips",
        title="Whole architectures, stage by stage",
        caption="From the image to the classes: a box for each resolution of the feature maps, with what most of it is "
        "made of and the shape of its output (channels × height × width); orange: fully connected layers.",
        draw=draw,
        chapter="size",
        order=7,
        edition="lecture",
        slide=True,
    ),
)
