"""Reasons of readings that the package composes, found in its source code: arguments of errors and verdicts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path

import reporter

PACKAGE = Path(reporter.__file__).parent
MEASURING = ("datasets", "engines", "host", "metrics", "model", "registry", "run", "worker")
"""The folders whose code records readings."""
IN_WORKERS = ("datasets", "engines", "metrics", "worker")
"""Those in which an error that is raised becomes the reason of a reading."""
ERRORS = ("FileNotFoundError", "OSError", "ReporterError", "ValueError")
PLACES = {"UnsupportedError": 0, "Verdict": 1, "absent": 2, "_fail": 1, "leave_out": 1}
"""The argument of a call that is a reason."""
UNRECORDED = {
    "references.py": "errors before a run begins",
    "node_environments.py": "lines of the terminal",
    "missing_from": "lines of the terminal",
    "_rebuilt": "caught where it is called",
    "_numbers": "evidence for claims, of which the package has finite numbers only",
    "_in_the_way": "part of a reason",
    "_narrow": "part of a reason",
}
"""Modules and functions whose errors and texts are no reasons, or not whole ones."""
BLANK = "{}"
"""A part of a text that is known only when it is composed."""
DEEPEST = 6
"""So many names are followed from an expression to the text that one of them stands for."""


@dataclass(frozen=True)
class Scope:
    """The place of an expression: its module and the functions around it, the innermost last."""

    path: Path
    functions: tuple[ast.FunctionDef, ...] = ()
    depth: int = 0


def reasons() -> dict[str, str]:
    """Each text -> a place in the code that records it; `BLANK` is what is filled in."""
    found: dict[str, str] = {}
    for path in sorted(path for folder in MEASURING for path in (PACKAGE / folder).rglob("*.py")):
        for scope, expression in _recorded(path):
            if UNRECORDED.keys().isdisjoint({path.name, *(each.name for each in scope.functions)}):
                for text in sorted(texts(expression, scope)):
                    found.setdefault(text, f"{path.relative_to(PACKAGE)}:{expression.lineno}")
    return found


def _recorded(path: Path) -> Iterator[tuple[Scope, ast.expr]]:
    """The expressions of a module that are reasons."""
    in_worker = path.relative_to(PACKAGE).parts[0] in IN_WORKERS
    for scope, node in _nodes(path):
        match node:
            case ast.FunctionDef() if (ast.get_docstring(node) or "").startswith("Why"):
                yield from ((Scope(path, (*scope.functions, node)), each) for each in _returned(node))
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args) if name in PLACES:
                yield from ((scope, each) for each in args[PLACES[name] :][:1])
            case ast.Call(func=ast.Name(id="Reading" | "LostRound" | "CurvePoint"), keywords=keywords):
                yield from ((scope, each.value) for each in keywords if each.arg == "reason")
            case ast.Raise(exc=ast.Call(func=ast.Name(id=name), args=[text, *_])) if in_worker and name in ERRORS:
                yield scope, text


def texts(expression: ast.AST, scope: Scope) -> set[str]:  # noqa: PLR0911  # a case for each kind of expression
    """What an expression may be; empty if the code does not show it."""
    match expression:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.JoinedStr(values=parts):
            return _joined(parts, scope)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _joined([left, right], scope)
        case ast.IfExp(body=one, orelse=other):
            return texts(one, scope) | texts(other, scope)
        case ast.BoolOp(values=values) | ast.Tuple(elts=values) | ast.Dict(values=values):
            return {text for each in values for text in texts(each, scope)}
        case ast.Subscript(value=inner) | ast.FormattedValue(value=inner):
            return texts(inner, scope)
        case ast.Call(func=ast.Name(id="one_line"), args=[text, *_]):
            return texts(text, scope)
        case ast.Call(func=ast.Name(id="counted"), args=[_, ast.Constant(value=noun)]):
            return {f"{BLANK} {noun}s"}
        case ast.Call(func=ast.Attribute(value=template, attr="format")):
            return {re.sub(r"\{[^}]*\}", BLANK, text) for text in texts(template, scope)}
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(value=ast.Name(id="self"), attr=name)):
            return _of_function(name, scope)
        case ast.Name(id=name):
            return _of_name(name, scope)
    return set()


def _joined(parts: list[ast.expr], scope: Scope) -> set[str]:
    return {"".join(each) for each in product(*(texts(part, scope) or {BLANK} for part in parts))}


def _of_name(name: str, scope: Scope) -> set[str]:
    """What is assigned to a name in the functions around the place, or else in its module or the one that has it."""
    if scope.depth == DEEPEST:
        return set()
    scope = replace(scope, depth=scope.depth + 1)
    for function in reversed(scope.functions):
        if values := [value for node in ast.walk(function) for value in _assigned(node, name)]:
            return {text for value in values for text in texts(value, scope)}
        if name in {each.arg for each in (*function.args.args, *function.args.kwonlyargs)}:
            return set()
    for node in _module(scope.path).body:
        for value in _assigned(node, name):
            return texts(value, replace(scope, functions=()))
    path, original = _imported(name, scope.path)
    return _of_name(original, Scope(path, (), scope.depth)) if path else set()


def _assigned(node: ast.AST, name: str) -> Iterator[ast.expr]:
    """The value that a statement or expression assigns to a name."""
    match node:
        case (
            ast.Assign(targets=[ast.Name(id=target)], value=ast.expr() as value)
            | ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value)
            | ast.NamedExpr(target=ast.Name(id=target), value=value)
        ) if target == name:
            yield value


def _of_function(name: str, scope: Scope) -> set[str]:
    """What a function of the package returns."""
    if scope.depth == DEEPEST:
        return set()
    for around, node in _nodes(scope.path):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            inside = Scope(scope.path, (*around.functions, node), scope.depth + 1)
            return {text for each in _returned(node) for text in texts(each, inside)}
    path, original = _imported(name, scope.path)
    return _of_function(original, Scope(path, (), scope.depth + 1)) if path else set()


def _returned(function: ast.FunctionDef) -> list[ast.expr]:
    return [node.value for node in ast.walk(function) if isinstance(node, ast.Return) and node.value]


def _imported(name: str, path: Path) -> tuple[Path | None, str]:
    """The module of the package from which a module imports a name, None if there is none; the name in it."""
    for _, node in _nodes(path):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("reporter."):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    file = PACKAGE.parent.joinpath(*str(node.module).split(".")).with_suffix(".py")
                    return file if file.is_file() else None, alias.name
    return None, name


@cache
def _nodes(path: Path) -> list[tuple[Scope, ast.AST]]:
    """The nodes of a module with their scopes."""
    found: list[tuple[Scope, ast.AST]] = [(Scope(path), _module(path))]
    for scope, node in found:  # which grows
        inner = Scope(path, (*scope.functions, node)) if isinstance(node, ast.FunctionDef) else scope
        found.extend((inner, child) for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr_context))
    return found


@cache
def _module(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
