"""Tables and Markdown as course material: LaTeX that compiles, CSV that opens, Markdown that GitHub renders."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
import samples
from markdown_it import MarkdownIt

from reporter.registry.catalog import collect
from reporter.report import build
from reporter.report.comparison import Comparison, compare
from reporter.report.language import language
from reporter.report.output import csv_tables, latex
from reporter.report.page import claim_sections
from reporter.report.table import Cell, Column, Table, Tabulation

HOSTILE = "\\input{x} [a] *b* =1+1 <b>&|$_^~#% \N{SNOWMAN} имя"


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare([*samples.few(), samples.record((HOSTILE, "Other", *samples.HOSTILE[0][2:]))])


def tables(comparison: Comparison, code: str) -> list[Table]:
    made = (each.make(comparison, language(code)) for each in collect("reporter.tables", Tabulation).values())
    built = build.build(comparison, language(code), [], collect("reporter.tables", Tabulation).values())
    return [*(table for table in made if table), *(table for table in built.tables if table.name == "choosing")]


@pytest.mark.parametrize("code", [pytest.param("en", marks=pytest.mark.slow), "ru"])
def test_latex_compiles(comparison: Comparison, code: str, tmp_path: Path) -> None:
    """Every table in one document, with the packages that its first line names and no others."""
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex on this machine")
    if not subprocess.run(["kpsewhich", "siunitx.sty"], capture_output=True, check=False).stdout:
        pytest.skip("no siunitx on this machine")
    if code == "ru" and not subprocess.run(["kpsewhich", "t2aenc.def"], capture_output=True, check=False).stdout:
        pytest.skip("no Cyrillic fonts for LaTeX on this machine")
    texts = {table.name: latex.to_tex(table, language(code)) for table in tables(comparison, code)}
    needs = max((text.splitlines()[0] for text in texts.values()), key=len).removeprefix("% ")
    inputs = "\n\n".join(rf"\resizebox{{\linewidth}}{{!}}{{\input{{{name}.tex}}}}\newpage" for name in texts)
    for name, text in texts.items():
        (tmp_path / f"{name}.tex").write_text(text, encoding="utf-8")
    whole = rf"\documentclass{{article}}\usepackage{{graphicx}}{needs}\begin{{document}}{inputs}\end{{document}}"
    (tmp_path / "whole.tex").write_text(whole, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "whole.tex"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout[-1500:]
    assert (tmp_path / "whole.pdf").read_bytes().startswith(b"%PDF")
    assert f"({len(texts)} pages" in done.stdout.replace("\n", "")


@pytest.mark.slow
@pytest.mark.parametrize("code", ["en", "ru"])
@pytest.mark.parametrize("paper", ["", r"\usepackage[paperwidth=16cm,paperheight=9cm,margin=1cm]{geometry}"])
def test_the_table_for_a_slide_fits_the_page(comparison: Comparison, code: str, paper: str, tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex on this machine")
    (table,) = (table for table in tables(comparison, code) if table.name == "slides")
    text = latex.to_tex(table, language(code))
    needs = text.splitlines()[0].removeprefix("% ")
    assert "tabularx" in needs
    start = rf"\documentclass{{article}}{paper}{needs}\pagestyle{{empty}}\begin{{document}}"
    whole = rf"{start}A paragraph before it.\par {text}\end{{document}}"
    (tmp_path / "whole.tex").write_text(whole, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "whole.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-1500:]
    assert "Overfull" not in done.stdout
    assert all(latex.tex(note) in text for note in table.notes)
    assert "(1 page" in done.stdout


def table_of(*texts: str) -> Table:
    return Table("t", "T", (Column("a", "A"),), tuple((Cell(text),) for text in texts))


@pytest.mark.parametrize("code", ["en", "ru"])
def test_latex_compiles_with_all_letters(code: str, tmp_path: Path) -> None:
    """Letters that its encoding lacks are question marks: pdflatex would report an error for each."""
    if shutil.which("pdflatex") is None:
        pytest.skip("no pdflatex on this machine")
    if code == "ru" and not subprocess.run(["kpsewhich", "t2aenc.def"], capture_output=True, check=False).stdout:
        pytest.skip("no Cyrillic fonts for LaTeX on this machine")
    starts = (*range(0xA0, 0x2200, 64), *range(0xA640, 0xA800, 64), 0xFB00)
    text = latex.to_tex(table_of(*("".join(map(chr, range(each, each + 64))) for each in starts)), language(code))
    needs = text.splitlines()[0].removeprefix("% ").replace(",siunitx", "")
    whole = rf"\documentclass{{article}}{needs}\begin{{document}}\scalebox{{0.1}}{{{text}}}\end{{document}}"
    (tmp_path / "whole.tex").write_text(whole.replace("{amssymb", "{graphicx,amssymb"), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-no-shell-escape", "whole.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, [line for line in done.stdout.splitlines() if line.startswith("!")]


def test_letters_that_an_encoding_of_latex_lacks() -> None:
    for code, shown in {"en": "é ?? ð ? ?", "ru": "é ?? ? ж ?"}.items():
        assert f"\n{shown} \\\\\n" in latex.to_tex(table_of("é ạẅ ð ж Ꙗ"), language(code))


def test_latex_has_the_signs_of_verdicts_and_the_letters_of_claims() -> None:
    assert not [sign for sign in (*claim_sections.SYMBOLS.values(), "α", "ρ", "≥") if "?" in latex.tex(sign)]


def test_numbers_stand_in_columns_of_numbers() -> None:
    """Thousands, decimal commas, signs, marks of noise and words, as siunitx wants them."""
    table = Table(
        "t", "T", (Column("a", "A", numeric=True),),
        tuple((Cell(text, best=text == "2,5"),) for text in ("1\u00a0234,56 ≈", "2,5", "−3", "н/д", "6–9")),
    )  # fmt: skip
    body = latex.to_tex(table, language("ru")).split("\\midrule\n")[1].split("\n\\bottomrule")[0]
    assert body.splitlines() == [
        r"1234.56{\,$\approx$} \\", r"\bfseries 2.5 \\", r"-3 \\", r"{н/д} \\", r"{6\textendash{}9} \\",
    ]  # fmt: skip
    assert "S[table-format=-4.2, detect-weight, output-decimal-marker={,}" in latex.to_tex(table, language("ru"))


@pytest.mark.parametrize("code", ["en", "ru"])
def test_csv_opens_in_a_spreadsheet(comparison: Comparison, code: str) -> None:
    """Rows of equal length, no cell that begins like a formula, a byte-order mark where a sign is not ASCII."""
    for table in tables(comparison, code):
        text = csv_tables.to_csv(table)
        assert text.isascii() or text.startswith("\ufeff")
        head, *rows = csv.reader(text.removeprefix("\ufeff").splitlines(keepends=True))
        assert len(set(head)) == len(head), table.name
        assert {len(row) for row in rows} == {len(head)}, table.name
        texts = [cell for row in rows for cell in row if cell and not _number(cell)]
        assert not [cell for cell in texts if cell.lstrip()[:1] in "=+-@"], table.name


def _number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("name", ["report.md", "report.ru.md"])
def test_markdown_reads_well(name: str, few_report: Path) -> None:
    """As GitHub's renderer sees it: every table is one, no raw HTML, every picture is there, headings step by one."""
    folder = few_report
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse((folder / name).read_text("utf-8"))
    inline = [child for token in tokens for child in token.children or []]
    assert not [token.content for token in (*tokens, *inline) if token.type in ("html_block", "html_inline")]
    meant = re.findall(r"^\|(?: :?-+:? \|)+$", (folder / name).read_text("utf-8"), re.MULTILINE)
    assert sum(token.type == "table_open" for token in tokens) == len(meant) > 10
    pictures = [str(token.attrs["src"]) for token in inline if token.type == "image"]
    assert pictures
    assert all((folder / picture).exists() for picture in pictures)
    levels = [int(token.tag[1]) for token in tokens if token.type == "heading_open"]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
