"""Changed kernels in words: the layers with both names, and what the times say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from reporter.compare.differences import Change, KernelChange, KernelSwap, TimeEffect
from reporter.compare.kernel_changes import NAMED, rows
from reporter.documents.comparisons import KernelChangeRow, KernelSwapRow
from reporter.report import units
from reporter.report.between_runs.grouping import FindingLine, and_more
from reporter.report.language import Language

OPERATOR = "::"
"""In the name of an operator of torch, by which a call without a layer is named; in no name of a layer."""


def lines(changes: Iterable[Change], language: Language, place: Callable[[Change], str]) -> Iterator[FindingLine]:
    """A line for each architecture and mode whose kernels changed; settings with the same changes share it."""
    for first, group in rows(changes):
        name = place(first)
        title = language._("Kernels of {name}").format(name=name)
        found = [change.kernels for change in group if change.kernels]
        yield FindingLine(
            "exact", name, f"kernels of {name} {len(found)} {found[0].setting}", title, values(found, language)
        )


def values(found: Sequence[KernelChange | KernelChangeRow], language: Language) -> str:
    """The layers with both names, the verdict on the time of each setting, and what else differs."""
    swaps = and_more([_swap(swap, language) for swap in found[0].swaps], language)
    times = ", ".join(_time(each, language) for each in found)
    return "; ".join((swaps, times, *found[0].variables, *found[0].libraries))


def _swap(swap: KernelSwap | KernelSwapRow, language: Language) -> str:
    names = f"{swap.base} → {swap.new}"
    if len(swap.layers) == 1:
        return language._("{names} in {layer}").format(names=names, layer=swap.layers[0])
    places = tuple(dict.fromkeys(swap.layers))
    are_layers = len(places) == len(swap.layers) and not any(OPERATOR in place for place in places)
    layers, calls = (
        language._("{names} in {count} layers ({layers})"),
        language._("{names} in {count} calls ({layers})"),
    )
    message = layers if are_layers else calls
    return message.format(names=names, count=len(swap.layers), layers=language.several(places, NAMED))


def _time(found: KernelChange | KernelChangeRow, language: Language) -> str:
    """The thread setting with the verdict on its latency: `1 CPU thread: slower (+130 %)`."""
    _ = language._
    names = {"cpu_1thread": _("one CPU thread"), "cpu": _("all CPU threads"), "cuda": _("GPU")}
    words: dict[TimeEffect, str] = {"slower": _("slower"), "faster": _("faster"), "not resolved": _("not resolved")}
    change = f" ({units.change(language, found.ratio, 1.0)})" if found.ratio else ""
    message = _("time, {how}: {what}")
    return message.format(how=names.get(found.setting, found.setting), what=words[found.time] + change)
