"""The entries of the ImageNet challenge as published, for the chart and its table."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reporter import facts
from reporter.report.language import Language


@dataclass(frozen=True)
class Entry:
    """One published error.

    `bar` marks those that the well-known chart shows, with their official values here; `label` is the network by which
    that chart knows them, else the team.
    """

    year: str
    team: str
    label: str
    what: str
    depth: str
    error: float
    make: str
    winner: bool
    external: bool
    kind: str
    bar: bool
    source: str
    note: str

    @property
    def handmade(self) -> bool:
        """Features made by hand, before networks won."""
        return self.depth == "shallow"

    @property
    def ensemble(self) -> bool:
        return self.make.startswith("ensemble")

    @property
    def depths(self) -> list[str]:
        """The published depths of its networks, without what the source says of them."""
        return re.findall(r"\d+", self.depth.partition("(")[0])

    @property
    def layers(self) -> int | None:
        """The depth that can be drawn, None for a shallow entry or one without a single depth."""
        found = re.search(r"\d+", self.depth.split("chart")[-1] if " and " in self.depth else self.depth)
        undisclosed = self.depth.startswith(("not", "none"))
        return int(found[0]) if found and not undisclosed else None


def entries() -> tuple[Entry, ...]:
    return tuple(_entry(row) for row in facts.timeline())


def bars() -> list[Entry]:
    """The bars of the chart from left to right; two of one year with the winner first."""
    return sorted((entry for entry in entries() if entry.bar and entry.year.isdigit()), key=lambda e: (e.year, e.error))


def humans() -> list[Entry]:
    return [entry for entry in entries() if entry.year == "human"]


def tooltip_lines(entry: Entry, language: Language) -> list[str]:
    """What a bar says: whose, of what, how good and how deep, by what kind of number, its source and its footnote."""
    _, translate = language._, language.translate
    error = f"{_('top-5 error')} {language.number(entry.error, len(str(entry.error).partition('.')[2]))} %"
    depth = f"{_('Depth')}: {translate(entry.depth)}" if entry.depth else ""
    parts = (
        translate(entry.year),
        translate(entry.team),
        translate(entry.what),
        error,
        depth,
        translate(entry.make),
        translate(entry.kind),
    )
    return [part for part in (*parts, f"{_('Source')}: {entry.source}", translate(entry.note)) if part]


def _entry(row: dict[str, str]) -> Entry:
    return Entry(
        year=row["year"],
        team=row["team"],
        label=found[1] if (found := re.search(r"\((.+)\)", row["cs231n_chart_label"])) else row["team"],
        what=row["entry"],
        depth=row["depth"],
        error=float(row["top5_error_percent"]),
        make=row["single_or_ensemble"],
        winner=row["is_winner"] == "yes",
        external=row["external_data"].startswith("yes"),
        kind=row["value_kind"],
        bar=bool(row["cs231n_chart_value"]),
        source=row["source"],
        note=row["note"],
    )
