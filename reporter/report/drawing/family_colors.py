"""Colors of families, the same in every chart: with very many families those of the Pareto front first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from reporter.model import Record
from reporter.report.comparison import Comparison, front
from reporter.report.drawing.vega import FAMILIES, OTHER, SPARE, palette

MOST = 8
"""So many families have a color of their own where there are more than there are colors."""
DISTINCT = tuple(dict.fromkeys(FAMILIES.values()))


def colors(comparison: Comparison, records: Iterable[Record]) -> dict[str, str]:
    """The colors of the families of these records, in their order."""
    known = of_all(comparison)
    return {family: known.get(family, OTHER) for family in dict.fromkeys(record.family for record in records)}


def of_all(comparison: Comparison) -> dict[str, str]:
    """The color of each family of a comparison, those that a picture leaves out included."""
    everything = (*comparison.records, *comparison.hidden)
    count = Counter(record.family for record in everything)
    if len(count.keys() - FAMILIES.keys()) <= len(SPARE):
        return palette(list(count))
    ahead = Counter(record.family for record in front(everything, "macs"))
    named = sorted(count, key=lambda family: (-ahead[family], -count[family], family))[:MOST]
    taken = {family: FAMILIES[family] for family in named if family in FAMILIES}
    free = iter([color for color in DISTINCT if color not in taken.values()])
    return {family: taken.get(family) or next(free, OTHER) for family in named}
