"""The layers of two lists of calls whose kernel changed."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from math import prod

from reporter.compare.differences import KernelSwap
from reporter.compare.unnamed_calls import Match, matched
from reporter.model.profiles import ONEDNN, LayerKernel, implementation

ChangedCalls = tuple[tuple[KernelSwap, ...], int, int]
"""The layers whose kernel changed, how many calls were compared, and how many were not."""
Work = tuple[str, int, int, int]
"""A layer, and the MACs and elements of the output of one of its calls; without a layer, those of the input, too."""


def changed_calls(base: Sequence[LayerKernel], new: Sequence[LayerKernel]) -> ChangedCalls:
    """The layers whose kernel changed, by both names, the most frequent first; how many calls were compared, and how
    many were not, because the other side has no call of that layer with these shapes. Calls without a layer are matched
    by their order, and named by their operator; so are those of a layer that has more of them on one side.

    Operators may get the same factors in other shapes: `aten::addmm` has the weight of a linear layer transposed, and
    `mkldnn::_linear_pointwise` as it is. What is left of a layer is therefore matched by MACs and elements of the
    output where both sides have as many such calls, if their operators differ. The same operator with other shapes is
    another definition of the layer. So are products of matrices without a layer, if they have as many elements of the
    input, too: these three numbers give the size of both factors.
    """
    before, now = (_by_layer([call for call in calls if call.layer]) for calls in (base, new))
    common = [pair for place in before if place in now for pair in _paired(before[place], now[place])]
    unnamed = [[call for call in calls if not call.layer] for calls in (base, new)]
    common += matched(*unnamed)
    rest = (_left(calls, [pair[side] for pair in common]) for side, calls in enumerate((base, new)))
    common += _of_other_operators(*rest)
    swapped: dict[tuple[str, str], list[str]] = defaultdict(list)
    for pair in common:
        if names := _names(*pair):
            swapped[names].append(pair[0].layer or pair[0].operator)
    ordered = sorted(swapped.items(), key=lambda each: -len(each[1]))
    swaps = tuple(KernelSwap(*names, tuple(layers)) for names, layers in ordered)
    return swaps, len(common), len(base) + len(new) - 2 * len(common)


def _by_layer(calls: Sequence[LayerKernel]) -> dict[tuple[str, str], list[LayerKernel]]:
    """The calls by layer and shapes, in their order."""
    found: dict[tuple[str, str], list[LayerKernel]] = defaultdict(list)
    for call in calls:
        found[call.layer, call.shapes].append(call)
    return found


def _paired(base: Sequence[LayerKernel], new: Sequence[LayerKernel]) -> list[Match]:
    """The calls of a layer with the same shapes: those of the same operator, then the others by their number.

    If one side has a call more, such as a copy, the others are not matched.
    """
    if [call.operator for call in base] == [call.operator for call in new]:
        return list(zip(base, new, strict=True))
    found = matched(base, new)
    if len(base) != len(new):
        return found
    taken = [Counter(pair[side] for pair in found) for side in range(2)]
    rest = ((Counter(calls) - taken[side]).elements() for side, calls in enumerate((base, new)))
    return [*found, *_by_operator(*map(list, rest))]


def _by_operator(base: list[LayerKernel], new: list[LayerKernel]) -> Iterator[Match]:
    """Equally many calls, in any order: those of the same operator, then the others by their number."""
    for call in tuple(base):
        if other := next((each for each in new if each.operator == call.operator), None):
            base.remove(call)
            new.remove(other)
            yield call, other
    yield from zip(base, new, strict=True)


def _left(calls: Iterable[LayerKernel], taken: Iterable[LayerKernel]) -> dict[Work, list[LayerKernel]]:
    """The calls with MACs that are not among those taken, in their order; no convolutions without a layer."""
    matched_before = Counter(taken)
    found: dict[Work, list[LayerKernel]] = defaultdict(list)
    for call in calls:
        if matched_before[call]:
            matched_before[call] -= 1
        elif call.macs and (call.layer or "conv" not in call.operator):
            found[_work(call)].append(call)
    return found


def _work(call: LayerKernel) -> Work:
    given, _, made = call.shapes.rpartition("->")
    return call.layer, call.macs, _elements(made), 0 if call.layer else _elements(given.partition(",")[0])


def _elements(shape: str) -> int:
    """The number of elements of a tensor, from its shape."""
    return prod(map(int, re.findall(r"\d{1,9}", shape)))


def _of_other_operators(
    before: Mapping[Work, Sequence[LayerKernel]], now: Mapping[Work, Sequence[LayerKernel]]
) -> list[Match]:
    """The calls of the same work by their number, where both sides have as many, that ran in two operators."""
    same = (work for work in before if len(before[work]) == len(now.get(work, ())))
    pairs = (pair for work in same for pair in zip(before[work], now[work], strict=True))
    return [(base, new) for base, new in pairs if base.operator != new.operator]


def _names(base: LayerKernel, new: LayerKernel) -> tuple[str, str] | None:
    """Both names where the implementation differs: the kernel, with what else differs if the kernels have one name.

    A library that is known on one side only is no difference, and neither is an implementation of oneDNN, whose names
    contain a colon.
    """
    is_known = not any(one == ONEDNN and ":" in other for one, other in permutations((base.kernel, new.kernel)))
    is_other = base.kernel != new.kernel and is_known
    if is_other or (base.library and new.library and base.library != new.library):
        return implementation(base), implementation(new)
    fields = [name for name in ("operator", "dtype", "layout") if getattr(base, name) != getattr(new, name)]
    if not fields:
        return None
    before, now = (", ".join(getattr(side, name) for name in fields) for side in (base, new))
    return f"{base.kernel} ({before})", f"{new.kernel} ({now})"
