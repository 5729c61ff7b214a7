"""Tooltips of charts: the architecture and family of each mark, and its text.

A chart puts `about(...)` into its rows and wraps the layer in `pointed`; Vega carries the text into the SVG, where it
becomes the attributes data-network and data-family and a <title>, which every browser shows without a script.
"""

from __future__ import annotations

import json
import re
from html import escape, unescape
from typing import Any

from reporter.model import Record
from reporter.report import units
from reporter.report.language import Language

LABEL = re.compile(r' aria-label="([^"]*)"')
OURS = "{&quot;text&quot;: "
"""How a label begins that `about` wrote; Vega has its own on titles and axes."""
LEGEND = re.compile(
    r'(<g class="mark-symbol role-legend-symbol"[^>]*><path)'
    r'([^>]*/></g><g class="mark-text role-legend-label"[^>]*><text)([^>]*>([^<]*)</text>)'
)


def about(record: Record | None, *texts: str) -> str:
    """Return the label of a mark: the architecture, its family and texts; without a record only the texts."""
    if record is None:
        return json.dumps({"text": " · ".join(texts)}, ensure_ascii=False)
    words = " · ".join((record.architecture, *texts))
    return json.dumps({"text": words, "network": record.architecture, "family": record.family}, ensure_ascii=False)


def pointed(layer: dict[str, Any]) -> dict[str, Any]:
    """A layer whose rows have an `about`."""
    encoding = {**layer.get("encoding", {}), "description": {"field": "about", "type": "nominal"}}
    return {**layer, "mark": {**layer["mark"], "aria": True}, "encoding": encoding}


def reading(record: Record, key: str, language: Language) -> str:
    """A reading with its title, its 95 % interval and its doubt."""
    found = record.readings.get(key)
    if found is None or found.value is None:
        return ""
    stated = units.stated(language, found)
    if found.interval:
        scale = units.scale(found.quantity, [found.value])
        low, high = units.ends(language, found.value, scale, found.interval)
        stated += f" [{low} – {high}]"
    return f"{language._(found.quantity.title)}: {stated}"


def legends(svg: str) -> str:
    """Marks the entries of a legend with what they stand for."""

    def mark(found: re.Match[str]) -> str:
        name = f' data-legend="{escape(unescape(found[4]))}"'
        return found[1] + name + found[2] + name + found[3]

    return LEGEND.sub(mark, svg)


def with_attributes(tag: str) -> str:
    """Return a tag with the attributes of its mark instead of the label, and its text as `<title>` if it has one."""
    label = LABEL.search(tag)
    if label is None:
        return tag
    if not label[1].startswith(OURS):
        return LABEL.sub("", tag)
    fields = json.loads(unescape(label[1]))
    names = "".join(f' data-{key}="{escape(fields[key])}"' for key in ("network", "family") if key in fields)
    bare = LABEL.sub(lambda _: names, tag, count=1)
    if not bare.endswith("/>"):
        return bare
    name = bare[1:].split(" ", 1)[0]
    return f"{bare[:-2]}><title>{escape(fields['text'])}</title></{name}>"
