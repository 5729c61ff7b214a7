"""The other counters, and what each of them counts for one operator alone: that is why it differs on a network."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from reporter.worker.counts.counting import count, unfused_attention
from reporter.worker.counts.meta_shapes import tensors

aten = torch.ops.aten
Count = Callable[[nn.Module, Tensor], float]
"""Multiply-adds of one inference of a real image by a real network that evaluates."""


@torch.no_grad()
def fvcore(network: nn.Module, image: Tensor) -> float:
    from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(network, image)
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    return float(analysis.total())


@torch.no_grad()
def ptflops(network: nn.Module, image: Tensor) -> float:
    from ptflops import get_model_complexity_info

    macs, _ = get_model_complexity_info(network, tuple(image.shape[1:]), as_strings=False, print_per_layer_stat=False)
    return float(macs)


@torch.no_grad()
def torchinfo(network: nn.Module, image: Tensor) -> float:
    from torchinfo import summary

    return float(summary(network, input_data=image, verbose=0).total_mult_adds)


ALL: dict[str, Count] = {"fvcore": fvcore, "ptflops": ptflops, "torchinfo": torchinfo}
COUNTERS = {name: counter for name, counter in ALL.items() if find_spec(name)}
"""Those that are installed."""


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keeps back what the counters print, warn of and log."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


class Alone(nn.Module):
    """A function of one tensor as a network."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, values: Tensor) -> Tensor:
        return self.function(values)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(768, 12, batch_first=True)

    def forward(self, tokens: Tensor) -> Tensor:
        mixed: Tensor = self.attention(tokens, tokens, tokens, need_weights=False)[0]
        return mixed


def linear(bias: bool) -> Alone:
    """A linear layer called as a function, which counters that hook into modules do not see."""
    weight, offset = torch.randn(16, 32), torch.randn(16) if bias else None
    return Alone(lambda values: nn.functional.linear(values, weight.to(values.device),
                                                     None if offset is None else offset.to(values.device)))  # fmt: skip


def einsum(tokens: Tensor) -> Tensor:
    return torch.einsum("bid,bjd->bij", tokens, tokens)


MAPS, TOKENS = (1, 8, 14, 14), (1, 49, 32)
AS_FUNCTION = " as a function"
PROBES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "convolution": (lambda: nn.Conv2d(8, 16, 3, bias=False), MAPS),
    "bias of a convolution": (lambda: nn.Conv2d(8, 16, 3), MAPS),
    "linear layer": (lambda: nn.Linear(32, 16, bias=False), (1, 32)),
    "bias of a linear layer": (lambda: nn.Linear(32, 16), (1, 32)),
    "linear layer on tokens": (lambda: nn.Linear(32, 16, bias=False), TOKENS),
    "bias of a linear layer on tokens": (lambda: nn.Linear(32, 16), TOKENS),
    f"linear layer on tokens{AS_FUNCTION}": (lambda: linear(bias=False), TOKENS),
    f"bias of a linear layer on tokens{AS_FUNCTION}": (lambda: linear(bias=True), TOKENS),
    "multi-head attention": (Attention, (1, 50, 768)),
    "product of activations": (lambda: Alone(lambda tokens: tokens.matmul(tokens.transpose(-2, -1))), TOKENS),
    "product of activations by einsum": (lambda: Alone(einsum), TOKENS),
    "batch norm": (lambda: nn.BatchNorm2d(8), MAPS),
    "layer norm": (lambda: nn.LayerNorm(32), TOKENS),
    "ReLU": (nn.ReLU, MAPS),
    f"ReLU{AS_FUNCTION}": (lambda: Alone(nn.functional.relu), MAPS),
    "ReLU6": (nn.ReLU6, MAPS),
    "GELU": (nn.GELU, MAPS),
    "SiLU": (nn.SiLU, MAPS),
    "hard swish": (nn.Hardswish, MAPS),
    "hard sigmoid": (nn.Hardsigmoid, MAPS),
    "sigmoid": (nn.Sigmoid, MAPS),
    "softmax": (lambda: Alone(lambda maps: nn.functional.softmax(maps, -1)), MAPS),
    "max pooling": (lambda: nn.MaxPool2d(2), MAPS),
    f"max pooling{AS_FUNCTION}": (lambda: Alone(lambda maps: nn.functional.max_pool2d(maps, 2)), MAPS),
    f"average pooling{AS_FUNCTION}": (lambda: Alone(lambda maps: nn.functional.avg_pool2d(maps, 2)), MAPS),
    f"adaptive pooling{AS_FUNCTION}": (lambda: Alone(lambda maps: nn.functional.adaptive_avg_pool2d(maps, 1)), MAPS),
    "average pooling": (lambda: nn.AvgPool2d(2), MAPS),
    "adaptive pooling": (lambda: nn.AdaptiveAvgPool2d(1), MAPS),
    "addition": (lambda: Alone(lambda maps: maps + maps), MAPS),
    "multiplication": (lambda: Alone(lambda maps: maps * maps), MAPS),
}
"""One operator alone, and the shape of what it reads."""

KINDS: dict[Any, str] = {
    **dict.fromkeys((aten.bmm, aten.baddbmm), "product of activations"),
    **dict.fromkeys((aten.native_batch_norm, aten._native_batch_norm_legit_no_training), "batch norm"),
    **dict.fromkeys((aten.relu, aten.relu_), "ReLU"),
    **dict.fromkeys((aten.hardtanh, aten.hardtanh_), "ReLU6"),
    **dict.fromkeys((aten.silu, aten.silu_), "SiLU"),
    **dict.fromkeys((aten.hardswish, aten.hardswish_), "hard swish"),
    **dict.fromkeys((aten.hardsigmoid, aten.hardsigmoid_), "hard sigmoid"),
    **dict.fromkeys((aten.mean, aten._adaptive_avg_pool2d), "adaptive pooling"),
    **dict.fromkeys((aten.add, aten.add_), "addition"),
    **dict.fromkeys((aten.mul, aten.mul_), "multiplication"),
    aten.native_layer_norm: "layer norm",
    aten.gelu: "GELU",
    aten.sigmoid: "sigmoid",
    aten._softmax: "softmax",
    aten.max_pool2d_with_indices: "max pooling",
    aten.avg_pool2d: "average pooling",
}


class Einsum(TorchFunctionMode):
    """Detects calls of einsum, of which only the resulting products are recorded below."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        before, self.inside = self.inside, self.inside or func is torch.functional.einsum
        try:
            return func(*args, **(kwargs or {}))
        finally:
            self.inside = before


class Tally(TorchDispatchMode):
    """How much there is of each kind of operator: multiply-adds where it makes them, else elements that it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.amounts: Counter[str] = Counter()
        self.inside = False
        self.leaves = 0
        self.einsum = Einsum()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result, packet = func(*args, **(kwargs or {})), func.overloadpacket
        macs = flop_registry[packet](*args, out_val=result) // 2 if packet in flop_registry else 0
        if self.inside:
            self.amounts["multi-head attention"] += macs
        elif packet is aten.convolution:
            self.amounts["convolution"] += macs
            self.amounts["bias of a convolution"] += result.numel() * (args[2] is not None)
        elif packet in (aten.addmm, aten.mm):
            kind = self.name("linear layer" if len(result) == 1 else "linear layer on tokens")
            self.amounts[kind] += macs
            self.amounts[f"bias of a {kind}"] += result.numel() * (packet is aten.addmm)
        elif packet in KINDS:
            self.amounts[self.name(KINDS[packet])] += macs or next(tensors(args)).numel()
        return result

    def name(self, kind: str) -> str:
        """The kind; an operator that is also a module has another one if it is called as a function."""
        if kind == "product of activations" and self.einsum.inside:
            return f"{kind} by einsum"
        called = f"{kind}{AS_FUNCTION}"
        return called if not self.leaves and called in PROBES else kind

    def enter_leaf(self, *_: object) -> None:
        self.leaves += 1

    def leave_leaf(self, *_: object) -> None:
        self.leaves -= 1

    def enter(self, *_: object) -> None:
        self.inside = True

    def leave(self, *_: object) -> None:
        self.inside = False


def tally(network: nn.Module, image: Tensor) -> Counter[str]:
    """The amounts of a meta network and a meta image."""
    mode = Tally()
    for module in network.modules():
        if isinstance(module, nn.MultiheadAttention):
            module.register_forward_pre_hook(mode.enter)
            module.register_forward_hook(mode.leave)
        elif not isinstance(module, Alone) and not any(module.children()):
            module.register_forward_pre_hook(mode.enter_leaf)
            module.register_forward_hook(mode.leave_leaf)
    with unfused_attention(), torch.no_grad(), mode.einsum, mode:
        network(image)
    return mode.amounts


def habits(counter: Count) -> dict[str, float]:
    """How much a counter counts beyond the multiply-adds, for each unit of an operator's amount."""
    found: dict[str, float] = {}
    for kind, (make, shape) in PROBES.items():
        network, values = nn.Sequential(make()).eval(), torch.randn(shape)
        theirs = counter(network, values)
        network, values = network.to("meta"), values.to("meta")
        amounts = tally(network, values)
        known = sum(found.get(other, 0) * amount for other, amount in amounts.items() if other != kind)
        found[kind] = (theirs - count(network, values).macs - known) / amounts[kind]
    return found
