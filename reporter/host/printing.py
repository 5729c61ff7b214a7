"""Printing of untrusted text: no name or reason is a command for a CI system.

GitHub Actions runs a line that begins with `::`, GitHub and Azure Pipelines also `##[` and `##vso[` anywhere in a line;
GitLab and terminals read escape sequences. Names, reasons and paths come from records, plug-ins and other foreign code.
"""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import click

from reporter.model.fields import legible

BETWEEN = "\u200b"
"""A zero-width space."""
PAIRS = re.compile(":(?=:)|#(?=#)")


def inert(line: str) -> str:
    """A line as it is printed: control characters escaped, a zero-width space between both characters of `::` and `##`.

    The caller begins the line with a word or a mark of this program, not with a name.
    """
    return PAIRS.sub(lambda found: found[0] + BETWEEN, legible(line))


def text(lines: Iterable[str]) -> str:
    """Several lines, each inert."""
    return "\n".join(map(inert, lines))


def document(content: str) -> str:
    """A JSON document as it is printed: the same values, `##` with an escape. Its lines never begin with a name."""
    return content.rstrip().replace("##", "#\\u0023")


_as_json: ContextVar[bool] = ContextVar("as_json", default=False)


@contextmanager
def messages_as_json(on: bool) -> Iterator[None]:
    """Inside, messages are JSON objects, one per line, as the events of `--progress json`."""
    token = _as_json.set(on)
    try:
        yield
    finally:
        _as_json.reset(token)


def message(line: str) -> None:
    """Prints a message to standard error."""
    _print("message", line)


def error(line: str) -> None:
    """Prints the reason why a command ends to standard error, after the name of the program; an event of its own."""
    _print("error", line if _as_json.get() else f"reporter: {line}")


def _print(event: str, line: str) -> None:
    made = document(json.dumps({"event": event, "text": line})) if _as_json.get() else inert(line)
    click.echo(made, err=True)


def unexpected(problem: BaseException) -> str:
    """Prints the traceback of an error that is a defect of the program or a plug-in; gives the last line to print."""
    for line in "".join(traceback.format_exception(problem)).splitlines():
        message(line)
    return f"unexpected {type(problem).__name__}; the traceback is above"


def note(line: str) -> None:
    """Prints a message that begins with a name or a path."""
    message(f"note: {line}")


def silent(_line: str) -> None:
    """Prints nothing: in place of `note` with --quiet."""
