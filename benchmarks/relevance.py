"""Which test files are likely to detect a fault in a function, by their words and by what they import."""

from __future__ import annotations

import ast
import re
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path

from mutations import modules


def by_relevance(root: Path, module: str, function: str) -> list[str]:
    """The test files: those that mention most of the module's and the function's names, then by imports up to it."""
    tests, package = root / "tests", modules(root / "reporter")
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(tests.glob("*.py"))}
    known = {**package, **{name: tests / f"{name}.py" for name in texts}}
    distances = _distances({name: set(_imports(path, known)) for name, path in known.items()}, module)
    words = {*function.split("."), *module.split(".")[1:]}

    def rank(name: str) -> tuple[int, int]:
        mentioned = sum(bool(re.search(rf"\b{re.escape(word)}\b", texts[name])) for word in words)
        return -mentioned, distances.get(name, len(known))

    return [f"tests/{name}.py" for name in sorted(filter(lambda name: name.startswith("test_"), texts), key=rank)]


def _imports(path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """The modules among the known ones that a module imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        yield from (name for name in names if name in known)


def _distances(imports: Mapping[str, set[str]], target: str) -> dict[str, int]:
    """How many imports lead from each module to one."""
    importers: dict[str, set[str]] = {}
    for name, imported in imports.items():
        for each in imported:
            importers.setdefault(each, set()).add(name)
    found, queue = {target: 0}, deque([target])
    while queue:
        name = queue.popleft()
        for importer in importers.get(name, set()) - found.keys():
            found[importer] = found[name] + 1
            queue.append(importer)
    return found
