"""Lecture claims, tested: each claim with its verdict, evidence and formula."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from reporter.model import Claim, Evidence
from reporter.report.claim_verdicts import Answer, Case, ClaimVerdict, MissingError
from reporter.report.comparison import Comparison
from reporter.report.display_names import with_display_names
from reporter.report.language import Language
from reporter.report.table import Column, Table, plain

SYMBOLS: dict[ClaimVerdict, str] = {"true": "✓", "noted": "✓*", "doubtful": "*", "false": "✗", "open": "–"}


@dataclass(frozen=True)
class Trial:
    """A claim with its verdict in words; `symbol` distinguishes the verdicts without color."""

    name: str
    statement: str
    answer: Answer
    symbol: str
    verdict: str
    formula: str
    kind = "trial"


@dataclass(frozen=True)
class Verdicts:
    """All claims of a report in a table: claim, verdict and corrected sentence.

    `shown`, with the `trials`, has those that were tested, and how many others there are; all if none was tested.
    """

    trials: tuple[Trial, ...]
    table: Table
    shown: Table
    kind = "verdicts"

    @property
    def tables(self) -> tuple[Table, ...]:
        return (self.table,)


@dataclass(frozen=True)
class Trials:
    """All claims of a report, and their evidence as one table, for the files."""

    opening: str
    trials: tuple[Trial, ...]
    table: Table
    verdicts: Verdicts
    kind = "trials"

    @property
    def tables(self) -> tuple[Table, ...]:
        return (self.table,)


def try_claims(
    claims: Iterable[Claim], evidence: Mapping[str, Evidence], comparison: Comparison, language: Language
) -> Trials:
    """The verdict on every claim, in the order of the lecture."""
    ordered = sorted(claims, key=lambda claim: (claim.order, claim.name))
    trials = tuple(_try(claim, Case(claim.name, evidence.get(claim.name), comparison, language)) for claim in ordered)
    tested = tuple(trial for trial in trials if trial.answer.verdict != "open") or trials
    shown = replace(_summary(tested, language), notes=_left_out(len(trials) - len(tested), len(trials), language))
    summary = Verdicts(tested, _summary(trials, language), shown)
    return Trials(_opening(trials, language), trials, _table(trials, language), summary)


def _left_out(untested: int, count: int, language: Language) -> tuple[str, ...]:
    """How many claims are not tested and where the reasons are; nothing if all are."""
    message = language.ngettext(
        "{untested} of {count} claims is not tested, because this run did not measure its evidence: see “Evidence”.",
        "{untested} of {count} claims are not tested, because this run did not measure their evidence: see “Evidence”.",
        untested,
    )
    return (message.format(untested=untested, count=count),) if untested else ()


def _try(claim: Claim, case: Case) -> Trial:
    """The verdict of a claim; if evidence is missing, which."""
    try:
        answer = claim.verdict(case)
    except MissingError as lack:
        answer = Answer("open", (str(lack),))
    rows = tuple(
        replace(row, what=with_display_names(row.what), lecture=_unbroken(row.lecture), here=_unbroken(row.here))
        for row in answer.rows
    )
    answer = replace(answer, sentences=tuple(map(_unbroken, answer.sentences)), rows=rows)
    words, statement = verdicts(case.language), with_display_names(case.language._(claim.statement))
    return Trial(claim.name, statement, answer, SYMBOLS[answer.verdict], words[answer.verdict], claim.formula)


def _unbroken(sentence: str) -> str:
    """No line breaks inside `ρ = 0.1`, `5 × 5`, `33 %` and `≈ 1.2`."""
    return re.sub(r" (?=[=×%])|(?<=[=×≈]) ", "\u00a0", with_display_names(sentence))


def verdicts(language: Language) -> dict[ClaimVerdict, str]:
    """What the verdicts are called."""
    _ = language._
    return {
        "true": _("true"),
        "noted": _("true with a caveat"),
        "doubtful": _("half true"),
        "false": _("false"),
        "open": _("not tested"),
    }


def _opening(trials: Iterable[Trial], language: Language) -> str:
    """How the lecture fared, in numbers."""
    _ = language._
    found = [trial.answer.verdict for trial in trials]
    words = verdicts(language)
    counted = [f"{words[verdict]}: {found.count(verdict)}" for verdict in words if verdict in found]
    about = _(
        "What the lecture says is checked here against models that are built, counted and trained for this report, "
        "and against the papers."
    )
    summary = "; ".join(counted)
    return f"{about} {summary[:1].upper()}{summary[1:]}."


def _summary(trials: Iterable[Trial], language: Language) -> Table:
    """A row for each claim: what to say instead, if the claim is not plainly true."""
    _ = language._
    columns = (Column("claim", _("Claim")), Column("verdict", _("Verdict")), Column("corrected", _("Corrected")))
    rows = [
        (plain(trial.statement), plain(f"{trial.symbol} {trial.verdict}"), plain(trial.answer.corrected))
        for trial in trials
    ]
    return Table("verdicts", _("Verdicts"), columns, tuple(rows))


def _table(trials: Iterable[Trial], language: Language) -> Table:
    """A row for each piece of evidence."""
    _ = language._
    columns = (
        Column("claim", _("Claim")),
        Column("verdict", _("Verdict")),
        Column("what", _("Evidence")),
        Column("lecture", _("The lecture says")),
        Column("here", _("Found here")),
        Column("source", _("Source")),
    )
    rows = [
        tuple(plain(value) for value in (trial.statement, trial.verdict, row.what, row.lecture, row.here, row.source))
        for trial in trials
        for row in trial.answer.rows
    ]
    return Table("claims", _("Lecture claims, tested"), columns, tuple(rows))
