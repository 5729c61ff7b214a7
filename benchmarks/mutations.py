"""Small faults for a Python package: enumerate them, draw some, and find a drawn one again after its code has moved.

A fault replaces one unit of source, which is a simple statement or the expression in the head of a compound one. It is
identified by the qualified name of its function and the text of the unit, not by a path or a line.
"""

from __future__ import annotations

import ast
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

COMPARISONS = {
    ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"), ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="), ast.In: ("in", "not in"), ast.NotIn: (r"not\s+in", "in"), ast.Is: ("is", "is not"),
    ast.IsNot: (r"is\s+not", "is"),
}  # fmt: skip
ARITHMETIC = {ast.Add: (r"\+", "-"), ast.Sub: ("-", "+"), ast.Mult: (r"\*", "/"), ast.Div: ("/", "*"),
              ast.FloorDiv: ("//", "*"), ast.Mod: ("%", "*"), ast.Pow: (r"\*\*", "*")}  # fmt: skip
BOOLEAN = {ast.And: ("and", "or"), ast.Or: ("or", "and")}
UNSWAPPABLE = {"isinstance", "issubclass", "getattr", "hasattr", "setattr", "cast", "field", "print"}


@dataclass(frozen=True)
class Unit:
    """A piece of source that a fault replaces."""

    function: str
    node: ast.stmt | ast.expr


@dataclass(frozen=True)
class Fault:
    """A unit before and after."""

    module: str
    function: str
    kind: str
    before: str
    after: str
    ordinal: int = 0
    """Among equal units of the function."""
    equivalent: str = ""
    """Why nothing that anyone can observe changes; empty for a fault that counts."""
    removed: str = ""
    """Why its code no longer exists, unless it was only renamed."""


class Source:
    """The text of a module, by the offsets of its syntax tree, which count bytes."""

    def __init__(self, text: str) -> None:
        self.data = text.encode()
        self.tree = ast.parse(text)
        lines = self.data.splitlines(keepends=True)
        self._starts = [sum(map(len, lines[:number])) for number in range(len(lines) + 1)]

    def span(self, node: ast.stmt | ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self._starts[node.lineno - 1] + node.col_offset
        return start, self._starts[node.end_lineno - 1] + node.end_col_offset

    def text(self, node: ast.stmt | ast.expr) -> str:
        start, end = self.span(node)
        return self.data[start:end].decode()

    def replaced(self, span: tuple[int, int], text: str, within: ast.stmt | ast.expr) -> str:
        """The text of a node with the bytes of a span replaced."""
        first, last = self.span(within)
        return (self.data[first : span[0]] + text.encode() + self.data[span[1] : last]).decode()


def modules(package: Path) -> dict[str, Path]:
    """All modules under a package's folder, by dotted name."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def units(body: Sequence[ast.stmt], function: str = "<module>") -> Iterator[Unit]:
    """The units of a body; docstrings, annotations, imports, `__all__` and guarded blocks contain none."""
    for statement in body:
        match statement:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                inner = statement.name if function == "<module>" else f"{function}.{statement.name}"
                yield from units(statement.body, inner)
            case ast.If(test=test) if {"TYPE_CHECKING", "__name__"} & {getattr(n, "id", "") for n in ast.walk(test)}:
                yield from units(statement.orelse, function)
            case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Expr(value=ast.Constant()):
                pass
            case ast.Assign(targets=[ast.Name(id="__all__" | "TYPE_CHECKING")]):
                pass
            case ast.AnnAssign(value=value):
                if value is not None:
                    yield Unit(function, value)
            case ast.If() | ast.While() | ast.For() | ast.With() | ast.Try() | ast.Match():
                for head in _heads(statement):
                    yield Unit(function, head)
                for inner_body in _bodies(statement):
                    yield from units(inner_body, function)
            case _:
                yield Unit(function, statement)


def _heads(statement: ast.stmt) -> list[ast.expr]:
    match statement:
        case ast.If(test=head) | ast.While(test=head) | ast.For(iter=head) | ast.Match(subject=head):
            return [head]
        case ast.With(items=items):
            return [item.context_expr for item in items]
    return []


def _bodies(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse", "finalbody"):
        yield getattr(statement, name, [])
    for part in (*getattr(statement, "handlers", []), *getattr(statement, "cases", [])):
        yield part.body


def faults(module: str, source: Source) -> Iterator[Fault]:
    """All faults of a module."""
    seen = Counter[tuple[str, str]]()
    for unit in units(source.tree.body):
        before, same = source.text(unit.node), (unit.function, _dump(unit.node))
        for kind, after in _changes(source, unit.node):
            if after != before and _parses(after, unit.node):
                yield Fault(module, unit.function, kind, before, after, seen[same])
        seen[same] += 1


def _parses(text: str, node: ast.stmt | ast.expr) -> bool:
    try:
        ast.parse(text if isinstance(node, ast.stmt) else f"({text}\n)")
    except SyntaxError:
        return False
    return True


def _changes(source: Source, unit: ast.stmt | ast.expr) -> Iterator[tuple[str, str]]:
    """Kinds and changed texts of a unit."""
    match unit:
        case ast.Return(value=ast.expr() as value) if not isinstance(value, ast.Constant):
            yield "return value", "return None"
        case ast.Raise():
            yield "exception", "pass"
    for node in _expressions(unit):
        for kind, old, new in _edits(source, node):
            yield kind, source.replaced(old, new, unit)


def _expressions(node: ast.AST) -> Iterator[ast.expr | ast.comprehension]:
    """The expressions of a unit; those in f-strings have no position of their own, `Literal[...]` is an annotation."""
    if isinstance(node, ast.expr | ast.comprehension):
        yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.JoinedStr):
            continue
        if isinstance(child, ast.Subscript) and getattr(child.value, "id", "") == "Literal":
            continue
        yield from _expressions(child)


Edit = tuple[str, tuple[int, int], str]
"""A kind, a span and the text that replaces it."""


def _edits(source: Source, node: ast.expr | ast.comprehension) -> Iterator[Edit]:
    yield from _changed_operators(source, node)
    yield from _changed_values(source, node)


def _changed_operators(source: Source, node: ast.expr | ast.comprehension) -> Iterator[Edit]:
    match node:
        case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in COMPARISONS:
            yield "comparison", *_between(source, left, right, *COMPARISONS[type(operator)])
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in ARITHMETIC:
            if not (_is_sequence(left) or _is_sequence(right)):
                yield "arithmetic", *_between(source, left, right, *ARITHMETIC[type(operator)])
        case ast.BoolOp(op=operator, values=[left, right]):
            yield "boolean", *_between(source, left, right, *BOOLEAN[type(operator)])
            for kept in (left, right):
                yield "condition dropped", source.span(node), f"({source.text(kept)})"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "negation", source.span(node), f"({source.text(operand)})"
        case ast.IfExp(test=test):
            yield "negation", source.span(test), f"(not ({source.text(test)}))"
        case ast.comprehension(ifs=[test]):
            yield "condition dropped", source.span(test), "True"


def _changed_values(source: Source, node: ast.expr | ast.comprehension) -> Iterator[Edit]:
    match node:
        case ast.Constant(value=bool() | int() | float() as value):
            yield "constant", source.span(node), repr(_other(value))
        case ast.Call(func=called, args=[first, second, *_]) if _swappable(called, first, second):
            span = source.span(first)[0], source.span(second)[1]
            yield "arguments", span, f"{source.text(second)}, {source.text(first)}"
    for key in _keys(node):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield "key", source.span(key), repr(f"{key.value}_")


def _keys(node: ast.expr | ast.comprehension) -> list[ast.expr | None]:
    match node:
        case ast.Subscript(slice=key):
            return [key]
        case ast.Call(func=ast.Attribute(attr="get" | "pop" | "setdefault"), args=[key, *_]):
            return [key]
        case ast.Dict(keys=keys):
            return keys
    return []


def _other(value: float) -> float:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else value * 2 or 1.0


def _between(source: Source, left: ast.expr, right: ast.expr, old: str, new: str) -> tuple[tuple[int, int], str]:
    span = source.span(left)[1], source.span(right)[0]
    return span, re.sub(old, new, source.data[slice(*span)].decode(), count=1)


def _is_sequence(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr | ast.List | ast.Tuple | ast.Constant) and not _is_number(node)


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def _swappable(called: ast.expr, *arguments: ast.expr) -> bool:
    if getattr(called, "id", getattr(called, "attr", "")) in UNSWAPPABLE:
        return False
    return not any(isinstance(part, ast.Starred | ast.Constant | ast.GeneratorExp) for part in arguments)


def draw(package: Path, number: int, seed: int) -> list[Fault]:
    """Faults of as many modules, spread evenly over the lines of the package in the order of its tree.

    Of the kinds that a module offers, the one drawn least often so far is taken.
    """
    generator = random.Random(seed)
    sizes = {name: path.read_text(encoding="utf-8").count("\n") for name, path in modules(package).items()}
    step = sum(sizes.values()) / number
    position, drawn, kinds = 0.0, list[Fault](), Counter[str]()
    target = generator.uniform(0, step)
    for name, path in modules(package).items():
        position += sizes[name]
        if position < target:
            continue
        by_kind = defaultdict(list)
        for fault in faults(name, Source(path.read_text(encoding="utf-8"))):
            by_kind[fault.kind].append(fault)
        if not by_kind:  # such as a docstring alone: the next module takes its place
            continue
        target += step
        rarest = min(kinds[kind] for kind in by_kind)
        kind = generator.choice(sorted(kind for kind in by_kind if kinds[kind] == rarest))
        kinds[kind] += 1
        drawn.append(generator.choice(by_kind[kind]))
    generator.shuffle(drawn)
    return drawn


@dataclass(frozen=True, eq=False)
class Place:
    """Where a fault's unit stands."""

    module: str
    path: Path
    function: str
    source: Source
    node: ast.stmt | ast.expr


def changed(edits: Mapping[Place, str]) -> str:
    """The text of a module with texts in the places of some of its units."""
    source = next(iter(edits)).source
    data = source.data
    for (start, end), text in sorted(((source.span(place.node), text) for place, text in edits.items()), reverse=True):
        data = data[:start] + text.encode() + data[end:]
    return data.decode()


def locate(package: Path, wanted: Sequence[Fault]) -> dict[Fault, Place]:
    """The places of faults: in the function of that name, wherever it went; else the only place with the same code."""
    places = defaultdict(list)
    for name, path in modules(package).items():
        source = Source(path.read_text(encoding="utf-8"))
        for unit in units(source.tree.body):
            places[_dump(unit.node)].append(Place(name, path, unit.function, source, unit.node))
    found = {}
    for fault in wanted:
        same = places[_dump(_parsed(fault.before))]
        here = [place for place in same if place.function == fault.function]
        if len({place.module for place in here}) > 1:  # functions of one name
            here = [place for place in here if place.module.split(".")[-1] == fault.module.split(".")[-1]]
        if len(here) > fault.ordinal:
            found[fault] = here[fault.ordinal]
        elif len(same) == 1:
            found[fault] = same[0]
    return found


def _parsed(text: str) -> ast.stmt | ast.expr:
    try:
        return ast.parse(text).body[0]
    except SyntaxError:  # an expression over several lines
        return ast.parse(f"({text}\n)", mode="eval").body


def _dump(node: ast.stmt | ast.expr) -> str:
    """The syntax tree of a unit, the same for an expression and a statement of that expression alone."""
    return ast.dump(node.value if isinstance(node, ast.Expr) else node)
