"""Ranks by latency, as far as the run resolves them."""

from __future__ import annotations

from functools import partial

from reporter.charts.bars import intervals, names_axis
from reporter.model import Chart, Record
from reporter.report.comparison import Comparison
from reporter.report.drawing import thinning
from reporter.report.drawing.family_colors import colors
from reporter.report.drawing.tooltips import about, reading
from reporter.report.drawing.vega import Spec
from reporter.report.headline_latency import TIMES, machine_of_times
from reporter.report.language import Language
from reporter.report.rank_ranges import Rank, ranks
from reporter.report.table import mark

STEP, WIDTH, NARROW = 24, 980, 122
CROWD = 80
"""Of more networks than this the picture has too many rows to be read."""


def draw(comparison: Comparison, language: Language, narrow: bool = False) -> Spec | None:
    """A panel per kind of latency of the newest machine, the networks in the order of the first.

    Of many networks some have a row; their ranks are those among all.
    """
    machine, whole = comparison.machines[0], thinning.whole(comparison)
    records = {record.architecture: record for record in comparison.of(machine)}
    found = {key: ranks(whole, machine, key) for key in TIMES if key in comparison.quantities}
    shown = {key: {name: rank for name, rank in placed.items() if name in records} for key, placed in found.items()}
    ranked = {key: placed for key, placed in shown.items() if placed}
    if not ranked or max(len(placed) for placed in ranked.values()) > CROWD:
        return None
    names = list(dict.fromkeys(name for placed in ranked.values() for name in placed))
    last = max(len(names), *(rank.high for placed in ranked.values() for rank in placed.values()))
    tinted = colors(comparison, records.values())
    panels = []
    for index, (key, placed) in enumerate(ranked.items()):
        rows = [_row(records[name], key, rank, language) for name, rank in placed.items()]
        title = language._("rank: {what}").format(what=language._(comparison.quantities[key].title))
        width = NARROW if narrow else WIDTH // len(ranked)
        panels.append(_panel(rows, title, (names, tinted, last), width, narrow or index == 0))
    return {"hconcat": panels, "spacing": 24}


def _row(record: Record, key: str, rank: Rank, language: Language) -> Spec:
    shared = language._("rank {rank}, shared ranks: {span}").format(rank=rank.rank, span=rank.text(language))
    words = about(record, shared, reading(record, key, language))
    text = rank.text(language) + mark(record.readings[key])
    places = {"value": rank.rank, "low": rank.low, "high": rank.high, "text": text}
    return {"name": record.architecture, "family": record.family, "about": words, **places}


def _panel(rows: list[Spec], title: str, shown: tuple[list[str], dict[str, str], int], width: int, names: bool) -> Spec:
    order, kinds, last = shown
    y = {"field": "name", "type": "nominal", "sort": order, "scale": {"domain": order}, "title": None}
    x = {"field": "value", "type": "quantitative", "title": title, "axis": {"values": _ticks(last)}}
    domain = {"domain": [0, last * 1.12], "nice": False}
    return {
        "width": width,
        "height": {"step": STEP},
        "encoding": {"y": {**y, "axis": names_axis() if names else None}, "x": {**x, "scale": domain}},
        "layer": intervals(rows, kinds),
    }


def _ticks(last: int) -> list[int]:
    """Four ranks at most, the first and the last among them."""
    return sorted({1, *(round(last * third / 3) for third in (1, 2, 3))} - {0})


ENTRIES = (
    Chart(
        name="ranks",
        title="Latency ranks and their uncertainty",
        caption="Dot: the rank of the measured median. Line: the ranks of all architectures that this run does not "
        "distinguish from it, by the 95 % interval of their ratio round by round. ≈ marks a noisy time.",
        draw=draw,
        remark=machine_of_times,
        narrow=partial(draw, narrow=True),
        chapter="time",
        order=1,
        eager=True,
    ),
)
