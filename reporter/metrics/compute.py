"""Compute of one inference: multiply-adds, activations and depth, counted on meta where possible."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reporter.model import Metric, Quantity, Reading, exact

if TYPE_CHECKING:
    from reporter.worker.subject import Subject

MACS = Quantity(
    key="macs",
    title="MACs",
    unit="1",
    group="compute",
    better="lower",
    definition="Multiply-adds of convolutions, linear layers and attention in one inference of one image at the input "
    "size; FLOPs are twice as many. Counted by the formulas of torch's FlopCounterMode, halved, and by the like for "
    "matrix-vector products, bilinear layers and deformable convolutions.",
)
ACTIVATIONS = Quantity(
    key="activations",
    title="Activations",
    unit="1",
    group="compute",
    better="lower",
    definition="Elements that convolutions, linear layers and matrix products put out in one inference "
    "(Radosavovic et al., arXiv 2003.13678, sect. 3.1).",
)
DEPTH = Quantity(
    key="depth",
    title="Depth",
    unit="1",
    group="compute",
    better="neither",
    definition="Convolutions and linear layers on the longest path from image to class. Squeeze-and-excitation gates "
    "lie on that path, so that SE networks are deeper here than their names say.",
)


def measure(subject: Subject) -> Iterator[Reading]:
    """Runs one image through the network, on meta where it can run there."""
    from reporter.worker.subject import marked

    counts, refusal = subject.counting
    macs = marked(exact(MACS, counts.macs), refusal)
    if counts.uncounted:
        without = f"without the operators that have no formula: {', '.join(sorted(counts.uncounted))}"
        reason = "; ".join(filter(None, (without, macs.reason)))
        macs = macs.model_copy(update={"reason": reason, "detail": {**macs.detail, "uncounted": counts.uncounted}})
    yield macs
    yield marked(exact(ACTIVATIONS, counts.activations), refusal)
    yield marked(exact(DEPTH, counts.depth), refusal)


ENTRIES = (Metric("compute", (MACS, ACTIVATIONS, DEPTH), measure, process="counting"),)
