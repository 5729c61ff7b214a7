"""Cards of architectures: idea and paper, block, cost of each stage, and the source of the numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from reporter import facts
from reporter.model import Reading, Record
from reporter.model.profiles import LayerTime, StageTime, implementation
from reporter.report import units
from reporter.report.block_diagrams import block_boxes, diagrams, layout
from reporter.report.cards import block_captions, part_names, record_structure
from reporter.report.cards.anchors import anchors
from reporter.report.cards.provenance import command, origin
from reporter.report.cards.record_structure import Stage
from reporter.report.comparison import Comparison
from reporter.report.display_names import display_name
from reporter.report.headline_latency import how
from reporter.report.language import Language
from reporter.report.output import layer_tables
from reporter.report.output.markdown import Markdown
from reporter.report.published.paper_depth import paper_depth
from reporter.report.table import Table
from reporter.report.why import operator_names, record_profiles

COSTLIEST = 5
"""Layers on a card."""
OUTSIDE = "forward"
"""The name of what an architecture computes outside of its layers."""
BROAD = 520
"""A diagram wider than this, in its own pixels, has no room beside a text."""


@dataclass(frozen=True)
class Price:
    """A number with its share of the whole, as a text and in percent."""

    text: str
    share: str
    percent: float


NO_TIMES: Mapping[str, Price] = MappingProxyType({})


@dataclass(frozen=True)
class Cost:
    """A stage: its name and its classes as recorded, what it is made of in words, and its cost."""

    name: str
    kind: str
    words: str
    output: str
    parameters: Price
    macs: Price
    time: Price | None = None


@dataclass(frozen=True)
class CostlyLayer:
    """One of the layers that take most: its name, operator and kernel, and its time with the share of the latency."""

    name: str
    operator: str
    kernel: str
    time: Price


@dataclass(frozen=True)
class Drawing:
    """A block as a picture for the page and as Mermaid; `source` names its module and class, if it is not the whole."""

    caption: str
    source: str
    svg: str
    mermaid: Markdown
    broad: bool


@dataclass(frozen=True)
class Card:
    """The content of a card; a missing text and a part that was not measured are empty.

    `tables` holds the layer table, for the page and a file; `conditions` are those of the times of stages and
    layers.
    """

    anchor: str
    name: str
    title: str
    family: str
    lead: str
    paper: str
    link: str
    words: dict[str, str]
    about: tuple[tuple[str, str], ...]
    drawing: Drawing | None
    costs: tuple[Cost, ...]
    costliest: tuple[CostlyLayer, ...]
    conditions: str
    tables: tuple[Table, ...]
    command: Markdown
    origin: str
    kind = "card"


@dataclass(frozen=True)
class Family:
    """The cards of a family beside its first one, whose words they do not repeat on a page."""

    title: str
    first: Card
    cards: tuple[Card, ...]
    kind = "family"

    @property
    def tables(self) -> tuple[Table, ...]:
        return tuple(table for card in self.cards for table in card.tables)


@dataclass(frozen=True)
class Index:
    """The way to each card of a page."""

    cards: tuple[Card, ...]
    kind = "index"


def cards(comparison: Comparison, language: Language) -> tuple[Card, ...]:
    """The cards in the order of the table, each with an anchor of its own."""
    anchor = anchors(record.architecture for record in comparison.networks)
    return tuple(
        card(record, anchor[record.architecture], language, comparison.modes_of(record))
        for record in comparison.networks
    )


def families(made: Sequence[Card], language: Language) -> Iterator[Card | Family]:
    """The first card of each family, then its others."""
    for family in dict.fromkeys(card.family for card in made):
        first, *others = [card for card in made if card.family == family]
        yield first
        if others:
            message = language._("{family}: also {names}")
            title = message.format(family=family, names=language.listing([card.title for card in others]))
            yield Family(title, first, tuple(others))


def card(record: Record, anchor: str, language: Language, modes: Sequence[Record] = ()) -> Card:
    _ = language._
    words = text(record)
    titles = {"changed": _("Why it mattered"), "source": _("Sources")}
    about = [(title, _(words[key])) for key, title in titles.items() if words.get(key)]
    setting = record_profiles.setting_of_card(record)
    variant = [(_("This variant"), language.translate(record.variant))] if record.variant else []
    return Card(
        anchor=anchor,
        name=record.architecture,
        title=display_name(record.architecture),
        family=record.family,
        lead=lead(record, language),
        paper=record.paper,
        link=link(record),
        words={"idea": _(words.get("idea", ""))},
        about=(*about[:1], *variant, *about[1:]),
        drawing=drawing(record, language),
        costs=costs(
            record_structure.stages(record),
            language,
            times(record, setting, language),
            record_structure.layers(record),
        ),
        costliest=costliest(record, setting, language),
        conditions=how(f"latency_{setting}", language) if setting else "",
        tables=layer_tables.layers(record, anchor.removeprefix("card-"), language),
        command=Markdown(command(record, modes)),
        origin=origin(record, language, modes),
    )


def text(record: Record) -> dict[str, str]:
    """What is written on a network; nothing for one that is called like those of a family and is of another."""
    family = facts.family(record.architecture)
    return facts.card(record.architecture) if family is None or family["family"] == record.family else {}


def lead(record: Record, language: Language) -> str:
    """Family, year, parameters, MACs, and the depth that the paper states or else the counted one."""
    parts = [record.family, *([str(record.year)] if record.year else [])]
    patterns = {"parameters": language._("{count} parameters"), "macs": language._("{count} MACs")}
    for key, pattern in patterns.items():
        if (value := record.value(key)) is not None:
            parts.append(pattern.format(count=units.count(language, value)))
    if (stated := paper_depth(record)) is not None:
        parts.append(language._("depth {count}").format(count=language.number(stated)))
    elif (counted := record.value("depth")) is not None:
        parts.append(language._("longest path {count}").format(count=language.number(counted)))
    return " · ".join(parts)


def link(record: Record) -> str:
    """Where the paper is to be read: its arXiv page, else what the facts say."""
    venue = f"{record.paper}, {record.published.get('arxiv_or_venue')}"
    found = re.search(r"arXiv:? ?(\d{4}\.\d{4,5})", venue)
    return f"https://arxiv.org/abs/{found[1]}" if found else text(record).get("link", "")


def drawing(record: Record, language: Language) -> Drawing | None:
    block = record_structure.block(record)
    if block is None or not block.graph:
        return None
    caption = block_captions.caption(record, block, language)
    nodes = block_boxes.nodes(block.graph, language)
    arranged = layout.arrange(nodes)
    svg = diagrams.to_svg(arranged, f"{record.architecture}: {caption}", language)
    source = f"{block.name}: {block.kind}" if block.name else ""
    return Drawing(caption, source, svg, Markdown(diagrams.to_mermaid(nodes)), arranged.width > BROAD)


def times(record: Record, setting: str, language: Language) -> dict[str, Price]:
    """The time of each stage in a setting, with its share of the time of all stages."""
    latency = record.readings.get(f"latency_{setting}")
    return {row.stage: _time(row, latency, language) for row in record_profiles.stages(record, setting)}


def costs(
    stages: Sequence[Stage],
    language: Language,
    times: Mapping[str, Price] = NO_TIMES,
    layers: Sequence[record_structure.Layer] = (),
) -> tuple[Cost, ...]:
    """The stages with their shares of all parameters and MACs, and their times where they were measured."""
    parameters, macs = sum(stage.parameters for stage in stages), sum(stage.macs for stage in stages)
    return tuple(
        Cost(
            stage.name,
            stage.kind,
            part_names.words(part_names.opened(stage.kind, stage.name, layers), language),
            stage.output,
            _price(stage.parameters, parameters, language),
            _price(stage.macs, macs, language),
            times.get(stage.name),
        )
        for stage in stages
    )


def costliest(record: Record, setting: str, language: Language) -> tuple[CostlyLayer, ...]:
    """The COSTLIEST layers in a setting, each with its share of the latency."""
    return tuple(
        CostlyLayer(
            row.layer or OUTSIDE,
            operator_names.words(operator_names.label(row.operator), language),
            implementation(row),
            _time(row, record.readings.get(f"latency_{setting}"), language),
        )
        for row in record_profiles.layers(record, setting)[:COSTLIEST]
    )


def _price(value: int, whole: int, language: Language) -> Price:
    percent = 100 * value / whole if whole else 0.0
    return Price(units.count(language, value), _percent(percent, language), percent)


def _time(row: StageTime | LayerTime, latency: Reading | None, language: Language) -> Price:
    """A part of a latency in milliseconds with its share."""
    percent = 100 * row.share
    return Price(units.part_of(language, row.seconds, latency), _percent(percent, language), percent)


def _percent(percent: float, language: Language) -> str:
    if 0 < percent < 0.05:
        return language._("under {share} %").format(share=language.number(0.1, 1))
    return f"{units.part(language, percent / 100, 0 if percent >= 9.95 else 1)} %"
