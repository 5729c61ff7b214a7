"""Which execution modes a run measures, and what can be used on this machine."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any, NamedTuple

from reporter.host import gpus, machine
from reporter.model import Engine
from reporter.model.modes import ALL, CHANNELS_LAST, DEFAULT, SETS, TORCH_PRECISIONS, Mode, canonical, parse
from reporter.model.records import EAGER
from reporter.registry.catalog import collect
from reporter.version import number

Description = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""What engines lack on a machine and the versions of their packages, by engine and precision; JSON-able."""
IN_DEFAULT = (CHANNELS_LAST, f"bf16+{CHANNELS_LAST}", "tf32")
"""The modes of the set `default`, as far as they can be used; the last one on CUDA devices only."""
ON_GPU = ("bf16", "fp16", "tf32")
"""The precisions that an accelerator computes natively as far as nothing else is known of it."""


@dataclass(frozen=True)
class Kind:
    """A kind of device: `cpu` or an accelerator, and the precisions besides fp32 that it computes natively."""

    device: str
    native: tuple[str, ...] = ()


def kind(device: str, native: Iterable[str], on_gpus: Iterable[str] | None = None) -> Kind:
    """A kind of device, with what the processor computes natively if it is the CPU, or its GPUs if that is known."""
    if device == "cpu":
        return Kind(device, tuple(native))
    return Kind(device, ON_GPU if on_gpus is None or device != "cuda" else tuple(on_gpus))


@dataclass(frozen=True)
class EngineElsewhere(Engine):
    """An engine of this installation as another machine describes it: its packages there decide what it lacks."""

    described: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)

    def lacks(self, precision: str) -> str:
        """Why it cannot be used there in a precision."""
        return str(self._described(precision).get("lacks", _absent(self.name)))

    def version(self, precision: str = "fp32") -> dict[str, str]:
        """The versions of its packages there."""
        return dict(self._described(precision).get("version", {}))

    def _described(self, precision: str) -> Mapping[str, Any]:
        return self.described.get(_described_as(self, precision), {})


class EngineVersion(NamedTuple):
    """The engine of a mode with one of its precisions, `fp32` where it has none, and the versions of its packages."""

    name: str
    precision: str
    versions: Mapping[str, str]

    @property
    def title(self) -> str:
        """The engine and its precision as a mode names them."""
        return self.name if self.precision == "fp32" else "+".join(sorted((self.precision, self.name)))

    def __str__(self) -> str:
        """The packages with their versions."""
        return ", ".join(f"{package} {version}" for package, version in self.versions.items())

    def missing_from(self, described: Description | None) -> str:
        """Why a machine cannot run it in these versions, by its description; empty if it can, or if it is this one."""
        if described is None:
            return ""
        about = described.get(self.name, {}).get(self.precision, {})
        if not about or about["lacks"]:
            return str(about.get("lacks", _absent(self.name)))
        there = self._replace(versions=about["version"])
        return "" if there == self else f"it has {there}, and {self} is measured"


@cache
def engines() -> Mapping[str, Engine]:
    """All engines, installed or not, by name."""
    return collect("reporter.engines", Engine)


def description() -> Description:
    """This machine's engines, for the parent process of a run on several machines."""
    return {
        name: {each: {"lacks": engine.lacks(each), "version": engine.version(each)} for each in _precisions(engine)}
        for name, engine in engines().items()
    }


def engines_of(described: Description | None) -> Mapping[str, Engine]:
    """All engines as a machine describes them, or as they are here; the names are those of this installation."""
    if described is None:
        return engines()
    return {
        name: EngineElsewhere(
            **{each.name: getattr(engine, each.name) for each in fields(Engine)}, described=described.get(name, {})
        )
        for name, engine in engines().items()
    }


def most_common(described: Sequence[Description]) -> Description:
    """The engines of several machines: each precision in the versions that most of them have that can run it.

    Of several versions on as many machines, the newest; what none can run is as the first one describes it.
    """
    names = dict.fromkeys((name, part) for each in described for name, parts in each.items() for part in parts)
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for name, part in names:
        found.setdefault(name, {})[part] = _most_common(
            [each[name][part] for each in described if part in each.get(name, {})]
        )
    return found


def _most_common(every: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What most machines have of one precision of an engine."""
    usable = [about for about in every if not about["lacks"]]
    versions = [about["version"] for about in usable]

    def rank(about: Mapping[str, Any]) -> tuple[int, list[tuple[int, ...]]]:
        return versions.count(about["version"]), [number(text) for _, text in sorted(about["version"].items())]

    return max(usable, key=rank) if usable else every[0]


def engine_version(mode: str, engines_by_name: Mapping[str, Engine]) -> EngineVersion | None:
    """The engine of a mode, from `engines_by_name`; None if torch runs it without one."""
    parsed = parse(mode, engines_by_name)
    engine = engines_by_name.get(parsed.engine)
    if engine is None:
        return None
    return EngineVersion(engine.name, _described_as(engine, parsed.precision), engine.version(parsed.precision))


def _precisions(engine: Engine) -> tuple[str, ...]:
    return ("fp32", *engine.precisions)


def _described_as(engine: Engine, precision: str) -> str:
    """The precision under which a description has what an engine needs for a mode."""
    return precision if precision in engine.precisions else "fp32"


def _absent(name: str) -> str:
    return f"the package with the engine {name!r} is not installed"


def checked(names: Collection[str]) -> tuple[str, ...]:
    """The names of --modes in canonical form; ReporterError where one is unknown or cannot be joined."""
    return canonical(names, engines())


def resolve(names: Iterable[str], kind: Kind, engines_by_name: Mapping[str, Engine] | None = None) -> tuple[str, ...]:
    """The modes to measure on a kind of device, without `eager`; the sets are replaced by what they contain there.

    `engines_by_name` are the engines of its machine if that is not this one.
    """
    found: dict[str, None] = {}
    for name in names:
        for each in in_set(name, kind, engines_by_name) if name in SETS else (name,):
            if each != EAGER:
                found[each] = None
    return tuple(found)


def in_set(name: str, kind: Kind, engines_by_name: Mapping[str, Engine] | None = None) -> tuple[str, ...]:
    """The modes of a set on a kind of device, as far as they can be used there."""
    engines_by_name = engines() if engines_by_name is None else engines_by_name
    if name == DEFAULT:
        wanted = [each for each in IN_DEFAULT if each != "tf32" or kind.device == "cuda"]
    else:
        assert name == ALL
        wanted = list(listed(engines_by_name))
    parsed = (parse(each, engines_by_name) for each in wanted)
    return tuple(mode.name for mode in parsed if not obstacle(mode, kind, engines_by_name) and not emulated(mode, kind))


def listed(engines_by_name: Mapping[str, Engine]) -> Iterator[str]:
    """The names of all modes but `eager`, of each engine without its memory formats."""
    yield from (CHANNELS_LAST, *TORCH_PRECISIONS, *(f"{each}+{CHANNELS_LAST}" for each in ("amp", "bf16", "fp16")))
    for engine in engines_by_name.values():
        yield from (
            parse(each, engines_by_name).name
            for each in (engine.name, *(f"{p}+{engine.name}" for p in engine.precisions))
        )


def obstacle(mode: Mode, kind: Kind, engines_by_name: Mapping[str, Engine]) -> str:
    """Why a mode cannot be measured on a kind of device; empty if it can."""
    if mode.precision == "tf32" and kind.device != "cuda":
        return "tf32 is a precision of GPUs" if kind.device == "cpu" else "tf32 is a precision of CUDA devices"
    if mode.precision == "tf32" and "tf32" not in kind.native:
        return "this GPU has no tf32 instructions"
    engine = engines_by_name.get(mode.engine)
    if engine is None:
        return ""
    if kind.device not in engine.devices:
        return f"{engine.title} runs on {', '.join(engine.devices)}"
    return engine.lacks(mode.precision)


def emulated(mode: Mode, kind: Kind) -> str:
    """Why a mode is slower than it could be: the device has no instructions for its precision; empty if it has."""
    on_cpu = kind.device == "cpu"
    needed = ("bf16" if on_cpu else "fp16") if mode.precision == "amp" else mode.precision
    if needed in ("", "int8") or needed in kind.native:
        return ""
    if on_cpu:
        return f"emulated: this processor has no {needed} instructions"
    return f"emulated: this GPU has no {needed} instructions"


def conditions_of(mode: str, engines_by_name: Mapping[str, Engine] | None = None) -> dict[str, Any]:
    """What the readings of a mode depend on besides those of eager: the packages of its engine, and a plug-in's code.

    `engines_by_name` are the engines of the machine that measures it if that is not this one.
    """
    if mode == EAGER:
        return {}
    engines_by_name = engines() if engines_by_name is None else engines_by_name
    parsed = parse(mode, engines_by_name)
    engine = engines_by_name.get(parsed.engine)
    return {"engine": engine.version(parsed.precision), **engine.code} if engine else {}


def kinds_here() -> tuple[Kind, ...]:
    """The kinds of devices of this machine, found without torch."""
    devices = ("cpu", *(["cuda"] if machine.gpus() else []))
    return tuple(kind(device, machine.native_precisions(), gpus.shared_precisions()) for device in devices)
