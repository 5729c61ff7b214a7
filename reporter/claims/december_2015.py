"""Claim about the month of ResNet and Inception v3, which is part of their arXiv numbers."""

from __future__ import annotations

from reporter.model import Claim
from reporter.report.claim_verdicts import Answer, Case, Row

SAID = (2015, 12)
NETWORKS = {"resnet": "ResNet", "inception_v3": "Inception v3"}


def month(paper: str) -> tuple[int, int]:
    """Year and month in which arXiv received a paper: it numbers them YYMM.nnnnn."""
    return 2000 + int(paper[:2]), int(paper[2:4])


def verdict(case: Case) -> Answer:
    """True where both papers are of December 2015."""
    _ = case.language._
    papers = {name: case.fact(name) for name in NETWORKS}
    months = {name: month(str(paper.value)) for name, paper in papers.items()}
    rows = tuple(
        Row(
            _("{network} on arXiv").format(network=title),
            "2015-12",
            "{}-{:02}".format(*months[name]),
            f"{papers[name].source}, arXiv {papers[name].value}",
        )
        for name, title in NETWORKS.items()
    )
    explanation = _("The arXiv numbers of both papers contain year and month: {numbers}.")
    numbers = case.language.listing([str(paper.value).partition("v")[0] for paper in papers.values()])
    right = all(found == SAID for found in months.values())
    return Answer("true" if right else "false", (explanation.format(numbers=numbers),), rows)


ENTRIES = (Claim("december_2015", "ResNet and Inception v3 both appeared in December 2015.", verdict, order=90),)
