"""How large is it? Parameters, with auxiliary heads apart, and the bytes that weights take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import JsonValue

from reporter.types import Metric, Quantity, Reading, exact

if TYPE_CHECKING:
    from reporter.measuring.subject import Subject

PARAMETERS = Quantity(
    key="parameters",
    title="Parameters",
    unit="1",
    group="size",
    better="lower",
    definition="Weights and biases of the network, frozen ones too, as nn.Module.parameters() lists them, without "
    "auxiliary heads; shared ones count once, buffers such as batch-norm statistics do not count.",
)
AUXILIARY = Quantity(
    key="parameters_auxiliary",
    title="Auxiliary parameters",
    unit="1",
    group="size",
    better="lower",
    definition="Parameters of auxiliary heads, which training runs and evaluation does not; published counts differ "
    "in whether they include them.",
)
WEIGHTS = Quantity(
    key="weights_bytes",
    title="Weights",
    unit="B",
    group="size",
    better="lower",
    definition="Bytes of parameters and buffers in the data types of the network, without auxiliary heads; shared "
    "memory counts once.",
)
REASON = 500
"""The longest reason of a row, in characters."""


def measure(subject: Subject) -> Iterator[Reading]:
    """Counts on meta; nothing is allocated."""
    from reporter.measuring.auxiliary import modules
    from reporter.measuring.counting import storage_bytes
    from reporter.measuring.packing import packed

    network, heads = subject.meta, modules(subject.meta, subject.heads)
    in_heads = {id(tensor) for head in heads for tensor in (*head.parameters(), *head.buffers())}
    body = [parameter for parameter in network.parameters() if id(parameter) not in in_heads]
    state = [tensor for tensor in (*network.parameters(), *network.buffers()) if id(tensor) not in in_heads]
    parameters = sum(parameter.numel() for parameter in body)
    size = storage_bytes(state)
    if layers := packed(network):
        reason = f"packed weights are not counted: {', '.join(layers)}"
        for quantity, number in ((PARAMETERS, parameters), (WEIGHTS, size)):
            detail: dict[str, JsonValue] = {"not_counted": list(layers), "others": number}
            yield Reading(quantity=quantity, status="unsupported", reason=reason[:REASON], detail=detail)
    else:
        yield exact(PARAMETERS, parameters, trainable=sum(each.numel() for each in body if each.requires_grad))
        yield exact(WEIGHTS, size)
    yield exact(AUXILIARY, sum(parameter.numel() for head in heads for parameter in head.parameters()))


ENTRIES = (Metric("size", (PARAMETERS, AUXILIARY, WEIGHTS), measure, process="counting"),)
