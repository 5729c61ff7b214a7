"""Receptive field: the window of the image that one position of the last feature map depends on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reporter.model import Metric, Quantity, Reading, exact

if TYPE_CHECKING:
    from reporter.worker.subject import Subject

RECEPTIVE_FIELD = Quantity(
    key="receptive_field",
    title="Receptive field",
    unit="1",
    group="size",
    better="neither",
    definition="Pixels, along its height, of the window of the image that one position of the last feature map before "
    "global pooling or the fully connected layers depends on, through convolutions, pooling, concatenations and sums. "
    "It may be larger than the image. Gates of squeeze-and-excitation, which see the whole image, do not count.",
)


def measure(subject: Subject) -> Iterator[Reading]:
    """Follows the windows of one image through the network, on meta where it can run there."""
    from reporter.worker.counts.input_windows import receptive_field
    from reporter.worker.subject import marked

    window, refusal = subject.counted(lambda device: receptive_field(subject.on(device), subject.input(1, device)))
    yield marked(exact(RECEPTIVE_FIELD, window[0], height=window[0], width=window[1]), refusal)


ENTRIES = (Metric("receptive_field", (RECEPTIVE_FIELD,), measure, process="counting", depends=("input_size",)),)
