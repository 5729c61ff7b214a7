"""The times and kernels that an issue is open for: an invisible line of its text has them until each has a verdict.

A run of the main job keeps no findings of earlier runs. The line has a digest of the architecture, metric and mode of
each, so that no name can end it, and the text stays below the length that GitHub accepts. A time is about one kind of
machine, its threads and the size of the images, as in Finding.identity: a digest of these, with a colon, is before the
times that it applies to. A run on another kind of machine has no verdict on them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from zlib import crc32

from reporter.compare import reference_names
from reporter.documents.reference_verdicts import AgainstReference, ReferenceChange, ReferenceGap, ReferenceVerdict
from reporter.metrics.operators import KERNELS
from reporter.model.records import EAGER

LINE = "<!-- slower: {places} -->"
PATTERN = re.compile(r"^<!-- slower: ([0-9a-f: ]*) -->\r?$", re.MULTILINE)
MOST = 2000
"""Times in a line."""
Row = ReferenceVerdict | ReferenceChange | ReferenceGap
Digests = tuple[str, str]
"""The digest of the kind of machine, empty in a text that has none, and that of the architecture, metric and mode."""


def line(pinned: AgainstReference | None, before: str) -> str:
    """The line of what is slower, or ran another kernel, and is not known, and of what an earlier text has still.

    `pinned` is the comparison with a reference; None for a run without one, which has no verdict on any time.
    """
    if pinned is None:
        return _line(sorted(_listed(before)))
    swapped = [each for each in pinned.changed if each.kernels]
    found = _of((*pinned.slower, *swapped), pinned)
    return _line([*found, *sorted(without_verdict(pinned, before))])


def replaced(text: str, places: Iterable[Digests]) -> str:
    """A text whose line has these times only."""
    return PATTERN.sub(lambda _: _line(sorted(places)), text, count=1)


def without_verdict(pinned: AgainstReference | None, text: str) -> set[Digests]:
    """What a text lists and a run has no verdict on: it is noisy, was not measured in both environments, or is of
    another kind of machine; all of it without a reference. What the run leaves out on this kind is not part of it.
    Kernels have no gap of their own if a time in their mode failed.
    """
    if pinned is None:
        return _listed(text)
    noisy = [each for each in pinned.verdicts if each.verdict == "noisy"]
    swapped = {place for _, place in _of((each for each in pinned.changes if each.kernels), pinned)}
    failed = [each for each in pinned.gaps if each.failed or each.mode != EAGER]
    of_kernels = [each.model_copy(update={"metric": KERNELS.key}) for each in failed]
    unclear = {place for _, place in _of((*noisy, *pinned.gaps), pinned)}
    unclear |= {place for _, place in _of(of_kernels, pinned)} - swapped
    measured = _of((*pinned.verdicts, *pinned.gaps, *pinned.changes), pinned)
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


def _of(rows: Iterable[Row], pinned: AgainstReference) -> list[Digests]:
    return [_digests(row, pinned) for row in rows]


def _digests(row: Row, pinned: AgainstReference) -> Digests:
    """The digests of a row; kernels do not depend on the threads of times that are measured on all."""
    threads = pinned.threads if reference_names.runs_on_all_threads(row.metric) else None
    size = pinned.input_sizes.get(row.architecture, "")
    return _kind(pinned, threads, size), _digest(row.architecture, row.metric, row.mode)


def _kinds(pinned: AgainstReference) -> set[str]:
    """The digests of all that can be measured in a run."""
    sizes = {"", *pinned.input_sizes.values()}
    return {_kind(pinned, threads, size) for threads in (None, pinned.threads) for size in sizes}


def _kind(pinned: AgainstReference, threads: int | None, size: str) -> str:
    return _digest(pinned.machine_kind, str(threads or ""), size)


def _digest(*parts: str) -> str:
    content = "\n".join(parts)
    return f"{crc32(content.encode(errors='replace')):08x}"
