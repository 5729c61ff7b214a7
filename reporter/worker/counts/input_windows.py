"""Receptive fields of whole models: windows of the image, followed through convolutions, pooling and joins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakTensorKeyDictionary

from reporter.model import UnsupportedError
from reporter.worker.counts.meta_shapes import has_storage
from reporter.worker.counts.window_rules import LAST, RULES, UNKNOWN, InputWindow, Windows, slid

MIXING = (
    "_scaled_dot_product", "scaled_dot_product", "_native_multi_head_attention", "_transformer_encoder_layer", "fft",
    "roll", "grid_sampler", "upsample", "deform_conv2d", "mkldnn_rnn_layer", "lstm", "gru", "rnn_",
)  # fmt: skip
"""Beginnings of the names of operators that mix positions otherwise than convolutions and pooling do."""
PRODUCTS = {"mm": 0, "addmm": 1, "bmm": 0, "baddbmm": 1}
"""Products of matrices, with the place of the left factor among the arguments; the right one comes after it."""
MIXED = "{name} mixes positions otherwise than convolutions and pooling do"
UNFIT = "a convolution reads a map that was not made by convolutions and pooling"


class Follower(TorchDispatchMode):
    """Keeps the windows of all maps that are computed from one image; `height` and `width` are those of the last map.

    `lost` has the tensors that were made of maps and whose windows are not known, with the number of positions of the
    map. Global pooling, which leaves one value of all positions, ends both. `layout` is that of a tensor without a
    storage, through which none are followed: not all that TorchScript computes on such tensors is seen.
    """

    def __init__(self, image: Tensor) -> None:
        super().__init__()
        self.windows = WeakTensorKeyDictionary()
        self.lost = WeakTensorKeyDictionary()
        self.height = self.width = 1
        self.layout: torch.layout | None = None
        self.set_windows(image, Windows(InputWindow(0, 0, 1), InputWindow(0, 0, 1)))

    def __torch_dispatch__(
        self, operator: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = operator(*args, **(kwargs or {}))
        for each in _tensors([*args, output]):
            self.layout = self.layout if has_storage(each) else each.layout
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
            raise UnsupportedError(MIXED.format(name=name))
        if name == "convolution":
            return self._convolved(args)
        if name in PRODUCTS:
            return self._multiplied(name, args)
        maps = [tensor for tensor in _tensors(args) if tensor in self.windows]
        if not maps:
            return None
        if name in RULES and maps[0] is args[0]:
            return RULES[name](self.windows[maps[0]], args, output)
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
        return slid(windows, tuple(weight.shape[-2:]), stride, padding, dilation)

    def _multiplied(self, name: str, args: Sequence[Any]) -> Windows | None:
        """Of a map and weights, as in a linear layer; None where the last axis, along which it sums, has positions."""
        left, right = args[PRODUCTS[name] :][:2]
        of_left, of_right = (each in self.windows or each in self.lost for each in (left, right))
        if of_right and (of_left or name.endswith("bmm")):
            raise UnsupportedError(MIXED.format(name=name))
        windows: Windows | None = self.windows.get(left)
        return None if windows is None or -1 in windows.axes else windows

    def _joined(self, maps: Sequence[Tensor], args: Sequence[Any], output: Tensor) -> Windows | None:
        """Of an operator that computes each position from the same position of maps of one size."""
        same = [windows for each in maps if _is_map_of(windows := self.windows[each], each, output)]
        if not same:
            return None
        joined: Windows = same[0]
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


def receptive_field(network: nn.Module, image: Tensor) -> tuple[int, int]:
    """Height and width of the window that one position of the last feature map depends on, for one image.

    Global pooling ends it, hence the gates of squeeze-and-excitation do not count. UnsupportedError where positions
    are mixed in other ways, or where a map whose windows are not known is joined with one whose windows are.
    """
    with torch.no_grad(), Follower(image) as follower:
        network.eval()(image)
    if follower.layout is not None:
        raise UnsupportedError(f"windows are not followed through tensors in the layout {follower.layout}")
    return follower.height, follower.width


def _is_map_of(windows: Windows, tensor: Tensor, output: Tensor) -> bool:
    """Whether an output has the positions of a tensor along the axes that windows belong to."""
    return tensor.dim() == output.dim() and all(tensor.shape[axis] == output.shape[axis] for axis in windows.axes)


def _positions(windows: Windows, tensor: Tensor) -> int:
    return prod(tensor.shape[axis] for axis in set(windows.axes))


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
