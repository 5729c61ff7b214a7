"""Pairs of architectures whose order by MACs and by time differs: two bars of operators for each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from reporter.charts import _stacked
from reporter.charts.bars import names_axis
from reporter.model import Chart, Record
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.drawing.vega import Spec, text
from reporter.report.headline_latency import how, machine_of_times
from reporter.report.language import Language
from reporter.report.why import operator_pairs, record_profiles
from reporter.report.why.operator_pairs import SlowerPair

WIDTH, STEP = 250, 27
NARROW, TALL = 210, 46


def draw(comparison: Comparison, language: Language, narrow: bool = False) -> Spec | None:
    """A panel for each pair, all with the same colours; the slower of a pair is on top and fills the width."""
    pairs = operator_pairs.shown(comparison)
    if not pairs:
        return None
    parts = [
        record_profiles.parts(record_profiles.operators(record, pair.setting)) for pair in pairs for record in pair[:2]
    ]
    shown = _stacked.colours(parts)
    rest = any(label not in shown for each in parts for label in each)
    panels = [
        _panel(pair, parts[2 * at : 2 * at + 2], shown, rest, (language, narrow)) for at, pair in enumerate(pairs)
    ]
    return {"vconcat": panels, "spacing": 14}


def _panel(
    pair: SlowerPair,
    parts: Sequence[dict[str, record_profiles.Part]],
    shown: dict[str, str],
    rest: bool,
    look: tuple[Language, bool],
) -> Spec:
    """Two bars, with the threads of their times above; the words on each are behind it, on a phone below it."""
    language, narrow = look
    longest = max(sum(part.seconds for part in each.values()) for each in parts)
    records = (pair.few, pair.many)
    rows = [
        row
        for record, mine in zip(records, parts, strict=True)
        for row in _stacked.segments(record, mine, shown, longest, language)
    ]
    ends = [{**_bar_end(rows, record.architecture), "text": _words(record, pair.key, language)} for record in records]
    if narrow:
        ends = [{**end, "start": 0} for end in ends]
    place: Spec = {"dy": 19} if narrow else {"dx": 7}
    order = [record.architecture for record in records]
    axis = {"scale": {"domain": [0, 100], "nice": False}, "axis": None}
    return {
        "title": {"text": how(pair.key, language), "anchor": "start"},
        "width": NARROW if narrow else WIDTH,
        "height": {"step": TALL if narrow else STEP},
        "encoding": {
            "y": {"field": "name", "type": "nominal", "sort": order, "title": None, "axis": names_axis()},
            "x": {"field": "start", "type": "quantitative", **axis},
        },
        "layer": [
            *_stacked.layers(rows, _stacked.scale(shown, rest, language), 19),
            *text(ends, "text", 13, align="left", **place),
        ],
    }


def _bar_end(rows: Sequence[Spec], name: str) -> Spec:
    return {"name": name, "start": max(row["end"] for row in rows if row["name"] == name)}


def _words(record: Record, key: str, language: Language) -> str:
    """The time and the MACs of an architecture."""
    macs = language._("{count} MACs").format(count=units.count(language, record.value("macs") or 0))
    return f"{units.stated(language, record.readings[key])}, {macs}"


def _remark(comparison: Comparison, language: Language) -> str:
    """How many pairs have no bars, and the machine of the times where there are several."""
    return " ".join(filter(None, (_others(comparison, language), machine_of_times(comparison, language))))


def _others(comparison: Comparison, language: Language) -> str:
    """How many pairs have no bars; empty if all have."""
    count = len(operator_pairs.pairs(comparison)) - len(operator_pairs.shown(comparison))
    message = language.ngettext(
        "{count} more pair is not drawn; the table has its sentence.",
        "{count} more pairs are not drawn; the table has a sentence for each.",
        count,
    )
    return message.format(count=language.number(count)) if count else ""


ENTRIES = (
    Chart(
        "operator_pairs",
        "Fewer MACs, but slower: where the time goes",
        "Each pair of bars: above, the architecture with fewer MACs that takes longer; below, the one that it is "
        "compared with. The length is the time by operator. Above each pair is where it was measured: with one CPU "
        "thread or, if operators make no difference there, with all threads or on the GPU. Numbers are percent of the "
        "time of the bar.",
        draw,
        narrow=partial(draw, narrow=True),
        chapter="why",
        order=1,
        eager=True,
        remark=_remark,
    ),
)
