"""The structure of the package: layers, circles, where torch is imported, and the size and names of modules."""

from __future__ import annotations

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from reporter.run.paired import bootstrap

PACKAGE = Path(__file__).parent.parent / "reporter"
LAYERS = (
    ("version",),
    ("stats",),
    ("model",),
    ("host",),
    ("facts",),
    ("architectures", "engines"),
    ("registry",),
    ("store",),
    ("documents",),
    ("compare",),
    ("worker",),
    ("datasets", "metrics"),
    ("report",),
    ("charts", "tables", "claims", "languages"),
    ("run",),
    ("nightly",),
    ("cli",),
    ("api",),
    ("__init__", "__main__"),
)
"""Lowest first: a module imports from its own folder and from lower layers."""
PARENT = ("host", "registry", "store", "compare", "report", "run", "nightly", "cli", "api", "charts", "tables")
"""Folders whose code runs in the parent process, or in both."""
EXTENSIONS = ("architectures", "engines", "datasets", "metrics", "claims")
"""Folders of extensions: the parent loads their files, and the worker calls their functions."""
SHIMS = ("types", "telling", "telling.judging")
"""Deprecated names of modules."""
HEAVY = {"torch", "torchvision", "fvcore", "sklearn", "timm"}
LONGEST = 300
Function = ast.FunctionDef | ast.AsyncFunctionDef


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


FILES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
MODULES = {name: path for name, path in FILES.items() if name not in SHIMS}


@dataclass(frozen=True)
class Module:
    """What these tests look at in a module: its docstring, imports, classes and functions, wherever they are.

    `at_load` are the imports that are run while it is loaded, outside of functions and `if TYPE_CHECKING`. `names` are
    those of the parameters of each function and of the fields and attributes of each class.
    """

    docstring: str
    imports: tuple[ast.Import | ast.ImportFrom, ...]
    at_load: tuple[ast.Import | ast.ImportFrom, ...]
    classes: tuple[str, ...]
    functions: tuple[str, ...]
    names: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def loaded(self) -> set[str]:
        """The packages that it imports while it is loaded."""
        return {package for each in self.at_load for package in packages(each)}


@cache
def parsed(name: str) -> Module:
    """A module, which is not parsed where these tests are only collected; its syntax tree is not kept.

    Later tests of the process would take longer: millions of nodes are searched by each garbage collection.
    """
    tree = ast.parse(FILES[name].read_text())
    inside = list(statements(tree.body))
    return Module(
        docstring=ast.get_docstring(tree) or "",
        imports=tuple(each for each in inside if isinstance(each, ast.Import | ast.ImportFrom)),
        at_load=tuple(each for each in when_loaded(tree.body) if isinstance(each, ast.Import | ast.ImportFrom)),
        classes=tuple(each.name for each in inside if isinstance(each, ast.ClassDef)),
        functions=tuple(each.name for each in inside if isinstance(each, Function)),
        names=(
            *((each.name, parameters(each.args)) for each in inside if isinstance(each, Function)),
            *((each.name, attributes(each)) for each in inside if isinstance(each, ast.ClassDef)),
        ),
    )


def parameters(found: ast.arguments) -> tuple[str, ...]:
    """The names of all parameters."""
    others = [each for each in (found.vararg, found.kwarg) if each]
    return tuple(each.arg for each in (*found.posonlyargs, *found.args, *found.kwonlyargs, *others))


def attributes(found: ast.ClassDef) -> tuple[str, ...]:
    """The names that the body of a class assigns, and the attributes of `self` that its methods assign."""
    fields = [each.id for each in targets(found.body) if isinstance(each, ast.Name)]
    of_self = [
        each.attr
        for each in targets(statements(found.body))
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "self"
    ]
    return (*fields, *of_self)


def targets(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """What statements assign to, with the parts of tuples."""
    for each in body:
        if isinstance(each, ast.Assign | ast.AnnAssign):
            for target in each.targets if isinstance(each, ast.Assign) else [each.target]:
                yield from ast.walk(target)


def statements(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """All statements, with those inside of them."""
    for each in body:
        yield each
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from statements(getattr(each, field, ()))


def when_loaded(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """The statements that are run while a module is loaded."""
    for each in body:
        if isinstance(each, Function):
            continue
        if isinstance(each, ast.If) and "TYPE_CHECKING" in ast.dump(each.test):
            continue
        yield each
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            yield from when_loaded(getattr(each, field, ()))


def packages(statement: ast.AST) -> set[str]:
    """The packages that a statement imports."""
    if isinstance(statement, ast.Import):
        return {alias.name.split(".")[0] for alias in statement.names}
    return {(statement.module or "").split(".")[0]} if isinstance(statement, ast.ImportFrom) else set()


@cache
def imported(name: str) -> set[str]:
    """All modules of this package that a module imports: in functions, for type checkers and relatively, too."""
    return modules(name, parsed(name).imports)


def modules(name: str, imports: Iterable[ast.Import | ast.ImportFrom]) -> set[str]:
    """The modules of this package that some imports of a module name."""
    package = name.split(".") if FILES[name].name == "__init__.py" else name.split(".")[:-1]
    found: set[str] = set()
    for node in imports:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        else:
            base = ["reporter", *package[: len(package) - node.level + 1]] if node.level else []
            module = ".".join(filter(None, (*base, node.module)))
            names = {f"{module}.{alias.name}" for alias in node.names}
            found |= {each if each.removeprefix("reporter.") in FILES else module for each in names}
    ours = {each.removeprefix("reporter.") for each in found if each.startswith("reporter.")}
    return {each for each in ours if each in FILES and each != name}


def layer(name: str) -> int:
    return next(number for number, folders in enumerate(LAYERS) if name.partition(".")[0] in folders)


def test_every_module_is_in_a_layer() -> None:
    known = {folder for folders in LAYERS for folder in folders}
    assert not {name for name in MODULES if name.split(".")[0] not in known}


def test_modules_import_lower_layers_only() -> None:
    arrows = [
        f"{name} -> {other}"
        for name in MODULES
        for other in sorted(imported(name))
        if other in SHIMS or (name.split(".")[0] != other.split(".")[0] and layer(other) >= layer(name))
    ]
    assert not arrows, "these imports point upward: " + ", ".join(arrows)


def test_no_module_imports_itself_through_others() -> None:
    graph = {name: imported(name) for name in MODULES}
    reached: dict[str, set[str]] = defaultdict(set)
    for name, others in graph.items():
        waiting = list(others)
        while waiting:
            if (other := waiting.pop()) not in reached[name]:
                reached[name].add(other)
                waiting += graph.get(other, ())
    circles = sorted(name for name in graph if name in reached[name])
    assert not circles, "these modules import each other: " + ", ".join(circles)


def test_torch_is_imported_at_module_level_in_the_worker_folder_only() -> None:
    heavy = {name for name in MODULES if parsed(name).loaded & HEAVY}
    assert not {name for name in heavy if not name.startswith("worker.")}


def test_what_the_parent_loads_imports_no_worker_module() -> None:
    """A worker module may load torch; `run.executors.local` and a side of `reporter ab` name one in a function."""
    at_load = {name: {other for other in imported(name) if other.startswith("worker")} for name in MODULES}
    wrong = {
        f"{name} -> {other}"
        for name, others in at_load.items()
        for other in others
        if name.split(".")[0] in PARENT and name not in ("run.executors.local", "run.paired.side")
    }
    assert not wrong, "these imports would load torch: " + ", ".join(sorted(wrong))


def test_a_side_of_ab_loads_no_package_that_an_environment_may_lack() -> None:
    """With the metrics and architectures that it loads; torchvision requires numpy."""
    waiting = ["run.paired.side", *(name for name in MODULES if name.split(".")[0] in ("metrics", "architectures"))]
    seen: set[str] = set()
    while waiting:
        if (name := waiting.pop()) not in seen:
            seen.add(name)
            waiting += {*modules(name, parsed(name).at_load), name.rpartition(".")[0]} & FILES.keys()
    found = {package for name in seen for package in parsed(name).loaded} - {"reporter"}
    assert found - set(sys.stdlib_module_names) == {*bootstrap.NEEDED, "numpy"}


def test_extensions_import_worker_modules_in_functions_only() -> None:
    """The parent loads extensions, and a worker module may load torch; imports for type checkers are not run."""
    wrong = [
        f"{name} -> {other}"
        for name in MODULES
        if name.split(".")[0] in EXTENSIONS
        for other in sorted(modules(name, parsed(name).at_load))
        if other.split(".")[0] == "worker"
    ]
    assert not wrong, "import these in functions, as they may load torch: " + ", ".join(wrong)


def test_ray_is_imported_by_its_executor_only() -> None:
    """Without the extra, everything else works."""
    users = {
        name
        for name in MODULES
        for node in parsed(name).imports
        if "ray" in packages(node) and not getattr(node, "level", 0)
    }
    assert users == {"run.executors.ray"}
    assert "ray" not in parsed("run.executors.ray").loaded


def test_no_executor_but_the_local_one_is_named_outside_their_folder() -> None:
    """The options of the command line and the settings of the same name are all that mentions another."""
    named = {name for name in MODULES if re.search(r"(?<![a-z])ray(?![a-z])", MODULES[name].read_text(), re.IGNORECASE)}
    assert {name for name in named if not name.startswith("run.executors")} == {"cli.options", "model.settings"}


def test_the_map_of_the_package_names_every_folder_and_no_file_that_is_not_there() -> None:
    text = parsed("__init__").docstring
    lines = [line.lstrip().partition("  ")[0] for line in text.splitlines() if line.startswith("    ")]
    named = {word for line in lines for word in line.split() if "/" in word}
    assert not {word for word in named if not (PACKAGE / word).exists()}
    folders = {path.name + "/" for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert folders - named == {"telling/"}, "a shim"
    chain = [word for line in lines[:6] for word in line.split() if word.endswith(".py")]
    modules = [word.removesuffix(".py").replace("/", ".") for word in chain]
    assert modules == ["cli.main", "run.preparation", "run.experiment", "worker.entry", "run.ledger", "report.build"]
    assert {"run.preparation", "run.experiment", "report.build"} <= imported("cli.main")
    assert "run.ledger" in {other for name in imported("run.experiment") for other in (name, *imported(name))}


LISTED = re.compile(r"^(\w+\.(?:py|csv|toml|po)) ", re.MULTILINE)


def test_a_list_of_the_files_of_a_folder_is_complete() -> None:
    """Where the docstring of a folder lists files, it lists all of them and no other."""
    folders = [name for name in FILES if FILES[name].name == "__init__.py"]
    lists = {name: listed for name in folders if (listed := LISTED.findall(parsed(name).docstring))}
    assert lists
    for name, listed in lists.items():
        there = {path.name for path in FILES[name].parent.iterdir() if path.is_file() and path != FILES[name]}
        assert sorted(listed) == sorted(there), name


def test_few_modules_lie_beside_the_folders() -> None:
    loose = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py", "__main__.py"}
    assert len(loose) <= 6, loose


def test_modules_are_short() -> None:
    long = {name: count for name, path in FILES.items() if (count := len(path.read_text().splitlines())) > LONGEST}
    assert not long


def test_no_module_has_the_name_of_one_in_the_standard_library() -> None:
    ours = {name.rpartition(".")[2] for name in MODULES} - {"__init__", "__main__"}
    assert not ours & set(sys.stdlib_module_names)


def test_every_folder_says_what_is_in_it() -> None:
    folders = {path.parent for path in FILES.values()}
    assert not {folder for folder in folders if not parsed(name_of(folder / "__init__.py")).docstring}


def test_one_except_for_everything() -> None:
    """Any model may raise any exception, and a defect ends a command; other code catches only what it expects."""
    broad = [name for name in MODULES if "except Exception" in MODULES[name].read_text()]
    assert broad == ["cli.main", "model.attempts", "run.paired.bootstrap"], "the last one runs before any import"


def test_only_the_command_line_prints() -> None:
    printing = {
        name for name, path in MODULES.items() if "print(" in path.read_text() or "click.echo(" in path.read_text()
    }
    assert {name for name in printing if name.split(".")[0] != "cli"} <= {"host.printing"}


def test_no_two_classes_have_one_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for name in MODULES:
        for each in parsed(name).classes:
            places[each].append(name)
    assert not {name: modules for name, modules in places.items() if len(modules) > 1}


def test_no_two_modules_have_one_name() -> None:
    """Modules of cli/commands have the names of their commands."""
    places: dict[str, list[str]] = defaultdict(list)
    for name, path in MODULES.items():
        if path.name not in ("__init__.py", "__main__.py") and not name.startswith("cli.commands."):
            places[name.rpartition(".")[2]].append(name)
    assert not {name: modules for name, modules in places.items() if len(modules) > 1}


UNCLEAR = {"judge", "judged", "told", "tell", "known", "begin", "end", "hold", "held", "hear", "heard", "post"}
"""Names that have had several meanings; the glossary of the project has a word for each."""


def test_no_function_has_an_unclear_name() -> None:
    found = {f"{name}.{each}" for name in MODULES for each in parsed(name).functions if each.strip("_") in UNCLEAR}
    assert not found


PUBLIC = {
    "documents.reference_verdicts.ReferenceVerdict.known": "a key of `against` in summary.json",
    "documents.reference_verdicts.ReferenceChange.known": "a key of `against` in summary.json",
}
"""Parameters and fields that keep such a name, because users see it, with the reason."""


def test_no_parameter_or_field_has_an_unclear_name() -> None:
    """Attributes of `self`, too. An `end` beside a `start` is the end of a range."""
    found = {
        f"{name}.{place}.{each}"
        for name in MODULES
        for place, names in parsed(name).names
        for each in names
        if each.strip("_") in UNCLEAR and not (each == "end" and "start" in names)
    }
    assert found == set(PUBLIC), "rename these, or take them out of PUBLIC where they are no longer there"


def test_every_module_of_statistics_has_unit_tests() -> None:
    """The mutation score of the package is that of these files."""
    tested = {path.stem.removeprefix("test_stats_") for path in Path(__file__).parent.glob("test_stats_*.py")}
    assert not {path.stem for path in (PACKAGE / "stats").glob("[!_]*.py")} - tested


MULTIPLIED = re.compile(r" \* (\(|not |bool\()|\) \* ")


def test_nothing_is_multiplied_by_a_truth_value() -> None:
    """`"§" * (found is not None)` is an `if` that a reader has to decode."""
    found = [
        f"{name}: {ast.unparse(node)}"
        for name, path in FILES.items()
        if MULTIPLIED.search(text := path.read_text(encoding="utf-8"))  # few are parsed once more
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)
        if _is_truth(node.left) or _is_truth(node.right)
    ]
    assert found == []


def _is_truth(node: ast.expr) -> bool:
    """Whether an expression is a comparison, a negation or a call of bool."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "bool"
    return isinstance(node, ast.Compare) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not))
