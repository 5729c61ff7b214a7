"""The times and kernels that an issue is open for: an invisible line of its text has them until each has a verdict.

A run of the main job keeps no findings of earlier runs. The line has a digest of the architecture, metric and mode of
each, so that no name can end it, and the text stays below the length that GitHub accepts. A time is about one kind of
machine, its threads and the size of the images, as in Finding.identity: a digest of these, with a colon, is before the
times that it applies to. A run on another kind of machine has no verdict on them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any
from zlib import crc32

from reporter.compare import reference_names
from reporter.metrics.operators import KERNELS
from reporter.model.records import EAGER

LINE = "<!-- slower: {places} -->"
PATTERN = re.compile(r"^<!-- slower: ([0-9a-f: ]*) -->\r?$", re.MULTILINE)
MOST = 2000
"""Times in a line."""
Digests = tuple[str, str]
"""The digest of the kind of machine, empty in a text that has none, and that of the architecture, metric and mode."""


def line(pinned: Mapping[str, Any], before: str) -> str:
    """The line of what is slower, or ran another kernel, and is not known, and of what an earlier text has still.

    `pinned` is the comparison with a reference; empty for a run without one, which has no verdict on any time.
    """
    slower = [each for each in pinned.get("verdicts", ()) if each["verdict"] == "slower"]
    swapped = [each for each in pinned.get("changes", ()) if each.get("kernels")]
    found = [_place(each, pinned) for each in (*slower, *swapped) if not each.get("known")]
    earlier = without_verdict(pinned, before) if pinned else _listed(before)
    return _line([*found, *sorted(earlier)])


def replaced(text: str, places: Iterable[Digests]) -> str:
    """A text whose line has these times only."""
    return PATTERN.sub(lambda _: _line(sorted(places)), text, count=1)


def without_verdict(pinned: Mapping[str, Any], text: str) -> set[Digests]:
    """What a text lists and a run has no verdict on: it is noisy, was not measured in both environments, or is of
    another kind of machine. What the run leaves out on this kind is not part of it; empty without a reference. Kernels
    have no gap of their own if a time in their mode failed.
    """
    if not pinned:
        return set()
    verdicts, gaps = pinned.get("verdicts", ()), pinned.get("gaps", ())
    noisy = [each for each in verdicts if each["verdict"] == "noisy"]
    swapped = {_place(each, pinned)[1] for each in pinned.get("changes", ()) if each.get("kernels")}
    of_kernels = [
        {**each, "metric": KERNELS.key} for each in gaps if each.get("failed") or each.get("mode", EAGER) != EAGER
    ]
    unclear = {_place(each, pinned)[1] for each in (*noisy, *gaps)}
    unclear |= {_place(each, pinned)[1] for each in of_kernels} - swapped
    measured = (_place(each, pinned) for each in (*verdicts, *gaps, *pinned.get("changes", ())))
    here, possible = {place: kind for kind, place in measured}, _kinds(pinned)
    return {
        (kind, place)
        for kind, place in _listed(text)
        if place in unclear or (kind and (kind != here[place] if place in here else kind not in possible))
    }


def _line(places: Iterable[Digests]) -> str:
    by_kind: dict[str, list[str]] = defaultdict(list)
    for kind, place in list(dict.fromkeys(places))[:MOST]:
        by_kind[kind].append(place)
    words = [word for kind in sorted(by_kind) for word in (f"{kind}:", *sorted(by_kind[kind]))]
    return LINE.format(places=" ".join(word for word in words if word != ":"))


def _listed(text: str) -> set[Digests]:
    listed: set[Digests] = set()
    found, kind = PATTERN.search(text), ""
    for word in found[1].split() if found else ():
        if word.endswith(":"):
            kind = word.removesuffix(":")
        else:
            listed.add((kind, word))
    return listed


def _place(row: Mapping[str, Any], pinned: Mapping[str, Any]) -> Digests:
    """The digests of a row; kernels do not depend on the threads of times that are measured on all."""
    name, metric = row["architecture"], row["metric"]
    threads = pinned.get("threads") if reference_names.runs_on_all_threads(metric) else None
    size = pinned.get("input_sizes", {}).get(name, "")
    return _kind(pinned, threads, size), _digest(name, metric, row.get("mode", EAGER))


def _kinds(pinned: Mapping[str, Any]) -> set[str]:
    """The digests of all that can be measured in a run."""
    sizes = {"", *pinned.get("input_sizes", {}).values()}
    return {_kind(pinned, threads, size) for threads in (None, pinned.get("threads")) for size in sizes}


def _kind(pinned: Mapping[str, Any], threads: int | None, size: str) -> str:
    return _digest(pinned.get("machine_kind", ""), str(threads or ""), size)


def _digest(*parts: str) -> str:
    content = "\n".join(parts)
    return f"{crc32(content.encode(errors='replace')):08x}"
