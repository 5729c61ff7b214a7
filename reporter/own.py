"""One's own network by FILE.py:NAME or package.module:NAME, an Architecture; runs the file's code."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from reporter.types import Architecture, ReporterError


def load(reference: str) -> Architecture:
    """The architecture a reference names; ReporterError, with what would be right, where there is none."""
    place, _, name = reference.rpartition(":")
    made = getattr(_module(place), name, None)
    if not isinstance(made, Architecture):
        raise ReporterError(f"{reference}: there is no Architecture {name!r} in {place}")
    return made


def _module(place: str) -> ModuleType:
    if not place.endswith(".py"):
        return import_module(place)
    path = Path(place).absolute()
    spec = spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.exists():
        raise ReporterError(f"{place}: there is no such file")
    module = module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module
