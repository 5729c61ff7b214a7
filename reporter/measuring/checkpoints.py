"""Weights of one's own from a file, and what they and published ones have to do with a network's head."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from reporter.measuring.building import built, on_meta
from reporter.types import Architecture

DIGITS = 12
"""So many digits of a SHA-256 are told where people read; the record has all 64."""
LONGEST_SOURCE = 1000
OLD_DENSE = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")
"""DenseNet's published files name layers as torch no longer allows: norm.1 for norm1."""
_TROUBLE = (UnpicklingError, RuntimeError, EOFError, LookupError, ValueError, TypeError, struct.error)
"""What torch raises over a file that is torn, or none of its own."""


def own_weights(path: Path, sha256: str) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
    """The tensors of a file and what the record says of it: name, SHA-256, and where FILE.txt says that it is from.

    ValueError where the file is no longer the one that was asked for, or holds anything else than named tensors:
    nothing in it is run (`weights_only`).
    """
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise ValueError(f"{path.name} was changed after the run began")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except _TROUBLE as error:
        raise ValueError(f"{path.name} cannot be read as tensors: {_first_line(error)}") from None
    if not isinstance(state, Mapping) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise ValueError(f"{path.name} does not hold named tensors alone; wanted: torch.save(network.state_dict(), …)")
    about = {"file": path.name, "sha256": sha256, "source": _source(path)}
    return state, {"weights": f"own checkpoint {path.name}, SHA-256 {sha256[:DIGITS]}…", "checkpoint": about}


def head(architecture: Architecture, classes: int) -> set[str]:
    """The names of the weights that make the class outputs: those whose shape the number of classes decides."""
    few, many = ({name: w.shape for name, w in _state(architecture, n)} for n in (classes, classes + 1))
    return {name for name, shape in few.items() if many.get(name) != shape}


def load_but_head(network: nn.Module, state: Mapping[str, Tensor], head: set[str], heads: Collection[str] = ()) -> None:
    """Takes over every tensor but those of the head, whose shape the data set decides; ValueError where one is missing.

    Auxiliary heads, by name, may be missing, and the counts of batches, which files from before torch 0.4.1 lack.
    """
    own = network.state_dict()
    names = {OLD_DENSE.sub(r"\1\2", name): tensor for name, tensor in state.items()}
    fitting = {name: tensor for name, tensor in names.items() if name in own and own[name].shape == tensor.shape}
    auxiliary = tuple(f"{name}." for name in heads)
    needed = [name for name in own if not name.startswith(auxiliary) and not name.endswith("num_batches_tracked")]
    missing = [name for name in needed if name not in fitting.keys() | head]
    if missing:
        differing = f"{len(missing)} of {len(own)} tensors differ, {missing[0]} first"
        raise ValueError(f"the checkpoint does not fit: {differing}")
    network.load_state_dict({name: fitting[name] for name in fitting.keys() - head}, strict=False)


def freeze(network: nn.Module, head: set[str]) -> None:
    """From now on only the head learns; ValueError where there is none."""
    for name, weight in network.named_parameters():
        weight.requires_grad_(name in head)
    if not any(weight.requires_grad for weight in network.parameters()):
        raise ValueError("no weights depend on the number of classes, so there is no head to train")


def _state(architecture: Architecture, classes: int) -> list[tuple[str, Tensor]]:
    return list(on_meta(partial(built, architecture, classes)).state_dict().items())


def _source(path: Path) -> str:
    """The words of the text file beside a checkpoint in one line, empty where there is none."""
    try:
        text = path.with_name(f"{path.name}.txt").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    return " ".join(text.split())[:LONGEST_SOURCE]


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or ["no message"])[0]
