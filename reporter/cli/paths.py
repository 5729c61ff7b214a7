"""The type of options and arguments that are paths."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from reporter.model import option_values


class NamedPath(click.Path):
    """A path as `pathlib.Path` with `~` expanded; an empty one is refused, as it would be the current folder."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; a usage error if there is none."""
        try:
            return super().convert(option_values.path(os.fspath(value)), param, ctx)
        except ValueError as error:
            self.fail(f"{value!r}; {error}", param, ctx)


PATH = NamedPath()
