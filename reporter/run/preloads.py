"""What the fork server does in advance for some metrics, once instead of in every worker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reporter.model import Metric

LISTING_KERNELS = frozenset({"operators", "kernels"})


def modules(metrics: Mapping[str, Metric]) -> Iterator[str]:
    """The names of the modules that it imports besides what all workers need."""
    if any("dataset" in metric.depends for metric in metrics.values()):
        yield "reporter.worker.preloaded_sklearn"
    yield from for_kernels(metrics)


def for_kernels(metrics: Iterable[str]) -> Iterator[str]:
    """The names of the modules that it imports where one of some metrics lists kernels."""
    if not LISTING_KERNELS.isdisjoint(metrics):
        yield "reporter.worker.preloaded_mkl"
