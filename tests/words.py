"""Every message that the telling side can say, as gettext extracts it, and what the catalogues of the project add."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from babel.messages.extract import extract_from_dir

import reporter
from reporter import facts
from reporter.compare import kernel_changes
from reporter.metrics.ceilings import NO_BF16
from reporter.model import Architecture, Chart, Claim, Metric
from reporter.model.modes import OUTPUT_ERROR, PREPARE
from reporter.registry.catalog import collect
from reporter.report.between_runs.changes import ABOVE, COUNTED, FASTER, KERNELS, SLOWER
from reporter.report.findings.key_findings import OPENINGS
from reporter.report.output.formats import folder
from reporter.report.present_quantities import COUNTED as RENAMED
from reporter.report.published.published_figures import without_details
from reporter.report.training.training_names import BY_KEY, TITLES
from reporter.report.units import ELEMENTS
from reporter.report.why import operator_names
from reporter.tables.measured_vs_published import other_paper

PACKAGE = Path(reporter.__file__).parent
KEYWORDS: dict[str, Any] = {"_": None, "ngettext": (1, 2)}


@cache
def messages() -> dict[str, str | tuple[str, ...]]:
    """Each message by its id (of a plural: the singular)."""
    found: dict[str, str | tuple[str, ...]] = {}
    for message in (*_extracted(), *_catalogues()):
        found[message if isinstance(message, str) else message[0]] = message
    return found


def _extracted() -> Iterator[Any]:
    sources = [
        (PACKAGE, [(f"{name}/**.py", "python") for name in ("report", "tables", "charts", "claims", "compare", "cli")]),
        (folder(), [("**.j2", "jinja2")]),
    ]
    for root, methods in sources:
        for row in extract_from_dir(root, methods, keywords=KEYWORDS):
            if row[2]:
                yield row[2]


def _catalogues() -> Iterator[str]:
    for chart in collect("reporter.charts", Chart).values():
        yield from (chart.title, chart.caption)
    for metric in collect("reporter.metrics", Metric).values():
        for quantity in metric.quantities:
            yield from (quantity.title, quantity.definition)
    for quantity in (OUTPUT_ERROR, PREPARE):
        yield from (quantity.title, quantity.definition)
    yield from (*OPENINGS, *RENAMED.values(), *BY_KEY.values())
    for titles in TITLES.values():
        yield from (*titles, *titles.values())
    yield from kernel_changes.TITLES.values()
    yield NO_BF16
    yield from operator_names.KINDS
    yield from (*COUNTED.values(), SLOWER, FASTER, ABOVE, KERNELS)
    for claim in collect("reporter.claims", Claim).values():
        yield claim.statement
    for architecture in collect("reporter.architectures", Architecture).values():
        yield from [architecture.variant] * bool(architecture.variant)
    for card in facts.cards().values():
        yield from (card[key] for key in ("idea", "changed", "source"))
    yield from facts.slides().values()
    yield from (step["step"] for step in facts.ablations())
    yield from (step["source"] for step in facts.ablations() if step["source"])
    for row in facts.architectures().values():
        figures = ("baseline_source", "depth_source", "paper_protocol", "source")
        counter = without_details(row["params_counted_by"])
        yield from (text for text in (*(row[key] for key in figures), counter) if text)
    for claim in collect("reporter.claims", Claim):
        yield from (fact.source for fact in facts.claim(claim).values())
    yield from filter(None, map(other_paper, facts.architectures().values()))
    yield from (row["team"] for row in facts.timeline() if row["year"] == "human")
    for row in facts.timeline():
        words = (row[key] for key in ("entry", "depth", "single_or_ensemble", "value_kind", "note"))
        yield from (word for word in words if re.search("[a-z]{2}", word))
    yield from ("s", "ms", "µs", "MiB", "images/s", "G", "M", "%", *(scale.word for scale in ELEMENTS))
