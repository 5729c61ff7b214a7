"""Receptive fields of whole models: windows of the image, followed through convolutions, pooling and joins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import permutations
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from reporter.model import UnsupportedError

MIXING = (
    "bmm", "_scaled_dot_product", "scaled_dot_product", "fft", "roll", "grid_sampler", "upsample", "deform_conv2d",
)  # fmt: skip
"""Beginnings of the names of operators that mix positions otherwise than convolutions and pooling do."""
LAST = (-2, -1)
"""The axes of height and width of a map as convolutions and pooling take it."""
UNFIT = "a convolution reads a map that was not made by convolutions and pooling"
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
    """The windows of the positions of a map, and the axes of its tensor that they belong to, counted from the last."""

    height: InputWindow
    width: InputWindow
    axes: tuple[int, int] = LAST

    def joined(self, other: Windows) -> Windows:
        """Those of an element-wise operation on two maps of one size; UnsupportedError if one is transposed."""
        if self.axes != other.axes:
            raise UnsupportedError(UNKNOWN)
        return Windows(self.height.joined(other.height), self.width.joined(other.width), self.axes)


class Follower(TorchDispatchMode):
    """Keeps the windows of all maps that are computed from an image; `height` and `width` are those of the last map.

    `lost` has the tensors that were made of maps and whose windows are not known, with the number of positions of the
    map. Global pooling, which leaves one value of all positions, ends both.
    """

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self.windows = WeakTensorKeyDictionary()
        self.lost = WeakTensorKeyDictionary()
        self.height = self.width = 1
        self.set_windows(image, Windows(InputWindow(0, 0, 1), InputWindow(0, 0, 1)))

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = operator(*args, **(kwargs or {}))
        name = operator.overloadpacket.__name__
        for made in _tensors([output]):
            if windows := self._windows(name, args, made):
                self.set_windows(made, windows)
            elif not name.startswith("new_") and not name.endswith("_like"):  # these have the shape alone
                self._lose(args, made)
        return output

    def set_windows(self, made: Tensor, windows: Windows) -> None:
        """Store the windows of a map, and keep the largest."""
        self.windows[made] = windows
        self.lost.pop(made, None)
        self.height, self.width = max(self.height, windows.height.size), max(self.width, windows.width.size)

    def _windows(self, name: str, args: Sequence[Any], output: Tensor) -> Windows | None:
        """The windows of an output; None if it is no map of the image, or they are not known."""
        if name.startswith(MIXING):
            raise UnsupportedError(f"{name} mixes positions otherwise than convolutions and pooling do")
        if name == "convolution":
            return self._convolved(args)
        maps = [tensor for tensor in _tensors(args) if tensor in self.windows]
        if not maps:
            return None
        if follow := RULES.get(name):
            found: Windows | None = follow(self.windows[maps[0]], args, output)
            return found
        return self._joined(maps, args, output)

    def _convolved(self, args: Sequence[Any]) -> Windows | None:
        image, weight, _, stride, padding, dilation, transposed, *_rest = args
        windows: Windows | None = self.windows.get(image)
        if windows is None:
            if image.dim() == 4 and image.shape[-2:].numel() > 1:
                raise UnsupportedError(UNFIT)
            return None
        if transposed or image.dim() != 4:
            raise UnsupportedError("it has convolutions other than plain ones in two dimensions")
        if windows.axes != LAST:
            raise UnsupportedError(UNFIT)
        return _slid(windows, tuple(weight.shape[-2:]), stride, padding, dilation)

    def _joined(self, maps: Sequence[Tensor], args: Sequence[Any], output: Tensor) -> Windows | None:
        """Of an operator that computes each position from the same position of maps of one size."""
        same = [windows for each in maps if _is_map_of(windows := self.windows[each], each, output)]
        if not same:
            return None
        joined = same[0]
        for windows in same[1:]:
            joined = joined.joined(windows)
        lost = (tensor for tensor in _tensors(args) if tensor in self.lost)
        if _positions(joined, output) > 1 and any(_is_map_of(joined, each, output) for each in lost):
            raise UnsupportedError(UNKNOWN)
        return joined

    def _lose(self, args: Sequence[Any], made: Tensor) -> None:
        """Notes that the windows of a tensor are not known, if it is made of a map and is not one value of each."""
        for tensor in _tensors(args):
            windows = self.windows.get(tensor)
            positions = _positions(windows, tensor) if windows else self.lost.get(tensor, 1)
            if positions > 1 and made.numel() * positions != tensor.numel():
                self.lost[made] = positions


class LinearLayers(TorchFunctionMode):
    """Keeps the windows of maps that linear layers compute from the last axis, which torch flattens in between."""

    def __init__(self, follower: Follower) -> None:
        super().__init__()
        self.follower = follower

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        if func == nn.functional.linear:
            windows = self.follower.windows.get(args[0] if args else (kwargs or {})["input"])
            if windows and -1 not in windows.axes:
                self.follower.set_windows(output, windows)
        return output


def receptive_field(network: nn.Module, image: Tensor) -> tuple[int, int]:
    """Height and width of the window of the image that one position of the last feature map depends on.

    Global pooling ends it, hence the gates of squeeze-and-excitation do not count. UnsupportedError where positions
    are mixed in other ways, or where a map whose windows are not known is joined with one whose windows are.
    """
    with torch.no_grad(), Follower(image) as follower, LinearLayers(follower):
        network.eval()(image)
    return follower.height, follower.width


def _viewed(windows: Windows, args: Sequence[Any], output: Tensor) -> Windows | None:
    """Of a tensor of another shape: its axes have the same size and place in memory, or they were split or merged."""
    before, after = args[0].shape, output.shape

    def is_kept(axis: int, place: int) -> bool:
        return bool(after[place] == before[axis] and prod(after[place:]) == prod(before[axis:]))

    for rows, columns in permutations(range(-len(after), 0), 2):
        if is_kept(windows.axes[0], rows) and is_kept(windows.axes[1], columns):
            return windows._replace(axes=(rows, columns))
    return None


def _permuted(windows: Windows, args: Sequence[Any], output: Tensor) -> Windows:
    count, order = output.dim(), args[1]
    places = [axis % count for axis in order]
    rows, columns = (places.index(axis % count) - count for axis in windows.axes)
    return windows._replace(axes=(rows, columns))


def _transposed(windows: Windows, args: Sequence[Any], output: Tensor) -> Windows:
    order = list(range(output.dim()))
    _, one, other = args
    order[one], order[other] = order[other], order[one]
    return _permuted(windows, (args[0], order), output)


def _sliced(windows: Windows, args: Sequence[Any], output: Tensor) -> Windows:
    """Of every `step`-th position from `start` along an axis; the windows along other axes stay."""
    tensor, axis, start, end, step = (*args, *(0, None, None, 1)[len(args) - 1 :])
    start, _, step = slice(start, end, step).indices(tensor.shape[axis])
    at = axis % output.dim() - output.dim()
    rows, columns = windows.axes
    return Windows(
        windows.height.seen_by(1, step, -start) if at == rows else windows.height,
        windows.width.seen_by(1, step, -start) if at == columns else windows.width,
        windows.axes,
    )


def _padded(windows: Windows, args: Sequence[Any], output: Tensor) -> Windows:
    """Of a tensor with values around it: args[1] has two numbers of them for each axis, beginning at the last one."""
    sides = (*args[1], *[0] * 2 * output.dim())
    top, left = (sides[-2 * axis - 2] for axis in windows.axes)
    return Windows(windows.height.seen_by(1, 1, top), windows.width.seen_by(1, 1, left), windows.axes)


def _pooled(windows: Windows, args: Sequence[Any], output: Tensor) -> Windows | None:
    return _slid(windows, *_pooling(args)) if windows.axes == LAST else None


def _averaged(windows: Windows, args: Sequence[Any], output: Tensor) -> Windows | None:
    """None where the kernel is the whole map, of several positions, which is global pooling."""
    whole, left = (tuple(tensor.shape[-2:]) for tensor in (args[0], output))
    is_global = tuple(_pair(args[1])) == whole != (1, 1) and left == (1, 1)
    return None if is_global else _pooled(windows, args, output)


def _adapted(windows: Windows, args: Sequence[Any], output: Tensor) -> Windows | None:
    """Adaptive pooling to the same size changes nothing; to another one it is global or no fixed window."""
    return windows if args[0].shape[-2:] == output.shape[-2:] else None


def _slid(
    windows: Windows, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> Windows:
    (high, wide), (down, across), (top, left), (rows, columns) = map(_pair, (kernel, stride, padding, dilation))
    return Windows(windows.height.seen_by(high, down, top, rows), windows.width.seen_by(wide, across, left, columns))


def _pooling(args: Sequence[Any]) -> tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int]]:
    """Kernel, stride, padding and dilation of a pooling as it was called."""
    values: list[Any] = [*args[1:], *[None] * 4]
    kernel, stride, padding, dilation = values[:4]
    plain = isinstance(dilation, list | tuple) and dilation
    return kernel, stride or kernel, padding or (0, 0), dilation if plain else (1, 1)


def _is_map_of(windows: Windows, tensor: Tensor, output: Tensor) -> bool:
    """Whether an output has the positions of a tensor along the axes that windows belong to."""
    return tensor.dim() == output.dim() and all(tensor.shape[axis] == output.shape[axis] for axis in windows.axes)


def _positions(windows: Windows, tensor: Tensor) -> int:
    return prod(tensor.shape[axis] for axis in windows.axes)


def _pair(value: Sequence[int]) -> Sequence[int]:
    return value if len(value) == 2 else (*value, *value)


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


RULES: dict[str, Callable[[Windows, Sequence[Any], Tensor], Windows | None]] = {
    **dict.fromkeys(("view", "_unsafe_view", "_reshape_alias", "squeeze", "unsqueeze"), _viewed),
    **dict.fromkeys(("adaptive_avg_pool2d", "_adaptive_avg_pool2d", "adaptive_max_pool2d"), _adapted),
    **dict.fromkeys(("max_pool2d_with_indices", "max_pool2d"), _pooled),
    "avg_pool2d": _averaged,
    "constant_pad_nd": _padded,
    "permute": _permuted,
    "slice": _sliced,
    "transpose": _transposed,
}
"""The windows of what operators compute from a map, their first argument, by the operator's name."""
