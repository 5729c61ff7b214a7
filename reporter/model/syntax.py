"""Python source as a syntax tree: imports, and the statements that a name depends on."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

REFLECTION = {"globals", "locals", "vars", "eval", "exec", "getattr", "import_module", "__import__"}
"""A file that uses one of these may use names that are not in the source, so that all of it is needed."""
INHERITING = {"__subclasses__", "__init_subclass__"}
"""Attributes with the same effect."""
HARMLESS = {"Architecture", "partial", "cache", "lru_cache", "dataclass", "tuple", "list", "dict", "set", "frozenset",
            "range", "len", "sorted", "zip", "field", "staticmethod", "classmethod", "property"}  # fmt: skip
"""Calls that change nothing but what they return."""
ENTRIES = "ENTRIES"
"""What a file offers, which changes nothing else either."""
Body = list[ast.stmt]
RENAMED = {"reporter.model": "reporter.types"}
"""Modules of this package by the name in digests: records from before they were renamed stay valid."""


def imported(tree: ast.AST, package: str) -> list[str]:
    """The modules that are imported anywhere in a tree, packages on the way included; some may be other names."""
    names: dict[str, None] = {}
    for node in ast.walk(tree):
        for name in _imports(node, package):
            parts = name.split(".")
            names |= dict.fromkeys(".".join(parts[:end]) for end in range(1, len(parts) + 1))
    return list(names)


def _imports(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        module = _absolute("." * node.level + (node.module or ""), package)
        yield module
        yield from (f"{module}.{alias.name}" for alias in node.names if alias.name != "*")
    elif isinstance(node, ast.Call) and _name(node.func) in ("import_module", "__import__") and node.args:
        first = node.args[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value.strip("."):
            yield _absolute(first.value, package)


def _absolute(name: str, package: str) -> str:
    """The full name of a module that may be named relative to a package."""
    bare_name = name.lstrip(".")
    level = len(name) - len(bare_name)
    if not level:
        return bare_name
    parts = package.split(".")
    return ".".join(part for part in (*parts[: len(parts) - level + 1], bare_name) if part)


def needed(body: Body, names: Collection[str]) -> Body:
    """The statements of a module that some names need: what binds those, and what does more than bind a name."""
    body = [each for each in body if not _never_runs(each)]
    everything = [node for each in body for node in ast.walk(each)]
    if any(_name(node) in REFLECTION | INHERITING for node in everything):
        return body
    binders = {id(each): _bound(each) for each in body}
    kept = {id(each) for each in body if not binders[id(each)]}
    reached = {name for each in body if id(each) in kept for name in _used(each)} | set(names)
    while more := [each for each in body if id(each) not in kept and binders[id(each)] & reached]:
        kept |= {id(each) for each in more}
        reached |= {name for each in more for name in _used(each)}
    return [each for each in body if id(each) in kept]


def _bound(node: ast.stmt) -> set[str]:
    """The names that a statement binds; none where it does more than that, or may do."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        acts = any(_acts(each) for each in node.decorator_list)
        return set() if acts or getattr(node, "keywords", None) else {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names} - {"*"}
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if any(_name(each) == ENTRIES for each in targets):
            return {ENTRIES}
        parts = [part for each in targets for part in (each.elts if isinstance(each, ast.Tuple) else [each])]
        plain = all(isinstance(part, ast.Name) for part in parts)
        calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
        return (
            {part.id for part in parts if isinstance(part, ast.Name)} if plain and not any(map(_acts, calls)) else set()
        )
    return set()


def _acts(node: ast.expr) -> bool:
    """Whether a decorator or a call may do more than give a value."""
    return _name(node.func if isinstance(node, ast.Call) else node) not in HARMLESS


def _used(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _name(node: ast.AST) -> str:
    """The last part of a name."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _never_runs(node: ast.stmt) -> bool:
    """Whether a statement has no effect on an import: a docstring, what is for type checkers, a script's last lines."""
    if isinstance(node, ast.If) and not node.orelse:
        script = isinstance(node.test, ast.Compare) and _name(node.test.left) == "__name__"
        return script or _name(node.test) == "TYPE_CHECKING"
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def bare(tree: ast.AST) -> str:
    """A tree as text, without positions, comments and docstrings; its imports come first, in order."""
    return ast.dump(_Bare().visit(tree))


class _Bare(ast.NodeTransformer):
    def visit(self, node: ast.AST) -> ast.AST:
        self.generic_visit(node)
        for part in ("body", "orelse", "finalbody"):
            statements = getattr(node, part, None)
            if isinstance(statements, list):
                setattr(node, part, _in_order(statements))
        return node


def _in_order(body: Body) -> Body:
    """Statements with one import each in front, sorted; strings that stand alone are left out."""
    imports: dict[str, ast.stmt] = {}
    others: Body = []
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports |= {ast.dump(one): one for one in _apart(node)}
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            others.append(node)
    return [imports[text] for text in sorted(imports)] + others


def _apart(node: ast.Import | ast.ImportFrom) -> Iterator[ast.stmt]:
    """An import as one statement for each name; none for those of `__future__`."""
    for alias in node.names:
        if isinstance(node, ast.Import):
            yield ast.Import(names=[alias])
        elif node.module != "__future__":
            module = RENAMED.get(node.module or "", node.module)
            yield ast.ImportFrom(module=module, names=[alias], level=node.level)
