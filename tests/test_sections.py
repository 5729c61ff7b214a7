"""Headings of a report, its glossary and its table for a slide."""

from __future__ import annotations

import re

import pytest
import samples
from test_wording import found

from reporter import facts
from reporter.model import Claim
from reporter.model.extensions import Edition
from reporter.registry.catalog import collect
from reporter.report import build
from reporter.report.comparison import compare
from reporter.report.contents import Report
from reporter.report.language import language
from reporter.report.output import formats
from reporter.report.page.heading import Presentation
from reporter.report.sections import Terms
from reporter.report.slide_table import slide_table
from reporter.report.table import Tabulation

ENGLISH = language("en")


@pytest.fixture(scope="module", params=["en", "ru"])
def report(request: pytest.FixtureRequest) -> Report:
    tables, claims = collect("reporter.tables", Tabulation).values(), collect("reporter.claims", Claim).values()
    comparison = compare(samples.with_gradients(samples.lecture()))
    return build.build(comparison, language(request.param), [], tables, claims=claims, evidence=samples.evidence())


def test_no_heading_repeats_that_of_its_section(report: Report) -> None:
    section, repeated = "", []
    for line in formats.to_markdown(report).splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        elif line.startswith("#") and line.lstrip("#").strip() == section:
            repeated.append(section)
    assert section
    assert repeated == []


@pytest.mark.parametrize("edition", ["lecture", "choice"])
def test_both_editions_contain_no_private_expression(edition: Edition) -> None:
    tables, claims = collect("reporter.tables", Tabulation).values(), collect("reporter.claims", Claim).values()
    comparison = compare(samples.with_gradients(samples.lecture()))
    made = build.build(
        comparison,
        ENGLISH,
        [],
        tables,
        claims=claims,
        evidence=samples.evidence(),
        shown=Presentation(edition=edition),
    )
    text = formats.to_markdown(made)
    assert len(text) > 10_000
    assert found("report.md", text) == []


def test_no_text_on_the_lecture_speaks_of_attention(report: Report) -> None:
    """None of its networks has any; the definition of MACs, which is that of any network, is not in these records."""
    text = formats.to_markdown(report)
    assert "FLOPs = 2 × MAC" in text
    assert not re.search(r"\battention\b|\bвнимани[ея] ", text)


def test_the_glossary_has_a_dozen_terms(report: Report) -> None:
    section = next(each for each in report.sections if each.name == "glossary")
    terms = next(block for folded in section.blocks for block in folded.blocks if isinstance(block, Terms))
    assert 10 <= len({word for word, _ in terms.terms}) == len(terms.terms) <= 15
    assert all(meaning.endswith(".") for _, meaning in terms.terms)


def test_the_slide_has_ten_rows_in_the_order_of_the_facts() -> None:
    table = slide_table(compare(samples.lecture()), ENGLISH)
    assert table
    assert [row[0].value for row in table.rows] == list(facts.slides())
    assert len(table.rows) == 10
    rows = {str(row[0].value): [cell.text for cell in row] for row in table.rows}
    assert rows["resnet50"][0] == "ResNet-50"
    assert rows["resnet50"][2:6] == ["2015", "50", "25.6", "4.09"]
    assert rows["inception_v3"][6].endswith("§")
    assert "*" in rows["se_resnet50"][6]


def test_the_slide_has_only_what_was_measured() -> None:
    few = [record for record in samples.lecture() if record.architecture in ("vgg16", "resnet50", "vgg19")]
    table = slide_table(compare(few), ENGLISH)
    assert table
    assert [row[0].value for row in table.rows] == ["vgg16", "resnet50"]
    assert slide_table(compare(few[:1]), ENGLISH) is None


@pytest.mark.parametrize(
    "text", ['a"; } body { color: red', "</style><script>x</script>", "back\\slash\nline", "Задержка, мс"]
)
def test_a_text_is_one_string_of_a_style_sheet(text: str) -> None:
    """Nothing but letters, digits and escapes, which are the same text again."""
    made = str(formats.css_string(text))
    inside = made[1:-1]
    assert made[0] == made[-1] == '"'
    assert re.fullmatch(r"(?:\w|\\[0-9a-f]+ )*", inside)
    assert re.sub(r"\\([0-9a-f]+) ", lambda found: chr(int(found[1], 16)), inside) == text
