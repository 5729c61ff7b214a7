"""One network under measurement, with its inputs: each part is made once, on first use."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn

from reporter.attempts import attempt
from reporter.measuring import clock, precision
from reporter.measuring.building import on_meta, without_initialisation
from reporter.measuring.clock import Sampler
from reporter.measuring.counting import Counts, count
from reporter.measuring.device import Device, named
from reporter.measuring.heads import scores
from reporter.settings import Conditions
from reporter.types import Architecture

INPUTS = 4
"""How many different inputs take turns, so that no cache learns one of them by heart."""


class Subject:
    """An architecture on a device under some conditions; `building` counts the seconds spent on making networks.

    `place` is the device with its runtime, `device` is what tensors are moved to. `round` is which of the rounds this
    is; `sample` is how times are taken: on their own, or in turns with another process.
    """

    def __init__(
        self,
        architecture: Architecture,
        device: str | Device,
        conditions: Conditions,
        number: int = 0,
        sample: Sampler = clock.sample,
    ) -> None:
        self.architecture = architecture
        self.place = device if isinstance(device, Device) else named(device)
        self.device = torch.device(self.place.name)
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
        """A new network on a device, to be changed or trained.

        Never one that was used before: a tensor that it caches under inference mode, or for another image size, would
        make training fail. The one used before is released first, so that memory holds one of them.
        """
        self.__dict__.pop("meta" if str(device) == "meta" else "network", None)
        return self._made(device)

    @cached_property
    def counts(self) -> Counts:
        """What one inference of one native input costs, counted on meta."""
        return count(self.meta, self.input(1, "meta"))

    @cached_property
    def classes(self) -> int:
        """How many classes it is measured with: as many as the architecture says, or as it has."""
        return self.architecture.classes or scores(self.meta, self.input(1, "meta")).shape[-1]

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
        with torch.inference_mode(False):  # its weights can be trained wherever it is first used
            network = self.fresh(self.architecture.classes).eval()
        self.building += perf_counter() - start
        return network

    def fresh(self, classes: int) -> nn.Module:
        """A new one with a head for `classes`; its code changes no precision, and inference mode does not reach it."""
        with torch.inference_mode(False):
            network = self.architecture.build(classes)
        precision.fix()
        return network

    @torch.no_grad()
    def _infer(self, size: int) -> object:
        return self._made("meta")(self.input(2, "meta", size))

    def _made(self, device: str | torch.device) -> nn.Module:
        with torch.inference_mode(False):
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
