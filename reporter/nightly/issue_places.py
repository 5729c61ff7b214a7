"""The times that an issue lists as slower: an invisible line of its text has them until each has a verdict.

A run of the main job keeps no findings of earlier runs. The line has a digest of the architecture, metric and mode of
each time, so that no name can end it, and the text stays below the length that GitHub accepts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from zlib import crc32

LINE = "<!-- slower: {places} -->"
PATTERN = re.compile(r"^<!-- slower: ([0-9a-f ]*) -->\r?$", re.MULTILINE)
MOST = 2000
"""Times in a line."""


def line(pinned: Mapping[str, Any], before: str) -> str:
    """The line of the times that are slower in a run and not known, and of those that an earlier text has still.

    `pinned` is the comparison with a reference; empty for a run without one, which has no verdict on any time.
    """
    slower = [each for each in pinned.get("verdicts", ()) if each["verdict"] == "slower" and not each.get("known")]
    earlier = without_verdict(pinned, before) if pinned else _listed(before)
    return _line(dict.fromkeys([*_digests(slower), *sorted(earlier)]))


def replaced(text: str, places: Iterable[str]) -> str:
    """A text whose line has these times only."""
    return PATTERN.sub(lambda _: _line(sorted(places)), text, count=1)


def without_verdict(pinned: Mapping[str, Any], text: str) -> set[str]:
    """The times of a text that have no verdict in a run: they are noisy, or were not measured in both environments."""
    noisy = [each for each in pinned.get("verdicts", ()) if each["verdict"] == "noisy"]
    return _listed(text) & {*_digests([*noisy, *pinned.get("gaps", ())])}


def _line(places: Iterable[str]) -> str:
    return LINE.format(places=" ".join(list(places)[:MOST]))


def _listed(text: str) -> set[str]:
    found = PATTERN.search(text)
    return set(found[1].split()) if found else set()


def _digests(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    places = ("\n".join((each["architecture"], each["metric"], each["mode"])) for each in rows)
    return [f"{crc32(place.encode(errors='replace')):08x}" for place in places]
