"""Resident memory of a process that has imported torch and the library of a model, and nothing more.

The fork server imports this module before anything else that is large, and its workers inherit the numbers: a worker
itself shares the code of libraries with the fork server, which also has imported what only measuring needs.
"""

from __future__ import annotations

import torch
import torchvision  # noqa: F401  with torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_leaves

from reporter.architectures.timm import PREFIX
from reporter.host import process_memory
from reporter.model import Architecture

BASE = process_memory.resident()
_more: dict[str, int] = {}


def load_timm() -> None:
    """Imports timm, and notes by how much the memory of this process grows."""
    before = process_memory.resident()
    import timm  # noqa: F401

    _more[PREFIX] = process_memory.resident() - before


def load_own(reference: str) -> Architecture:
    """Imports the code of the user's own network, and notes by how much the memory of this process grows.

    The weights of a module instance are left out: those of the model that is a copy of it are measured.
    """
    from reporter.worker import references

    before = process_memory.resident()
    entry = references.load(reference)
    made = references.instance(entry)
    grown = process_memory.resident() - before
    _more[entry.name] = max(0, grown - (weight_bytes(made) if made else 0))
    return entry


def weight_bytes(network: nn.Module) -> int:
    """Bytes of the storages of all tensors in the state of a network, each counted once.

    A state_dict also has values of other types: the tuples and data types of packed weights, and extra states.
    """
    from reporter.worker.counts.counting import storage_bytes  # not at the top: BASE is the memory before

    found = [each for each in tree_leaves(network.state_dict()) if isinstance(each, Tensor) and not is_lazy(each)]
    return storage_bytes(each for each in found if each.layout is torch.strided)


def resident(architecture: str) -> int:
    """Bytes of a process that has imported what an architecture needs."""
    return BASE + sum(more for prefix, more in _more.items() if architecture.startswith(prefix))
