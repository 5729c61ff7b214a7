"""Architectures by reference, FILE.py:NAME or package.module:NAME: an Architecture, a module or a function.

Only the command line and a caller in Python can name one. Its code runs in workers.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from reporter.architectures.torchvision import discover
from reporter.host.job import DESCRIBED, USUAL
from reporter.model import Architecture, ReporterError, sources
from reporter.model.names import nearest
from reporter.registry.selection import catalog_entries
from reporter.worker.copies import copied
from reporter.worker.counts.building import on_meta
from reporter.worker.counts.packed_weights import unlisted
from reporter.worker.weights.classifier_heads import with_classes

FAMILY = "Own"
AS_BUILT = "as many classes as its function gives it"
NUMBERS = ("classes", "num_classes")
"""The names of a parameter that takes the number of classes, also where it has a default."""
OTHERWISE = frozenset((
    "activation", "args", "block", "blocks", "cfg", "channel", "channels", "checkpoint", "conf", "config",
    "depth", "device", "dilation", "dim", "dims", "dropout", "growth", "height", "hidden", "hparams", "image",
    "in", "input", "inputs", "kernel", "layer", "layers", "names", "norm", "opt", "options", "opts", "params",
    "path", "pretrained", "rate", "resolution", "scale", "size", "stage", "stages", "stride", "variant",
    "version", "weights", "width",
))  # fmt: skip
"""Words in the name of a parameter that does not take the number of classes."""
OUTPUTS = frozenset(("out", "output", "outputs", "classes", "labels"))
SIZES = frozenset(("channel", "channels", "dim", "dims", "size"))
"""Words of OTHERWISE that mean the number of classes beside one of OUTPUTS, as in output_size."""


def load(reference: str) -> Architecture:
    """The architecture a reference names; ReporterError, with what would be right, where there is none."""
    place, _, name = reference.rpartition(":")
    if not place or not name.isidentifier():
        raise ReporterError("name it as FILE.py:NAME or package.module:NAME")
    module = _module(place)
    if not hasattr(module, name):
        there = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ReporterError(f"there is no {name!r} in {place}; {nearest(name, there)}")
    made = getattr(module, name)
    if isinstance(made, Architecture):
        return replace(made, reference=reference, made_of=sources.of_name(module, name) + made.definition)
    if not callable(made):
        raise ReporterError(f"{name!r} is neither an Architecture nor a function that builds a network")
    if isinstance(made, nn.Module):
        made = partial(copied, made)
    title = Path(place).stem if place.endswith(".py") else place.rpartition(".")[2]
    entry = Architecture(
        name=title if name == USUAL else name,
        family=FAMILY,
        year=None,
        paper="",
        build=partial(_build, made),
        reference=reference,
        made_of=sources.of_name(module, name),
    )
    return entry if _takes(made) else replace(entry, classes=0, variant=AS_BUILT)


def described(reference: str) -> dict[str, Any]:
    """The fields of its architecture that the parent needs; builds the model once on the meta device.

    Raises ReporterError, with what would be right, if the reference does not name a model.
    """
    entry = load(reference)
    if entry.name in {*catalog_entries(), *(other.name for other in discover())}:
        raise ReporterError(f"the name {entry.name!r} is taken; give the function another, or its file if it is build")

    def build() -> nn.Module:
        made = entry.build(entry.classes)
        if not isinstance(made, nn.Module):
            raise ReporterError(f"it gives {made!r:.80}, which is no torch.nn.Module")
        return made

    if caution := unlisted(on_meta(build)).reason:
        entry = replace(entry, caution=caution)
    described = {key: getattr(entry, key) for key in DESCRIBED} | {"made_of": _made_of(reference, entry)}
    json.dumps(described, allow_nan=False)
    return described


def instance(architecture: Architecture) -> nn.Module | None:
    """The module instance that the models of an architecture are copies of; None where a function builds them."""
    made = architecture.build.args[0] if isinstance(architecture.build, partial) and architecture.build.args else None
    return made.args[0] if isinstance(made, partial) and made.func is copied else None


def _build(function: Callable[..., Any], classes: int) -> nn.Module:
    """Calls a function with the number of classes, or gives what it builds another head where other ones are asked."""
    if parameter := _takes(function):
        by_place = inspect.signature(function).parameters[parameter].kind is inspect.Parameter.POSITIONAL_ONLY
        made: nn.Module = function(classes) if by_place else function(**{parameter: classes})
        return made
    made = function()
    if not classes:
        return made
    return with_classes(made, classes, Architecture.input_size, trial=function())


def _takes(function: Callable[..., Any]) -> str:
    """The parameter of a function that takes the number of classes; empty where none does.

    ReporterError where a parameter without a default takes something else.
    """
    parameters = inspect.signature(function).parameters
    named = next((name for name in NUMBERS if name in parameters), "")
    wanting = [
        name
        for name, each in parameters.items()
        if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    if not named and len(wanting) == 1:
        (name,) = wanting
        words = _words(name)
        if OTHERWISE & (words - SIZES if OUTPUTS & words else words):
            raise ReporterError(
                f"the function requires the argument {name}: give it a default, or rename it to num_classes if it is "
                "the number of classes"
            )
        return name
    if set(wanting) - {named}:
        raise ReporterError(
            f"the function requires {', '.join(wanting)}: only the number of classes may have no default"
        )
    return named


def _words(name: str) -> set[str]:
    """The words in the name of a parameter, in lower case: those of in_channels and of inChannels are the same."""
    return set(re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()))


def _module(place: str) -> ModuleType:
    if not place.endswith(".py"):
        if find_spec(place.partition(".")[0]) is None:
            sys.path.append(os.getcwd())  # only for a package that is found nowhere else
        return import_module(place)
    path = Path(place).absolute()
    spec = spec_from_file_location(f"{path.stem}__own", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ReporterError(f"{place}: there is no such file")
    sys.path.append(str(path.parent))  # for what lies beside it; last, so that it hides nothing
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _made_of(reference: str, entry: Architecture) -> str:
    """What the definition depends on, once the model was built: modules imported by a computed name, too."""
    place, _, name = reference.rpartition(":")
    module = sys.modules[f"{Path(place).stem}__own" if place.endswith(".py") else place]
    found = sources.loaded(Path(str(module.__file__)).parent)
    return entry.made_of + (sources.of_name(module, name, found) if len(found) > 1 else "")
