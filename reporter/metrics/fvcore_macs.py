"""Multiply-adds counted by fvcore, by operator, and why they differ from those of the other counter."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from math import prod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from reporter.model import Metric, Quantity, Reading, absent, exact

if TYPE_CHECKING:
    from torch import Tensor, nn

    from reporter.worker.subject import Subject

MACS_FVCORE = Quantity(
    key="macs_fvcore",
    title="MACs, fvcore",
    unit="1",
    group="compute",
    better="lower",
    definition="The same inference counted by fvcore from a trace of a real forward pass. It adds two for each element "
    "of a batch norm and one for each of an adaptive pooling, and skips additions, max-pooling and activations.",
)
NOTHING: Mapping[str, int] = MappingProxyType({})
EXTRAS = ("batch_norm", "layer_norm", "group_norm", "instance_norm", "adaptive_avg_pool2d", "upsample_nearest2d",
          "upsample_bilinear2d", "grid_sampler")  # fmt: skip
"""Operators that fvcore counts and that hold no multiply-adds by our definition."""


def measure(subject: Subject) -> Iterator[Reading]:
    """Traces one image through the real network on the CPU."""
    import torch
    from fvcore.nn import FlopCountAnalysis

    from reporter.worker.counts.counting import unfused_attention
    from reporter.worker.counts.packed_weights import packed

    layers = packed(subject.real)
    if layers or any(isinstance(module, torch.jit.ScriptModule) for module in subject.real.modules()):
        why = f"packed weights cannot be traced: {', '.join(layers)}" if layers else "scripted models cannot be traced"
        yield from absent((MACS_FVCORE,), "unsupported", why)
        return
    logging.getLogger("fvcore").setLevel(logging.CRITICAL)
    with warnings.catch_warnings(), unfused_attention(), torch.no_grad():
        warnings.simplefilter("ignore")
        analysis = FlopCountAnalysis(_plain(subject.real), subject.input(1, "cpu"))
        analysis.set_op_handle("aten::scaled_dot_product_attention", attention_macs)
        analysis.set_op_handle("aten::matmul", product_macs)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
        operators = {name: int(number) for name, number in sorted(analysis.by_operator().items())}
        unsupported = {name: int(number) for name, number in sorted(analysis.unsupported_ops().items())}
    counts = subject.counts
    verdict, because = agreement(counts.macs, operators, unsupported, counts.uncounted)
    yield exact(
        MACS_FVCORE,
        sum(operators.values()),
        operators=operators,
        unsupported=unsupported,
        verdict=verdict,
        because=because,
    )


def agreement(
    macs: int, operators: dict[str, int], unsupported: dict[str, int], uncounted: Mapping[str, int] = NOTHING
) -> tuple[str, dict[str, int]]:
    """Whether fvcore agrees with `macs`, else by which operators it differs or what it leaves out.

    Where the first counter left out some operators itself, `uncounted`, equal numbers are no agreement.
    """
    extras = {name: number for name, number in operators.items() if name in EXTRAS and number}
    rest = sum(operators.values()) - sum(extras.values()) - macs
    if rest < 0:
        return "undercount", {**unsupported, **uncounted, "missing": -rest}
    if rest > 0:
        return "differ", {**extras, **uncounted, "unexplained": rest}
    if uncounted:
        return "undercount", {**extras, **uncounted}
    return ("differ", extras) if extras else ("agree", {})


def _plain(network: nn.Module) -> nn.Module:
    """The network, not compiled, returning its tensors in a tuple: torch traces neither dicts nor dataclasses."""
    from torch import nn

    from reporter.worker.counts.meta_shapes import returned

    class Plain(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = getattr(network, "_orig_mod", network)

        def forward(self, images: Tensor) -> tuple[Tensor, ...]:
            return tuple(returned(self.network(images)))

    return Plain().eval()


def product_macs(inputs: list[Any], outputs: list[Any]) -> int:
    """Multiply-adds of a product of matrices or vectors: the elements put out, each a sum over the last dimension."""
    first = [int(size) for size in inputs[0].type().sizes()]
    return first[-1] * prod(int(size) for size in outputs[0].type().sizes())


def attention_macs(inputs: list[Any], outputs: list[Any]) -> int:
    """Multiply-adds of softmax(q k^T) v: batch and heads x queries x keys x (width of k + width of v)."""
    query, key, value = ([int(size) for size in item.type().sizes()] for item in inputs[:3])
    batch = 1
    for size in query[:-2]:
        batch *= size
    return batch * query[-2] * key[-2] * (key[-1] + value[-1])


ENTRIES = (Metric("fvcore_macs", (MACS_FVCORE,), measure, process="fvcore"),)
