"""Tables as files: CSV with raw values for spreadsheets, LaTeX for papers."""

from __future__ import annotations

import csv
import re
from io import StringIO

from reporter.telling.table import Cell, Column, Table, Value

TEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "×": r"$\times$",
    "−": r"$-$",
    "≈": r"$\approx$",
    "µ": r"$\mu$",
    "◆": r"$\blacklozenge$",
    "✓": r"\checkmark{}",
    "–": "--",
    "\u00a0": "~",
    "\u202f": r"\,",
}


def to_csv(table: Table) -> str:
    """Raw values in base units, the ends of intervals, and a status column where something is not plainly a number."""
    doubted = [
        any(row[index].status not in ("ok", "missing") for row in table.rows) for index in range(len(table.columns))
    ]
    output = StringIO()
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(name for c, d in zip(table.columns, doubted, strict=True) for name in _headings(c, d))
    for row in table.rows:
        cells = zip(row, table.columns, doubted, strict=True)
        writer.writerow(guard(value) for cell, column, d in cells for value in _values(cell, column, d))
    return output.getvalue()


def _headings(column: Column, doubted: bool) -> list[str]:
    unit = f" [{column.base}]" if column.base not in ("", "1") else ""
    names = [column.key + unit]
    names += [f"{column.key}_low{unit}", f"{column.key}_high{unit}"] if column.interval else []
    return names + ([f"{column.key}_status"] if doubted else [])


def _values(cell: Cell, column: Column, doubted: bool) -> list[Value]:
    ends: list[Value] = [cell.low, cell.high] if column.interval else []
    status: list[Value] = [cell.status] if doubted else []
    return [cell.value, *ends, *status]


def guard(value: Value) -> Value:
    """A text that a spreadsheet would take for a formula gets an apostrophe before it; numbers stay as they are."""
    if isinstance(value, str) and value.lstrip().startswith(("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")):
        return f"'{value}"
    return value


def to_tex(table: Table) -> str:
    """A booktabs tabular; needs the packages booktabs and amssymb."""
    shape = "".join("r" if column.numeric else "l" for column in table.columns)
    head = " & ".join(tex(f"{c.title}, {c.unit}" if c.unit else c.title) for c in table.columns)
    body = [" & ".join(_tex_cell(cell) for cell in row) + r" \\" for row in table.rows]
    lines = ["% \\usepackage{booktabs,amssymb,textcomp}", rf"\begin{{tabular}}{{{shape}}}", r"\toprule", head + r" \\"]
    return "\n".join([*lines, r"\midrule", *body, r"\bottomrule", r"\end{tabular}", ""])


def _tex_cell(cell: Cell) -> str:
    return rf"\textbf{{{tex(cell.text)}}}" if cell.best else tex(cell.text)


def tex(text: str) -> str:
    """A text with everything escaped that LaTeX would read as a command."""
    clean = re.sub(r"\s*[\r\n]\s*", " ", text)
    return "".join(TEX.get(character, character) for character in clean)
