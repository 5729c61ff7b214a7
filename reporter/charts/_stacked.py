"""Stacked bars of operators: a colour for each of the most expensive, one for the rest, and numbers inside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from reporter.model import Record
from reporter.report import units
from reporter.report.drawing.tooltips import about, pointed
from reporter.report.drawing.vega import PAPER, Spec, data
from reporter.report.language import Language
from reporter.report.why import operator_names
from reporter.report.why.record_profiles import Part

COLOURS = ("#2a6fdb", "#e08a00", "#00916e", "#c2659b", "#7cc4e8", "#8a6d1f", "#7b61c9")
DARK, BRIGHT = "#10151a", "#ffffff"
USUAL = dict(
    zip(
        (
            *("convolution (oneDNN)", "convolution (GEMM)", "max pooling", "linear layer", "batch norm"),
            *("ReLU", "concatenation"),
        ),
        COLOURS,
        strict=True,
    )
)
"""The colours of common operators, the same in all charts."""
INKS = dict(zip(COLOURS, (BRIGHT, DARK, BRIGHT, DARK, DARK, BRIGHT, BRIGHT), strict=True))
REST = "#a9b0b8"
LEAST = 8.5
"""A smaller part of the width, in percent, has no room for its number."""


def colours(found: Iterable[Mapping[str, Part]]) -> dict[str, str]:
    """A colour for each of the labels that take most over all architectures, in that order."""
    total: Counter[str] = Counter()
    for parts in found:
        total.update({part.label: part.share for part in parts.values()})
    labels = [label for label, _share in total.most_common(len(COLOURS))]
    spare = [colour for colour in COLOURS if colour not in {USUAL.get(label) for label in labels}]
    return {label: USUAL.get(label) or spare.pop(0) for label in labels}


def segments(
    record: Record, parts: Mapping[str, Part], shown: Mapping[str, str], whole: float, language: Language
) -> list[Spec]:
    """The parts of a bar from left to right, those without a colour of their own together at its end.

    `whole` is what the full width stands for: 1 of shares, or the longest time in seconds.
    """
    rows, start = [], 0.0
    rest = [part for part in parts.values() if part.label not in shown]
    for label in (*(label for label in shown if label in parts), *(["rest"] if rest else [])):
        mine = rest if label == "rest" else [parts[label]]
        seconds, share = sum(part.seconds for part in mine), sum(part.share for part in mine)
        width = (share if whole == 1 else seconds) / whole * 100
        name = language._("other operators") if label == "rest" else operator_names.words(label, language)
        percent = units.part(language, share)
        names = ", ".join(operator_names.words(part.label, language) for part in mine[:6]) if label == "rest" else name
        kernels = ", ".join(dict.fromkeys(kernel for part in mine for kernel in part.kernels))
        time = units.text(language, seconds, units.Scale(1e-3, "ms"))
        rows.append(
            {
                "name": record.architecture,
                "start": round(start, 3),
                "end": round(start + width, 3),
                "operator": name,
                "percent": percent,
                "ink": INKS.get(shown.get(label, ""), DARK),
                "about": about(record, f"{names}: {percent} %", f"{time} {language._('ms')}", kernels),
            }
        )
        start += width
    return rows


def scale(shown: Mapping[str, str], rest: bool, language: Language) -> Spec:
    """The colour channel with its legend, in the order of the bars; `rest`: some operators have no colour."""
    named = {operator_names.words(label, language): colour for label, colour in shown.items()}
    if rest:
        named[language._("other operators")] = REST
    legend = {"orient": "top", "title": None, "columns": 3, "symbolType": "square", "columnPadding": 18}
    of = {"domain": list(named), "range": list(named.values())}
    return {"field": "operator", "type": "nominal", "scale": of, "legend": legend}


def layers(rows: Sequence[Spec], colour: Spec, height: int = 17, least: float = LEAST) -> list[Spec]:
    """The bars, and the numbers in percent of those that have room for them."""
    bar = {"type": "bar", "height": height, "stroke": PAPER, "strokeWidth": 1}
    wide = [row for row in rows if row["end"] - row["start"] >= least]
    numbers = []
    for ink in (DARK, BRIGHT):
        middles = [{**row, "start": (row["start"] + row["end"]) / 2} for row in wide if row["ink"] == ink]
        mark = {"type": "text", "fontSize": 12.5, "color": ink}
        numbers.append(pointed({"data": data(middles), "mark": mark, "encoding": {"text": {"field": "percent"}}}))
    return [pointed({"data": data(rows), "mark": bar, "encoding": {"x2": {"field": "end"}, "color": colour}}), *numbers]
