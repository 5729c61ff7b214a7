"""The data type and memory format of a model's input, taken from its weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from reporter.worker.graph_constants import frozen


@dataclass(frozen=True)
class Form:
    """Called with images, it gives them the data type and the memory format."""

    dtype: torch.dtype = torch.float32
    memory_format: torch.memory_format = torch.contiguous_format

    def __call__(self, images: Tensor) -> Tensor:
        return images.to(dtype=self.dtype, memory_format=self.memory_format)


def form(network: nn.Module) -> Form:
    """The form of a model's images: half for half weights, channels last where a weight lies in memory that way.

    A model of several types takes that of its first real weight, which is the one that meets the images. Of a model
    without parameters, constants of a frozen graph are the weights, else its buffers.
    """
    weights = [weight for weight in network.parameters() if not is_lazy(weight)] or _constants(network)
    weights = weights or [buffer for buffer in network.buffers() if not is_lazy(buffer)]
    real = [weight.dtype for weight in weights if weight.is_floating_point()]
    dtypes = real or [weight.dtype for weight in weights if weight.is_complex()] or [torch.float32]
    last = any(map(_channels_last, weights))
    return Form(dtypes[0], torch.channels_last if last else torch.contiguous_format)


def _constants(network: nn.Module) -> list[Tensor]:
    """The constant weights of frozen graphs, kernels first: the order in a graph is not that of its calls."""
    tensors = [tensor for constants in frozen(network).values() for tensor in constants]
    return sorted(tensors, key=Tensor.dim, reverse=True)


def _channels_last(weight: Tensor) -> bool:
    """Whether it lies channels last and in no other way; a 1 x 1 kernel lies in both."""
    if weight.dim() != 4 or weight.layout is not torch.strided or weight.is_contiguous():
        return False
    return weight.is_contiguous(memory_format=torch.channels_last)
