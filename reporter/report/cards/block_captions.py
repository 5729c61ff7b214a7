"""Captions of the diagrams of blocks."""

from __future__ import annotations

from reporter.model import Record
from reporter.report import units
from reporter.report.cards import part_names, record_structure
from reporter.report.cards.record_structure import RecordedBlock
from reporter.report.language import Language


def caption(record: Record, block: RecordedBlock, language: Language) -> str:
    """What is drawn, in words: the repeated block and on which grid, else a stage or the whole network."""
    _ = language._
    size, grid = units.text(language, record.value("block_parameters") or 0), part_names.grid(block)
    if block.repeats:
        message = language.ngettext(
            "{kind}, {count} time in the architecture. Shown: one at {resolution}, {parameters} parameters.",
            "{kind}, {count} times in the architecture. Shown: one at {resolution}, {parameters} parameters.",
            block.repeats,
        )
        kind = part_names.title(block.kind, language)
        return message.format(kind=kind, count=block.repeats, resolution=grid, parameters=size)
    if block.name:
        stage = part_names.computing(part_names.opened(block.kind, block.name, record_structure.layers(record)))
        message = _(
            "No repeated block. Shown: the stage with the most MACs, {kind} at {resolution}, {parameters} parameters."
        )
        if _is_tied(record):
            message = _(
                "No repeated block. Shown: the first of the stages with the most MACs, {kind} at {resolution}, "
                "{parameters} parameters."
            )
        return message.format(kind=part_names.words(stage, language), resolution=grid, parameters=size)
    return _("No repeated block. Shown: the whole architecture, {parameters} parameters.").format(parameters=size)


def _is_tied(record: Record) -> bool:
    """Whether several stages have the most MACs: the first of them is drawn."""
    macs = [stage.macs for stage in record_structure.stages(record)]
    return macs.count(max(macs, default=0)) > 1
