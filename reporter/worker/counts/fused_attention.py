"""Attention as one operator, as inference and training run it: no matrix of a query times each key is made."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any, NamedTuple
from unittest.mock import patch

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import _disable_current_modes

aten = torch.ops.aten


class AttentionCall(NamedTuple):
    """The arguments of `scaled_dot_product_attention`."""

    query: Tensor
    key: Tensor
    value: Tensor
    attn_mask: Tensor | None = None
    dropout_p: float = 0.0
    is_causal: bool = False
    scale: float | None = None
    enable_gqa: bool = False


class FusedAttention(TorchFunctionMode):
    """Runs each call of `scaled_dot_product_attention` that torch fuses on the CPU as that operator, on meta too.

    If it does not `replace` them, it only notes whether there was one, `met`. Calls by nn.MultiheadAttention, of which
    torch passes the whole function on to the mode, are replaced in `training` only: its fast path for inference makes
    the matrix.
    """

    def __init__(self, *, replace: bool = True, training: bool = False) -> None:
        super().__init__()
        self.replace, self.training, self.met = replace, training, False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is scaled_dot_product_attention:
            return self._attention(*args, **kwargs)
        if func is functional.multi_head_attention_forward and self.training:
            with patch.object(functional, "scaled_dot_product_attention", self._attention):
                return func(*args, **kwargs)
        return func(*args, **kwargs)

    def _attention(self, *args: Any, **kwargs: Any) -> Tensor:
        call = AttentionCall(*args, **kwargs)
        if _is_fused(call):
            self.met = True
            if self.replace:
                return _fused(call)
        return scaled_dot_product_attention(*args, **kwargs)


def _is_fused(call: AttentionCall) -> bool:
    """Whether torch fuses a call on the CPU, by its own choice for a batch of one; values do not decide it.

    Passes on the CPU that count have turned that off for what is not on meta.
    """
    if call.enable_gqa or any(each.dim() != 4 for each in call[:3]):
        return False
    backends = nullcontext() if call.query.is_meta else sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.MATH])
    with _disable_current_modes(), backends:
        query, key, value = map(_blank, (call.query, call.key, call.value))
        mask = None if call.attn_mask is None else _blank(call.attn_mask)
        choice = torch._fused_sdp_choice(query, key, value, mask, call.dropout_p, call.is_causal, scale=call.scale)
    return bool(choice == SDPBackend.FLASH_ATTENTION.value)


def _blank(like: Tensor) -> Tensor:
    """A tensor on the CPU that is never written, of the same shape, but for the batch."""
    shape = (min(1, like.shape[0]), *like.shape[1:]) if like.dim() == 4 else like.shape
    blank = torch.empty_strided(shape, like.stride(), dtype=like.dtype)
    return blank.requires_grad_(like.requires_grad)


def _fused(call: AttentionCall) -> Tensor:
    """The output of a call that is fused; a mask of truth values is one of numbers then."""
    mask, query = call.attn_mask, call.query
    if mask is not None and mask.dtype == torch.bool:
        mask = torch.where(mask, query.new_full((), 0.0), query.new_full((), -math.inf))
    run = aten._scaled_dot_product_flash_attention_for_cpu
    output: Tensor = run(*call[:3], call.dropout_p, call.is_causal, attn_mask=mask, scale=call.scale)[0]
    return output
