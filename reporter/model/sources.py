"""Digest of the source that builds an architecture: the file of its function and the files it imports.

Site packages and the standard library are left out, because their versions are in the record. Comments, formatting,
docstrings and the order of imports have no effect; in the file of the function neither do definitions that it does not
use. An import by a computed name is not in the source: `loaded` gives the modules of a folder that were imported.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import os
import sys
import sysconfig
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from reporter.model.syntax import bare, imported, needed

PREFIX = "2:"
"""What these digests begin with; those of reporter 0.1.0, which covered one file byte by byte, have no prefix."""
OURS = Path(__file__).parents[1]
INSTALLED = ("site-packages", "dist-packages")
LIBRARY = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib"))
PLAIN = (str, bytes, int, float, complex, type(None))


class _OpaqueError(Exception):
    """A value that a digest cannot describe."""


@dataclass
class _Function:
    """A function, what a `partial` or an enclosing function gives it, and the names of its module that these need."""

    module: str
    path: Path
    names: set[str] | None = field(default_factory=set)
    given: list[str] = field(default_factory=list)


def of_function(function: Callable[..., Any]) -> str:
    """The digest for a function that builds a model."""
    found = _described(function)
    names = None if found.names is None else frozenset(found.names)
    files = _ours if found.path.is_relative_to(OURS) else _files
    texts = files(found.path, found.module, names)
    return _digest([*found.given, *(texts[place] for place in sorted(texts))])


def of_others(function: Callable[..., Any]) -> str:
    """The same, but empty for a function of this package, whose version is in the record."""
    return "" if _described(function).path.is_relative_to(OURS) else of_function(function)


def of_file(function: Callable[..., Any], more: str = "") -> str:
    """A digest of the whole file of a function, byte by byte."""
    made = function.func if isinstance(function, partial) else function
    source = Path(inspect.getsourcefile(made) or "").read_bytes()
    return hashlib.sha256(source + more.encode()).hexdigest()[:12]


def of_name(module: ModuleType, name: str, others: Iterable[ModuleType] = ()) -> str:
    """The digest for a name of a module, and for other modules that are known to be needed."""
    texts = _files(Path(str(module.__file__)).absolute(), module.__name__, {name})
    for other in others:
        texts |= {} if other is module else _files(Path(str(other.__file__)), other.__name__, None)
    return _digest(texts[place] for place in sorted(texts))


def loaded(folder: Path) -> list[ModuleType]:
    """The modules imported from a folder, installed packages and this one excepted."""
    modules = [(getattr(each, "__file__", None), each) for each in list(sys.modules.values())]
    files = [(file, each) for file, each in modules if isinstance(file, str) and file.endswith(".py")]
    likely = [(file, each) for file, each in files if folder.name in file or not os.path.isabs(file)]
    paths = [(Path(file).absolute(), each) for file, each in likely]  # of thousands of modules, only these few
    return [each for path, each in paths if folder in path.parents and _counts(path, None)]


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def _described(function: Callable[..., Any]) -> _Function:
    given: list[object] = []
    while isinstance(function, partial):
        given += [function.args, function.keywords]
        function = function.func
    function = inspect.unwrap(function)
    cells = getattr(function, "__closure__", None) or ()
    name = getattr(function, "__qualname__", "").partition(".")[0]
    plain = inspect.isfunction(function) or inspect.isclass(function)
    place = function if plain or inspect.ismethod(function) else type(function)
    found = _Function(place.__module__, _source_file(place), {name})
    try:
        found.given = [_value(value, found) for value in (*given, *(cell.cell_contents for cell in cells))]
    except (_OpaqueError, ValueError):  # ValueError: a cell is empty
        plain = False
    if not plain or not name.isidentifier():
        found.names = None
    return found


def _source_file(place: Any) -> Path:
    """The file of a function or class; the current folder, which cannot be read as a file, where there is none."""
    try:
        return Path(inspect.getsourcefile(place) or "").absolute()
    except TypeError:  # it is compiled
        return Path().absolute()


def _value(value: object, within: _Function) -> str:
    """A value in words that are the same in every process; a name of the same module is one that is needed."""
    if isinstance(value, PLAIN):
        return repr(value)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_value(key, within)}: {_value(each, within)}' for key, each in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(each, within) for each in value)}]"
    if isinstance(value, partial):
        return _value((value.func, value.args, value.keywords), within)
    if not (inspect.isroutine(value) or inspect.isclass(value)) or getattr(value, "__closure__", None):
        raise _OpaqueError
    name = value.__qualname__.partition(".")[0]
    local = value.__module__ == within.module and within.names is not None
    if (local and not name.isidentifier()) or _is_ours(value.__module__, within.module):
        raise _OpaqueError
    if local and within.names is not None:
        within.names.add(name)
    return f"{value.__module__}.{value.__qualname__}"


def _is_ours(module: str, main: str) -> bool:
    """Whether a value comes from another file that the digest would have to cover."""
    path = _file(module) if module != main else None
    return path is not None and _counts(path, None)


@cache
def _ours(path: Path, module: str, names: frozenset[str] | None) -> dict[str, str]:
    """The same of a file of this package, once: it does not change while it runs."""
    return _files(path, module, names)


def _files(path: Path, module: str, names: Set[str] | None) -> dict[str, str]:
    """The source of a file without what has no effect, and of all that it imports, by module."""
    home = _home(path, module)
    found: dict[str, str] = {}
    waiting = [(module, path)]
    while waiting:
        name, file = waiting.pop()
        if name in found:
            continue
        try:
            source = file.read_bytes()
            package = name if file.name == "__init__.py" else name.rpartition(".")[0]
            others, text = _read(source, package, frozenset(names) if name == module and names is not None else None)
        except (OSError, SyntaxError, ValueError) as error:
            found[name] = type(error).__name__
            continue
        for other in others:
            place = _file(other)
            if place == path and other != name and names is not None:  # it is imported from: all of it counts
                return _files(path, module, None)
            if place and place != path and _counts(place, home):
                waiting.append((other, place))
        found[name] = text
    return found


@lru_cache(maxsize=256)
def _read(source: bytes, package: str, names: frozenset[str] | None) -> tuple[list[str], str]:
    """What a source imports, and its text without what has no effect; of some names, what they need."""
    tree = ast.parse(source)
    if names is not None:
        tree.body = needed(tree.body, names)
    return imported(tree, package), bare(tree)


def _home(path: Path, module: str) -> Path | None:
    """The folder whose files count though it is installed: that of the topmost package of the file."""
    if path.is_relative_to(OURS):
        return path.parent
    depth = module.count(".") + (path.name == "__init__.py")
    return path.parents[depth - 1] if depth else None


def _counts(path: Path, home: Path | None) -> bool:
    """Whether a file is one of those that a digest covers."""
    if home and path.is_relative_to(home):
        return True
    installed = any(part in INSTALLED for part in path.parts) or any(path.is_relative_to(each) for each in LIBRARY)
    return not installed and not path.is_relative_to(OURS)


def _file(name: str) -> Path | None:
    """The Python file of a module, found without importing anything; None where there is none."""
    top, *rest = name.split(".")
    if top in sys.stdlib_module_names:
        return None
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):  # ValueError: a module without a spec
        spec = None
    if spec is None:
        return None
    if not rest:
        return Path(spec.origin).absolute() if spec.origin and spec.origin.endswith(".py") else None
    folders = [Path(each).absolute() for each in spec.submodule_search_locations or ()]
    for part in rest[:-1]:
        folders = [folder / part for folder in folders if (folder / part).is_dir()]
    places = (place for folder in folders for place in (folder / rest[-1] / "__init__.py", folder / f"{rest[-1]}.py"))
    return next((place for place in places if place.is_file()), None)
