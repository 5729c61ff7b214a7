"""The section of failures, of doubtful values, and of files that could not be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from reporter.model import Status
from reporter.model.coverages import doubt, is_coverage
from reporter.model.modes import FIRST_CALL, PREPARE, alternation, speedup
from reporter.model.records import EAGER
from reporter.model.scaling_curves import AXES, LOST
from reporter.report.comparison import Comparison, Remark
from reporter.report.drawing import curve_lines
from reporter.report.language import MANY, Language
from reporter.report.modes import mode_words
from reporter.report.sections import Content, Items, Section, Text
from reporter.report.table import status_word

ONCE = (PREPARE.key, FIRST_CALL.key)
"""Measured once in each mode, so their noise is unknown."""
LINES = 200
"""Longer lists are cut off there."""


def failed(comparison: Comparison, complaints: Sequence[str], language: Language) -> Section:
    """Readings and points of curves without a value, doubtful values, and files that could not be read."""
    _ = language._
    broken = [remark for remark in comparison.remarks if remark.status != "noisy"]
    doubted = [remark for remark in comparison.remarks if remark.status == "noisy"]
    noisy = [remark for remark in doubted if remark.record.mode == EAGER]
    wrong = mode_words.wrong(comparison, language)
    lines = _most([*_broken(broken, comparison, language), *_of_curves(comparison, language)], language)
    blocks: list[Content] = [] if lines or complaints or wrong else [Text(_("Nothing failed."))]
    if lines:
        blocks.append(Items(tuple(lines)))
    if wrong:
        blocks += [Text(_("Execution modes with wrong output, which are not ranked:")), Items(tuple(wrong))]
    if unchecked := mode_words.unchecked_modes(comparison, language):
        message = _("Execution modes whose output cannot be checked, which are not ranked:")
        blocks += [Text(message), Items(tuple(unchecked))]
    if noisy:
        blocks += [Text(_("Too noisy to rely on:")), Items(tuple(_noisy(noisy, comparison, language)))]
    if others := sum(each.record.mode != EAGER and each.quantity.key not in ONCE for each in doubted):
        message = language.ngettext(
            "In other execution modes than eager, {count} value is noisy; summary.json has the reason.",
            "In other execution modes than eager, {count} values are noisy; summary.json has the reasons.",
            others,
        )
        blocks.append(Text(message.format(count=others)))
    if sums := _uncovered(comparison, language):
        message = _("Operators or stages that do not sum to the latency within 5 %:")
        blocks += [Text(message), Items(tuple(_most(sums, language)))]
    if complaints:
        left_out = _most(list(complaints), language)
        blocks += [Text(_("Files that are no records and were left out:")), Items(tuple(left_out))]
    return Section("failed", _("Failures and warnings"), tuple(blocks))


def _uncovered(comparison: Comparison, language: Language) -> list[str]:
    """One line per quantity and mode: the sums that are doubtful, each with its network."""
    found: dict[str, list[str]] = {}
    for record in (*comparison.records, *comparison.modes):
        where = f" ({record.machine})" if len(comparison.machines) > 1 else ""
        for key, reading in record.readings.items():
            if is_coverage(key) and doubt(key, reading.value):
                mode = "" if record.mode == EAGER else f" ({record.mode})"
                title = language._(comparison.quantities.get(key, reading.quantity).title) + mode
                value = language.number(reading.value or 0, 3)
                found.setdefault(title, []).append(f"{record.architecture}{where} {value}")
    return [f"{title}: {language.several(names)}" for title, names in found.items()]


def _broken(remarks: Sequence[Remark], comparison: Comparison, language: Language) -> list[str]:
    """One line per reason: which quantities of which networks, or which modes if it concerns all their quantities."""
    places: dict[tuple[str, str, str, str, str], list[Remark]] = {}
    for remark in remarks:
        place = (remark.status, remark.reason, remark.record.machine, remark.record.architecture, remark.record.mode)
        places.setdefault(place, []).append(remark)
    rows: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for (status, reason, machine, name, _mode), missing in places.items():
        rows.setdefault((status, reason, _what(missing, comparison, language)), []).append((machine, name))
    lines = []
    for (status, reason, what), who in rows.items():
        why = language.translate(reason) or language._("no reason was given")
        words = [] if status == "ok" else [status_word(status, language)]
        lines.append(": ".join((_networks(who, comparison, language), what, *words, why)))
    return lines


def _what(remarks: Sequence[Remark], comparison: Comparison, language: Language) -> str:
    """The quantities of a record that remarks concern: of another mode than eager with it, or the mode if all are."""
    record = remarks[0].record
    keys = {remark.quantity.key for remark in remarks}
    if record.mode != EAGER and keys == record.readings.keys():
        return record.mode
    derived = {make(remark.quantity).key for remark in remarks for make in (speedup, alternation)}
    titles = [_title(remark, comparison, language) for remark in remarks if remark.quantity.key not in derived]
    return "; ".join(titles) if record.mode == EAGER else f"{record.mode} ({'; '.join(titles)})"


def _networks(who: Sequence[tuple[str, str]], comparison: Comparison, language: Language) -> str:
    """The names of networks, given with their machines; those of a machine, or of all, as `all networks`."""
    return language.several([*_names(who, comparison, language)])


def _names(who: Sequence[tuple[str, str]], comparison: Comparison, language: Language) -> dict[str, int]:
    """The same names, each with how many networks it is the name of."""
    everybody = language._("all architectures")
    if len(who) == len(comparison.records) > 1:
        return {everybody: len(who)}
    if len(comparison.machines) < 2:
        return dict.fromkeys((name for _machine, name in who), 1)
    counts = Counter(machine for machine, _name in who)
    whole = [machine for machine in counts if counts[machine] == len(comparison.of(machine)) > 1]
    others = [f"{name} ({machine})" for machine, name in who if machine not in whole]
    return {f"{everybody} ({machine})": counts[machine] for machine in whole} | dict.fromkeys(others, 1)


def _of_curves(comparison: Comparison, language: Language) -> Iterator[str]:
    """The points without a value, a line for each reason with the curves that lack them for it.

    Of curves over the batch size only those that failed: the table of fits has the others, such as out of memory.
    """
    _ = language._
    rows: dict[tuple[str, Status, str], list[str]] = {}
    several = len(comparison.machines) > 1
    titles = {"batch": _("curve on {device}, batches of {sizes}"), "size": _("curve on {device}, images of {sizes} px")}
    for axis in AXES:
        for line in curve_lines.lines(comparison.records, axis):
            lost: dict[tuple[Status, str], list[str]] = {}
            for point in line.points:
                if point.status in LOST or (axis == "size" and not point.measured):
                    size = str(point.batch) if axis == "batch" else point.size
                    lost.setdefault((point.status, point.reason or ""), []).append(size)
            name = line.name + (f" ({line.record.machine})" if several else "")
            for (status, reason), sizes in lost.items():
                what = titles[axis].format(device=line.device, sizes=", ".join(sizes))
                rows.setdefault((what, status, reason), []).append(name)
    for (what, status, reason), names in rows.items():
        why = language.translate(reason) or _("no reason was given")
        yield f"{language.several(names)}: {what}: {status_word(status, language)}: {why}"


def _noisy(remarks: Sequence[Remark], comparison: Comparison, language: Language) -> list[str]:
    """One line per quantity: which networks share which reason."""
    doubts: dict[str, list[Remark]] = {}
    for remark in remarks:
        doubts.setdefault(_title(remark, comparison, language), []).append(remark)
    return [f"{title}: {_by_reason(found, comparison, language)}" for title, found in doubts.items()]


def _by_reason(remarks: Sequence[Remark], comparison: Comparison, language: Language) -> str:
    """The first names of networks with their reasons, each reason once, and how many more networks there are."""
    reasons: dict[str, list[tuple[str, str]]] = {}
    for remark in remarks:
        place = remark.record.machine, remark.record.architecture
        reasons.setdefault(language.translate(remark.reason), []).append(place)
    named = [(why, *each) for why, who in reasons.items() for each in _names(who, comparison, language).items()]
    shown: dict[str, list[str]] = {}
    for reason, name, _count in named[:MANY]:
        shown.setdefault(reason, []).append(name)
    items = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in shown.items())
    left = sum(count for _reason, _name, count in named[MANY:])
    return language._("{items} and {count} more").format(items=items, count=left) if left else items


def _most(lines: list[str], language: Language) -> list[str]:
    """The first LINES of them, and how many more there are."""
    if len(lines) <= LINES:
        return lines
    return [*lines[:LINES], language._("and {count} more; summary.json has all").format(count=len(lines) - LINES)]


def _title(remark: Remark, comparison: Comparison, language: Language) -> str:
    """The title of a quantity as in tables; records may call it otherwise."""
    return language._(comparison.quantities.get(remark.quantity.key, remark.quantity).title)
