"""Provenance of all cards, once: where their numbers come from, and the commands that measure them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reporter.report.cards.cards import Card
from reporter.report.language import Language
from reporter.report.output.markdown import Markdown


@dataclass(frozen=True)
class Origins:
    """Groups of cards that share their provenance: names, text and commands."""

    groups: tuple[tuple[str, str, tuple[Markdown, ...]], ...]
    kind = "origins"


def origins(made: Sequence[Card], language: Language) -> Origins:
    """Each text once, with the names of its architectures."""
    texts: dict[str, list[Card]] = {}
    for card in made:
        texts.setdefault(card.origin, []).append(card)
    return Origins(
        tuple(
            (language.listing([card.title for card in cards]), text, commands(cards)) for text, cards in texts.items()
        )
    )


def commands(cards: Sequence[Card]) -> tuple[Markdown, ...]:
    """The commands of cards; those that differ in the architecture only become one."""
    names: dict[str, list[str]] = {}
    for card in cards:
        before, found, after = card.command.partition(f" --architectures {card.name}")
        names.setdefault(f"{before} --architectures NAMES{after}" if found else card.command, []).append(card.name)
    return tuple(Markdown(pattern.replace("NAMES", ",".join(found), 1)) for pattern, found in names.items())
