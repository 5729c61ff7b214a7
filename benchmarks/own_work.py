"""Calls that take longer by a share of the network's own work, whatever its size: the slowed mode of mode_controls.py.

A wait after each call does not slow every network: alexnet, which reads 244 MB of weights in each call, took no longer
with waits of 5 %. So the time is spent on what the network spends its time on. Its convolutions and linear layers are
cut into pieces, each of some output channels of a layer. After each call pieces run until they have taken the share of
the time of this call, as long as another one fits; the rest, shorter than a piece, is a wait. The pieces of all layers
alternate: each call is followed by pieces of many layers, and by others than the last call.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

PIECE = 0.0025
"""The share of a call that a piece should take: of 5 %, it is a twentieth."""
CHANNELS = 16
"""The fewest channels of a piece: kernels for AVX-512 compute as many together."""
AHEAD = 16
"""How many pieces are looked at for one that fits into the time that is left."""
REPETITIONS = 3
"""Times of layers and of pieces are medians of so many calls."""
GOLDEN = 0.618
"""The golden ratio: multiples of it, without their integer part, lie apart from each other."""


class Piece(NamedTuple):
    """A part of the work of a network, and the seconds that it takes."""

    run: Callable[[], object]
    seconds: float


def slower(call: Callable[[Any], Any], pieces: Sequence[Piece], share: float) -> Callable[[Any], Any]:
    """The same call, longer by a share of its own time, in which pieces run that fit into it."""
    waiting = deque(pieces)

    def called(images: Any) -> Any:
        start = perf_counter()
        found = call(images)
        now = perf_counter()
        end = now + share * (now - start)
        while piece := _next(waiting, end - now):
            piece.run()
            now = perf_counter()
        while perf_counter() < end:
            pass
        return found

    return called


def _next(waiting: deque[Piece], left: float) -> Piece | None:
    """The first piece that fits into the seconds that are left, which becomes the last one; None if there is none."""
    for place, piece in enumerate(islice(waiting, AHEAD)):
        if piece.seconds <= left:
            del waiting[place]
            waiting.append(piece)
            return piece
    return None


def pieces_of(model: Any, example: Any, share: float) -> list[Piece]:
    """The pieces of a network for inputs like `example`, without those too long to fit into `share` of a call twice."""
    import torch

    with torch.inference_mode():
        layers, total = _observed(model, example)
        placed = [
            ((number + GOLDEN * rank % 1) / len(parts), part)
            for rank, (layer, images, seconds) in enumerate(layers)
            for parts in [list(cut(layer, images, round(seconds / (PIECE * total))))]
            for number, part in enumerate(parts)
        ]
        parts = [part for _, part in sorted(placed, key=lambda each: each[0])]
        seconds = _timed(parts)
    return [Piece(part, each) for part, each in zip(parts, seconds, strict=True) if each <= share * total / 2]


def cut(layer: Any, images: Any, count: int) -> Iterator[Callable[[], Any]]:
    """A layer on its input in at most `count` parts of at least CHANNELS output channels or groups each."""
    from torch.nn.functional import conv2d, linear

    weight, bias = layer.weight.detach(), None if layer.bias is None else layer.bias.detach()
    groups = getattr(layer, "groups", 1)
    units = groups if groups > 1 else len(weight)
    count = min(count, max(1, units // CHANNELS))
    for number in range(count):
        first, last = (units * each // count for each in (number, number + 1))
        rows = slice(first * len(weight) // units, last * len(weight) // units)
        mine = weight[rows], None if bias is None else bias[rows]
        if not hasattr(layer, "groups"):
            yield lambda mine=mine: linear(images, *mine)
            continue
        width = images.shape[1] // groups
        part = images[:, first * width : last * width].contiguous() if groups > 1 else images
        joined = last - first if groups > 1 else 1
        yield lambda part=part, mine=mine, joined=joined: conv2d(
            part, *mine, layer.stride, layer.padding, layer.dilation, joined
        )


def _observed(model: Any, example: Any) -> tuple[list[tuple[Any, Any, float]], float]:
    """Each convolution and linear layer with its input and its seconds, and the seconds of the whole call."""
    from torch import nn

    begun: dict[Any, float] = {}
    inputs: dict[Any, Any] = {}
    took: dict[Any, list[float]] = {}

    def before(layer: Any, given: tuple[Any, ...]) -> None:
        inputs[layer], begun[layer] = given[0], perf_counter()

    def after(layer: Any, given: tuple[Any, ...], output: Any) -> None:
        took.setdefault(layer, []).append(perf_counter() - begun[layer])

    plain = [
        each
        for each in model.modules()
        if type(each) is nn.Linear or (type(each) is nn.Conv2d and each.padding_mode == "zeros")
    ]
    model(example)
    hooks = [each.register_forward_pre_hook(before) for each in plain]
    hooks += [each.register_forward_hook(after) for each in plain]
    try:
        whole = []
        for _ in range(REPETITIONS):
            start = perf_counter()
            model(example)
            whole.append(perf_counter() - start)
    finally:
        for hook in hooks:
            hook.remove()
    return [(layer, inputs[layer], median(each)) for layer, each in took.items()], median(whole)


def _timed(parts: Sequence[Callable[[], object]]) -> list[float]:
    """The seconds of each part, all of which run in turns: each finds the caches as the others left them."""
    took: list[list[float]] = [[] for _ in parts]
    for _ in range(REPETITIONS):
        for part, seconds in zip(parts, took, strict=True):
            start = perf_counter()
            part()
            seconds.append(perf_counter() - start)
    return [median(each) for each in took]
