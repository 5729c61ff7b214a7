"""Output shapes of operators on meta, cached for each case."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from reporter.worker import outputs

Call = Callable[[Any, tuple[Any, ...], Mapping[str, Any]], Any]
"""Gives the result of an operator for some arguments."""


class Shapes:
    """Calls operators; what one put out for the same shapes, strides, types and numbers is made again without it.

    On meta nothing else decides what comes out, and torch takes up to a millisecond for it: most of its operators
    are written in Python there. Whatever shares memory with an argument, or is not on meta, is left to torch always.
    """

    def __init__(self) -> None:
        self._handlers: dict[Hashable, Call] = {}

    def __call__(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        try:
            case = (func, _seen(args), _seen(tuple(kwargs.items())))
            handler = self._handlers.get(case)
        except (_ElsewhereError, TypeError):  # a tensor with values, or an argument that cannot be hashed
            handler = _ask
        if handler is not None:
            return handler(func, args, kwargs)
        result = QUICK.get(func, func)(*args, **kwargs)
        unchanged = _seen(args) == case[1]
        self._handlers[case] = _learn(result, (*args, *kwargs.values())) if unchanged else _ask
        return result


class _ElsewhereError(Exception):
    """A tensor is not on meta: its values may decide."""


def _seen(value: Any) -> Hashable:
    """All that an operator on meta sees of an argument; types too, because 1 equals 1.0 and True."""
    if isinstance(value, Tensor):
        if not value.is_meta:
            raise _ElsewhereError
        return value.shape, value.stride(), value.dtype
    if isinstance(value, tuple | list):
        return tuple(map(_seen, value))
    return type(value), value


def _learn(result: Any, args: tuple[Any, ...]) -> Call:
    """How to make a result again: the argument that came back, or blank tensors, or else by asking torch."""
    if args and result is args[0]:
        return _first
    made = list(tensors(result))
    if not all(map(has_storage, made)):
        return _ask
    storages = {tensor.untyped_storage()._cdata for tensor in made}
    shared = storages.intersection(tensor.untyped_storage()._cdata for tensor in tensors(args))
    if shared or len(storages) < len(made) or not all(map(_can_be_made, made)):
        return _ask
    if isinstance(result, Tensor):
        return _blank(result)
    kind = type(result)
    if kind not in (tuple, list) or any(not isinstance(part, Tensor | None) for part in result):
        return _ask
    blanks = [None if part is None else _blank(part) for part in result]
    return lambda *case: kind([blank and blank(*case) for blank in blanks])


def _ask(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    return func(*args, **kwargs)


def _first(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    return args[0]


def _blank(like: Tensor) -> Call:
    """A new tensor of the same shape, strides and type."""
    size, stride, dtype = like.shape, like.stride(), like.dtype
    return lambda *_: torch.empty_strided(size, stride, dtype=dtype, device="meta")


def _can_be_made(tensor: Tensor) -> bool:
    """Whether a blank one is the same, in the bytes under it too."""
    if type(tensor) is not Tensor or not tensor.is_meta or tensor.storage_offset():
        return False
    blank = torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
    return blank.untyped_storage().nbytes() == tensor.untyped_storage().nbytes()


def _batch_norm(images: Tensor, *more: Any) -> Any:
    """What comes out of batch norm: tensors like the images, and two numbers for each channel."""
    if not images.is_contiguous():
        return aten.native_batch_norm.default(images, *more)
    return torch.empty_like(images), images.new_empty(images.shape[1]), images.new_empty(images.shape[1])


def _batch_norm_backward(gradient: Tensor, images: Tensor, *more: Any) -> Any:
    """Gradients of the images, and of weight and bias where the last argument, a mask, asks for them."""
    if not (gradient.is_contiguous() and images.is_contiguous()):
        return aten.native_batch_norm_backward.default(gradient, images, *more)
    return torch.empty_like(images), *(images.new_empty(images.shape[1]) if wanted else None for wanted in more[-1][1:])


aten = torch.ops.aten
SPARSE = (torch.sparse_coo, torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc)
QUICK = {aten.native_batch_norm.default: _batch_norm, aten.native_batch_norm_backward.default: _batch_norm_backward}
"""Operators that networks are full of and torch takes longest for, each without its arithmetic."""


def has_storage(tensor: Tensor) -> bool:
    """Whether a tensor has a storage to look at: in the layout of oneDNN, or a sparse one, it has none."""
    return tensor.layout is torch.strided or not (tensor.is_mkldnn or tensor.layout in SPARSE)


def tensors(value: object) -> Iterator[Tensor]:
    """The tensors among an operator's arguments or results: alone, or in lists."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from tensors(part)


def returned(value: object) -> Iterator[Tensor]:
    """The tensors in what a model returns: alone, or in containers and other objects, one in another."""
    return (tensor for _, tensor in outputs.tensors(value))
