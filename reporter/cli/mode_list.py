"""The execution modes of `reporter list`, and whether they are available on this machine; torch is not imported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reporter.host import accelerators, gpus
from reporter.model import Engine
from reporter.model.modes import CHANNELS_LAST, Mode, parse
from reporter.model.records import EAGER
from reporter.registry import execution_modes

TITLES = {
    CHANNELS_LAST: "channels last",
    "amp": "automatic mixed precision",
    "bf16": "bfloat16",
    "fp16": "float16",
    "int8": "8-bit integers",
    "tf32": "TensorFloat-32",
}


def listed() -> list[dict[str, Any]]:
    """All modes, JSON-able. `reason`: why one is not available, or that it is emulated; `extra` is what to install."""
    engines = execution_modes.engines()
    return [_row(parse(name, engines), engines) for name in (EAGER, *execution_modes.listed(engines))]


def notices() -> tuple[str, ...]:
    """What is not known of this machine without torch."""
    if gpus.installed() or not accelerators.are_likely():
        return ()
    return (
        "execution modes are listed for the CPU only: whether this machine has an accelerator is known when torch is "
        "loaded, at the start of a run",
    )


def _row(mode: Mode, engines: Mapping[str, Engine]) -> dict[str, Any]:
    engine = engines.get(mode.engine)
    parts = [TITLES[part] for part in (mode.memory_format, mode.precision) if part]
    title = ", ".join([*([engine.title] if engine else []), *parts]) or "fp32, contiguous; the base of every ratio"
    obstacle, emulated = _best(mode, engines)
    return {
        "mode": mode.name,
        "title": title,
        "available": not obstacle,
        "reason": obstacle or emulated or None,
        "extra": (engine.extra if engine else "") or None,
    }


def _best(mode: Mode, engines: Mapping[str, Engine]) -> tuple[str, str]:
    """Why a mode is not available, and why it is emulated, on the device of this machine that suits it best."""
    found = [
        (execution_modes.obstacle(mode, kind, engines), execution_modes.emulated(mode, kind))
        for kind in execution_modes.kinds_here()
    ]
    return min(found, key=lambda reasons: [bool(reason) for reason in reasons])


def in_words(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The rows of the table."""
    return [
        {
            "mode": row["mode"],
            "title": row["title"],
            "extra": f"[{row['extra']}]" if row["extra"] else "",
            "state": f"not available: {row['reason']}" if not row["available"] else row["reason"] or "available",
        }
        for row in rows
    ]
