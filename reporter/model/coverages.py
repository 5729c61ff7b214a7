"""Coverages: the sum of the operators or stages of an inference over its latency."""

from __future__ import annotations

from reporter.model.devices import device_in, is_accelerator

LEAST, MOST = 0.95, 1.05
"""Coverages outside are doubtful."""


def is_coverage(key: str) -> bool:
    """Whether a key is that of a coverage on the CPU.

    That of an accelerator is none: its kernels leave out the time in which it is idle, and its stages are waited for.
    """
    return "_coverage_" in key and not is_accelerator(device_in(key))


def doubt(key: str, value: float | None) -> str | None:
    """What to know about parts on the CPU that do not sum to the latency; derived, so that earlier records have it."""
    if value is None or not is_coverage(key) or LEAST <= value <= MOST:
        return None
    return f"the parts sum to {value:.3f} of the latency: calls were disturbed, or parts are missing"
