"""The comparison table with the most important metrics."""

from __future__ import annotations

from dataclasses import replace

from reporter.model import Record
from reporter.model.devices import ACCELERATORS
from reporter.model.fields import AS_SET
from reporter.report import accelerator_notes, units
from reporter.report.comparison import Comparison, accuracy, whole_front
from reporter.report.headline_latency import how, timing
from reporter.report.language import Language
from reporter.report.modes import mode_ranking
from reporter.report.published.accuracy_marks import footnotes, marked, special
from reporter.report.published.paper_depth import depth_cell, paper_depth
from reporter.report.published.published_figures import with_weights
from reporter.report.table import Builder, Cell, Column, Table, Tabulation, group_title
from reporter.report.throughput_batches import batches
from reporter.report.training.held_out_accuracy import OWN
from reporter.report.training.training_ranks import add_intervals
from reporter.report.training.training_recipes import TOP1_KEYS, measured

MOST = 5000
"""The one table that is sorted and searched for a network has room for many."""
TOP1 = "imagenet_top1"
HEADLINES = (
    "parameters",
    "depth",
    "macs",
    "peak_activation_bytes",
    "latency_cpu_1thread",
    "latency_cpu",
    "throughput_cpu",
    *(f"{each}_{device}" for device in ACCELERATORS for each in ("latency", "throughput")),
    TOP1,
    *TOP1_KEYS,
)
EXTRA = (
    *("family", "input_size", "depth"),
    *(f"throughput_{device}" for device in ("cpu", *ACCELERATORS)),
)
"""Columns that a page shows on request."""


def make(comparison: Comparison, language: Language) -> Table:
    _ = language._
    rows = Builder(comparison, language, comparison.records, grouped=True)
    rows.names()
    rows.text("family", _("Family"), [record.family for record in rows.records])
    rows.text("year", _("Year"), [record.year for record in rows.records])
    rows.text("pareto", _("Pareto"), pareto(comparison))
    rows.sizes()
    own = has_papers_own(comparison)
    for key in HEADLINES:
        if key == "depth":
            _paper_depths(rows)
        rows.quantity(key, empty=key == TOP1 and own)
        if key == TOP1 and rows.columns[-1].key == key:
            rated = zip(rows.cells[-1], rows.records, strict=True)
            rows.cells[-1] = [_accuracy(cell, record, language) for cell, record in rated]
        if key in TOP1_KEYS:
            add_intervals(rows, key)
    key, _timed = timing(comparison)
    marks = _("Bold: the best of a column. Rounded by the 95 % interval. ≈: noisy or without an interval.")
    notes = (
        f"{marks} {batches(comparison, language)}".strip(),
        _(
            "Pareto: ◆ no other architecture of this table is more accurate for as few MACs, ◇ none in a time that "
            "is as short or not distinguished ({how}); the accuracy is the published one."
        ).format(how=how(key, language))
        if any(column.key == "pareto" for column in rows.columns)
        else "",
        depth_note(comparison, language),
        *_accuracy_notes(rows),
        unmarked(comparison, language),
        partial_front(comparison, language),
        size_note(comparison, language),
        threads_note(comparison, language),
        *accelerator_notes.notes(comparison, language),
        weights_note(comparison, language),
        inception_note(comparison, language),
        mode_ranking.eager_note(comparison, language),
    )
    table = rows.table("overview", _("Summary table"), notes)
    columns = tuple(replace(column, extra=column.key in EXTRA) for column in table.columns)
    return replace(table, most=MOST, columns=columns, stacked=True)


def _accuracy(cell: Cell, record: Record, language: Language) -> Cell:
    """The published accuracy of weights; where there are none the paper's own figure, which files leave out."""
    found = accuracy(record)
    if found is None or not found.paper or found.top1 is None:
        return marked(cell, record)
    return replace(cell, text=f"{units.share(language, found.top1)}*{special(record)}", order=found.top1)


def has_papers_own(comparison: Comparison) -> bool:
    """Whether the accuracy of a network is that of its paper."""
    return any((found := accuracy(record)) and found.paper and found.top1 for record in comparison.networks)


def _accuracy_notes(rows: Builder) -> tuple[str, ...]:
    """What the signs of published accuracies mean; nothing without their column."""
    if all(column.key != TOP1 for column in rows.columns):
        return ()
    own = rows.language._("ImageNet top-1 with *: the paper's own figure; there are no torchvision weights.")
    notes = footnotes(rows.comparison.networks, rows.language)
    return (*notes, own) if has_papers_own(rows.comparison) else notes


def _paper_depths(rows: Builder) -> None:
    """The column of the depths that papers state; left out if none states any."""
    if any(paper_depth(record) is not None for record in rows.records):
        column = Column("depth_paper", rows.language._("Depth"), numeric=True, group=_group(rows))
        rows.add(column, [depth_cell(record, rows.language) for record in rows.records])


def _group(rows: Builder) -> str:
    """The heading over the depths: that of the counted one."""
    counted = rows.comparison.quantities.get("depth")
    return group_title(counted.group if counted else "compute", rows.language)


def depth_note(comparison: Comparison, language: Language) -> str:
    if all(paper_depth(record) is None for record in comparison.records):
        return ""
    return language._(
        "Depth: as the paper states it. Longest path: convolutions and linear layers from image to class, counted "
        "here; it includes squeeze-and-excitation gates."
    )


def pareto(comparison: Comparison) -> list[Cell | str]:
    """The fronts of each record, none where it is alone: in files as words, where people read as signs."""
    if len(comparison.networks) < 2:
        return [""] * len(comparison.records)
    key, timed = timing(comparison)
    cheap = {record.architecture for record in whole_front(comparison.networks, "macs")}
    everyone = len(timed) == len(comparison.networks)
    fast = whole_front(timed, key) if everyone else ()
    quick = {id(record) for record in comparison.unmatched(fast, key)}
    cells: list[Cell | str] = []
    for record in comparison.records:
        fronts = {"macs": ("◆", record.architecture in cheap), "time": ("◇", id(record) in quick)}
        signs = "".join(sign for sign, there in fronts.values() if there)
        signs += special(record) if signs else ""
        cells.append(Cell(signs, " ".join(name for name, (_, there) in fronts.items() if there)) if signs else "")
    return cells


def size_note(comparison: Comparison, language: Language) -> str:
    """What an image size other than the architecture's own means for the figures."""
    if all(record.own_input_size is None for record in comparison.records):
        return ""
    return language._(
        "*: not the architecture's own image size. All figures that depend on the image are of the size shown; "
        "figures published for another size are left out."
    )


def threads_note(comparison: Comparison, language: Language) -> str:
    """The number of threads of times on the CPU where --threads asked for one."""
    counts = sorted(
        {count for record in comparison.records if isinstance(count := record.settings.get("threads"), int)}
    )
    if not counts:
        return ""
    if counts == [1]:
        return language._("Times on the CPU are with one thread, by --threads.")
    message = language._("Times on the CPU are with {threads} threads by --threads, except those with one thread.")
    return message.format(threads=", ".join(map(str, counts)))


def unmarked(comparison: Comparison, language: Language) -> str:
    """Why no network is marked, where only some have the accuracy that the marks compare."""
    available, _published, count = comparison.coverage
    if available == count:
        return _costless(comparison, language)
    if not _published:
        return ""
    message = language._("No Pareto marks and no most accurate architecture: {weights}.")
    return message.format(weights=with_weights(comparison, language))


def partial_front(comparison: Comparison, language: Language) -> str:
    """Of which networks other tables and charts show a front, where this table has no marks."""
    available, rated, count = comparison.coverage
    if not 1 < available < count or rated < count:
        return ""
    message = language._("Pareto fronts elsewhere in this report are of those {known} only.")
    return message.format(known=available)


def _costless(comparison: Comparison, language: Language) -> str:
    """By which cost no network is marked, where only some have it."""
    key, timed = timing(comparison)
    costs = {
        language._("MACs"): sum(record.value("macs") is not None for record in comparison.networks),
        language._("time ({how})").format(how=how(key, language)): len(timed),
    }
    count = len(comparison.networks)
    lacking = ((cost, available) for cost, available in costs.items() if 0 < available < count)
    return " ".join(
        language.ngettext(
            "No Pareto marks by {cost}: {known} of {count} architectures has it.",
            "No Pareto marks by {cost}: {known} of {count} architectures have it.",
            available,
        ).format(cost=cost, known=available, count=count)
        for cost, available in lacking
    )


def weights_note(comparison: Comparison, language: Language) -> str:
    """From which weights the training of all layers started, or a linear probe; which rows are which if they differ."""
    _ = language._
    readings = [(r.architecture, measured(r, "finetune_top1"), measured(r, "probe_top1")) for r in comparison.records]
    tuned = [
        (name, str(reading.detail.get("weights") or "random"))
        for name, full, probe in readings
        if (reading := full or probe)
    ]
    scratch = list(dict.fromkeys(name for name, weights in tuned if weights == "random"))
    own = list(dict.fromkeys(name for name, weights in tuned if weights.startswith(OWN)))
    as_set = list(dict.fromkeys(name for name, weights in tuned if weights == AS_SET))
    others = (name for name, weights in tuned if weights not in ("random", AS_SET))
    ready = list(dict.fromkeys(name for name in others if name not in own))
    if own or as_set:
        starts = {
            _("a user's checkpoint ({names})"): own,
            _("weights that the code of the network sets ({names})"): as_set,
            _("ImageNet weights ({names})"): ready,
            _("random weights ({names})"): scratch,
        }
        phrases = [start.format(names=language.listing(names)) for start, names in starts.items() if names]
        several, one = _("Training started from {starts}: not one ranking."), _("Training started from {starts}.")
        return (several if len(phrases) > 1 else one).format(starts=language.listing(phrases))
    every = {name for name, full, _probe in readings if full} == {name for name, _full, _probe in readings}
    return _published(scratch, ready, every, language)


def _published(scratch: list[str], ready: list[str], every: bool, language: Language) -> str:
    """Which networks started from random weights and which from published ones; `every`: all were trained whole."""
    _ = language._
    if not every and not ready:
        return _("All architectures that were trained started from random weights.") if scratch else ""
    if not every and not scratch:
        return _("All architectures that were trained started from ImageNet weights.")
    if not ready:
        return _("All architectures were trained from scratch, from random weights.") if scratch else ""
    if not scratch:
        return _("All architectures were fine-tuned from ImageNet weights.")
    message = _(
        "Training started from ImageNet weights for {ready}, from random weights for {scratch}: not one ranking."
    )
    return message.format(ready=language.listing(ready), scratch=language.listing(scratch))


def inception_note(comparison: Comparison, language: Language) -> str:
    names = {record.architecture for record in comparison.networks}
    if not names & {"inception_v2", "bn_inception"}:
        return ""
    return language._(
        "Two architectures are called Inception v2: inception_v2 is that of Rethinking the Inception Architecture "
        "(Table 1, arXiv 1512.00567); bn_inception is that of the batch-norm paper (arXiv 1502.03167). The first "
        "paper prints no filter counts inside its modules; the row uses the filter counts of the released Inception "
        "v3."
    )


ENTRIES = (Tabulation("overview", make, chapter="overview", order=0),)
