"""The report: from the records of a folder to every file that tells of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from reporter import __version__, store
from reporter.catalog import collect
from reporter.telling import drawing, export, render, sections
from reporter.telling.comparison import Comparison, compare
from reporter.telling.language import SOURCE, Language, available, language
from reporter.telling.sections import Block, Figure, Section
from reporter.telling.summary import summary
from reporter.telling.table import Table, Tabulation
from reporter.types import Chart


@dataclass(frozen=True)
class Report:
    title: str
    subtitle: str
    language: Language
    sections: tuple[Section, ...]
    version: str = __version__

    @property
    def tables(self) -> list[Table]:
        return [block for section in self.sections for block in section.blocks if isinstance(block, Table)]


@dataclass(frozen=True)
class Picture:
    """A drawn chart: what the page shows, and the SVG of its file."""

    figure: Figure
    order: int
    file: str


def write(folder: Path, languages: Sequence[str]) -> list[Path]:
    """Writes summary.json, and for each language the reports, figures and tables; gives the files.

    Raises ReporterError where there are no records, or no such language.
    """
    tongues = [language(code) for code in languages]
    records, complaints = store.load_all(folder)
    comparison = compare(records)
    files: dict[str, str | bytes] = {"summary.json": store.dumps(summary(comparison))}
    for tongue in tongues:
        pictures = draw(comparison, tongue, collect("reporter.charts", Chart).values())
        tables = collect("reporter.telling.tables", Tabulation).values()
        files |= outputs(build(comparison, tongue, pictures, tables, complaints), pictures)
    for name, content in files.items():
        store.write(folder / name, content)
    return [folder / name for name in files]


def languages(folder: Path) -> Sequence[str]:
    """The languages that the newest record of a folder was asked for, English where it says nothing."""
    records, _complaints = store.load_all(folder)
    asked = compare(records).newest.settings.get("lang")
    known = [code for code in asked if code in available()] if isinstance(asked, list) else []
    return [str(code) for code in known] or [SOURCE]


def build(
    comparison: Comparison,
    tongue: Language,
    pictures: Iterable[Picture],
    tables: Iterable[Tabulation],
    complaints: Sequence[str] = (),
) -> Report:
    """Puts the report together from the charts and tables it is handed."""
    _ = tongue._
    blocks: list[tuple[int, Block]] = [(picture.order, picture.figure) for picture in pictures]
    made = [(tabulation.order, tabulation.make(comparison, tongue)) for tabulation in tables]
    blocks += [(order, table) for order, table in made if table]
    count = len(comparison.networks)
    message = tongue.ngettext("{count} network, measured on {date}", "{count} networks, measured on {date}", count)
    return Report(
        title=_("Architectures of convolutional networks, compared"),
        subtitle=message.format(count=count, date=tongue.date(comparison.newest.started)),
        language=tongue,
        sections=(
            sections.found(comparison, tongue),
            *sections.chapters(blocks, tongue),
            sections.measured(comparison, tongue),
            sections.failed(comparison, complaints, tongue),
            sections.environment(comparison, tongue),
        ),
    )


def draw(comparison: Comparison, tongue: Language, charts: Iterable[Chart]) -> list[Picture]:
    """Draws every chart that has something to show."""
    pictures = []
    for chart in charts:
        spec = chart.draw(comparison, tongue)
        if spec is None:
            continue
        svg = drawing.draw(spec, tongue)
        title, file = tongue._(chart.title), chart.name + tongue.suffix
        figure = Figure(chart.name, title, tongue._(chart.caption), drawing.inline(svg, chart.name, title), file)
        pictures.append(Picture(figure, chart.order, drawing.file(svg, title)))
    return pictures


def outputs(report: Report, pictures: Iterable[Picture]) -> dict[str, str | bytes]:
    """The files of one language by name."""
    suffix = report.language.suffix
    files: dict[str, str | bytes] = {}
    for picture in pictures:
        files[f"figures/{picture.figure.file}.svg"] = picture.file
        files[f"figures/{picture.figure.file}.png"] = drawing.png(picture.file)
    for table in report.tables:
        files[f"tables/{table.name}{suffix}.csv"] = export.to_csv(table)
        files[f"tables/{table.name}{suffix}.tex"] = export.to_tex(table)
    files[f"report{suffix}.md"] = render.to_markdown(report)
    files[f"report{suffix}.html"] = render.to_html(report)
    return files
