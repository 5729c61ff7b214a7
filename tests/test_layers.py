"""The house stays as it is drawn: who may import whom, and who may import torch."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "reporter"
LAYERS = [
    {
        "types",
        "readings",
        "records",
        "fields",
        "files",
        "statistics",
        "intervals",
        "runs",
        "durations",
        "interrupts",
        "exits",
        "attempts",
        "captured",
        "documents",
        "printing",
        "fingerprints",
        "importing",
        "sources",
        "syntax",
    },
    {"catalog", "plugins", "store", "history", "facts", "settings", "rounds"},
    {"architectures", "datasets", "metrics", "charts", "claims", "languages", "telling", "comparing"},
    {"own", "selection"},
    {"measuring"},
    {"running"},
    {"roster", "trials"},
    {"preparation", "progress", "listing", "choosing", "results", "single", "options"},
    {"nightly"},
    {"commands"},
    {"cli"},
    {"__main__"},
]
HEAVY = {"torch", "torchvision", "fvcore", "sklearn", "timm"}
MAY_IMPORT_TORCH = {
    "subject", "building", "heads", "probes", "shapes", "counting", "layers", "stages", "blocks", "training",
    "learning", "checkpoints", "worker", "auxiliary", "formulas", "forms", "packing", "outputs", "preloaded",
    "state_dicts", "trial",
}  # fmt: skip
"""Modules of the measuring side that are only ever imported in a worker."""
TORCH_FREE = {"telling", "charts", "comparing"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path, everywhere: bool) -> set[str]:
    """The modules that a file imports: when it is loaded, or everywhere in it; never what only a type checker sees."""
    tree = ast.parse(path.read_text())
    waiting: list[ast.AST] = [tree]
    names: set[str] = set()
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not everywhere:
            continue
        waiting += ast.iter_child_nodes(node)
    return names


def layer(module: str) -> int | None:
    """The layer of `reporter.<part>...`; None for the package itself and for other packages."""
    parts = module.split(".")
    if parts[0] != "reporter" or len(parts) < 2:
        return None
    return next((number for number, names in enumerate(LAYERS) if parts[1] in names), None)


def name(path: Path) -> str:
    return ".".join(("reporter", *path.relative_to(PACKAGE).with_suffix("").parts))


def test_every_module_has_a_layer() -> None:
    assert [name(path) for path in MODULES if layer(name(path)) is None] == ["reporter.__init__"]


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_imports_lower_layers_only(path: Path) -> None:
    own = layer(name(path))
    above = [module for module in imported(path, everywhere=False) if own is not None and (layer(module) or 0) > own]
    assert not above


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_torch_is_imported_in_workers_only(path: Path) -> None:
    heavy = {module for module in imported(path, everywhere=False) if module.split(".")[0] in HEAVY}
    assert not heavy or (path.parent.name == "measuring" and path.stem in MAY_IMPORT_TORCH)


def test_ray_is_imported_by_its_executor_only_and_late() -> None:
    """Without the extra, everything else works."""
    late = {name(path) for path in MODULES if any(m.split(".")[0] == "ray" for m in imported(path, everywhere=True))}
    early = {name(path) for path in MODULES if any(m.split(".")[0] == "ray" for m in imported(path, everywhere=False))}
    assert (late, early) == ({"reporter.run.executors.ray"}, set())


@pytest.mark.parametrize("path", [path for path in MODULES if TORCH_FREE & set(path.parts)], ids=name)
def test_the_telling_side_knows_nothing_of_measuring(path: Path) -> None:
    wrong = (
        "reporter.worker",
        "reporter.run",
        "reporter.metrics",
        "reporter.architectures",
        "reporter.datasets",
        *HEAVY,
    )
    assert not [module for module in imported(path, everywhere=True) if module.startswith(wrong)]


def test_one_except_for_everything() -> None:
    """A network may raise anything; nothing else may swallow what it does not know."""
    broad = [name(path) for path in MODULES if "except Exception" in path.read_text()]
    assert broad == ["reporter.model.attempts", "reporter.run.paired.bootstrap"], (
        "the latter runs where no other module is yet"
    )


def test_only_the_command_line_and_its_progress_print() -> None:
    speaking = {name(path) for path in MODULES if "print(" in path.read_text() or "click.echo(" in path.read_text()}
    others = {module for module in speaking if not module.startswith("reporter.cli.commands.")}
    assert others <= {"reporter.cli.main", "reporter.cli.progress", "reporter.host.printing"}
