"""Rounding of the weights of a model and of the outputs of its operators to a lower precision."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvTransposeNd
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Round = Callable[[Tensor], Tensor]
ATEN = torch.ops.aten
LAYERS = {ATEN.convolution: 0, ATEN.linear: 0, ATEN.mm: 0, ATEN.bmm: 0, ATEN.addmm: 1, ATEN.baddbmm: 1}
"""The operators of convolutional and linear layers, with the place of their input among the arguments."""
MEANS = (ATEN.mean, ATEN._adaptive_avg_pool2d)
"""Operators whose outputs are sums of as many inputs as there are to each output."""
UNIT_ROUNDOFF = 2.0**-24
"""Largest relative error of rounding to fp32."""


@dataclass(frozen=True)
class Rounded:
    """How a model is run whose weights and outputs have a precision.

    Between the roundings it computes in `dtype`: in float32 for precisions of at most 11 significant bits, whose errors
    are several thousand times those of float32, and in float64 for fp32. `scores` is the number of scores from
    which its error is taken first, those of the images with the widest range; None where that is always all of them.
    """

    image: Round
    weight: Round
    """Rounds a parameter of two or more dimensions, and a buffer of them that is called a weight."""
    other: Round | None = None
    """Rounds other parameters and buffers; None where they keep their precision."""
    layers_only: bool = False
    """Whether outputs of other operators than those of layers keep their precision."""
    sums: bool = False
    """Whether the sums in layers are rounded after each addition, too; other precisions are summed in fp32."""
    dtype: torch.dtype = torch.float32
    scores: int | None = None

    @property
    def dtypes(self) -> tuple[torch.dtype, ...]:
        """The data types of the numbers that are rounded.

        Complex ones only to fp32: modes of other precisions compute with them in complex64.
        """
        return (self.dtype, torch.complex128) if self.dtype is torch.float64 else (self.dtype,)

    def operators(self) -> Operators:
        """A context in which the outputs of operators are rounded."""
        return Operators(self)


class Operators(TorchDispatchMode):
    """Rounds the output of each operator in place, that of functions and of modules alike."""

    def __init__(self, rounding: Rounded) -> None:
        super().__init__()
        self.rounding = rounding

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: otherwise torch imports its compiler, which takes longer than the checks of small models."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        if func.is_view or (self.rounding.layers_only and func.overloadpacket not in LAYERS):
            return output
        for tensor in tree_leaves(output):
            if isinstance(tensor, Tensor) and tensor.dtype in self.rounding.dtypes:
                numbers = _real(tensor)
                if self.rounding.sums:
                    round_sums(numbers, summands(func.overloadpacket, args, tensor))
                numbers.copy_(self.rounding.image(numbers))
        return output


def _real(tensor: Tensor) -> Tensor:
    """A tensor, or the real and imaginary parts of a complex one in the same memory."""
    if not tensor.is_complex():
        return tensor
    return torch.view_as_real(tensor.conj() if tensor.is_conj() else tensor)


def summands(operator: Any, args: tuple[Any, ...], output: Tensor) -> int:
    """How many terms each element of the output of an operator is the sum of; 0 for one that does not sum."""
    if operator is ATEN.convolution:
        return _taps(*args[1:9])
    if operator in MEANS:
        return int(args[0].numel()) // max(1, output.numel())
    return int(args[LAYERS[operator]].shape[-1]) if operator in LAYERS else 0


def _taps(
    weight: Tensor, _: object, stride: Sequence[int], __: object, dilation: Sequence[int], transposed: bool, *last: Any
) -> int:
    """How many terms an output of a convolution has, given the arguments of the operator without the input.

    The elements of a kernel that meet inputs in one output of a transposed convolution are a stride apart, or with a
    dilation, stride / gcd(stride, dilation).
    """
    if not transposed:
        return int(weight[0].numel())
    sides = zip(weight.shape[2:], stride, dilation, strict=True)
    met = (-(-side // (step // math.gcd(step, apart))) for side, step, apart in sides)
    return weight.shape[0] // int(last[-1]) * math.prod(met)


def round_sums(tensor: Tensor, count: int) -> None:
    """Give sums of `count` terms the error of fp32 sums that are rounded after each addition, in place.

    The partial sums of terms with independent signs grow with the square root of their number. Rounding each to fp32
    with the unit roundoff u gives the sum a standard error of u sqrt(count / 6) times the root mean square of all sums,
    which is that of rounding it to multiples of u sqrt(2 count) times the root mean square. For terms of one sign the
    factor is nearly the same, sqrt(count) / 3.
    """
    step = UNIT_ROUNDOFF * math.sqrt(2 * count) * float(tensor.square().mean().sqrt())
    if step > 0:
        tensor.div_(step).round_().mul_(step)


def round_weights(network: nn.Module, rounding: Rounded) -> None:
    """Round the parameters and the buffers of a model in place."""
    transposed = {
        id(layer._parameters.get("weight")): layer.groups
        for layer in network.modules()
        if isinstance(layer, _ConvTransposeNd)
    }
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        is_weight = isinstance(tensor, nn.Parameter) or "weight" in name.rpartition(".")[2]
        layer = is_weight and tensor.dim() > 1
        rounds = rounding.weight if layer else rounding.other
        if not rounds or tensor.dtype not in rounding.dtypes:
            continue
        if tensor.is_complex():
            numbers = _real(tensor.data)
            numbers.copy_(rounds(numbers))
        elif groups := transposed.get(id(tensor)):
            tensor.data = _by_output_channel(rounds, tensor.data, groups)
        else:
            tensor.data = rounds(tensor.data)


def _by_output_channel(rounds: Round, weight: Tensor, groups: int) -> Tensor:
    """Rounds the weight of a transposed convolution, inputs x outputs / groups x kernel, with the outputs first."""
    outputs_first = weight.unflatten(0, (groups, -1)).transpose(1, 2).flatten(0, 1)
    rounded: Tensor = rounds(outputs_first).unflatten(0, (groups, -1))
    return rounded.transpose(1, 2).flatten(0, 1)


def through(dtype: torch.dtype) -> Round:
    """Rounds to the values of a data type."""
    return lambda tensor: tensor.to(dtype).to(tensor.dtype)


def ten_bits(tensor: Tensor) -> Tensor:
    """Rounds float32 to a mantissa of 10 bits, to nearest, ties to even, as TF32 has it."""
    bits = tensor.contiguous().view(torch.int32)
    even = (bits >> 13) & 1
    return ((bits + 0xFFF + even) & ~0x1FFF).view(torch.float32)


def affine(tensor: Tensor) -> Tensor:
    """Rounds to 256 levels between the smallest and the largest value of the tensor, 0 being one of them.

    An engine has the range of all calibration images instead. The largest error is that of the images with the widest
    range, for which both are equal.
    """
    low, high = min(0.0, float(tensor.min())), max(0.0, float(tensor.max()))
    step = (high - low) / 255 or 1.0
    zero = round(-low / step)
    return ((tensor / step).round() + zero).clamp(0, 255).sub(zero).mul(step)


def symmetric(weight: Tensor) -> Tensor:
    """Rounds each output channel, the first dimension of a weight, to 255 levels around 0."""
    step = weight.abs().amax(tuple(range(1, weight.dim())), keepdim=True) / 127
    return (weight / step.clamp(min=torch.finfo(weight.dtype).tiny)).round() * step


SCORES = 2000
"""Scores from which the errors of floating point are taken first, two images with 1000 classes.

The largest of 2000 normally distributed errors is 0.92 of the largest of 8000; in seven architectures it was 0.76 to 1.
Fewer scores can only lower a limit: no wrong mode passes that would fail with all of them. An output error is the
largest of all images, so one above this limit is compared with the limit of all images.
"""
SCORES_FP32 = 1000
"""Scores from which the error of fp32 is taken first, whose run in float64 is the most expensive.

It was 0.74 to 1 of that of 8000 scores, and eager had 0.3 to 1.2 times as large an error.
"""


def _floating(dtype: torch.dtype) -> Rounded:
    return Rounded(*3 * (through(dtype),), scores=SCORES)


PRECISIONS = {
    "fp32": Rounded(*3 * (through(torch.float32),), sums=True, dtype=torch.float64, scores=SCORES_FP32),
    "tf32": Rounded(*3 * (ten_bits,), scores=SCORES),
    "bf16": _floating(torch.bfloat16),
    "amp": _floating(torch.bfloat16),
    "fp16": _floating(torch.float16),
    "int8": Rounded(affine, symmetric, layers_only=True),
}
"""Precisions of modes."""
