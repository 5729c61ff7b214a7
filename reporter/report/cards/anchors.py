"""Anchors of cards: names of architectures as parts of addresses and file names, each of them different."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import chain, count

from reporter.host.files import shortened


def anchors(names: Iterable[str]) -> dict[str, str]:
    """An anchor for each name, of ASCII letters, digits, `_`, `.` and `-`, short enough for the name of a file.

    One that is taken gets a number.
    """
    found: dict[str, str] = {}
    for number, name in enumerate(names):
        plain = "card-" + shortened(re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII), name)
        numbered = (f"{plain}-{each}" for each in count(number))
        found[name] = next(each for each in chain([plain], numbered) if each not in found.values())
    return found
