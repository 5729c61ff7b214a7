"""What is wrong with an entry of a plug-in, in the words of the line that reports it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from reporter.model import Engine, Metric, Quantity
from reporter.model.devices import DEVICE_TYPES
from reporter.model.modes import CHANNELS_LAST, PRECISIONS, SETS
from reporter.model.records import EAGER

WORK = ("build", "load", "measure", "prepare")
"""The functions of an entry, by kind."""
METRIC_DEVICES = (*DEVICE_TYPES, "any", "none")


def fault(entry: Any) -> str:
    """The first fault of an entry that would end a command; empty if it has none.

    Other faults are reported in the row of the entry.
    """
    return next(_faults(entry), "")


def conflict(entry: Any, others: Iterable[Any]) -> str:
    """What keeps a metric from sharing its process with others that have the same one; empty if nothing does."""
    for other in others if isinstance(entry, Metric) else ():
        for name in ("device", "timed"):
            mine, theirs = getattr(entry, name), getattr(other, name)
            if entry.process == other.process and mine != theirs:
                return f"its {name} is {mine!r}, that of {other.name!r} in process {other.process!r} is {theirs!r}"
    return ""


def _faults(entry: Any) -> Iterator[str]:
    if not isinstance(entry.name, str) or not entry.name or ":" in entry.name:
        yield f"name is {entry.name!r}; it should be text without ':'"
    work = next((name for name in WORK if hasattr(entry, name)), "")
    if not callable(getattr(entry, work, None)):
        yield f"{work} should be a function"
    if isinstance(entry, Metric):
        yield from _faults_of_metric(entry)
    if isinstance(entry, Engine):
        yield from _faults_of_engine(entry)


def _faults_of_metric(metric: Metric) -> Iterator[str]:
    quantities: Any = metric.quantities
    if not isinstance(quantities, tuple | list) or not quantities or not _are(quantities, Quantity):
        yield f"quantities is {quantities!r:.60}; it should be a tuple with at least one Quantity"
    if not isinstance(metric.process, str) or not metric.process:
        yield f"process is {metric.process!r}; it should be text"
    if metric.device not in METRIC_DEVICES:
        yield f"device is {metric.device!r}; it should be one of {', '.join(METRIC_DEVICES)}"


def _faults_of_engine(engine: Engine) -> Iterator[str]:
    reserved = (EAGER, CHANNELS_LAST, *PRECISIONS, *SETS, "fp32")
    if engine.name in reserved or set(engine.name) & set("+,") or engine.name != engine.name.strip():
        yield f"name is {engine.name!r}; it should be a word without '+' and ',', and none of {', '.join(reserved)}"
    for name, allowed in (
        ("precisions", PRECISIONS),
        ("converts", PRECISIONS),
        ("memory_formats", (CHANNELS_LAST,)),
        ("devices", DEVICE_TYPES),
    ):
        if not _is_tuple_of(getattr(engine, name), allowed):
            besides = " besides fp32" if allowed == PRECISIONS else ""
            yield f"{name} is {getattr(engine, name)!r:.60}; it should be a tuple of {', '.join(allowed)}{besides}"
    if not _is_tuple_of(engine.modules):
        yield f"modules is {engine.modules!r:.60}; it should be a tuple of names of modules"
    needed: Any = engine.precision_modules
    if not isinstance(needed, Mapping) or not all(_is_tuple_of(modules) for modules in needed.values()):
        yield f"precision_modules is {needed!r:.60}; it should map precisions to tuples of names of modules"


def _are(values: Collection[Any], kind: type) -> bool:
    return all(isinstance(each, kind) for each in values)


def _is_tuple_of(values: Any, allowed: Collection[str] | None = None) -> bool:
    """Whether it is a tuple or list of texts, which are all `allowed` if that is given."""
    if not isinstance(values, tuple | list) or not _are(values, str) or "" in values:
        return False
    return allowed is None or set(values) <= set(allowed)
