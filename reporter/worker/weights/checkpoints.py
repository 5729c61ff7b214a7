"""Weights from a file, and how they and published weights relate to the head of a model."""

from __future__ import annotations

import hashlib
import re
import struct
import warnings
from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from reporter.model import Architecture
from reporter.model.attempts import attempt, one_line
from reporter.worker.counts.building import built, on_meta
from reporter.worker.weights.state_dicts import Fit, fit, holds, parts, unwrapped
from reporter.worker.weights.unplaced_tensors import unplaced

DIGITS = 12
"""So many digits of a SHA-256 are shown to people; the record has all 64."""
LONGEST_SOURCE = 1000
OLD_DENSE = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")
"""DenseNet's published files name layers as torch no longer allows: norm.1 for norm1."""
UNSAFE = re.compile(r"GLOBAL (\S+) was not an allowed global")
WANTED = "wanted: torch.save(network.state_dict(), FILE)"
_TROUBLE = (UnpicklingError, RuntimeError, EOFError, LookupError, ValueError, TypeError, struct.error)
"""What torch raises over a file that is torn, or none of its own."""
_NO_SAFETENSORS = (
    "safetensors is not installed; install the extra 'safetensors', in a checkout pip install '.[safetensors]'"
)


def own_weights(path: Path, sha256: str) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
    """The tensors of a file and what the record says of it: name, SHA-256, and where FILE.txt says that it is from.

    ValueError where the file is no longer the one that was asked for, or holds anything else than named tensors:
    nothing in it is run (`weights_only`).
    """
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise ValueError(f"{path.name} was changed after the run began")
    try:
        loaded = _loaded(path)
    except _TROUBLE as error:
        raise ValueError(f"{path.name} cannot be read as tensors: {_in_the_way(path, error)}") from None
    if (found := unwrapped(loaded)) is None:
        raise ValueError(f"{path.name} does not hold named tensors alone; {WANTED}")
    state, entry = found
    about = {"file": path.name, "sha256": sha256, "source": _source(path), **({"entry": entry} if entry else {})}
    weights = f"own checkpoint {path.name}, SHA-256 {sha256[:DIGITS]}…"
    return state, {"weights": f"{weights}, its entry {entry}" if entry else weights, "checkpoint": about}


def head(architecture: Architecture, classes: int) -> set[str]:
    """The names of the weights that make the class outputs: those whose shape the number of classes decides."""
    few, many = (_tensors(on_meta(partial(built, architecture, number))) for number in (classes, classes + 1))
    return {name for name, tensor in few.items() if name not in many or many[name].shape != tensor.shape}


def load_but_head(network: nn.Module, state: Mapping[str, Tensor], head: set[str], heads: Collection[str] = ()) -> str:
    """Takes over every tensor but those of the head, whose shape the data set decides; ValueError where one is missing.

    Gives the prefix that was removed from the names of the file.
    """
    found = fitted(network, state, head, heads)
    network.load_state_dict({name: found.tensors[name] for name in found.tensors.keys() - head}, strict=False)
    return found.removed


def fitted(network: nn.Module, state: Mapping[str, Tensor], head: set[str], heads: Collection[str] = ()) -> Fit:
    """The tensors of a state dict by the network's names; ValueError, with the first that is missing, where one is.

    ValueError, too, where the state dict is that of a deeper network, see `unplaced`.

    Auxiliary heads, by name, may be missing, the counts of batches, which files from before torch 0.4.1 lack, and all
    names of a tied weight but one, as in files of `safetensors.torch.save_model`. Where another is missing, a part of
    the state dict is taken, if it is the only one that lacks none.
    """
    own = _tensors(network)
    names = {OLD_DENSE.sub(r"\1\2", name): tensor for name, tensor in state.items()}
    found = fit(own, names)
    auxiliary = tuple(f"{name}." for name in heads)
    needed = [name for name in own if not name.startswith(auxiliary) and not name.endswith("num_batches_tracked")]
    needed = [name for name in needed if name not in head]
    tied = _tied(network)

    def lacking(there: Mapping[str, Tensor]) -> list[str]:
        return [name for name in needed if tied[name].isdisjoint(there)]

    if lacking(found.tensors):
        named = [part for part in parts(own, names) if not lacking(part.names)]
        whole = [part for part in named if not lacking(part.tensors)]
        if len(whole) > 1:
            prefixes = ", ".join(part.removed for part in whole)
            raise ValueError(f"several parts of the checkpoint fit, with the prefixes {prefixes}; save one of them")
        found = next(iter((*whole, *named)), found)
    if missing := lacking(found.tensors):
        differ = "differs" if len(missing) == 1 else "differ"
        differing = f"{len(missing)} of {len(own)} tensors {differ}, {missing[0]} first"
        raise ValueError(f"the checkpoint does not fit: {differing} ({_difference(missing[0], own, found.names)})")
    if more := unplaced(network, own, found.names, head, heads):
        counted = "1 tensor of the file has" if len(more) == 1 else f"{len(more)} tensors of the file have"
        raise ValueError(f"the checkpoint does not fit: {counted} no place in the network, {more[0]} first")
    return found


def _loaded(path: Path) -> Any:
    """The content of a file, on the CPU; ValueError if a .safetensors file is torn or its package is not installed."""
    if path.suffix.lower() != ".safetensors":
        with warnings.catch_warnings(action="ignore"):  # of a TorchScript archive, which the error names
            return torch.load(path, map_location="cpu", weights_only=True)
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise ValueError(_NO_SAFETENSORS) from None
    try:
        return load_file(path)
    except SafetensorError as error:  # derived from Exception alone
        raise ValueError(str(error)) from None


def _difference(name: str, own: Mapping[str, Tensor], names: Mapping[str, Tensor]) -> str:
    """How a tensor of the network differs from that of the file."""
    shape = " x ".join(map(str, own[name].shape)) or "a number"
    if name in names and own[name].shape == names[name].shape and not holds(own[name], names[name]):
        return f"{_type(own[name])} in the network, {_type(names[name])} in the file"
    if name in names:
        return f"{shape} in the network, {' x '.join(map(str, names[name].shape)) or 'a number'} in the file"
    return f"{shape} in the network, not in the file, which begins with {next(iter(names), 'nothing')}"


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype)[6:]


def _in_the_way(path: Path, error: Exception) -> str:
    """Why a file is no state dict, in one line; nothing in it is run to find out."""
    kinds, _ = attempt(partial(torch.serialization.get_unsafe_globals_in_checkpoint, str(path)))
    if kinds is None:  # the file is damaged, or of an older or another format
        kinds = UNSAFE.findall(str(error))
    whole = [kind for kind in kinds if kind.startswith("torch.nn.modules.")]
    if whole:
        return f"it is a whole pickled network ({min(kinds, key=lambda kind: kind in whole)}); {WANTED}"
    if kinds:
        return f"it contains {', '.join(sorted(kinds)[:3])}, which is not a tensor; {WANTED}"
    if "TorchScript" in str(error):
        return f"it is a TorchScript archive; {WANTED}"
    return one_line(str(error))


def freeze(network: nn.Module, head: set[str]) -> None:
    """From now on only the head learns; ValueError where there is none."""
    for name, weight in network.named_parameters():
        weight.requires_grad_(name in head)
    if not any(weight.requires_grad for weight in network.parameters()):
        raise ValueError("no weights depend on the number of classes, so there is no head to train")


def _tensors(network: nn.Module) -> dict[str, Tensor]:
    """The tensors of a state dict, without what else modules store in it (`get_extra_state`)."""
    return {name: value for name, value in network.state_dict().items() if isinstance(value, Tensor)}


def _tied(network: nn.Module) -> dict[str, set[str]]:
    """For each name in a state dict all names of the same tensor: tied weights have several."""
    named, found = network.state_dict(keep_vars=True), defaultdict[int, set[str]](set)
    for name, tensor in named.items():
        found[id(tensor)].add(name)
    return {name: found[id(tensor)] for name, tensor in named.items()}


def _source(path: Path) -> str:
    """The words of the text file beside a checkpoint in one line, empty where there is none."""
    try:
        text = path.with_name(f"{path.name}.txt").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    return " ".join(text.split())[:LONGEST_SOURCE]
