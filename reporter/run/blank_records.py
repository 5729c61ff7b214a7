"""Records without readings, with what was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reporter.model import SCHEMA, Architecture, Record
from reporter.run import input_sizes
from reporter.run.request import Request, moment


def blank(architecture: Architecture, request: Request, about: Mapping[str, Any]) -> Record:
    """A record without readings, of where `about` says."""
    return Record(
        schema=SCHEMA,
        architecture=architecture.name,
        family=architecture.family,
        year=architecture.year,
        paper=architecture.paper,
        variant=architecture.variant,
        **input_sizes.fields(architecture, request.conditions_of(architecture.name)),
        definition=architecture.definition,
        **about,
        settings=settings_of(architecture, request),
        started=moment(),
    )


def settings_of(architecture: Architecture, request: Request) -> dict[str, Any]:
    """What was asked for, as the record of one architecture keeps it: of the user's networks only its own."""
    others = {key: value for key, value in request.settings.items() if key != "architecture"}
    return {**others, **({"architecture": [architecture.reference]} if architecture.reference else {})}
