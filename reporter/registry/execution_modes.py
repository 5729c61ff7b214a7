"""Which execution modes a run measures, and what can be used on this machine."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from reporter.host import machine
from reporter.model import Engine
from reporter.model.modes import ALL, CHANNELS_LAST, DEFAULT, SETS, TORCH_PRECISIONS, Mode, canonical, parse
from reporter.model.records import EAGER
from reporter.registry.catalog import collect

ON_GPU = ("bf16", "fp16", "tf32", "amp")
"""Precisions that a GPU computes natively."""


@dataclass(frozen=True)
class Kind:
    """A kind of device: `cpu` or an accelerator, and the precisions besides fp32 that it computes natively."""

    device: str
    native: tuple[str, ...] = ()


def kind(device: str, native: Iterable[str]) -> Kind:
    """A kind of device, with what its processor computes natively if it is the CPU."""
    return Kind(device, tuple(native) if device == "cpu" else ON_GPU)


@cache
def engines() -> Mapping[str, Engine]:
    """All engines, installed or not, by name."""
    return collect("reporter.engines", Engine)


def checked(names: Collection[str]) -> tuple[str, ...]:
    """The names of --modes in canonical form; ReporterError where one is unknown or cannot be joined."""
    return canonical(names, engines())


def resolve(names: Iterable[str], kind: Kind) -> tuple[str, ...]:
    """The modes to measure on a kind of device, without `eager`; the sets are replaced by what they contain there."""
    found: dict[str, None] = {}
    for name in names:
        for each in in_set(name, kind) if name in SETS else (name,):
            if each != EAGER:
                found[each] = None
    return tuple(found)


def in_set(name: str, kind: Kind) -> tuple[str, ...]:
    """The modes of a set on a kind of device, as far as they can be used there."""
    known = engines()
    if name == DEFAULT:
        wanted = [CHANNELS_LAST, f"bf16+{CHANNELS_LAST}", *(["tf32"] if kind.device == "cuda" else [])]
    else:
        assert name == ALL
        wanted = list(listed(known))
    parsed = (parse(each, known) for each in wanted)
    return tuple(mode.name for mode in parsed if not obstacle(mode, kind, known) and not emulated(mode, kind))


def listed(known: Mapping[str, Engine]) -> Iterator[str]:
    """The names of all modes but `eager`, of each engine without its memory formats."""
    yield from (CHANNELS_LAST, *TORCH_PRECISIONS, *(f"{each}+{CHANNELS_LAST}" for each in ("amp", "bf16", "fp16")))
    for engine in known.values():
        yield from (
            parse(each, known).name for each in (engine.name, *(f"{p}+{engine.name}" for p in engine.precisions))
        )


def obstacle(mode: Mode, kind: Kind, known: Mapping[str, Engine]) -> str:
    """Why a mode cannot be measured on a kind of device; empty if it can."""
    if mode.precision == "tf32" and kind.device != "cuda":
        return "tf32 is a precision of GPUs" if kind.device == "cpu" else "tf32 is a precision of CUDA devices"
    engine = known.get(mode.engine)
    if engine is None:
        return ""
    if kind.device not in engine.devices:
        return f"{engine.title} runs on {', '.join(engine.devices)}"
    return engine.lacks(mode.precision)


def emulated(mode: Mode, kind: Kind) -> str:
    """Why a mode is slower than it could be: the device has no instructions for its precision; empty if it has."""
    needed = "bf16" if mode.precision == "amp" and kind.device == "cpu" else mode.precision
    if needed in ("", "int8") or needed in kind.native:
        return ""
    return f"emulated: this processor has no {needed} instructions"


def conditions_of(mode: str) -> dict[str, Any]:
    """What the readings of a mode depend on besides those of eager: the versions of its engine's packages."""
    if mode == EAGER:
        return {}
    parsed = parse(mode, engines())
    engine = engines().get(parsed.engine)
    return {"engine": engine.version(parsed.precision)} if engine else {}


def kinds_here() -> tuple[Kind, ...]:
    """The kinds of devices of this machine, found without torch."""
    devices = ("cpu", *(["cuda"] if machine.gpus() else []))
    return tuple(kind(device, machine.native_precisions()) for device in devices)
