"""The digests of kernels in a record: of the kernels of all layers, and of the libraries of their matrix products.

Records of version 0.1.0 and products whose library is not known have no digest of libraries: these are equal to any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from reporter.model import Reading, Record
from reporter.model.fields import legible
from reporter.model.profiles import LayerKernel, digest, library_digest

COVERAGE, ALONE, DIGEST, LIBRARIES = "operators_coverage_", "kernels_", "kernels", "libraries"
SOURCES = (COVERAGE, ALONE)
"""The keys of readings with kernels begin with these; the setting follows."""
ENGINE = "engine"
"""The condition of a reading with the versions of the packages of its engine."""


class Libraries(NamedTuple):
    """The digest of the libraries of all calls, empty where none are known, and the versions by name."""

    digest: str
    versions: Mapping[str, str]


class CallDigests(NamedTuple):
    """The digests of the calls of a ledger: of their kernels, and of the libraries of their matrix products."""

    kernels: str
    libraries: str

    def equal(self, reading: Reading) -> bool:
        """Whether they are the digests in a reading, which may have none of the libraries."""
        return self.kernels == reading.detail[DIGEST] and libraries(reading).digest in ("", self.libraries)


def sources(record: Record) -> dict[str, list[Reading]]:
    """The readings with a digest of kernels by setting, most often one for each."""
    settings = dict.fromkeys(setting_of(key) for key in record.readings if key.startswith(SOURCES))
    found = {setting: of_setting(record, setting) for setting in settings}
    return {setting: readings for setting, readings in found.items() if readings}


def setting_of(key: str) -> str:
    """The setting in the key of a reading with kernels: `cpu` of `operators_coverage_cpu` and of `kernels_cpu`."""
    return key.removeprefix(COVERAGE).removeprefix(ALONE)


def of_setting(record: Record, setting: str) -> list[Reading]:
    """The readings that have a digest of the kernels in a setting."""
    there = [record.readings.get(start + setting) for start in SOURCES]
    return [each for each in there if each and has_digest(each)]


def has_digest(reading: Reading) -> bool:
    """Whether a reading has a digest of kernels."""
    return reading.measured and isinstance(reading.detail.get(DIGEST), str)


def libraries(reading: Reading) -> Libraries:
    """The libraries of a reading; a record may have been edited."""
    found = reading.detail.get(LIBRARIES)
    if not isinstance(found, dict):
        return Libraries("", {})
    return Libraries(str(found.get("digest") or ""), _versions(found.get("versions")))


def _versions(found: object) -> dict[str, str]:
    """Versions by name, as far as they are versions."""
    named = found.items() if isinstance(found, dict) else ()
    return {legible(str(name)): legible(str(each)) for name, each in named}


def differing(base: Reading, new: Reading) -> Literal["", "kernels", "libraries"]:
    """What differs by the digests; empty if they are equal."""
    if base.detail[DIGEST] != new.detail[DIGEST]:
        return "kernels"
    before, now = libraries(base).digest, libraries(new).digest
    return "libraries" if before and now and before != now else ""


def belongs(calls: Iterable[LayerKernel], reading: Reading) -> bool:
    """Whether calls are those that the digests of a reading are of."""
    return of_calls(calls).equal(reading)


def of_calls(calls: Iterable[LayerKernel]) -> CallDigests:
    """The digests of calls in their order."""
    rows = tuple(calls)
    return CallDigests(digest(rows), library_digest(rows))


def changed_versions(base: Reading, new: Reading) -> tuple[str, ...]:
    """The packages of the engine and the libraries that both sides used in different versions, with both."""
    engines = (_versions(each.conditions.get(ENGINE)) for each in (base, new))
    return (*_changed(*engines), *_changed(libraries(base).versions, libraries(new).versions))


def _changed(before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    names = sorted(name for name in before.keys() & now.keys() if before[name] and now[name])
    return (f"{name}: {before[name]} → {now[name]}" for name in names if before[name] != now[name])
