"""The model under measurement with its inputs: each part is created on first use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property, partial
from itertools import cycle
from time import perf_counter
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from reporter.host.machine import usable_threads
from reporter.model import Architecture, Reading, Verdict
from reporter.model.attempts import attempt
from reporter.model.image_sizes import ImageSize, image_size, square
from reporter.model.settings import Conditions
from reporter.worker import precision
from reporter.worker.counts.building import built, on_meta, rebuilt
from reporter.worker.counts.counting import Counts, count
from reporter.worker.device import Device, named
from reporter.worker.input_format import Form, form
from reporter.worker.latency import timing
from reporter.worker.latency.timing import Sampler
from reporter.worker.weights.auxiliary_heads import auxiliary_heads, drop_auxiliary, order, trained_on_same_values
from reporter.worker.weights.classifier_heads import scores

Result = TypeVar("Result")
Counted = tuple[Result, str | None]
"""What a counting pass found, and why it did not run on meta; None where it did."""
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
        sample: Sampler = timing.sample,
    ) -> None:
        self.architecture = architecture
        self.place = device if isinstance(device, Device) else named(device)
        self.device = torch.device(self.place.name)
        self.conditions = conditions
        self.round = number
        self.sample = sample
        self.building = 0.0
        self.ceilings: tuple[Reading, ...] = ()
        """Those of the machine, if the run has measured them."""
        self.metrics: tuple[str, ...] = ()
        """The names of all metrics that its job measures."""

    @cached_property
    def network(self) -> nn.Module:
        """The real network on the device, evaluating, with random weights."""
        return self._made(self.device)

    @cached_property
    def meta(self) -> nn.Module:
        """The same network without memory: shapes only."""
        return self._made("meta")

    @cached_property
    def real(self) -> nn.Module:
        """An initialized one on the CPU, for passes that meta cannot run: values may decide where an operator reads."""
        return self.build()

    def take(self, device: str | torch.device, copies: bool = False) -> nn.Module:
        """A new network on a device, to be changed or trained.

        Never one that was used before: a tensor that it caches under inference mode, or for another image size, would
        make training fail. The one used before is released first, so that memory holds one of them. With `copies`, both
        exist until the weights of a network of the catalog on the CPU are copied, which takes less time than drawing
        them again; its inference must not have changed them.
        """
        used = self.__dict__.pop("meta" if str(device) == "meta" else "network", None)
        copies &= torch.device(device).type == "cpu" and not self.architecture.reference
        return self._made(device, like=used if copies else None)

    @property
    def counts(self) -> Counts:
        """What one inference of one native input costs, counted on meta, or on the CPU where it has to be."""
        return self.counting[0]

    @cached_property
    def counting(self) -> Counted[Counts]:
        """The counts, and why they were not taken on meta."""
        return self.counted(partial(self._count, self.size))

    @cached_property
    def evaluated(self) -> tuple[Counts | None, ImageSize, Verdict]:
        """The counts of an inference with its image size, the native one if it does not take that of --input-size.

        None and the reason where no inference can be run.
        """
        counts, verdict = attempt(lambda: self.counts)
        size = self.size
        if counts is None and self.conditions.input_size:
            size = square(self.architecture.input_size)
            found, _ = attempt(partial(self.counted, partial(self._count, size)))
            counts = found[0] if found else None
        return counts, size, verdict

    @cached_property
    def heads(self) -> tuple[str, ...]:
        """The names of the auxiliary heads; none where no inference can be run.

        Training and evaluation are compared on the same two images, with the same normalization, because the values of
        an image may decide which modules it runs through.
        """
        counts, size, _ = self.evaluated
        if counts is None or not counts.unread:
            return ()
        pair, _ = attempt(partial(self.counted, partial(self._count, size, images=2)))
        unread = counts.unread & pair[0].unread if pair else counts.unread
        training, _ = attempt(partial(self.counted, self._count_training))
        learning = {name for name, _ in self.meta.named_parameters()} - training[0].unread if training else set()
        return auxiliary_heads(self.meta, unread, learning)

    @cached_property
    def training_order(self) -> tuple[int, ...]:
        """The order of what training returns with the class scores before those of auxiliary heads; see `order`."""
        found, _ = attempt(partial(self.counted, self._order)) if self.heads else (None, None)
        return found[0] if found else ()

    @cached_property
    def classes(self) -> int:
        """How many classes it is measured with: as many as the architecture says, or as it has."""
        return self.architecture.classes or self.counted(self._count_classes)[0]

    def counted(self, work: Callable[[str], Result]) -> Counted[Result]:
        """What `work` gives on meta; where meta tensors do not support the model, on the CPU, with the reason."""
        found, verdict = attempt(partial(work, "meta"))
        return (work("cpu"), verdict.reason) if found is None else (found, None)

    def one_size(self, side: int | None = None) -> str | None:
        """Why no image of the data set goes through the network, though those of its native size do; else None.

        The images have a size of `side` pixels, by default `image_size`.
        """
        size = side or self.conditions.image_size
        return self.refusal(square(size), f"the {size} of the training images")

    @cached_property
    def refused_size(self) -> str | None:
        """Why no image of --input-size goes through the network, though those of its native size do; else None."""
        return self.refusal(self.size) if self.conditions.input_size else None

    def refusal(self, size: ImageSize, words: str = "") -> str | None:
        """Why no image of a size goes through the network, though those of its native size do; else None.

        The size of --input-size is the native one of a network that does not take that of its architecture: a function
        without a size is taken to be one of 224 pixels.
        """
        sizes = dict.fromkeys((square(self.architecture.input_size), self.size))
        native = next((each for each in sizes if self._inference(each).status == "ok"), None)
        if native is None or (other := self._inference(size)).status == "ok":
            return None
        return f"takes images of {native} pixels, not {words or f'of {size}'} ({other.reason})"

    def _inference(self, size: ImageSize) -> Verdict:
        """Whether images of a size go through the network; the reason where they do not."""
        return attempt(partial(self.counted, partial(self._infer, size)))[1]

    @property
    def size(self) -> ImageSize:
        """The size of the images that it is measured with: the architecture's own if no other is asked for."""
        asked = self.conditions.input_size
        return image_size(asked) if asked else square(self.architecture.input_size)

    @property
    def threads(self) -> int:
        """The number of threads that it is measured with on the CPU."""
        return self.conditions.threads or usable_threads()

    def training_error(self, size: int, heads: bool = True) -> str | None:
        """Why no image of a side goes through the network while it trains, with or without its auxiliary heads.

        None where they do.
        """
        kept = {"devices": [self.device], "device_type": self.device.type} if self.place.runtime else {"devices": []}
        with torch.random.fork_rng(**kept):  # the seed of a training stays in force
            return self._trained(size, heads)[1].reason

    def training_output(self, size: int) -> tuple[Any] | None:
        """What the network returns for two images of a side while it trains; None where they do not go through.

        Random numbers that are drawn afterwards are others.
        """
        found, _ = self._trained(size)
        return found[0] if found else None

    def _trained(self, size: int, heads: bool = True) -> tuple[Counted[tuple[Any]] | None, Verdict]:
        return attempt(partial(self.counted, partial(self._infer, square(size), training=True, heads=heads)))

    def build(self, like: nn.Module | None = None) -> nn.Module:
        """A new network on the CPU, evaluating; its weights are those of `like` if one is given, else random."""
        start = perf_counter()
        with torch.inference_mode(False):  # its weights can be trained wherever it is first used
            network = (self._drawn() if like is None else rebuilt(self._drawn, like)).eval()
        self.building += perf_counter() - start
        return network

    def _drawn(self) -> nn.Module:
        torch.manual_seed(0)
        return self.fresh(self.architecture.classes)

    def fresh(self, classes: int) -> nn.Module:
        """A new one with a head for `classes`; its code changes no precision, and inference mode does not reach it."""
        with torch.inference_mode(False):
            network = built(self.architecture, classes)
        precision.fix()
        return network

    def on(self, device: str) -> nn.Module:
        """The network for a counting pass on `meta` or on the `cpu`."""
        return self.meta if device == "meta" else self.real

    def _count(self, size: ImageSize, device: str, images: int = 1) -> Counts:
        return count(self.on(device), self.input(images, device, size))

    def _count_training(self, device: str) -> Counts:
        return count(trained_on_same_values(self._made(device)), self.input(2, device))

    def _order(self, device: str) -> tuple[int, ...]:
        network = self._made(device).train()
        with torch.enable_grad():
            return order(network(self.input(2, device)), network, self.heads)

    def _count_classes(self, device: str) -> int:
        return scores(self.on(device), self.input(1, device)).shape[-1]

    @torch.no_grad()
    def _infer(self, size: ImageSize, device: str, training: bool = False, heads: bool = True) -> tuple[Any]:
        network = self._made(device)
        if not heads:
            drop_auxiliary(network, self.heads)
        return (network.train(training)(self.input(2, device, size)),)

    def _made(self, device: str | torch.device, like: nn.Module | None = None) -> nn.Module:
        with torch.inference_mode(False):
            network = on_meta(self.build) if str(device) == "meta" else self.build(like).to(device)
        self.form = form(network)
        return network

    @cached_property
    def form(self) -> Form:
        """The data type and memory format of its images."""
        return form(self.meta)

    def input(self, batch: int, device: str | torch.device | None = None, size: ImageSize | None = None) -> Tensor:
        """Seeded normal images in the model's own form, batch x 3 x height x width, by default of `self.size`.

        On meta they have no values.
        """
        sides = size or self.size
        if str(device) == "meta":
            return self.form(torch.empty(batch, 3, *sides, device="meta"))
        return self.form(torch.randn(batch, 3, *sides, generator=_seeded())).to(device or self.device)

    def inputs(self, batch: int) -> Iterator[Tensor]:
        """Several inputs on the device, in turn, without end; none is made while another is in use."""
        return cycle(self.input(batch * INPUTS).split(batch))


def marked(reading: Reading, refusal: str | None) -> Reading:
    """A counted reading, with the reason in its row where the pass did not run on meta."""
    if refusal is None:
        return reading
    reason = f"counted by a forward pass on the CPU, because meta tensors do not support the model ({refusal})"
    return reading.model_copy(update={"reason": reason, "detail": {**reading.detail, "counted_on": "cpu"}})


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)
