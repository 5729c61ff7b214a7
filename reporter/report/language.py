"""Languages of a report: gettext catalogs compiled in memory, and formats of numbers and dates."""

from __future__ import annotations

import gettext
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import cache, cached_property, lru_cache
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import get_decimal_symbol, get_group_symbol

from reporter.model import ReporterError
from reporter.model.names import nearest

FOLDER = Path(__file__).parent.parent / "languages"
RECORDED = "recorded"
"""The flag, in a catalogue, of a message that records hold with its blanks already filled in."""
LONGEST_SENTENCE = 400
"""A longer text is no message, and matching it with placeholders would take long."""
MANY = 30
"""So many items are named in an enumeration at most."""
WRAPPED_ERROR = re.compile(r"(\band )?<urlopen error (?:\[[^\]]*\] )?([^<>]*)>")
"""An error of urllib as earlier versions recorded it, with the word before it."""
ERROR_CLASS = re.compile(r"([A-Z]\w*Error: )(.+)", re.DOTALL)
"""An error of Python as records contain it: its class and its message."""
SHORTENED = (
    (
        re.compile(r"\A(torch\.fx cannot trace it: )\w+: ShapeProp error for: .*", re.DOTALL),
        r"\1shapes are not determined",
    ),
    (re.compile(r"\A(takes images of \S+ pixels, not (?:the|of) [^(]+) \(.*\)\Z", re.DOTALL), r"\1"),
)
"""Reasons that end with an error of torch, which files have: what a report states instead."""
EXACTLY = Context(prec=500)
"""Enough digits for any number that a record may hold."""
SOURCE = "en"
"""The language that stands in the code itself and needs no catalogue."""


@dataclass(frozen=True)
class Language:
    """One language of the reports: `_` translates, `number` and `date` write as its readers do."""

    code: str
    locale: Locale
    translations: gettext.NullTranslations = field(default_factory=gettext.NullTranslations)
    patterns: tuple[tuple[re.Pattern[str], str], ...] = ()

    @property
    def name(self) -> str:
        """The name of the language in itself."""
        return str(self.locale.get_display_name(self.code))

    @property
    def suffix(self) -> str:
        """What stands in a file's name before its ending: nothing for English."""
        return suffix_of(self.code)

    def _(self, message: str) -> str:
        """The message in this language."""
        return self.translations.gettext(message) if message else ""

    def ngettext(self, one: str, many: str, count: int) -> str:
        """The message in the form that goes with a count."""
        return self.translations.ngettext(one, many, count)

    def translate(self, text: str | None) -> str:
        """Translates a sentence that a record holds, also one whose blanks were filled in when it was measured."""
        text = WRAPPED_ERROR.sub(_without_wrapper, text or "")
        for pattern, shorter in SHORTENED:
            text = pattern.sub(shorter, text)
        if not text or len(text) > LONGEST_SENTENCE:
            return text
        if (exact := self._(text)) != text:
            return exact
        if self.code == SOURCE:
            return PERCENT.sub("\\1\u00a0%", text)
        if found := _filled(self.patterns, text):
            message, values = found
            return message.format(**{key: self._value(key, value) for key, value in values})
        error = ERROR_CLASS.fullmatch(text)
        return f"{error[1]}{self.translate(error[2])}" if error else text

    def _value(self, key: str, value: str) -> str:
        """What fills a blank of a sentence: a reason in it is a sentence, too."""
        return PERCENT.sub("\\1\u00a0%", self.translate(value) if key == "reason" else value)

    def number(self, value: float | Decimal, decimals: int = 0) -> str:
        """A number with that many digits after the point, half rounded up as in the charts."""
        exact = Decimal(str(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP, EXACTLY)
        return f"{exact:,f}".translate(self._signs)

    @cached_property
    def _signs(self) -> dict[int, str]:
        """What Python writes into numbers -> what this language does; Babel formats ten times as slowly."""
        return str.maketrans(
            {",": str(get_group_symbol(self.locale)), ".": str(get_decimal_symbol(self.locale)), "-": "−"}
        )

    def signed(self, value: float) -> str:
        """A percentage with its sign, one digit after the point below ten."""
        return ("+" if value > 0 else "") + self.number(value, 0 if abs(value) >= 10 else 1)

    def day(self, moment: str) -> str:
        """The day of a moment in ISO 8601, as short as an axis needs it; any other text as it is."""
        try:
            when = datetime.fromisoformat(moment)
        except ValueError:
            return moment
        return str(format_date(when, "d MMM", locale=self.locale))

    def calendar_day(self, moment: str) -> str:
        """A moment in ISO 8601 as its date in UTC; any other text as it is."""
        return self._moment(moment, self._("d MMMM y"))

    def date(self, moment: str) -> str:
        """A moment in ISO 8601 as a date and time, in UTC; any other text as it is."""
        return self._moment(moment, self._("d MMMM y, HH:mm 'UTC'"))

    def _moment(self, moment: str, pattern: str) -> str:
        try:
            when = datetime.fromisoformat(moment)
            when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
        except (ValueError, OverflowError):
            return moment
        return str(format_datetime(when, pattern, locale=self.locale))

    def listing(self, items: list[str]) -> str:
        """Items as an enumeration: a, b and c."""
        if len(items) > MANY:
            return self.several(items)
        if len(items) < 2:
            return "".join(items)
        return self._("{items} and {last}").format(items=", ".join(items[:-1]), last=items[-1])

    def several(self, items: Sequence[str], most: int = MANY) -> str:
        """Items with commas; of more than `most` the first, and how many more there are."""
        if len(items) <= most:
            return ", ".join(items)
        return self._("{items} and {count} more").format(items=", ".join(items[:most]), count=len(items) - most)

    @cached_property
    def vega(self) -> dict[str, object]:
        """The number format of Vega's axes."""
        symbols = {"decimal": get_decimal_symbol(self.locale), "thousands": get_group_symbol(self.locale)}
        return {**symbols, "grouping": [3], "currency": ["", ""]}


def suffix_of(code: str) -> str:
    """What the names of the files in a language have before their ending: nothing for English."""
    return "" if code == SOURCE else f".{code}"


def available() -> list[str]:
    """The languages there are: English, and one for each catalogue in reporter/languages."""
    return [SOURCE, *sorted(path.stem for path in FOLDER.glob("*.po") if path.stem != SOURCE)]


def checked_codes(asked: Sequence[str]) -> Sequence[str]:
    """The codes that --lang names; ReporterError where there is no such language."""
    for code in asked:
        if code not in available():
            raise ReporterError(f"--lang: unknown language {code!r}; {nearest(code, available())}")
    return asked


@cache
def language(code: str) -> Language:
    """The language of a code; raises ReporterError where there is no catalogue for it."""
    if code not in available():
        raise ReporterError(f"no language {code!r}; {nearest(code, available())}")
    path = FOLDER / f"{code}.po"
    if not path.exists():
        return Language(code, Locale.parse(code))
    with path.open("rb") as file:
        catalog = read_po(file, locale=code)
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    blanks = [(str(message.id), str(message.string)) for message in catalog if RECORDED in message.flags]
    blanks.sort(key=lambda blank: -len(re.sub(r"\{\w+\}", "", blank[0])))  # the most specific pattern matches first
    patterns = tuple((_pattern(message), translation) for message, translation in blanks)
    return Language(code, Locale.parse(code), gettext.GNUTranslations(compiled), patterns)


def _without_wrapper(found: re.Match[str]) -> str:
    """The cause of an error of urllib, as newer versions record it."""
    return f"and could not be downloaded: {found[2]}" if found[1] else found[2]


PERCENT = re.compile(r"(\d)%")
"""A share as records contain it; reports have a space before the sign."""


@lru_cache(maxsize=2**12)
def _filled(
    patterns: tuple[tuple[re.Pattern[str], str], ...], text: str
) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    """The translated message whose blanks the text fills in, and what fills them; None where there is none."""
    for pattern, message in patterns:
        if match := pattern.fullmatch(text):
            return message, tuple(match.groupdict().items())
    return None


def _pattern(message: str) -> re.Pattern[str]:
    """What a message with blanks looks like once they are filled in."""
    parts = re.split(r"\{(\w+)\}", message)
    seen: set[str] = set()
    text = ""
    for index, part in enumerate(parts):
        if index % 2 == 0:
            text += re.escape(part)
        else:
            text += f"(?P={part})" if part in seen else f"(?P<{part}>.+?)"
            seen.add(part)
    return re.compile(text, re.DOTALL)
