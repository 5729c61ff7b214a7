"""Tensors of a checkpoint that the network has no place for, as where the file is of a deeper network."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import accumulate

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from reporter.worker.weights.state_dicts import plain_name, without_wrappers

NUMBERED = re.compile(r"(.*?)(\d+)")
"""The name of a member of a series: `layer3` of ResNet, and `6` of its module `layer3.6`."""
Series = dict[tuple[str, str], list[int]]
"""The numbers of the modules and tensors of a series, by the name of their parent and that before the number."""


def unplaced(
    network: nn.Module,
    own: Collection[str],
    names: Mapping[str, Tensor],
    head: Collection[str],
    heads: Collection[str],
) -> list[str]:
    """The tensors of a checkpoint that belong between those of the network, which has no place for them.

    These are members of its series of modules, such as `layer3.6.conv1.weight` where the network has `layer3.0` to
    `layer3.5`, weights of its layers without weights, such as a ReLU, and modules with weights in several of its
    blocks, such as the gates of `layer1.0.se` and `layer1.1.se`. What a file may have beside the network is none of
    them: a further head, also in one series with the network's, a loss, a queue, a moving average, counters, what a
    single layer had for training, what stood where the network has nn.Identity, and whole stages that a shortened
    network lacks, such as `layer4`.
    `own` are the names of the network's tensors, `head` those of its head, `heads` the names of its auxiliary heads.
    """
    modules = {without_wrappers(name): module for name, module in network.named_modules()}
    tensors = {plain_name(name) for name in own}
    auxiliary = tuple(f"{without_wrappers(name)}." for name in heads)
    ends = {plain_name(name) for name in head} | {name for name in tensors if name.startswith(auxiliary)}
    body = {path for name in tensors - ends for path in _paths(name)}
    known, given = (
        {*modules, *(path for name in tensors for path in _paths(name))},
        {plain_name(name) for name in names},
    )
    members, last = _series(known), _series(path for name in ends for path in _paths(name))
    weights = (plain_name(name) for name, tensor in names.items() if tensor.is_floating_point())
    repeated = _repeated((_place(name, known) for name in weights if name.endswith(".weight")), members)

    def belongs(name: str) -> bool:
        place = _place(name, known)
        parent, _, part = place.rpartition(".")
        weightless = place == name and f"{parent}.weight" in given and _takes_no_weights(modules.get(parent))
        if weightless:
            parent, _, part = parent.rpartition(".")
        if parent not in body:
            return False
        if weightless or not parent:
            return weightless
        found = NUMBERED.fullmatch(part)
        series = (parent, found[1]) if found else None
        if found is None or series not in members:
            return place != name and place in repeated and _has_children(modules.get(parent))
        return not any(end < int(found[2]) for end in last.get(series, ()))

    return [name for name in names if plain_name(name) not in tensors and belongs(plain_name(name))]


def _takes_no_weights(module: nn.Module | None) -> bool:
    """Whether it is a layer without tensors, but neither normalization nor in the place of a layer taken off."""
    if module is None or isinstance(module, nn.Identity | _NormBase):
        return False
    return not any(True for _ in (*module.children(), *module.parameters(), *module.buffers()))


def _has_children(module: nn.Module | None) -> bool:
    return module is not None and any(True for _ in module.children())


def _place(name: str, existing: Collection[str]) -> str:
    """The outermost path to a tensor that does not exist in the network; its name if there is none."""
    return next((path for path in _paths(name) if path not in existing), name)


def _repeated(places: Iterable[str], members: Collection[tuple[str, str]]) -> set[str]:
    """Those that stand at the same place in two or more members of a series."""
    found: dict[tuple[tuple[str, str], str], dict[int, str]] = defaultdict(dict)
    for place in places:
        for path in _paths(place):
            parent, _, part = path.rpartition(".")
            if (member := NUMBERED.fullmatch(part)) and (parent, member[1]) in members:
                found[(parent, member[1]), place[len(path) :]][int(member[2])] = place
    return {place for same in found.values() if len(same) > 1 for place in same.values()}


def _paths(name: str) -> Iterator[str]:
    """The names of what contains a tensor, outermost first, and its own."""
    yield ""
    yield from accumulate(name.split("."), "{}.{}".format)


def _series(paths: Iterable[str]) -> Series:
    found: Series = defaultdict(list)
    for path in paths:
        parent, _, part = path.rpartition(".")
        if member := NUMBERED.fullmatch(part):
            found[parent, member[1]].append(int(member[2]))
    return found
