"""The table that can be filtered by limits and modes, with a slider for each limit.

Its rows are the (architecture, mode) pairs of `reporter choose`, best architecture first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reporter.model import Quantity
from reporter.model.extensions import Edition
from reporter.model.modes import ALL, OUTPUT_ERROR
from reporter.model.records import EAGER
from reporter.report import units
from reporter.report.choosing.licenses import license_of
from reporter.report.choosing.limits import (
    ACCURACIES,
    BEST_TOP1,
    EAGER_ONLY,
    OF_PAIRS,
    TIMED,
    TOP1,
    Candidate,
)
from reporter.report.choosing.sliders import Slider, factors, slider_of
from reporter.report.comparison import Comparison
from reporter.report.headline_latency import newest_machine
from reporter.report.language import Language
from reporter.report.modes import mode_pairs
from reporter.report.output_verdicts import is_above
from reporter.report.published.accuracy_marks import SIZE, footnotes, marked, other_size
from reporter.report.table import Builder, Cell, Column, Table, status_word
from reporter.report.throughput_batches import batches

OTHER_PRECISION = "†"
"""Marks an accuracy that was not measured in the precision of the mode."""
MOST_PAIRS = 2000
"""Of more pairs than these, a page would be too large."""


@dataclass(frozen=True)
class ChoiceSection:
    title: str
    table: Table
    sliders: tuple[Slider, ...]
    modes: tuple[tuple[str, bool], ...] = ()
    """Every mode of the table, if there are several, and whether it is chosen at first."""
    licenses: tuple[str, ...] = ()
    """The licenses of weights in the table."""
    factors: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """What a typed number is multiplied by, by kind and unit."""
    kind = "choice"

    @property
    def on_request(self) -> bool:
        """Whether a mode is not chosen at first."""
        return not all(chosen for _mode, chosen in self.modes)

    @property
    def tables(self) -> tuple[Table, ...]:
        return (self.table,)


def choice(comparison: Comparison, language: Language, edition: Edition = "choice") -> ChoiceSection | None:
    """None where there is nothing to choose between, or nothing to limit.

    The edition for choosing has the command that does the same.
    """
    pairs = mode_pairs.pairs(comparison, [ALL])
    networks = _listed(comparison, pairs)
    modes = tuple(dict.fromkeys(each.record.mode for each in networks))
    keys = _limited(networks, several=len(modes) > 1)
    if len(networks) < 2 or not keys:
        return None
    rows = Builder(comparison, language, [each.record for each in networks])
    licenses = tuple(sorted({found for each in networks if (found := license_of(each.record))}))
    sliders = _add_names(rows, networks, modes, licenses)
    rows.sizes()
    sliders += [_add_limited(rows, networks, key) for key in keys]
    title = language._("Architectures within a budget")
    notes = _notes(rows, networks, keys, pairs)
    if edition == "choice":
        command = language._("On the command line: reporter choose DIR --max-latency-cpu 50ms --max-parameters 30M")
        notes = (*notes, command)
    listed = replace(rows.table("choosing", title, notes), stacked=True)
    chosen = tuple((mode, mode_pairs.ON_REQUEST not in mode_pairs.parts(mode)) for mode in modes)
    useful = tuple(each for each in sliders if len(each.stops) > 1)
    return ChoiceSection(title, listed, useful, chosen if len(modes) > 1 else (), licenses, factors(language))


def _add_names(
    rows: Builder, networks: Sequence[Candidate], modes: Sequence[str], licenses: Sequence[str]
) -> list[Slider]:
    """Adds the columns before those of the limits; gives the sliders of published accuracies."""
    language, _ = rows.language, rows.language._
    rows.names(machines=False)
    if len(modes) > 1:
        rows.text("mode", _("Mode"), [each.record.mode for each in networks])
    rows.text("family", _("Family"), [each.record.family for each in networks])
    title = _("ImageNet top-1, published")
    cells = [marked(_accuracy(each, language), each.record) for each in networks]
    rows.add(Column("imagenet_top1", title, "%", "1", numeric=True), cells)
    sliders = [slider_of(TOP1, title, networks, units.PERCENT, language)]
    if any(BEST_TOP1 in each.figures for each in networks):
        title = _("ImageNet top-1, best weights")
        cells = [_best_accuracy(each, language) for each in networks]
        rows.add(Column(BEST_TOP1, title, "%", "1", numeric=True), cells)
        sliders.append(slider_of(BEST_TOP1, title, networks, units.PERCENT, language))
    if licenses:
        rows.text("license", _("License of the weights"), [license_of(each.record) or "–" for each in networks])
    return sliders


def _add_limited(rows: Builder, networks: Sequence[Candidate], key: str) -> Slider:
    """Adds the column of a limit; gives its slider."""
    comparison, language = rows.comparison, rows.language
    title, scale = _heading(comparison, key, [each.values.get(key) for each in networks], language)
    cells = [_cell(each, key, scale, comparison, language) for each in networks]
    unit, base = language._(scale.word), _quantity(comparison, key).unit
    rows.add(Column(key, title, unit, base, numeric=True, bounded=True), cells)
    return slider_of(key, title, networks, scale, language)


def _notes(
    rows: Builder, networks: Sequence[Candidate], keys: Sequence[str], pairs: mode_pairs.Pairs
) -> tuple[str, ...]:
    """What the order, the limits and the marks mean, and which of the pairs are left out."""
    language, _ = rows.language, rows.language._
    if rows.comparison.coverage.whole:
        first = _("Best first: by the published single-crop top-1 of the weights.")
    elif any(each.accuracy.paper and each.accuracy.top1 for each in networks):
        first = _(
            "Sorted by published single-crop top-1 of the weights (*: from the paper); architectures without one are "
            "last."
        )
    else:
        first = _("Sorted by published single-crop top-1 of the weights; architectures without one are last.")
    several = len({each.record.mode for each in networks}) > 1
    return (
        f"{first} {batches(rows.comparison, language) if 'throughput_cpu' in keys else ''}".strip(),
        *(
            (_("Tensor memory = weights + peak activations for one image, without torch and auxiliary heads."),)
            if "memory" in keys
            else ()
        ),
        *((_("Process memory: the whole process, with Python and torch."),) if "process_memory" in keys else ()),
        *filter(None, (newest_machine(rows.comparison, language) if set(TIMED).intersection(keys) else "",)),
        *footnotes((each.record for each in networks), language),
        *(_notes_on_modes(rows, networks) if several else ()),
        *_left_out(networks, pairs, language),
    )


def _left_out(networks: Sequence[Candidate], pairs: mode_pairs.Pairs, language: Language) -> Iterator[str]:
    """Which pairs the table does not have."""
    _ = language._
    count = len(pairs.candidates)
    if len(networks) < count:
        alone = _("Only eager is listed here, of {count} (architecture, mode) pairs; reporter choose DIR has all.")
        yield alone.format(count=count)
    if pairs.wrong or pairs.unchecked:
        yield _("Modes other than eager whose output is wrong or cannot be checked are left out.")
    if pairs.untimed:
        yield _("Modes without a measured time are left out; if a time is limited, reporter choose DIR lists them.")


def _listed(comparison: Comparison, pairs: mode_pairs.Pairs) -> tuple[Candidate, ...]:
    """The pairs of the table; of too many only those of eager."""
    found = pairs.candidates
    if len(found) <= MOST_PAIRS or len(found) == len(comparison.networks):
        return found
    return tuple(each for each in found if each.record.mode == EAGER)


def _limited(networks: Sequence[Candidate], several: bool) -> list[str]:
    """The criteria that at least one network has a value for; the output error if there are several modes."""
    keys = [key for key in OF_PAIRS if several or key != OUTPUT_ERROR.key]
    return [key for key in keys if any(key in each.figures for each in networks)]


def _notes_on_modes(rows: Builder, networks: Sequence[Candidate]) -> tuple[str, ...]:
    language, _ = rows.language, rows.language._
    unchecked = any(OUTPUT_ERROR.key in each.figures and is_above(rows.comparison, each.record) for each in networks)
    marked = any(OTHER_PRECISION in _accuracy(each, language).text for each in networks)
    return (
        _(
            "An execution mode has its own times and output error; counts, tensor memory and accuracy are those of "
            "eager."
        ),
        *((_("?: the output of the mode cannot be checked."),) if unchecked else ()),
        *((_("† The accuracy was measured in fp32, not in this mode."),) if marked else ()),
    )


def _heading(
    comparison: Comparison, key: str, values: Sequence[float | None], language: Language
) -> tuple[str, units.Scale]:
    quantity = _quantity(comparison, key)
    title = language._("Tensor memory") if key == "memory" else language._(quantity.title)
    return title, units.PERCENT if key == OUTPUT_ERROR.key else units.scale(quantity, values)


def _quantity(comparison: Comparison, key: str) -> Quantity:
    """The quantity of a criterion; the output error may be that of other modes only."""
    return comparison.quantities.get(OF_PAIRS[key][0], OUTPUT_ERROR)


def _accuracy(each: Candidate, language: Language) -> Cell:
    top1, paper = each.accuracy.top1, each.accuracy.paper
    if top1 is None:
        return Cell("–", status="missing")
    mark = ("*" if paper else "") + ("" if mode_pairs.is_fp32(each.record.mode) else OTHER_PRECISION)
    return Cell(units.share(language, top1) + mark, top1)


def _best_accuracy(each: Candidate, language: Language) -> Cell:
    """The accuracy of the best published weights, with their name."""
    figure = each.figures.get(BEST_TOP1)
    if figure is None:
        return _absent(each, BEST_TOP1, language)
    weights = each.record.readings[BEST_TOP1].detail.get("weights")
    mark = SIZE if other_size(each.record, BEST_TOP1) else ""
    return Cell(units.share(language, figure.value) + mark, figure.value, note=str(weights))


def _cell(each: Candidate, key: str, scale: units.Scale, comparison: Comparison, language: Language) -> Cell:
    """The value that is limited with its bounds, or why there is none."""
    found = each.figures.get(key)
    if found is None:
        return _absent(each, key, language)
    reading = each.record.readings[OF_PAIRS[key][0]]
    if key == OUTPUT_ERROR.key:
        text = units.rough(language, found.value, scale) + ("?" if is_above(comparison, each.record) else "")
    elif len(OF_PAIRS[key]) == 1:
        text = units.figure(language, reading, scale)
    else:
        text = units.text(language, found.value, scale)
    return Cell(text, found.value, *found.bounds, status=found.status, note=language.translate(reading.verdict.reason))


def _absent(each: Candidate, key: str, language: Language) -> Cell:
    """What stands where a value is missing, and why it is."""
    missing = next((part for part in {**OF_PAIRS, **ACCURACIES}[key] if each.record.value(part) is None), None)
    if missing is None:
        return Cell("–", status="missing", note=language._("measured on another machine"))
    reading = each.record.readings.get(missing)
    if reading is None:
        _ = language._
        why = _("not measured in this mode") if each.reasons[key] == EAGER_ONLY else _("not measured")
        return Cell("–", status="missing", note=why)
    return Cell(status_word(reading.status, language), status=reading.status, note=language.translate(reading.reason))
