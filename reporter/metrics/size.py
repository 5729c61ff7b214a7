"""Size of a model: parameters, auxiliary heads separately, and the bytes of its weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic import JsonValue

from reporter.model import Metric, Quantity, Reading, exact

if TYPE_CHECKING:
    from torch import nn

    from reporter.worker.subject import Subject

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
LONGEST = 500
"""So many characters of a reason stand in a row; all names are in the detail."""


WITH_HEADS = "no forward pass was completed, so auxiliary heads are included, if there are any"


def measure(subject: Subject) -> Iterator[Reading]:
    """Counts on meta; nothing is allocated."""
    from reporter.worker.weights.auxiliary_heads import modules

    heads = modules(subject.meta, subject.heads)
    parameters, weights = _without(subject.meta, heads)
    yield parameters
    in_heads = {id(parameter): parameter for head in heads for parameter in head.parameters()}
    yield exact(AUXILIARY, sum(parameter.numel() for parameter in in_heads.values()))
    yield weights


def count_all(subject: Subject) -> Iterator[Reading]:
    """Counts what needs no forward pass, which alone shows the auxiliary heads."""
    for reading in _without(subject.meta, []):
        yield reading.model_copy(update={"reason": WITH_HEADS}) if reading.measured else reading


def _without(network: nn.Module, heads: Sequence[nn.Module]) -> Iterator[Reading]:
    """The parameters and bytes of a network without its auxiliary heads."""
    from reporter.worker.counts.counting import storage_bytes
    from reporter.worker.counts.meta_shapes import has_storage
    from reporter.worker.counts.packed_weights import unlisted

    in_heads = {id(tensor) for head in heads for tensor in (*head.parameters(), *head.buffers())}
    body = [parameter for parameter in network.parameters() if id(parameter) not in in_heads]
    state = [tensor for tensor in (*network.parameters(), *network.buffers()) if id(tensor) not in in_heads]
    missing, reason, _ = unlisted(network)
    learning = sum(parameter.numel() for parameter in body if parameter.requires_grad)
    yield _but(missing, reason, exact(PARAMETERS, sum(parameter.numel() for parameter in body), trainable=learning))
    state = [tensor for tensor in state if has_storage(tensor)] if missing else state
    yield _but(missing, reason, exact(WEIGHTS, storage_bytes(state)))


def _but(missing: Sequence[str], reason: str, reading: Reading) -> Reading:
    """A count, or the reason and the names of the layers that it leaves out because their weights are no parameters."""
    if not missing:
        return reading
    reason = reason[:LONGEST]
    detail: dict[str, JsonValue] = {"not_counted": list(missing), "others": reading.samples[0]}
    return Reading(quantity=reading.quantity, status="unsupported", reason=reason, detail=detail)


ENTRIES = (Metric("size", (PARAMETERS, AUXILIARY, WEIGHTS), measure, process="counting", fallback=count_all),)
