"""How large is it? Parameters, with auxiliary heads apart, and the bytes that weights take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reporter.types import Metric, Quantity, Reading, exact

if TYPE_CHECKING:
    from reporter.measuring.subject import Subject

PARAMETERS = Quantity(
    key="parameters",
    title="Parameters",
    unit="1",
    group="size",
    better="lower",
    definition="Trainable weights and biases of the network with 1,000 classes, without auxiliary heads; shared ones "
    "count once, buffers such as batch-norm statistics do not count.",
)
AUXILIARY = Quantity(
    key="parameters_auxiliary",
    title="Auxiliary parameters",
    unit="1",
    group="size",
    better="lower",
    definition="Parameters of auxiliary heads, which only training uses; published counts differ in whether they "
    "include them.",
)
WEIGHTS = Quantity(
    key="weights_bytes",
    title="Weights",
    unit="B",
    group="size",
    better="lower",
    definition="Bytes of parameters and buffers in single precision, without auxiliary heads.",
)


def measure(subject: Subject) -> Iterator[Reading]:
    """Counts on meta; nothing is allocated."""
    from reporter.measuring.counting import storage_bytes
    from reporter.measuring.subject import auxiliary_heads

    network, heads = subject.meta, auxiliary_heads(subject.meta).values()
    in_heads = {id(tensor) for head in heads for tensor in (*head.parameters(), *head.buffers())}
    body = [parameter for parameter in network.parameters() if id(parameter) not in in_heads]
    state = [tensor for tensor in (*network.parameters(), *network.buffers()) if id(tensor) not in in_heads]
    yield exact(PARAMETERS, sum(parameter.numel() for parameter in body))
    yield exact(AUXILIARY, sum(parameter.numel() for head in heads for parameter in head.parameters()))
    yield exact(WEIGHTS, storage_bytes(state))


ENTRIES = (Metric("size", (PARAMETERS, AUXILIARY, WEIGHTS), measure, process="counting"),)
