"""Building a report: from the records of a folder to all files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from reporter.compare import baseline_file, reference_file
from reporter.compare.baseline_file import BaselineComparison
from reporter.compare.folders import ledgers_of
from reporter.documents.reference_verdicts import AgainstReference
from reporter.host import collection, files
from reporter.model import Chart, Claim, Evidence, ReporterError
from reporter.model.settings import Settings
from reporter.registry.catalog import collect
from reporter.report import sections
from reporter.report.between_runs import reference_section, run_history
from reporter.report.choosing.choice import choice
from reporter.report.comparison import Comparison, compare
from reporter.report.contents import Report
from reporter.report.display_names import with_display_names
from reporter.report.drawing.drawn_charts import Picture, Pictures
from reporter.report.language import SOURCE, Language, available, language, suffix_of
from reporter.report.output import csv_tables, formats, latex
from reporter.report.output.summary import streamed
from reporter.report.page import failures, run_environment
from reporter.report.page.claim_sections import try_claims
from reporter.report.page.edition import edition, ordered, parts
from reporter.report.page.folding import folded
from reporter.report.page.glossary import glossary
from reporter.report.page.heading import Presentation, citation, heading, presentation
from reporter.report.sections import Content, Files, Folded, Items, Placed
from reporter.report.table import Table, Tabulation
from reporter.report.training.training_names import start
from reporter.report.why import operator_pairs
from reporter.store import record_files

CHOICE_ORDER, FILES_ORDER = 5, 9
"""The places of the choice and of the list of files in their chapters."""
PRESENTED = Presentation()


@collection.disabled()
def write(folder: Path, languages: Sequence[str] = (), given: Settings | None = None) -> list[Path]:
    """Writes summary.json, and for each language the reports, figures and tables; gives the files.

    Languages, edition and heading that are not given are those of the newest record's settings. Raises ReporterError
    where there are no records, or no such language.
    """
    for code in languages:
        language(code)
    files.refuse_links(folder)
    records, complaints = record_files.load_for_report(folder)
    evidence, torn = record_files.load_all_evidence(folder)
    comparison = replace(compare(records), evidence=evidence, ledgers=ledgers_of(folder))
    del records  # the comparison has copies with intervals
    tongues = [language(code) for code in languages or asked(comparison)]
    try:
        comparison = run_history.remembered(comparison, folder)
    except ReporterError as error:
        complaints = [*complaints, str(error)]
    try:
        changed = baseline_file.load_for_report(folder, (*comparison.records, *comparison.modes))
    except ReporterError as error:
        complaints, changed = [*complaints, str(error)], None
    try:
        against = reference_file.load_for_report(folder, comparison.records)
    except ReporterError as error:
        complaints, against = [*complaints, str(error)], None
    made: dict[str, str | bytes] = {"summary.json": files.lines(streamed(comparison, against), "failed", "records")}
    shown = presentation(given, comparison.newest.settings)
    inside = parts(comparison, edition(comparison, shown.edition))
    charts = [chart for chart in collect("reporter.charts", Chart).values() if chart.edition in (None, *inside)]
    for tongue in tongues:
        pictures = Pictures(comparison, tongue, charts, convert=True)
        tables = collect("reporter.tables", Tabulation).values()
        claims = collect("reporter.claims", Claim).values()
        built = build(
            comparison,
            tongue,
            pictures,
            tables,
            complaints=[*complaints, *torn],
            changed=changed,
            against=against,
            claims=claims,
            evidence=evidence,
            shown=shown,
        )
        translated = replace(built, translations=_translations(folder, tongue, tongues))
        made |= outputs(translated, pictures, pictures.pngs())
    for name, content in made.items():
        files.write(folder / name, content)
    return [folder / name for name in made]


def _translations(folder: Path, tongue: Language, written: Sequence[Language]) -> tuple[tuple[str, str, str], ...]:
    """The reports of the folder in other languages: file, code and name of the language.

    Only the catalogues of these languages are read.
    """
    now = {each.code for each in written}
    others = ((code, f"report{suffix_of(code)}.html") for code in available() if code != tongue.code)
    return tuple((name, code, language(code).name) for code, name in others if code in now or (folder / name).exists())


def asked(comparison: Comparison) -> Sequence[str]:
    """The languages that the newest record was asked for, English where it says nothing."""
    named = comparison.newest.settings.get("lang")
    codes = [code for code in named if code in available()] if isinstance(named, list) else []
    return [str(code) for code in dict.fromkeys(map(str, codes))] or [SOURCE]


def build(
    comparison: Comparison,
    tongue: Language,
    pictures: Iterable[Picture],
    tables: Iterable[Tabulation],
    *,
    complaints: Sequence[str] = (),
    changed: BaselineComparison | None = None,
    against: AgainstReference | None = None,
    claims: Iterable[Claim] = (),
    evidence: Mapping[str, Evidence] | None = None,
    shown: Presentation = PRESENTED,
) -> Report:
    """Puts the report together from the charts, tables and claims it is handed; `pictures` is used after the others."""
    chosen = edition(comparison, shown.edition)
    inside = parts(comparison, chosen)
    made = [(each, each.make(comparison, tongue)) for each in tables if each.edition in (None, *inside)]
    trials = try_claims(claims if "lecture" in inside else (), evidence or {}, comparison, tongue)
    selection = choice(comparison, tongue, chosen)
    shown_pairs = operator_pairs.shown(comparison)
    pictures = list(pictures)
    placed = [Placed(picture.chapter, picture.order, picture.figure) for picture in pictures if not picture.slide]
    if files_of := [(picture.figure.title, f"figures/{picture.figure.file}") for picture in pictures if picture.slide]:
        ends = tuple(
            (f"{title} ({end.upper()})", f"{file}.{end}") for title, file in files_of for end in ("svg", "png")
        )
        placed.append(Placed("overview", FILES_ORDER, Files(tongue._("For slides"), ends)))
    placed += [Placed(each.chapter, each.order, table) for each, table in made if table]
    if selection:
        placed.append(Placed("choice", CHOICE_ORDER, selection))
    if reasons := [with_display_names(operator_pairs.sentence(pair, tongue)) for pair in shown_pairs]:
        placed.append(Placed("why", 0, Items(tuple(reasons))))
    head = heading(comparison, shown, tongue)
    every = (
        sections.found(comparison, tongue),
        *([sections.changed(changed, tongue)] if changed else []),
        *([reference_section.section(against, comparison, tongue)] if against else []),
        *sections.chapters(placed, tongue, start(comparison.records)),
        sections.architectures(comparison, tongue),
        *(sections.claimed(trials, tongue) if trials.trials else []),
        sections.measured(comparison, tongue),
        glossary(tongue),
        failures.failed(comparison, complaints, tongue),
        run_environment.environment(comparison, tongue),
        citation(comparison, shown, head, tongue),
    )
    names = _names(comparison) | (changed.differences.names if changed else frozenset())
    return Report(head, chosen, tongue, folded(ordered(every, chosen), chosen), names)


def _names(comparison: Comparison) -> frozenset[str]:
    return frozenset(name for record in comparison.records for name in (record.architecture, record.machine))


def outputs(report: Report, pictures: Iterable[Picture], pngs: Iterable[bytes]) -> dict[str, str | bytes]:
    """The files of one language by name; `pngs` has the PNG file of each picture, and is read last."""
    suffix, pictures = report.language.suffix, list(pictures)
    made: dict[str, str | bytes] = {f"figures/{each.figure.file}.svg": each.file for each in pictures}
    for table in report.tables:
        made[f"tables/{table.name}{suffix}.csv"] = csv_tables.to_csv(table)
        made[f"tables/{table.name}{suffix}.tex"] = latex.to_tex(table, report.language)
    short = abridged(report)
    made[f"report{suffix}.md"] = formats.to_markdown(short)
    made[f"report{suffix}.html"] = formats.to_html(short)
    for picture, png in zip(pictures, pngs, strict=True):
        made[f"figures/{picture.figure.file}.png"] = png
    return made


def abridged(report: Report) -> Report:
    """The same with so many rows of each table as a page can bear; the files of the tables have all."""
    parts = [
        replace(section, blocks=tuple(_abridged(block, report.language) for block in section.blocks))
        for section in report.sections
    ]
    return replace(report, sections=tuple(parts))


def _abridged(block: Content, tongue: Language) -> Content:
    if isinstance(block, Folded):
        return replace(block, blocks=tuple(_abridged(each, tongue) for each in block.blocks))
    if not isinstance(block, Table) or len(block.rows) <= block.most:
        return block
    message = tongue._("The first {shown} of {count} rows; {file} has all.")
    file = f"tables/{block.name}{tongue.suffix}.csv"
    note = message.format(shown=block.most, count=len(block.rows), file=file)
    return replace(block, rows=block.rows[: block.most], notes=(note, *block.notes))
