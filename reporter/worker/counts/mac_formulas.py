"""Multiply-adds of operators: the formulas of torch, added ones, and operators without one."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import prod
from typing import Any, NamedTuple

import torch
from torch.utils.flop_counter import flop_registry

aten = torch.ops.aten
Formula = Callable[..., int]
"""Gives the multiply-adds of one call from its arguments and its result."""
WEIGHTED = {
    aten.convolution, aten._convolution, aten.convolution_overrideable, aten.cudnn_convolution,
    aten._slow_conv2d_forward, aten._scaled_mm,
}  # fmt: skip
"""The operators that convolutions arrive as, and linear layers in float8; traced models call the second one."""
PRODUCTS = {aten.mm: (0, 1), aten.addmm: (1, 2), aten.bmm: (0, 1), aten.baddbmm: (1, 2)}
"""Those that linear layers and attention arrive as, with the places of their factors.

They are layers only where one factor is a weight.
"""
OWN_NAMESPACES = ("aten", "prim", "prims")
UNCOUNTED = (
    "aten._fft_", "aten.grid_sampler", "aten._cdist", "aten._euclidean_dist", "aten._pdist", "aten._embedding_bag",
    "aten.linalg_", "aten._linalg_", "aten.mkldnn_rnn_layer", "aten._cudnn_rnn", "aten.miopen_rnn", "aten.cholesky",
    "aten.conv_tbc", "aten.quantized_", "aten._native_multi_head_attention", "aten._transformer_encoder_layer_fwd",
    "aten._weight_int", "aten._mixed_mm", "aten._foreach_mm", "aten._sparse_mm", "aten._sparse_addmm", "aten.hspmm",
    "aten.sspaddmm", "aten.sparse_sampled_addmm", "aten._sparse_sparse_matmul", "aten._sparse_semi_structured_",
    "aten._cslt_sparse_mm", "aten._cudnn_attention_forward", "aten._flash_attention_forward_no_dropout_inplace",
    "aten._triton_multi_head_attention", "aten._lstm_mps", "aten._compute_linear_combination",
)  # fmt: skip
"""How the names of torch's operators begin that multiply and add values and have no formula here."""


def _matrix_vector(matrix: Any, vector: Any, *, out: Any) -> int:
    return int(matrix.numel())


def _added_matrix_vector(added: Any, matrix: Any, vector: Any, *, out: Any) -> int:
    return int(matrix.numel())


def _inner(first: Any, second: Any, *, out: Any) -> int:
    return int(first.numel())


def _added_batches(added: Any, first: Any, second: Any, *, out: Any) -> int:
    return int(first.numel() * second.shape[-1])


def _bilinear(first: Any, weight: Any, second: Any, *_: Any, out: Any) -> int:
    """x1 A x2 for each row and output: a vector times a matrix, and the result times a vector."""
    outputs, _, width = weight.shape[-3:]
    return int(out.numel() * (weight.numel() // outputs + width))


def _convolution(images: Any, weight: Any, *_: Any, out: Any) -> int:
    """The products with the weights; of a deformable one, sampling the images between the pixels is left out."""
    return int(out.numel() * prod(weight.shape[1:]))


def _transposed_convolution(images: Any, weight: Any, *_: Any, out: Any) -> int:
    return int(images.numel() * prod(weight.shape[1:]))


def _added_product(added: Any, first: Any, second: Any, *_: Any, out: Any) -> int:
    return int(out.numel() * first.shape[-1])


def _grouped_product(first: Any, second: Any, *_: Any, out: Any) -> int:
    """Each row times the matrix of its group; of two matrices, the groups are parts of the dimension that is summed."""
    return int(first.numel() * second.shape[-1] if first.dim() == second.dim() == 2 else out.numel() * first.shape[-1])


def _onednn_convolution(images: Any, weight: Any, *_: Any, out: Any) -> int:
    """As for any convolution; a weight in oneDNN's own format may have a dimension for the groups."""
    return int(out.numel() * weight.numel() // out.shape[1])


def _whole_linear(images: Any, *_: Any, out: Any) -> int:
    return int(out.numel() * images.shape[-1])


def _quantized_convolution(images: Any, packed: Any, *_: Any, out: Any) -> int:
    return int(out.numel() * prod(packed.unpack()[0].shape[1:]))


# fmt: off
ADDED: dict[str, Formula] = {
    "aten.mv": _matrix_vector,
    "aten.addmv": _added_matrix_vector,
    "aten.dot": _inner,
    "aten.vdot": _inner,
    "aten.addbmm": _added_batches,
    "aten._trilinear": _bilinear,
    "torchvision.deform_conv2d": _convolution,
    **dict.fromkeys(
        (
            "aten._conv_depthwise2d", "aten.conv_depthwise3d", "aten.slow_conv3d_forward", "aten.slow_conv_dilated2d",
            "aten.slow_conv_dilated3d", "aten._nnpack_spatial_convolution", "aten.cudnn_convolution_relu",
            "aten.cudnn_convolution_add_relu", "aten.miopen_convolution", "aten.miopen_convolution_relu",
            "aten.miopen_convolution_add_relu", "aten.miopen_depthwise_convolution",
        ),
        _convolution,
    ),
    **dict.fromkeys(
        (
            "aten.slow_conv_transpose2d", "aten.slow_conv_transpose3d", "aten.cudnn_convolution_transpose",
            "aten.miopen_convolution_transpose",
        ),
        _transposed_convolution,
    ),
    "aten._addmm_activation": _added_product,
    **dict.fromkeys(("aten._grouped_mm", "aten._scaled_grouped_mm", "aten._scaled_grouped_mm_v2"), _grouped_product),
    **dict.fromkeys(
        (
            "aten._int_mm", "aten._scaled_mm_v2", "aten._weight_int8pack_mm", "aten._weight_int4pack_mm",
            "aten._weight_int4pack_mm_for_cpu", "aten._weight_int4pack_mm_with_scales_and_zeros",
            "aten._dyn_quant_matmul_4bit", "aten._mixed_dtypes_linear", "aten._wrapped_quantized_linear_prepacked",
        ),
        _whole_linear,
    ),
    "aten.mkldnn_convolution": _onednn_convolution,
    "aten.mkldnn_linear": _whole_linear,
    "mkl._mkl_linear": _whole_linear,
    "mkldnn._linear_pointwise": _whole_linear,
    "quantized.conv1d": _quantized_convolution,
    "quantized.conv1d_relu": _quantized_convolution,
    "quantized.conv2d": _quantized_convolution,
    "quantized.conv2d_relu": _quantized_convolution,
    "quantized.linear": _whole_linear,
    "quantized.linear_relu": _whole_linear,
    "quantized.linear_dynamic": _whole_linear,
    "quantized.linear_relu_dynamic": _whole_linear,
}
# fmt: on
"""What torch's registry lacks, by the operator's name. They count as weighted layers where they read the image."""


def _attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    """Each query times each key, and the result times the values."""
    return int(prod(query.shape[:-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1]))


def _recurrent(steps: Any, weight: Any, recurrent: Any, *_: Any, **__: Any) -> int:
    """One layer in one direction: each step times the weights of the input and of the state."""
    return int(prod(steps.shape[:-1]) * (weight.numel() + recurrent.numel()))


def _linear(rows: Any, weight: Any, *_: Any, **__: Any) -> int:
    return int(prod(rows.shape[:-1]) * weight.numel())


ATTENTION = {
    f"aten._{name}"
    for name in (
        "scaled_dot_product_flash_attention_for_cpu", "scaled_dot_product_fused_attention_overrideable",
        "scaled_dot_product_attention_math_for_mps", "triton_scaled_dot_attention",
    )
}  # fmt: skip
"""Operators of attention that torch's registry lacks; they are no layers, as both factors depend on the image."""
FUSED: dict[str, Formula] = {
    "aten.linear": _linear,
    "aten.mkldnn_rnn_layer": _recurrent,
}
"""Operators that counting takes apart or replaces by others (counting.py, `unfused`), for where they run whole."""


class Rule(NamedTuple):
    """How an operator is counted: by torch's formula, by one of ours, or not.

    `weighted` is whether it is a layer, `factors` the places of the arguments that decide it; `uncounted` its name if
    it computes and has no formula.
    """

    torchs: Formula | None = None
    added: Formula | None = None
    weighted: bool = False
    factors: tuple[int, ...] = ()
    uncounted: str = ""


PLAIN = Rule()
"""Of the many operators that are not counted."""


@cache
def rule(packet: Any) -> Rule:
    """The rule for an operator; one of another library is uncounted, because nothing is known of what it computes."""
    name = str(packet)
    if name.startswith("aten.") and name.endswith("_") and (functional := getattr(aten, name[5:-1], None)):
        return rule(functional)  # of which it is the in-place form
    if packet in flop_registry:
        return Rule(torchs=flop_registry[packet], weighted=packet in WEIGHTED, factors=PRODUCTS.get(packet, ()))
    if name in ATTENTION:
        return Rule(torchs=lambda *args, **more: 2 * _attention(*args, **more))
    if name in ADDED:
        return Rule(added=ADDED[name])
    is_foreign = name.partition(".")[0] not in OWN_NAMESPACES
    return Rule(uncounted=name.replace(".", "::", 1)) if is_foreign or name.startswith(UNCOUNTED) else PLAIN
