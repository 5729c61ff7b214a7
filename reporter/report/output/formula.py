"""Formulas: TeX in the code, MathML in the page, `$$` in Markdown."""

from __future__ import annotations

from functools import cache

from markupsafe import Markup
from math_core import LatexToMathML

from reporter.report.output.markdown import Markdown


@cache
def to_mathml(tex: str) -> Markup:
    """Displayed formulas, one a line, as MathML, which browsers set without a script or a font of ours."""
    converter = LatexToMathML()
    return Markup("".join(converter.convert_with_local_state(line, displaystyle=True) for line in tex.splitlines()))


def to_dollars(tex: str) -> Markdown:
    """The same for a Markdown renderer that knows TeX, as GitHub's does.

    Such a renderer may take a backslash before a punctuation mark for its own: the TeX in the code does without those.
    """
    return Markdown("\n\n".join(f"$$\n{line}\n$$" for line in tex.splitlines()))
