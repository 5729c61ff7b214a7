"""The head of a report: title, course, author, machine and date; and how to cite it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

from reporter.model import Record
from reporter.model.extensions import Edition
from reporter.model.fields import DEFAULT_MALLOC
from reporter.model.settings import LONGEST_LINE, Settings
from reporter.report import run_days
from reporter.report.comparison import Comparison
from reporter.report.headline_latency import TIMES
from reporter.report.language import Language
from reporter.report.page.edition import edition
from reporter.report.sections import Section, Text
from reporter.version import __version__

LICENSE = "CC BY 4.0"
"""The license of figures and tables where no other is given."""

TEXTS = ("title", "course", "author", "license")
MOST = 2
"""So many kinds of unreliable times are named in the warning."""


@dataclass(frozen=True)
class Presentation:
    """What a user sets about the look of a report; an empty text or None where nothing was set."""

    edition: Edition | None = None
    title: str = ""
    course: str = ""
    author: str = ""
    license: str = ""


@dataclass(frozen=True)
class Heading:
    """The lines on top of a report."""

    title: str
    byline: str
    measured: str
    warning: str


def presentation(given: Settings | None, stored: Mapping[str, object]) -> Presentation:
    """What was set now, else what the settings of a stored record contain."""
    return Presentation(
        _edition(given.edition if given else None) or _edition(stored.get("edition")),
        **{key: _text(getattr(given, key, None)) or _text(stored.get(key)) for key in TEXTS},
    )


def _edition(value: object) -> Edition | None:
    return next((each for each in get_args(Edition) if each == value), None)


def _text(value: object) -> str:
    """A text as one line; nothing where a stored record contains something else."""
    return " ".join(value.split())[:LONGEST_LINE] if isinstance(value, str) else ""


def heading(comparison: Comparison, shown: Presentation, language: Language) -> Heading:
    _ = language._
    count = len(comparison.networks)
    message = language.ngettext(
        "{count} architecture, measured on {date}", "{count} architectures, measured on {date}", count
    )
    days = run_days.days([*comparison.records, *comparison.modes], language)
    measured = message.format(count=count, date=days)
    return Heading(
        title=shown.title or _title(comparison, shown, language),
        byline=" · ".join(filter(None, (shown.course, shown.author))),
        measured=" · ".join((measured, *_machines(comparison, language))),
        warning=unreliable(comparison, language),
    )


def _title(comparison: Comparison, shown: Presentation, language: Language) -> str:
    """The title where none is set: other backbones than the lecture's need not be convolutional networks."""
    if edition(comparison, shown.edition) == "lecture":
        return language._("Architectures of convolutional networks, compared")
    return language._("Neural network architectures, compared")


def _machines(comparison: Comparison, language: Language) -> list[str]:
    """All machines, the newest first; those that are described alike with the names that tables have."""
    described = [machine(comparison.of(name)[0], language) for name in comparison.machines]
    counts = Counter(described)
    return [
        f"{text} ({name})" if counts[text] > 1 else text
        for name, text in zip(comparison.machines, described, strict=True)
    ]


def machine(record: Record, language: Language) -> str:
    """A machine in one line: processor, threads, memory and GPUs."""
    facts = record.machine_facts
    parts = [str(facts.get("processor") or record.machine)]
    if isinstance(threads := facts.get("threads"), int):
        parts.append(language.ngettext("{count} CPU thread", "{count} CPU threads", threads).format(count=threads))
    if isinstance(memory := facts.get("memory_gib"), int | float):
        parts.append(f"{language.number(memory)} {language._('GiB')}")
    gpus = facts.get("gpus")
    names = Counter(gpu for gpu in gpus if isinstance(gpu, str)) if isinstance(gpus, list) else Counter[str]()
    parts += [name if count == 1 else f"{count} × {name}" for name, count in names.items()]
    return ", ".join(parts)


def unreliable(comparison: Comparison, language: Language) -> str:
    """A warning with the number of unreliable times of all machines, the largest share first; empty if there is none.

    Of equal shares, the latencies that represent an architecture come first, and times with default malloc last. Where
    more kinds of times have the share of the last one that is named, these are examples.
    """
    counts: dict[str, list[bool]] = {}
    for record in comparison.records:
        for key, reading in record.readings.items():
            if reading.timed and reading.measured and reading.quantity.unit in ("s", "1/s"):
                counts.setdefault(key, []).append(reading.verdict.status == "noisy")
    doubted = {key: (sum(noisy), len(noisy)) for key, noisy in counts.items() if any(noisy)}
    if not doubted:
        return ""
    whole = sum(noisy for noisy, _count in doubted.values()), sum(map(len, counts.values()))
    ranked = sorted(doubted.items(), key=_rank)
    shares = [_rank(item)[0] for item in ranked]
    if len(shares) > MOST and shares[MOST - 1] == shares[MOST]:
        message = language._("{noisy} of {count} times are unreliable and marked ≈, among them {details}.")
    else:
        message = language.ngettext(
            "{noisy} of {count} times is unreliable and marked ≈, most of all {details}.",
            "{noisy} of {count} times are unreliable and marked ≈, most of all {details}.",
            whole[0],
        )
    entry = language._("{title} ({noisy} of {count})")
    details = [
        entry.format(title=language._(comparison.quantities[key].title), noisy=noisy, count=count)
        for key, (noisy, count) in ranked[:MOST]
    ]
    return message.format(noisy=whole[0], count=whole[1], details=language.listing(details))


def _rank(item: tuple[str, tuple[int, int]]) -> tuple[float, bool, int]:
    """The place of a key with its number of noisy times and of all times."""
    key, (noisy, count) = item
    return -noisy / count, key in DEFAULT_MALLOC, TIMES.index(key) if key in TIMES else len(TIMES)


def citation(comparison: Comparison, shown: Presentation, head: Heading, language: Language) -> Section:
    """How to cite the report, and the license of its figures and tables."""
    _ = language._
    date = language.date(comparison.newest.started)
    cited = ". ".join(part.removesuffix(".") for part in (shown.author, head.title, shown.course, date) if part)
    version = comparison.newest.environment.get("reporter", __version__)
    made = _("Measured with reporter {version}.").format(version=version)
    terms = _("Figures and tables of this report may be used under the license {license}, with this reference.")
    return Section(
        "cite",
        _("How to cite"),
        (Text(f"{cited}. {made}"), Text(terms.format(license=shown.license or LICENSE))),
    )
