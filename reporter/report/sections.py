"""The sections of the report as data: paragraphs, lists, definitions, figures and tables, for any kind of output."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reporter.compare.baseline_file import BaselineComparison
from reporter.model.extensions import Chapter
from reporter.model.fields import DEFAULT_MALLOC, KEEPING
from reporter.report.between_runs.changes import Words
from reporter.report.cards.card_origins import Origins, origins
from reporter.report.cards.cards import Card, Family, Index, cards, families
from reporter.report.choosing.choice import ChoiceSection
from reporter.report.comparison import Comparison
from reporter.report.display_names import with_display_names
from reporter.report.drawing import thinning
from reporter.report.drawing.vega import Extent, least_legible
from reporter.report.findings import noise_reasons
from reporter.report.findings.key_findings import findings
from reporter.report.headline_latency import newest_machine
from reporter.report.language import Language
from reporter.report.output.layer_tables import Sheets, stages
from reporter.report.page.claim_sections import Trials, Verdicts
from reporter.report.table import Table
from reporter.report.training.training_names import Start, specific

CARDS = 90
"""So many networks have cards at most: all of torchvision's and the lecture's, and a page that one can still open."""
FAMILIES = 12
"""The cards of more families than this are folded."""
KEY_FINDINGS = 8
"""So many findings are key findings."""


@dataclass(frozen=True)
class Text:
    text: str
    kind = "text"


@dataclass(frozen=True)
class Items:
    items: tuple[str, ...]
    kind = "items"


@dataclass(frozen=True)
class Terms:
    """Words and what they mean."""

    terms: tuple[tuple[str, str], ...]
    kind = "terms"


@dataclass(frozen=True)
class Figure:
    """A chart: `svg` for the page, `narrow` for narrow screens, `file` the name of its files without ending."""

    name: str
    title: str
    caption: str
    svg: str
    file: str
    narrow: str = ""
    kind = "figure"

    @property
    def legible(self) -> Extent:
        return least_legible(self.svg)

    @property
    def legible_narrow(self) -> Extent:
        return least_legible(self.narrow)


@dataclass(frozen=True)
class Files:
    """Links to files of the folder, each with its title."""

    title: str
    files: tuple[tuple[str, str], ...]
    kind = "files"


@dataclass(frozen=True)
class Folded:
    """Blocks that a page shows after a click on their title; other formats show them as they are."""

    name: str
    title: str
    blocks: tuple[Content, ...]
    kind = "folded"

    @property
    def tables(self) -> tuple[Table, ...]:
        return tuple(table for block in self.blocks for table in getattr(block, "tables", ()))


Content = (
    Text
    | Items
    | Terms
    | Files
    | Figure
    | Table
    | ChoiceSection
    | Verdicts
    | Trials
    | Card
    | Family
    | Index
    | Origins
    | Sheets
    | Folded
)


@dataclass(frozen=True)
class Section:
    name: str
    title: str
    blocks: tuple[Content, ...]


def found(comparison: Comparison, language: Language) -> Section:
    """The key findings, and the others folded; then the reasons for noisy times, if any is in them.

    Where there are several machines, they begin with the name of the one whose times are meant.
    """
    _ = language._
    sentences = findings(comparison, language) or [_("Too little was measured to compare anything.")]
    sentences = [with_display_names(sentence) for sentence in sentences]
    shown, others = sentences[:KEY_FINDINGS], sentences[KEY_FINDINGS:]
    if any("≈" in sentence for sentence in sentences):
        others += noise_reasons.causes(comparison, language)
    more = [Folded("findings", _("More findings"), (Items(tuple(others)),))] if others else []
    first = [Text(sentence)] if (sentence := newest_machine(comparison, language)) else []
    return Section("found", _("Key findings"), (*first, Items(tuple(shown)), *more))


def changed(comparison: BaselineComparison, language: Language) -> Section:
    """What changed since the baseline, and what the comparison is based on."""
    words = Words(comparison.differences, language)
    against = language._("Compared with {base}, measured on {date}: {headline}")
    summary = against.format(
        base=language._(comparison.base), date=language.date(comparison.measured), headline=words.headline()
    )
    blocks: list[Content] = [Text(summary)]
    if lines := tuple(words.changes()):
        blocks.append(Items(lines))
    if grounds := tuple(words.grounds()):
        blocks += [Text(language._("This comparison is based on:")), Items(grounds)]
    return Section("changed", language._("What changed"), tuple(blocks))


@dataclass(frozen=True)
class Placed:
    """A figure or table with its chapter, and its place in it."""

    chapter: Chapter
    order: int
    block: Content


def chapters(placed: Iterable[Placed], language: Language, start: Start | None = None) -> list[Section]:
    """Figures and tables in the chapters that they name; a chapter without any is left out.

    `start` is from what weights all networks were trained.
    """
    _ = language._
    titles: dict[Chapter, str] = {
        "timeline": _("The ImageNet timeline"),
        "overview": _("The comparison"),
        "choice": _("Choosing an architecture"),
        "years": _("Architectures by year"),
        "accuracy": _("Accuracy vs. cost"),
        "size": _("Size and compute"),
        "memory": _("Memory"),
        "time": _("Time"),
        "modes": _("How to run it"),
        "why": _("Where the time goes"),
        "finetune": _(specific("Training", start)),
        "history": _("Run history"),
        "more": _("More"),
        "sources": _("Sources"),
    }
    inside: dict[Chapter, list[Content]] = {name: [] for name in titles}
    for each in sorted(placed, key=lambda each: each.order):
        inside[each.chapter].append(each.block)
    return [Section(name, titles[name], tuple(blocks)) for name, blocks in inside.items() if blocks]


def architectures(comparison: Comparison, language: Language) -> Section:
    """A card for each network, of very many for some; and their stages and layers in files."""
    _ = language._
    shown = thinning.chosen(comparison, CARDS)
    how = _(
        "A card shows the block that its architecture is made of, traced from the real module, and what each stage "
        "costs: neighboring layers at one resolution form a stage, and so does each block and each fully connected "
        "layer."
    )
    texts = (Text(text) for text in (how, thinning.note(shown, comparison, language)) if text)
    made = cards(shown, language)
    again = Folded("origins", _("To measure again"), (origins(made, language),))
    described: tuple[Content, ...] = tuple(families(made, language))
    if len({card.family for card in made}) > FAMILIES:
        described = (Folded("cards", _("Cards"), described),)
    blocks: tuple[Content, ...] = (*texts, Index(made), *described, again, stages(comparison, language))
    return Section("architectures", _("The architectures"), blocks)


def claimed(trials: Trials, language: Language) -> tuple[Section, Section]:
    """The lecture's claims, each claim with its verdict; and the evidence for each."""
    evidence = Folded("claim-evidence", language._("Evidence for each claim"), (trials,))
    return (
        Section("claims", language._("Lecture claims, tested"), (trials.verdicts,)),
        Section("evidence", language._("Evidence"), (evidence,)),
    )


def measured(comparison: Comparison, language: Language) -> Section:
    """How each number was measured: the definitions of the quantities, and the words that confuse."""
    _ = language._
    macs = _(
        "MACs and FLOPs: this report counts multiply-adds (MACs) for one image at the input size. One MAC is "
        "two floating-point operations, so FLOPs = 2 × MACs. Papers write either word for either number; where a "
        "published figure is quoted here it is in MACs."
    )
    times = _(
        "Times are medians of repeated runs in a fresh process per architecture, after warm-up, with every sample "
        "kept. The rounds go over all architectures in turn, so that a drift of the machine is shared. Compare "
        "ratios within a run, not times of two machines."
    )
    intervals = _(
        "Intervals: the 95 % interval of a time follows from how far the medians of its rounds vary, each round a "
        "process of its own; this variance is pooled over the architectures of the machine. Two architectures are "
        "distinguished by their ratio in each round. With fewer than three rounds an interval is within one process "
        "only (order statistics of its samples) and is too narrow for comparisons, which then assume a deviation of "
        "3 % between processes."
    )
    quantities = comparison.quantities.values()
    shown = [q for q in quantities if any(value is not None for value in comparison.column(q.key))]
    memory = _(
        "A process that is timed keeps the memory that a call frees (where the C library is glibc), so that its "
        "times repeat. With the allocator's default settings many models request it again from the system in every "
        "call, and are slower by a share that differs from process to process: see the columns for default malloc. "
        "To run a service as it is timed here, set {variables} in its environment."
    ).format(variables=KEEPING)
    texts = (
        (macs, times, intervals, memory) if any(q.key in DEFAULT_MALLOC for q in shown) else (macs, times, intervals)
    )
    terms = tuple((language._(q.title), language._(q.definition)) for q in shown)
    return Section("measured", _("How each number was measured"), (*map(Text, texts), Terms(terms)))
