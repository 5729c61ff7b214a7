"""The form of a chart for phones: panels below each other, legends in few columns, long titles in several lines."""

from __future__ import annotations

import textwrap
from typing import Any

from reporter.report.drawing.vega import Spec, longest_name

ROOM = 250
"""Pixels that a legend has, which begins where a plot does."""
LINE, AXIS_LINE = 46, 38
"""Characters in a line of a title, and of that of an axis."""
MARGIN = {"left": 34, "right": 26, "top": 8, "bottom": 8}
"""Room for names in fonts that are wider than those that places are computed for."""


def narrowed(spec: Spec) -> Spec:
    """The chart with its parts arranged for a narrow screen; it draws its own plots narrow."""
    return {"padding": MARGIN, **_part(spec)}


def _part(spec: Any) -> Any:
    if isinstance(spec, list):
        return [_part(each) for each in spec]
    if not isinstance(spec, dict):
        return spec
    made = {key: value if key == "data" else _part(value) for key, value in spec.items()}
    if "hconcat" in made:
        made["vconcat"] = made.pop("hconcat")
    if "concat" in made:
        made["columns"] = 1
    if isinstance(made.get("title"), str):
        made["title"] = wrapped(made["title"], AXIS_LINE if "field" in made else LINE)
    if "labelExpr" in made and "orient" not in made:
        made["labelExpr"] = f"replace({made['labelExpr']}, /^timm:/, '')"
    if isinstance(made.get("legend"), dict):
        made["legend"] |= _columns(made)
    return made


def wrapped(text: str, width: int) -> str | list[str]:
    lines = textwrap.wrap(text, width, break_long_words=False)
    return lines if len(lines) > 1 else text


def _columns(channel: Spec) -> Spec:
    """As many columns as there is room for."""
    names = channel["legend"].get("values") or channel.get("scale", {}).get("domain") or []
    longest = longest_name(map(str, names)) + 34
    return {"columns": max(1, int(ROOM / longest)), "columnPadding": 8}
