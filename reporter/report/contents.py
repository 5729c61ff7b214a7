"""A report as data: its title and sections, for any output format."""

from __future__ import annotations

from dataclasses import dataclass

from reporter.model.extensions import Edition
from reporter.report.language import Language
from reporter.report.page.heading import Heading
from reporter.report.sections import Section
from reporter.report.table import Table
from reporter.version import __version__


@dataclass(frozen=True)
class Report:
    heading: Heading
    edition: Edition
    language: Language
    sections: tuple[Section, ...]
    names: frozenset[str] = frozenset()
    """Architectures and machines: foreign text that sentences contain, code spans in Markdown."""
    translations: tuple[tuple[str, str, str], ...] = ()
    """The same report in other languages: file, code and name of the language."""
    version: str = __version__

    @property
    def tables(self) -> list[Table]:
        blocks = (block for section in self.sections for block in section.blocks)
        return [table for block in blocks for table in getattr(block, "tables", ())]
