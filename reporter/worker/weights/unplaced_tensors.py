"""Tensors of a checkpoint that the network has no place for, as where the file is of a deeper network."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from itertools import accumulate

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from reporter.worker.weights.state_dicts import plain_name, without_wrappers

NUMBERED = re.compile(r"(.*?)(\d+)")
"""The name of a member of a series: `layer3` of ResNet, and `6` of its module `layer3.6`."""
Series = dict[tuple[str, str], list[int]]
"""The numbers of the modules and tensors of a series, by the name of their parent and that before the number."""


def unplaced(
    network: nn.Module, own: Collection[str], names: Collection[str], head: Collection[str], heads: Collection[str]
) -> list[str]:
    """The tensors of a checkpoint that belong between those of the network, which has no place for them.

    These are members of its series of modules, such as `layer3.6.conv1.weight` where the network has `layer3.0` to
    `layer3.5`, and weights of its layers without weights, such as a ReLU. What a file may have beside the network is
    none of them: a further head, also in one series with the network's, a loss, a queue, a moving average, counters,
    what stood where the network has nn.Identity, and whole stages that a shortened network lacks, such as `layer4`.
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

    def belongs(name: str) -> bool:
        place = next((path for path in _paths(name) if path not in known), name)
        parent, _, part = place.rpartition(".")
        weightless = place == name and f"{parent}.weight" in given and _takes_no_weights(modules.get(parent))
        if weightless:
            parent, _, part = parent.rpartition(".")
        if parent not in body:
            return False
        if weightless or not parent or (found := NUMBERED.fullmatch(part)) is None:
            return weightless
        series, number = (parent, found[1]), int(found[2])
        return series in members and not any(end < number for end in last.get(series, ()))

    return [name for name in names if plain_name(name) not in tensors and belongs(plain_name(name))]


def _takes_no_weights(module: nn.Module | None) -> bool:
    """Whether it is a layer without tensors, but neither normalization nor in the place of a layer taken off."""
    if module is None or isinstance(module, nn.Identity | _NormBase):
        return False
    return not any(True for _ in (*module.children(), *module.parameters(), *module.buffers()))


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
