"""Windows of an image that the positions of a map depend on, and what operators do to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

from torch import Tensor

from reporter.model import UnsupportedError

LAST = (-2, -1)
"""The axes of height and width of a map as convolutions and pooling take it."""
UNKNOWN = "a map whose positions were rearranged is joined with one that was made by convolutions and pooling"


class InputWindow(NamedTuple):
    """The pixels from `first` to `last` on which position 0 of a map depends along an axis, and the step to the next.

    Pixels are counted from the image's edge; padding makes `first` negative.
    """

    first: int
    last: int
    step: int

    def seen_by(self, kernel: int, stride: int, padding: int, dilation: int = 1) -> InputWindow:
        """The window of a kernel that slides over this map."""
        first, reach = self.first - padding * self.step, (kernel - 1) * dilation * self.step
        return InputWindow(first, self.last - padding * self.step + reach, self.step * stride)

    def joined(self, other: InputWindow) -> InputWindow:
        """The window of an element-wise operation on two maps of one size."""
        return InputWindow(min(self.first, other.first), max(self.last, other.last), max(self.step, other.step))

    @property
    def size(self) -> int:
        return self.last - self.first + 1


class Windows(NamedTuple):
    """The windows of the positions of a map, and the axes of its tensor that they belong to, counted from the last.

    Where one axis has all positions, row by row, `grid` is the number of rows and columns.
    """

    height: InputWindow
    width: InputWindow
    axes: tuple[int, int] = LAST
    grid: tuple[int, int] | None = None

    def joined(self, other: Windows) -> Windows:
        """Those of an element-wise operation on two maps of one size; UnsupportedError if one is transposed."""
        if (self.axes, self.grid) != (other.axes, other.grid):
            raise UnsupportedError(UNKNOWN)
        return self._replace(height=self.height.joined(other.height), width=self.width.joined(other.width))


def _viewed(windows: Windows, args: Sequence[Any], output: Tensor) -> Windows | None:
    """Of a tensor of another shape: rows and columns have axes of the same size and step in memory, or one of both."""
    before, after = args[0].shape, output.shape
    height, width = windows.grid or (before[axis] for axis in windows.axes)
    step = _step(before, windows.axes[1])
    line = width * step if windows.grid else _step(before, windows.axes[0])

    def places(size: int, step: int) -> list[int]:
        return [axis for axis in range(-len(after), 0) if (after[axis], _step(after, axis)) == (size, step)]

    for rows, columns in product(places(height, line), places(width, step)):
        if rows != columns:
            return windows._replace(axes=(rows, columns), grid=None)
    for axis in places(height * width, step) if line == width * step else ():
        return windows._replace(axes=(axis, axis), grid=(height, width))
    return None


def _step(shape: Sequence[int], axis: int) -> int:
    """How many elements are between two positions along an axis, in order."""
    return prod(shape[axis:]) // max(1, shape[axis])


def _permuted(windows: Windows, args: Sequence[Any], output: Tensor) -> Windows:
    count, order = output.dim(), args[1]
    places = [axis % count for axis in order]
    rows, columns = (places.index(axis % count) - count for axis in windows.axes)
    return windows._replace(axes=(rows, columns))


def _transposed(windows: Windows, args: Sequence[Any], output: Tensor) -> Windows:
    order = list(range(output.dim()))
    _, one, other, *_rest = (*args, 0, 1)
    order[one], order[other] = order[other], order[one]
    return _permuted(windows, (args[0], order), output)


def _sliced(windows: Windows, args: Sequence[Any], output: Tensor) -> Windows | None:
    """Of every `step`-th position from `start` along an axis; the windows along other axes stay."""
    defaults: list[Any] = [0, None, None, 1]
    tensor, axis, start, end, step = [*args, *defaults[len(args) - 1 :]]
    start, _, step = slice(start, end, step).indices(tensor.shape[axis])
    at = axis % output.dim() - output.dim()
    rows, columns = windows.axes
    if at == rows == columns:
        return None
    height = windows.height.seen_by(1, step, -start) if at == rows else windows.height
    width = windows.width.seen_by(1, step, -start) if at == columns else windows.width
    return windows._replace(height=height, width=width)


def _flipped(windows: Windows, args: Sequence[Any], output: Tensor) -> Windows | None:
    return _reordered(windows, args[1], output)


def _indexed(windows: Windows, args: Sequence[Any], output: Tensor) -> Windows | None:
    """Of a tensor with a tensor of indices, or none, for each of its axes."""
    axes = [axis for axis, indices in enumerate(args[1]) if indices is not None]
    return _reordered(windows, axes, output) if output.dim() == args[0].dim() else None


def _reordered(windows: Windows, axes: Sequence[int], output: Tensor) -> Windows | None:
    """None where the order of positions changes along an axis of the map."""
    return windows if {axis % output.dim() - output.dim() for axis in axes}.isdisjoint(windows.axes) else None


def _padded(windows: Windows, args: Sequence[Any], output: Tensor) -> Windows | None:
    """Of a tensor with values around it: args[1] has two numbers of them for each axis, beginning at the last one."""
    if windows.grid:
        return None
    sides = (*args[1], *[0] * 2 * output.dim())
    top, left = (sides[-2 * axis - 2] for axis in windows.axes)
    return windows._replace(height=windows.height.seen_by(1, 1, top), width=windows.width.seen_by(1, 1, left))


def _pooled(windows: Windows, args: Sequence[Any], output: Tensor) -> Windows | None:
    return slid(windows, *_pooling(args)) if windows.axes == LAST else None


def _averaged(windows: Windows, args: Sequence[Any], output: Tensor) -> Windows | None:
    """None where the kernel is the whole map, of several positions, which is global pooling."""
    whole, left = (tuple(tensor.shape[-2:]) for tensor in (args[0], output))
    is_global = tuple(_pair(args[1])) == whole != (1, 1) and left == (1, 1)
    return None if is_global else _pooled(windows, args, output)


def _adapted(windows: Windows, args: Sequence[Any], output: Tensor) -> Windows | None:
    """Adaptive pooling to the same size changes nothing; to another one it is global or no fixed window."""
    return windows if args[0].shape[-2:] == output.shape[-2:] else None


def slid(
    windows: Windows, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> Windows:
    """Of what a kernel computes that slides over a map."""
    (high, wide), (down, across), (top, left), (rows, columns) = map(_pair, (kernel, stride, padding, dilation))
    return Windows(windows.height.seen_by(high, down, top, rows), windows.width.seen_by(wide, across, left, columns))


def _pooling(args: Sequence[Any]) -> tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int]]:
    """Kernel, stride, padding and dilation of a pooling as it was called."""
    values: list[Any] = [*args[1:], *[None] * 4]
    kernel, stride, padding, dilation = values[:4]
    plain = isinstance(dilation, list | tuple) and dilation
    return kernel, stride or kernel, padding or (0, 0), dilation if plain else (1, 1)


def _pair(value: Sequence[int]) -> Sequence[int]:
    return value if len(value) == 2 else (*value, *value)


RULES: dict[str, Callable[[Windows, Sequence[Any], Tensor], Windows | None]] = {
    **dict.fromkeys(("view", "_unsafe_view", "_reshape_alias", "squeeze", "unsqueeze"), _viewed),
    **dict.fromkeys(("adaptive_avg_pool2d", "_adaptive_avg_pool2d", "adaptive_max_pool2d"), _adapted),
    **dict.fromkeys(("max_pool2d_with_indices", "max_pool2d"), _pooled),
    "avg_pool2d": _averaged,
    "constant_pad_nd": _padded,
    "flip": _flipped,
    "index": _indexed,
    "permute": _permuted,
    "slice": _sliced,
    "t": _transposed,
    "transpose": _transposed,
}
"""The windows of what operators compute from a map, their first argument, by the operator's name."""
