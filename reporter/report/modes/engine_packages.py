"""The versions of the packages of engines, which are stored with the readings of execution modes."""

from __future__ import annotations

from collections.abc import Iterable

from reporter.compare.kernel_digests import ENGINE
from reporter.model import Record


def packages(records: Iterable[Record]) -> dict[str, str]:
    """The versions by the name of the package; of a package in several versions, all of them, `1.31.0, 1.32.0`."""
    found: dict[str, dict[str, None]] = {}
    for record in records:
        for reading in record.readings.values():
            versions = reading.settings.get(ENGINE)
            for name, version in versions.items() if isinstance(versions, dict) else ():
                found.setdefault(name, {})[str(version)] = None
    return {name: ", ".join(versions) for name, versions in found.items()}
