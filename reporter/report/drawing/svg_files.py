"""The charts of a report as SVG. Those of very many architectures are drawn in a process of their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from reporter.report.drawing import vega
from reporter.report.drawing.other_process import OtherProcess, answer
from reporter.report.drawing.vega import Spec
from reporter.report.language import Language, language

WORTH = 2_000_000
"""Characters of specifications from which another process draws them; those of the lecture have fewer."""
Draw = Callable[[Spec, Language], str]


def drawing(specs: Sequence[Spec], tongue: Language, draw: Draw = vega.draw) -> OtherProcess[str]:
    """The SVG of each specification, which another process draws meanwhile, if they are large; else `draw` does."""
    work = json.dumps({"language": tongue.code, "specs": specs})
    return OtherProcess(
        __name__, lambda: work, str, lambda: [draw(spec, tongue) for spec in specs], worth=len(work) >= WORTH
    )


def _drawn(work: Any) -> list[str]:
    tongue = language(work["language"])
    return [vega.draw(spec, tongue) for spec in work["specs"]]


if __name__ == "__main__":
    answer(_drawn)
