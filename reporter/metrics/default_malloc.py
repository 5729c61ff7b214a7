"""Latency and throughput on the CPU with the default settings of the C library's allocator, as most services run.

Measured before `latency_cpu` and the others of its process, which set the allocator to keep freed memory: that cannot
be undone. This module is loaded before theirs, in the order of file names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from functools import partial
from typing import TYPE_CHECKING

from reporter.metrics.latency import measure_latency, measure_throughput
from reporter.model import Metric, Quantity, Reading, absent
from reporter.model.fields import DEFAULT_MALLOC, DEFAULT_MALLOC_SHARE

if TYPE_CHECKING:
    from reporter.worker.subject import Subject

PLAINLY = (
    "with the default settings of the C library's allocator (glibc), which returns freed memory to the system, as in a "
    "service that is started plainly"
)
LATENCY, THROUGHPUT = (
    Quantity(
        key=DEFAULT_MALLOC[0],
        title="Latency, CPU, default malloc",
        unit="s",
        group="latency",
        better="lower",
        definition=f"Time for one image of the input size on the CPU with all threads, {PLAINLY}; sampled for a "
        "shorter time than the latency with freed memory kept.",
    ),
    Quantity(
        key=DEFAULT_MALLOC[1],
        title="Throughput, CPU, default malloc",
        unit="1/s",
        group="latency",
        better="higher",
        definition=f"Images of the input size per second in batches on the CPU with all threads, {PLAINLY}; sampled "
        "for a shorter time than the throughput with freed memory kept.",
    ),
)


def measure(quantity: Quantity, timed: Callable[[Subject], Iterator[Reading]], subject: Subject) -> Iterator[Reading]:
    """Takes a time for a share of the usual seconds, in fewer calls; the network is that of the other times."""
    from reporter.host.machine import has_glibc

    if not has_glibc():
        reason = "the C library is not glibc: the other times use its default allocator settings already"
        yield from absent((quantity,), "unsupported", reason)
        return
    _ = subject.network
    brief = copy(subject)
    seconds = DEFAULT_MALLOC_SHARE * subject.conditions.seconds
    brief.conditions = subject.conditions.model_copy(update={"seconds": seconds})
    yield from timed(brief)


def _entry(quantity: Quantity, timed: Callable[[Subject], Iterator[Reading]], *depends: str) -> Metric:
    return Metric(
        quantity.key,
        (quantity,),
        partial(measure, quantity, timed),
        process="timing cpu",
        device="cpu",
        timed=True,
        depends=depends,
    )


ENTRIES = (
    _entry(LATENCY, partial(measure_latency, LATENCY, False, least=2)),
    _entry(THROUGHPUT, partial(measure_throughput, THROUGHPUT, least=1), "throughput_batch"),
)
