"""One network under measurement, with its inputs: each part is made once, on first use."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from reporter.attempts import attempt
from reporter.measuring import clock
from reporter.measuring.building import on_meta, without_initialisation
from reporter.measuring.clock import Sampler
from reporter.measuring.counting import Counts, count
from reporter.measuring.heads import scores
from reporter.settings import Conditions
from reporter.types import Architecture

INPUTS = 4
"""How many different inputs take turns, so that no cache learns one of them by heart."""


class Subject:
    """An architecture on a device under some conditions; `building` counts the seconds spent on making networks.

    `round` is which of the rounds this is; `sample` is how times are taken: on their own, or in turns with another
    process.
    """

    def __init__(
        self,
        architecture: Architecture,
        device: str,
        conditions: Conditions,
        number: int = 0,
        sample: Sampler = clock.sample,
    ) -> None:
        self.architecture = architecture
        self.device = torch.device(device)
        self.conditions = conditions
        self.round = number
        self.sample = sample
        self.building = 0.0

    @cached_property
    def network(self) -> nn.Module:
        """The real network on the device, evaluating, with random weights."""
        return self._made(self.device)

    @cached_property
    def meta(self) -> nn.Module:
        """The same network without memory: shapes only."""
        return self._made("meta")

    @property
    def unwritten(self) -> nn.Module:
        """A new one on the CPU whose weights are not initialised: for what does not depend on their values."""
        with without_initialisation():
            return self.build()

    def take(self, device: str | torch.device) -> nn.Module:
        """The network on a device for one who will change it: the next use makes a new one."""
        return self.__dict__.pop("meta" if str(device) == "meta" else "network", None) or self._made(device)

    @cached_property
    def counts(self) -> Counts:
        """What one inference of one native input costs, counted on meta."""
        return count(self.meta, self.input(1, "meta"))

    @cached_property
    def classes(self) -> int:
        """How many classes it is measured with: as many as the architecture says, or as it has."""
        if self.architecture.classes:
            return self.architecture.classes
        found, _ = attempt(lambda: scores(self.meta, self.input(1, "meta")))
        if found is None:  # it reads values, which meta tensors do not have
            found = scores(self.build(), self.input(1, "cpu"))
        return found.shape[-1]

    def one_size(self) -> str | None:
        """Why no image of the data set goes through the network, though those of its native size do; else None."""
        native, size = self.architecture.input_size, self.conditions.image_size
        (_, own), (_, other) = (attempt(partial(self._infer, side)) for side in (native, size))
        if own.status != "ok" or other.status == "ok":
            return None
        return f"takes images of {native} pixels, not the {size} of the fine-tuning ({other.reason})"

    def build(self) -> nn.Module:
        """A new network on the CPU, evaluating."""
        start = perf_counter()
        torch.manual_seed(0)
        network = self.architecture.build(self.architecture.classes).eval()
        self.building += perf_counter() - start
        return network

    @torch.no_grad()
    def _infer(self, size: int) -> object:
        return self._made("meta")(self.input(2, "meta", size))

    def _made(self, device: str | torch.device) -> nn.Module:
        return on_meta(self.build) if str(device) == "meta" else self.build().to(device)

    def input(self, batch: int, device: str | torch.device | None = None, size: int | None = None) -> Tensor:
        """Seeded normal images: batch x 3 x size x size, native size if not told otherwise; on meta without values."""
        side = size or self.architecture.input_size
        if str(device) == "meta":
            return torch.empty(batch, 3, side, side, device="meta")
        return torch.randn(batch, 3, side, side, generator=_seeded()).to(device or self.device)

    def inputs(self, batch: int) -> Iterator[Tensor]:
        """Several inputs on the device, in turn, without end."""
        images = self.input(batch * INPUTS).split(batch)
        while True:
            yield from images


def auxiliary_heads(network: nn.Module) -> dict[str, nn.Module]:
    """The heads that only training uses, by torchvision's naming: `aux1`, `aux2`, `AuxLogits`.

    VOLO's `aux_head` is none: in timm it has a say in every answer.
    """
    children = network.named_children()
    return {name: child for name, child in children if name.lower().startswith("aux") and name != "aux_head"}


def drop_auxiliary(network: Any) -> None:
    """Takes the auxiliary heads off, so that training returns the main output alone."""
    for name in auxiliary_heads(network):
        setattr(network, name, None)
    if hasattr(network, "aux_logits"):
        network.aux_logits = False


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)
