"""The section on the environment: machines, versions and settings."""

from __future__ import annotations

from reporter.report.comparison import Comparison
from reporter.report.language import Language
from reporter.report.sections import Content, Section, Terms, Text


def environment(comparison: Comparison, language: Language) -> Section:
    """Machines, versions and settings, as the newest record of each machine has them."""
    _ = language._
    blocks: list[Content] = []
    for machine in comparison.machines:
        record = max(comparison.of(machine), key=lambda each: each.started)
        facts: dict[str, object] = {_("Machine"): machine, _("Measured"): language.date(record.started)}
        facts |= {**record.machine_facts, **record.environment}
        blocks.append(Terms(_pairs(facts, language)))
    settings = _pairs(dict(comparison.newest.settings), language)
    if settings:
        blocks += [Text(_("Settings of the run:")), Terms(settings)]
    return Section("environment", _("The environment"), tuple(blocks))


def _pairs(facts: dict[str, object], language: Language) -> tuple[tuple[str, str], ...]:
    entries = {language.translate(key.replace("_", " ")): _flat(value, language) for key, value in facts.items()}
    return tuple((key, value) for key, value in entries.items() if value)


def _flat(value: object, language: Language) -> str:
    """A fact in one line; empty where there is none."""
    if isinstance(value, bool):
        return language._("yes") if value else language._("no")
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_flat(part, language)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_flat(part, language) for part in value)
    return "" if value is None else str(value)
