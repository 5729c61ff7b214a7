"""Output formats of a report: one function per format, each with a template in templates/."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from reporter.report.contents import Report
from reporter.report.output import formula, markdown

PACKAGE = Path(__file__).parent.parent.parent


def to_html(report: Report) -> str:
    return _environment(page=True).get_template("report.html.j2").render(report=report, _=report.language._)


def to_markdown(report: Report) -> str:
    return _environment(page=False).get_template("report.md.j2").render(report=report, _=report.language._)


def folder() -> Path:
    """Where the templates lie: in the wheel beside this package, in a checkout beside the package's folder."""
    inside = PACKAGE / "templates"
    return inside if inside.is_dir() else PACKAGE.parent / "templates"


@pass_context
def _in_markdown(context: Context, value: object) -> markdown.Markdown:
    """Everything that a Markdown template prints; the names of the report are code spans."""
    return markdown.escape(value, context["report"].names)


@pass_context
def _in_table(context: Context, value: object) -> markdown.Markdown:
    """The same in a cell of a table."""
    return markdown.escape(value, context["report"].names, in_table=True)


def css_string(text: str) -> Markup:
    """A text as a string of a style sheet in a page: every sign that is no letter or digit is escaped."""
    return Markup('"' + "".join(sign if sign.isalnum() else f"\\{ord(sign):x} " for sign in text) + '"')


@cache
def _environment(page: bool) -> Environment:
    """Everything is escaped unless a template says otherwise: as HTML for the page, as Markdown for the text."""
    environment = Environment(
        loader=FileSystemLoader(folder()),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=page,
        finalize=None if page else _in_markdown,
    )
    environment.filters |= {"in_table": _in_table, "address": markdown.address}
    environment.filters["css_string"] = css_string
    environment.filters["formula"] = formula.to_mathml if page else formula.to_dollars
    return environment
