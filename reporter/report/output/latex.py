"""Tables as LaTeX: booktabs, and numbers aligned at the decimal marker by siunitx."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from reporter.report.language import Language
from reporter.report.table import Cell, Column, Table

ESCAPES = {
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
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    '"': r"\textquotedbl{}",
    "×": r"$\times$",
    "−": r"$-$",
    "≈": r"$\approx$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\to$",
    "µ": r"$\mu$",
    "¹": r"$^1$",
    "†": r"\dag{}",
    "‡": r"\ddag{}",
    "¶": r"\P{}",
    "§": r"\S{}",
    "◆": r"$\blacklozenge$",
    "◇": r"$\lozenge$",
    "✓": r"\checkmark{}",
    "✗": r"$\times$",
    "α": r"$\alpha$",
    "ρ": r"$\rho$",
    "`": r"\textasciigrave{}",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "…": r"\ldots{}",
    "\u00a0": "~",
    "\u202f": r"\,",
}
Parts = tuple[re.Match[str] | None, str]
"""The number in a cell, and the mark behind it."""
NUMBER = re.compile(r"([+-]?)(\d+)(?:\.(\d+))?")
LIGATURES = re.compile(r"([-',])(?=\1)|([?!])(?=\\textasciigrave)")
"""Signs that TeX's fonts make one of, where they follow each other."""
BREAKS = re.compile(r"\s*[\r\n\t]\s*")
LETTERS = re.compile(
    "["
    "\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u0125\u0128-\u0137\u0139-\u013e\u0141-\u0148"
    "\u014a-\u0165\u0168-\u017e\u01c4-\u01d4\u01e2\u01e3\u01e6-\u01eb\u01f0\u01f4\u01f5"
    "\u0218-\u021b\u0232\u0233\u0237\u1e02\u1e03\u1e0d\u1e1e-\u1e21\u1e25\u1e30\u1e31"
    "\u1e37\u1e43\u1e45\u1e47\u1e5b\u1e63\u1e6d\u1e8e-\u1e91\u1e9e\u1ef2\u1ef3"
    "\ufb00-\ufb06"
    "\u0400-\u045f\u0490-\u0493\u0496-\u049d\u04a0-\u04a5\u04aa\u04ab\u04ae-\u04b3"
    "\u04b6-\u04bb\u04c0-\u04c2\u04d0-\u04df\u04e2-\u04e9\u04ec-\u04f5\u04f8\u04f9"
    "]"
)
"""The Latin letters of the encoding T1 and the Cyrillic letters of T2A, from t1enc.dfu and t2aenc.dfu of LaTeX."""
CYRILLIC = re.compile("[\u0400-\u04ff]")
"""Letters that only the fonts of a Russian table have."""
LACKING = {"T1": CYRILLIC, "T2A": re.compile("[ÐÞðþŊŋ]")}
"""Letters for which pdflatex reports an error in an encoding."""
WRAPPED = r">{\raggedright\arraybackslash\hspace{0pt}}X"
"""A column that is as wide as the others leave it; the space lets TeX hyphenate a first word."""
PROSE = 60
"""A column with a text longer than this is a paragraph of fixed width."""
HEAD = "% \\usepackage[{encoding}]{{fontenc}} \\usepackage[{babel}]{{babel}} \\usepackage{{{packages}}}\n% {use}\n"
PACKAGES = "amssymb,array,booktabs,siunitx"
USE = "too wide for the page: \\resizebox{{\\linewidth}}{{!}}{{\\input{{{name}}}}}, with the package graphicx"
FITTED = "as wide as the text: \\input{{{name}}}"


def to_tex(table: Table, language: Language) -> str:
    """A booktabs tabular with an S column for each column of numbers; its first lines say what it needs."""
    shapes, columns = [], []
    for at, column in enumerate(table.columns):
        cells = [row[at] for row in table.rows]
        numbers = [_parts(cell.text, language) for cell in cells] if column.numeric else []
        wrapped = column.key == table.wrapped
        shapes.append(WRAPPED if wrapped else _numbers(numbers, language) if column.numeric else _words(cells))
        columns.append(list(map(_number, cells, numbers)) if column.numeric else list(map(_text, cells)))
    titles = (_title(column, bool(table.wrapped)) for column in table.columns)
    head = " & ".join(f"{{{title}}}" for title in titles)
    body = [" & ".join(row) + r" \\" for row in zip(*columns, strict=True)]
    encoding, babel = ("T2A", "russian") if language.code == "ru" else ("T1", "english")
    use = (FITTED if table.wrapped else USE).format(name=f"{table.name}{language.suffix}.tex")
    packages = f"{PACKAGES},tabularx" if table.wrapped else PACKAGES
    opening = HEAD.format(encoding=encoding, babel=babel, packages=packages, use=use)
    shape = "".join(shapes)
    begin, end = _fitted(shape, table.notes) if table.wrapped else (rf"\begin{{tabular}}{{{shape}}}", r"\end{tabular}")
    lines = [begin, r"\toprule", head + r" \\", r"\midrule", *body]
    text = opening + "\n".join([*lines, r"\bottomrule", end, ""])
    return LACKING[encoding].sub("?", text)


def _title(column: Column, stacked: bool) -> str:
    """The head of a column, with its words and its unit on two lines where room is short."""
    title = tex(f"{column.title}, {column.unit}" if column.unit else column.title)
    if stacked and column.numeric and " " in title:
        first, rest = title.split(", " if " " not in column.title else " ", 1)
        return rf"\shortstack{{{first}\\{rest}}}"
    return title


def _fitted(shape: str, notes: Sequence[str]) -> tuple[str, str]:
    """The environment of a table as wide as the text, in type that fits a slide, with its notes beneath."""
    size = r"{\parindent0pt\scriptsize\setlength{\tabcolsep}{2pt}"
    beneath = "".join(rf"\par {tex(note)}" for note in notes)
    return rf"{size}\begin{{tabularx}}{{\linewidth}}{{{shape}}}", rf"\end{{tabularx}}{{\tiny{beneath}\par}}}}"


def _words(cells: Sequence[Cell]) -> str:
    long = any(len(cell.text) > PROSE for cell in cells)
    return r">{\raggedright\arraybackslash}p{6cm}" if long else "l"


def _numbers(numbers: Sequence[Parts], language: Language) -> str:
    """An S column as wide as its longest number and sign, with room for a mark behind it."""
    found = [match for match, _ in numbers if match]
    if not found:
        return "r"
    sign = "-" if any(match[1] for match in found) else ""
    whole, after = (max(len(match[part] or "") for match in found) for part in (2, 3))
    mark = ", output-decimal-marker={,}" if language.vega["decimal"] == "," else ""
    marks = max((mark for _, mark in numbers), key=len)
    room = rf", table-space-text-post={{{_mark(marks)}}}" if marks else ""
    return rf"S[table-format={sign}{whole}.{after}, detect-weight{mark}{room}]"


def _number(cell: Cell, parts: Parts) -> str:
    """The plain number and the mark behind it; anything else in braces, which siunitx leaves alone."""
    found, mark = parts
    if found is None:
        return f"{{{_text(cell)}}}"
    return (r"\bfseries " if cell.best else "") + found[0] + (f"{{{_mark(mark)}}}" if mark else "")


def _parts(text: str, language: Language) -> Parts:
    """The number in a cell as siunitx reads it, None where there is none, and the mark behind it."""
    plain = text.rstrip("≈*¹†‡§¶ ")
    mark = text[len(plain) :].strip()
    symbols = language.vega
    digits = plain.replace(str(symbols["thousands"]), "").replace(str(symbols["decimal"]), ".").replace("−", "-")
    return NUMBER.fullmatch(digits), mark


def _mark(mark: str) -> str:
    return rf"\,{tex(mark)}"


def _text(cell: Cell) -> str:
    return rf"\textbf{{{tex(cell.text)}}}" if cell.best else tex(cell.text)


@lru_cache(maxsize=2**14)
def tex(text: str) -> str:
    """A text with everything escaped that LaTeX would read as a command; a sign that its fonts lack becomes `?`."""
    clean = BREAKS.sub(" ", text)
    return LIGATURES.sub(r"\1\2{}", clean.translate(_SIGNS))


class _Signs(dict[int, str]):
    """What LaTeX reads for each character, by its code, which `str.translate` looks up."""

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        self[code] = ESCAPES.get(sign) or (sign if _is_supported(sign) else "?")
        return self[code]


_SIGNS = _Signs()


def _is_supported(sign: str) -> bool:
    """Letters of T1 or T2A, and what stands on a keyboard."""
    if ord(sign) < 127:
        return ord(sign) >= 32
    return LETTERS.match(sign) is not None or sign in "«»“”‘’№§°±·"
