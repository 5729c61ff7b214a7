"""Structure of a model: its layers, the cost of each stage, and the graph of its repeated block."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from reporter import facts
from reporter.model import Metric, Quantity, Reading, absent, exact
from reporter.model.attempts import attempt

if TYPE_CHECKING:
    from reporter.worker.subject import Subject

LAYERS = Quantity(
    key="layers",
    title="Layers",
    unit="1",
    group="size",
    better="neither",
    definition="Modules that one inference runs and that hold weights, multiply, pool or change the shape, without "
    "what their submodules do: convolutions, linear layers, attention, norms and pooling. The stages and the layer "
    "table of a card are counted with them; the stages' parameters and MACs sum up to those of the network.",
)
BLOCK = Quantity(
    key="block_parameters",
    title="Parameters of a block",
    unit="1",
    group="size",
    better="neither",
    definition="Parameters of the block that a card draws, traced by torch.fx: of the kind that the network repeats, "
    "the first that keeps the shape of its input. Of a network that repeats none, the stage with most MACs, or "
    "the whole of a small one.",
)


def measure(subject: Subject) -> Iterator[Reading]:
    """Runs one image through the network, on meta where it can run there, and traces one block of it."""
    from reporter.worker.counts import block_graphs
    from reporter.worker.counts.layers import layers, line, visits
    from reporter.worker.counts.packed_weights import unlisted
    from reporter.worker.counts.stage_costs import stages
    from reporter.worker.subject import marked
    from reporter.worker.weights.auxiliary_heads import modules

    met, refusal = subject.counted(lambda device: visits(subject.on(device), subject.input(1, device)))
    network = met[""].module
    parts, rows = stages(network, met, subject.size, subject.heads), layers(met)
    yield marked(exact(LAYERS, len(rows), stages=parts, layers=[line(row) for row in rows]), refusal)
    block = block_graphs.typical(network, met, parts, facts.card(subject.architecture.name).get("block", ""))
    if reason := unlisted(block.module).reason:
        yield from absent((BLOCK,), "unsupported", reason)
        return
    in_heads = {id(weight) for head in modules(network, subject.heads) for weight in head.parameters()}
    size = sum(parameter.numel() for parameter in block.module.parameters() if id(parameter) not in in_heads)
    graph, verdict = attempt(partial(block_graphs.graph, block))
    if graph is None:
        yield from absent((BLOCK,), "unsupported", f"torch.fx cannot trace it: {verdict.reason}")
        return
    yield marked(exact(BLOCK, size, name=block.name, kind=block.kind, repeats=block.repeats, graph=graph), refusal)


ENTRIES = (Metric("structure", (LAYERS, BLOCK), measure, process="counting", depends=("input_size",)),)
