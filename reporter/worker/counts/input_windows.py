"""Receptive fields of whole models: windows of the image, followed through convolutions, pooling and joins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from reporter.model import UnsupportedError

POOLS = ("max_pool2d_with_indices", "max_pool2d", "avg_pool2d")
ADAPTIVE = ("adaptive_avg_pool2d", "_adaptive_avg_pool2d", "adaptive_max_pool2d")
MIXING = ("bmm", "_scaled_dot_product", "scaled_dot_product", "fft", "roll", "grid_sampler", "upsample")
"""Beginnings of the names of operators that mix positions otherwise than convolutions and pooling do."""


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


Windows = tuple[InputWindow, InputWindow]
"""Along height and width."""


class Follower(TorchDispatchMode):
    """Keeps the windows of all maps that are computed from an image; `height` and `width` are those of the last map."""

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self.windows = WeakTensorKeyDictionary()
        self.windows[image] = (InputWindow(0, 0, 1), InputWindow(0, 0, 1))
        self.height = self.width = 1

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = operator(*args, **(kwargs or {}))
        name = operator.overloadpacket.__name__
        for made in _tensors([output]):
            if windows := self._windows(name, args, made):
                self.windows[made] = windows
                self.height, self.width = max(self.height, windows[0].size), max(self.width, windows[1].size)
        return output

    def _windows(self, name: str, args: Sequence[Any], output: Tensor) -> Windows | None:
        """The windows of an output; None if it is no map of the image."""
        if name.startswith(MIXING):
            raise UnsupportedError(f"{name} mixes positions otherwise than convolutions and pooling do")
        if name == "convolution":
            return self._convolved(args)
        maps = [tensor for tensor in _tensors(args) if tensor in self.windows]
        if not maps:
            return None
        windows: Windows = self.windows[maps[0]]
        if name in POOLS:
            pooling = _pooling(args)
            return None if _is_global(name, pooling[0], maps[0], output) else _slid(windows, *pooling)
        if name in ADAPTIVE:
            return _adapted(windows, maps[0], output)
        if name == "constant_pad_nd":
            left, top = args[1][0], args[1][2] if len(args[1]) > 2 else 0
            return _slid(windows, (1, 1), (1, 1), (top, left), (1, 1))
        return self._joined(maps, output)

    def _convolved(self, args: Sequence[Any]) -> Windows | None:
        image, weight, _, stride, padding, dilation, transposed, *_rest = args
        if image not in self.windows:
            if image.dim() == 4 and image.shape[-2:].numel() > 1:
                raise UnsupportedError("a convolution reads a map that was not made by convolutions and pooling")
            return None
        if transposed or image.dim() != 4:
            raise UnsupportedError("it has convolutions other than plain ones in two dimensions")
        return _slid(self.windows[image], tuple(weight.shape[-2:]), stride, padding, dilation)

    def _joined(self, maps: Sequence[Tensor], output: Tensor) -> Windows | None:
        """Of an operator that computes each position from the same position of maps of one size."""
        same = [self.windows[tensor] for tensor in maps if _size(tensor) == _size(output) and tensor.dim() == 4]
        if not same:
            return None
        joined: Windows = same[0]
        for height, width in same[1:]:
            joined = (joined[0].joined(height), joined[1].joined(width))
        return joined


def receptive_field(network: nn.Module, image: Tensor) -> tuple[int, int]:
    """Height and width of the window of the image that one position of the last feature map depends on.

    Global pooling ends it, hence the gates of squeeze-and-excitation do not count. UnsupportedError where positions
    are mixed in other ways.
    """
    with torch.no_grad(), Follower(image) as follower:
        network.eval()(image)
    return follower.height, follower.width


def _slid(
    windows: Windows, kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> Windows:
    (high, wide), (down, across), (top, left), (rows, columns) = map(_pair, (kernel, stride, padding, dilation))
    return windows[0].seen_by(high, down, top, rows), windows[1].seen_by(wide, across, left, columns)


def _pooling(args: Sequence[Any]) -> tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[int]]:
    """Kernel, stride, padding and dilation of a pooling as it was called."""
    values: list[Any] = [*args[1:], *[None] * 4]
    kernel, stride, padding, dilation = values[:4]
    plain = isinstance(dilation, list | tuple) and dilation
    return kernel, stride or kernel, padding or (0, 0), dilation if plain else (1, 1)


def _is_global(name: str, kernel: Sequence[int], before: Tensor, after: Tensor) -> bool:
    """Whether it is average pooling with the whole map, of several positions, as its kernel."""
    whole = tuple(before.shape[-2:])
    return name == "avg_pool2d" and tuple(_pair(kernel)) == whole != (1, 1) and tuple(after.shape[-2:]) == (1, 1)


def _adapted(windows: Windows, before: Tensor, after: Tensor) -> Windows | None:
    """Adaptive pooling to the same size changes nothing; to another one it is global or no fixed window."""
    return windows if before.shape[-2:] == after.shape[-2:] else None


def _size(tensor: Tensor) -> tuple[int, ...] | None:
    return tuple(tensor.shape[-2:]) if tensor.dim() == 4 else None


def _pair(value: Sequence[int]) -> Sequence[int]:
    return value if len(value) == 2 else (*value, *value)


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
