"""Entry points of workers in tests, in place of that of a run; each worker imports this module and calls one.

For example `mock.patch.object(local, "_enter", worker_entries.with_brief_profiles)`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing.connection import Connection

from reporter.run.executors import local


def shorten_ceilings(replace: Callable[[object, str, object], object] = setattr) -> None:
    """Measures the ceilings of the machine by two calls of a few shapes."""
    from reporter.worker.profiling import ceiling_rates

    replace(ceiling_rates, "CONVOLUTIONS", ((64, 56, 3),))
    replace(ceiling_rates, "ON_CPU", ceiling_rates.Sizes(1, (512,)))
    for name in ("COPIED", "MOST_COPIED"):
        replace(ceiling_rates, name, 2**22)
    once = ceiling_rates.Design(rounds=1, every=1, seconds=0.0)
    replace(ceiling_rates.best_rates, "__defaults__", (once,))


def shorten_profiles(replace: Callable[[object, str, object], object] = setattr) -> None:
    """Profiles a few calls in a row, and does so twice."""
    from reporter.worker.latency import alternation

    replace(alternation, "MOST_CALLS", 4)
    for name in ("UNSETTLED", "MOST_PASSES"):
        replace(alternation, name, 2)


def with_brief_profiles(question: str, connection: Connection) -> None:
    """A worker that profiles a few calls, and measures the ceilings of the machine by a few."""
    if '"process":"profiling' in question:
        shorten_ceilings()
    if '"process":"profiling' in question or '"process":"modes' in question:
        shorten_profiles()
    local._enter(question, connection)


def sleeping(question: str, connection: Connection) -> None:
    """A worker that does not answer."""
    time.sleep(60)


def with_architectures(folder: str, question: str, connection: Connection) -> None:
    """A worker that also finds the architectures of the files in a folder."""
    from reporter import architectures
    from reporter.registry import selection

    architectures.__path__.append(folder)
    selection.catalog_entries.cache_clear()
    local._enter(question, connection)
