"""Selection by name: architectures from the words of the command line, data set and checkpoints."""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path

from reporter.architectures.timm import PREFIX, require
from reporter.host.fingerprints import Images
from reporter.model import Architecture, Dataset, ReporterError, sources
from reporter.model.names import nearest
from reporter.model.option_values import is_utf_8
from reporter.registry import plugins
from reporter.registry.catalog import collect

GROUP = "reporter.architectures"
DATA_ROOT = "~/.cache/reporter"
"""Where data sets are put without --data-root."""
FEW = 10
"""Names of architectures in an error line, which is also a row's reason; `reporter list` prints all."""
Discover = Callable[[], Sequence[Architecture]]


@cache
def catalog_entries() -> dict[str, Architecture]:
    """The architectures that are known without torch, by name."""
    return collect(GROUP, Architecture)


@cache
def sets() -> dict[str, list[str]]:
    """The sets of sets.toml: their architectures' names, in order."""
    return tomllib.loads(files("reporter.architectures").joinpath("sets.toml").read_text(encoding="utf-8"))


def select(spec: str | Sequence[str], discover: Discover, timm: Discover = tuple) -> tuple[Architecture, ...]:
    """The architectures that names, families, globs and sets stand for, in the order asked for and each once.

    `discover` gives what torchvision has besides; it is called for the sets `torchvision` and `all`, families, globs
    and names that are not known without it. `timm` is called for what begins with `timm:`.
    """
    words = [word.strip() for word in (spec.split(",") if isinstance(spec, str) else spec)]
    found = [architecture for word in words if word for architecture in _meant(word, discover, timm)]
    if not found:
        raise ReporterError("no architecture is named; try 'lecture', 'all', a name, a family or a glob")
    return tuple({architecture.name: architecture for architecture in found}.values())


@cache
def datasets() -> dict[str, Dataset]:
    """The data sets by name."""
    return collect("reporter.datasets", Dataset)


def dataset(name: str) -> Dataset:
    """A data set by its name; `imagefolder:PATH` reads PATH wherever --data-root is."""
    plain, _, path = name.partition(":")
    if plain == "imagefolder" and path:
        entry = datasets()[plain]
        folder = Path(os.path.expanduser(path)).absolute()  # Path.expanduser raises without a home
        return replace(entry, load=lambda _, size, train: entry.load(folder, size, train), folder=str(folder))
    if plain == "imagefolder":
        raise ReporterError("data set 'imagefolder' needs its folder: imagefolder:PATH")
    if name not in datasets():
        right = nearest(name, datasets()) + plugins.complaint_suffix("reporter.datasets")
        raise ReporterError(f"unknown data set {name!r}; {right}")
    return datasets()[name]


def data_folder(entry: Dataset, data_root: str | None) -> Path:
    """The folder of --data-root; ReporterError if a data set has its folder there and there is no home folder."""
    root = Path(os.path.expanduser(data_root or DATA_ROOT))  # Path.expanduser raises without a home
    if root.parts[:1] == ("~",) and entry.folder and not Path(entry.folder).is_absolute():
        raise ReporterError("there is no home folder to keep data sets in; set --data-root to a folder")
    return root


def images(name: str, data_root: str | None) -> Images:
    """The files of a data set, whether they are there or not."""
    chosen = dataset(name)
    if not chosen.folder:
        return Images(code=sources.of_others(chosen.load))
    return Images(data_folder(chosen, data_root) / chosen.folder, fetched=not Path(chosen.folder).is_absolute())


def check_images(name: str, data_root: str | None) -> None:
    """ReporterError if the check that a data set has for its folder fails, or if --data-root is not a folder."""
    entry, found = dataset(name), images(name, data_root)
    if entry.check:
        try:
            entry.check(data_folder(entry, data_root) / entry.folder)
        except (OSError, ValueError) as error:
            raise ReporterError(f"--dataset: {error}") from None
    elif found.folder and found.fetched:
        place = next(path for path in (found.folder, *found.folder.absolute().parents) if os.path.exists(path))
        if not place.is_dir():
            raise ReporterError(f"--data-root: {place} is not a folder; name one")


def own_checkpoints(pairs: Sequence[str], architectures: Sequence[Architecture]) -> dict[str, dict[str, str]]:
    """The files of --checkpoint by network, each with its SHA-256: another file is another start."""
    names = [architecture.name for architecture in architectures]
    found: dict[str, dict[str, str]] = {}
    for pair in pairs:
        name, _, path = pair.partition("=")
        if not path:
            raise ReporterError(f"--checkpoint: invalid value {pair!r}; it should be NAME=FILE")
        if name not in names:
            raise ReporterError(
                f"--checkpoint: {name!r} is none of the architectures to measure; {nearest(name, names)}"
            )
        path = os.path.expanduser(path)
        try:
            with Path(path).open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError) as error:  # a path from a config file may have null bytes
            why = getattr(error, "strerror", None) or error
            raise ReporterError(f"--checkpoint: {path} cannot be read: {why}") from None
        place = str(Path(path).absolute())
        if not is_utf_8(place):
            raise ReporterError(
                f"--checkpoint: the path {place!r} should be text in UTF-8; rename the file or its folder"
            )
        chosen = {"checkpoint": digest, "checkpoint_file": place}
        if found.setdefault(name, chosen) != chosen:
            first = found[name]["checkpoint_file"]
            raise ReporterError(f"--checkpoint: {name!r} has two files, {first} and {place}; name one")
    return found


def _meant(word: str, discover: Discover, timm: Discover) -> Iterable[Architecture]:
    if word.lower().startswith(PREFIX):
        return _timms(word, timm)
    if word in sets():
        return [catalog_entries()[name] for name in sets()[word]]
    if word in catalog_entries():
        return [catalog_entries()[word]]
    found = {entry.name: catalog_entries().get(entry.name, entry) for entry in discover()}
    for point, entry in plugins.offered(GROUP, Architecture):
        name = entry.name
        if found.get(name) is entry:
            plugins.notice(point, f"replaces the {name} of torchvision")
    everything = catalog_entries() | found
    if word == "torchvision":
        return found.values()
    meant = [entry for entry in everything.values() if _fits(word, entry)]
    if not meant:
        families = dict.fromkeys(entry.family for entry in everything.values())
        raise unknown(word, [*sets(), "torchvision", "all", *everything, *families])
    return meant


def _timms(word: str, timm: Discover) -> Iterable[Architecture]:
    """Timm's networks by a name or glob; names with the tag of weights only where the word has one."""
    require()
    found = {entry.name: entry for entry in timm() if "." in word or "." not in entry.name}
    meant = [entry for name, entry in found.items() if fnmatchcase(name, word.lower())]
    if not meant:
        raise ReporterError(f"unknown architecture {word!r}; {nearest(word, found, FEW)}")
    return meant


def unknown(word: str, names: Iterable[str]) -> ReporterError:
    """The line for a word without an architecture, with names of the same prefix first.

    A plug-in that was left out may have had it.
    """
    prefix = re.split(r"[*?[]", word.lower())[0] or word
    names = sorted(names, key=lambda name: not name.lower().startswith(prefix))
    return ReporterError(f"unknown architecture {word!r}; {nearest(word, names, FEW)}{plugins.complaint_suffix(GROUP)}")


def _fits(word: str, entry: Architecture) -> bool:
    name, family, word = entry.name.lower(), entry.family.lower(), word.lower()
    return word in ("all", family) or fnmatchcase(name, word)
