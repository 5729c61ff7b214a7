"""The comparison with a pinned reference in words: the section of the report, and what the command prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from reporter.compare import noisy_times
from reporter.compare.reference_rule import LEAST
from reporter.documents.reference_verdicts import AgainstReference, ReferenceVerdict
from reporter.model.devices import device_in, is_accelerator
from reporter.model.records import pair_name
from reporter.report.between_runs import kernel_lines
from reporter.report.between_runs.changes import KERNELS
from reporter.report.comparison import Comparison
from reporter.report.language import SOURCE, Language, language
from reporter.report.sections import Content, Section, Text
from reporter.report.table import Cell, Column, Table
from reporter.stats.unequal_rounds import POWER

ORDER = ("slower", "noisy", "faster", "unchanged")
MOST_LINES = 12


def section(found: AgainstReference, comparison: Comparison, tongue: Language) -> Section:
    """What each side imported, a headline, what to do on a noisy machine, and a table of all verdicts."""
    _ = tongue._
    titles = {key: _(quantity.title) for key, quantity in comparison.quantities.items()}
    blocks: list[Content] = [Text(_sides(found, tongue)), Text(headline(found, tongue))]
    if found.too_noisy:
        blocks.append(Text(advice(found, titles, tongue)))
    if found.verdicts:
        blocks.append(_table(found, titles, tongue))
    blocks += [Text(line) for line in (*_changes(found, titles, tongue), *missing(found, titles, tongue))]
    return Section("against", _("Against the reference"), tuple(blocks))


def lines(found: AgainstReference, titles: dict[str, str]) -> Iterator[str]:
    """What the command prints: both sides, the headline, and the rows that matter."""
    english = language(SOURCE)
    yield f"against the reference: {_sides(found, english)}"
    yield f"against the reference: {headline(found, english)}"
    if found.too_noisy:
        yield f"against the reference: {advice(found, titles, english)}"
    rows = [row for row in _ordered(found.verdicts) if row.verdict != "unchanged" or _is_unresolved(row)]
    for row in rows[:MOST_LINES]:
        name, title = pair_name(row.architecture, row.mode), titles.get(row.metric, row.metric)
        yield f"- {name} {title} {described(row, english)}"
    if len(rows) > MOST_LINES:
        yield f"- and {len(rows) - MOST_LINES} more; see summary.json"
    yield from (f"- {line}" for line in (*_changes(found, titles, english), *missing(found, titles, english)))


def headline(found: AgainstReference, tongue: Language) -> str:
    """How many rows are slower, known, faster and noisy, and which change would have been detected."""
    _ = tongue._
    known = [row.known for row in found.verdicts if row.known]
    since = tongue.date(min(each.since for each in known)) if known else ""
    counts = (
        (len(found.slower), _("{count} slower")),
        (len(known), _("{count} known to be slower since {date}")),
        (sum(row.verdict == "faster" for row in found.verdicts), _("{count} faster")),
        (sum(row.verdict == "noisy" for row in found.verdicts), _("{count} too noisy for a verdict")),
        (sum(map(_is_unresolved, found.verdicts)), _("{count} not resolved")),
        (sum(map(noisy_times.hides_growth, found.verdicts)), _("{count} too noisy to show growth")),
        (sum(row.kernels is None for row in found.changed), _("counts that differ: {count}")),
        (len({pair_name(row.architecture, row.mode) for row in found.changed if row.kernels}), _(KERNELS)),
        (len(found.gaps), _("not measured on both sides: {count}")),
        (len(found.lost), _("rounds that failed: {count}")),
    )
    parts = [message.format(count=count, date=since) for count, message in counts if count]
    text = ", ".join(parts) if parts else _("no difference")
    if found.detectable is None:
        return _("{text}; no time was measured in enough rounds for a verdict.").format(text=text)
    sizes = [round(row.detectable, 4) for row in found.verdicts if row.detectable]
    largest = _percent(max(found.detectable, *sizes), tongue) if sizes else ""
    size, power = _percent(found.detectable, tongue), _percent(POWER, tongue, 0)
    if largest in (size, ""):
        message = _("{text}; a change of {size} would have been detected with a probability of {power}.")
        return message.format(text=text, size=size, power=power)
    message = _(
        "{text}; in half of the times, a change of {size} would have been detected with a probability of {power}; "
        "the largest such change is {largest}."
    )
    return message.format(text=text, size=size, power=power, largest=largest)


def advice(found: AgainstReference, titles: Mapping[str, str], tongue: Language) -> str:
    """What to do if most times have no verdict; with the metrics and modes of these, if not all."""
    _ = tongue._
    lacking = [row for row in found.verdicts if noisy_times.lacks_verdict(row)]
    limited = [noisy_times.is_limited(row) for row in lacking]
    text = _(
        "The machine was too noisy for a verdict, so this run does not show that nothing became slower. If this "
        "lasts: run on a machine without other work, use --preset thorough, which measures more rounds, or measure "
        "latency_cpu_1thread only."
    )
    if limited and all(limited):
        text = _("--timeout ended the rounds before a verdict, so this run does not show that nothing became slower.")
    text += f" {_('A longer --timeout allows more rounds.')}" if any(limited) else ""
    noisy = noisy_times.too_noisy(found.verdicts)
    if not noisy or len(noisy) == len({(row.metric, row.mode) for row in found.verdicts}):
        return text
    names = "; ".join(f"{titles.get(metric, metric)} ({mode})" for metric, mode in noisy)
    return f"{_('Most times have no verdict: {names}.').format(names=names)} {text}"


def described(row: ReferenceVerdict, tongue: Language) -> str:
    """The change of a row with its interval, its verdict, and since when it is known."""
    _ = tongue._
    words = {
        "slower": _("slower"),
        "faster": _("faster"),
        "unchanged": _unchanged(row, tongue),
        "noisy": _("too noisy for a verdict"),
    }
    text = f"{_signed(row.ratio, tongue)} ({_interval(row, tongue)}): {words[row.verdict]}"
    if row.known:
        since = _("known since {date} ({size})")
        text += "; " + since.format(date=tongue.date(row.known.since), size=_signed(row.known.ratio, tongue))
        text += ", " + _("too noisy to show whether it grew") if noisy_times.hides_growth(row) else ""
        text += f": {row.known.reason}" if row.known.reason else ""
    return f"{text}: {tongue.translate(row.reason)}" if row.reason else text


def _unchanged(row: ReferenceVerdict, tongue: Language) -> str:
    """No difference if the interval includes 1; else what was shown."""
    _ = tongue._
    if not _excludes_1(row) or row.detectable is None:
        return _("no difference")
    size = _percent(row.detectable, tongue)
    return _("not resolved") if _is_unresolved(row) else _("no difference above {size}").format(size=size)


def _is_unresolved(row: ReferenceVerdict) -> bool:
    """Whether a change is neither a verdict nor excluded: that of many rows takes more than an interval without 1."""
    return row.verdict == "unchanged" and _excludes_1(row) and abs(row.ratio - 1) > LEAST


def _excludes_1(row: ReferenceVerdict) -> bool:
    return row.low is not None and row.high is not None and not row.low <= 1 <= row.high


def _sides(found: AgainstReference, tongue: Language) -> str:
    _ = tongue._
    names = ("torch", "torchvision", "python")
    versions = [
        ", ".join(f"{name} {side.versions[name]}" for name in names if name in side.versions)
        for side in (found.reference, found.tonight)
    ]
    if found.control:
        control = _("An A/A control: both sides are the same environment ({versions}).")
        return control.format(versions=versions[0])
    message = _("Reference: {reference} ({reference_file}). This run: {tonight} ({tonight_file}).")
    return message.format(
        reference=versions[0],
        tonight=versions[1],
        reference_file=found.reference.torch_file,
        tonight_file=found.tonight.torch_file,
    )


def _table(found: AgainstReference, titles: dict[str, str], tongue: Language) -> Table:
    _ = tongue._
    columns = (
        Column("architecture", _("Architecture")),
        Column("metric", _("Metric")),
        Column("mode", _("Mode")),
        Column("ratio", _("Time over the reference"), numeric=True),
        Column("interval", _("95 % interval")),
        Column("detectable", _("Detectable"), numeric=True),
        Column("rounds", _("Rounds"), numeric=True),
        Column("verdict", _("Verdict")),
    )
    rows = tuple(_cells(row, titles, tongue) for row in _ordered(found.verdicts))
    return Table("against", _("Verdicts against the reference"), columns, rows)


def _cells(row: ReferenceVerdict, titles: dict[str, str], tongue: Language) -> tuple[Cell, ...]:
    verdict = described(row, tongue).partition(": ")[2]
    size = "" if row.detectable is None else _percent(row.detectable, tongue)
    return (
        Cell(row.architecture, row.architecture),
        Cell(titles.get(row.metric, row.metric), row.metric),
        Cell(row.mode, row.mode),
        Cell(_signed(row.ratio, tongue), row.ratio, row.low, row.high),
        Cell(_interval(row, tongue), ""),
        Cell(size, row.detectable),
        Cell(str(row.rounds or ""), row.rounds),
        Cell(verdict, row.verdict),
    )


def _changes(found: AgainstReference, titles: dict[str, str], tongue: Language) -> Iterator[str]:
    _ = tongue._
    message = _("{name}: {title} is {reference} in the reference and {tonight} in this run.")
    kernels = _("{name}: {title} differ from the reference: {changes}.")
    for row in found.changes:
        name, title = pair_name(row.architecture, row.mode), titles.get(row.metric, row.metric)
        if row.kernels:
            yield kernels.format(name=name, title=title, changes=kernel_lines.values([row.kernels], tongue))
        else:
            values = {"reference": _exact(row.reference, tongue), "tonight": _exact(row.tonight, tongue)}
            yield message.format(name=name, title=title, **values)


def missing(found: AgainstReference, titles: dict[str, str], tongue: Language) -> Iterator[str]:
    """What was not measured on both sides, the rounds that failed, and why; that kernels of a GPU are not compared."""
    message = tongue._("{name}: {title} was not compared: {reason}")
    for gap in found.gaps:
        title = titles.get(gap.metric, gap.metric)
        yield message.format(name=pair_name(gap.architecture, gap.mode), title=title, reason=gap.reason)
    message = tongue._("{name}: a round of {title} failed: {reason}")
    for loss in found.lost:
        title = titles.get(loss.metric, loss.metric)
        yield message.format(name=pair_name(loss.architecture, loss.mode), title=title, reason=loss.reason)
    metrics = (*(row.metric for row in found.verdicts), *(gap.metric for gap in found.gaps))
    devices = {device_in(metric) for metric in metrics}
    if "cuda" in devices and not found.control:
        yield tongue._("Kernels on the GPU are not compared with the reference; use reporter ab to compare them.")
    elif any(map(is_accelerator, devices)) and not found.control:
        yield tongue._("Kernels on the GPU are not compared with the reference.")


def _ordered(rows: Sequence[ReferenceVerdict]) -> list[ReferenceVerdict]:
    return sorted(rows, key=lambda row: (row.known is not None, ORDER.index(row.verdict), -row.ratio))


def _exact(value: float | None, tongue: Language) -> str:
    """All digits of a count or memory, with the separators of the language."""
    if value is None:
        return "–"
    if float(value).is_integer():
        return tongue.number(int(value))
    digits = Decimal(str(value))
    return tongue.number(digits, max(0, -int(digits.as_tuple().exponent)))


def _interval(row: ReferenceVerdict, tongue: Language) -> str:
    if row.low is None or row.high is None:
        return tongue._("no interval")
    return f"{_signed(row.low, tongue)} … {_signed(row.high, tongue)}"


def _signed(ratio: float, tongue: Language) -> str:
    """The change of a time in percent with its sign, one digit after the point."""
    percent = tongue.number((ratio - 1) * 100, 1)
    return f"{percent if ratio < 1 else '+' + percent} %"


def _percent(share: float, tongue: Language, digits: int = 1) -> str:
    return f"{tongue.number(share * 100, digits)} %"
