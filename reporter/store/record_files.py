"""Files of records: a JSON file per machine and architecture or claim, written at once."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json

from reporter.host import collection, read_ahead
from reporter.host.files import dumps, open_plain, shortened, write, writing
from reporter.host.files import line as to_line
from reporter.model import SCHEMA, Evidence, Record, ReporterError
from reporter.model.fields import is_plain, legible, plain
from reporter.model.readings import EVIDENCE_SCHEMA, Model
from reporter.model.records import EAGER
from reporter.store.stored_records import STORED, nested, unnested
from reporter.version import __version__, number

LARGEST_FILE = 2**24
"""Bytes of a record or of evidence; a thorough run's record takes less than a twentieth of this."""
KERNELS = ".kernels"
"""How the names of ledgers of kernels end, which are beside the records; see store/kernel_files.py."""
ESCAPED_KERNELS = "%2Ekernels"
"""The same in the name of a record, percent-encoded: an architecture's name may end with `.kernels`, too."""
MANY_FILES = 400
"""Two processes read so many records, because reading these takes longer than starting one."""
LONGEST_COMPLAINT = 300
LONGEST_VERSION = 40
Stored = TypeVar("Stored", bound=Model)
Found = TypeVar("Found")


def record_path(folder: Path, machine: str, architecture: str) -> Path:
    """Where the record lies."""
    return folder / "records" / _file_name(machine) / f"{_file_name(architecture)}.json"


def evidence_path(folder: Path, machine: str, claim: str) -> Path:
    """Where the evidence for a claim lies."""
    return folder / "evidence" / _file_name(machine) / f"{_file_name(claim)}.json"


def _file_name(name: str) -> str:
    """The name, percent-encoded, no path upwards, and with a digest for its end where it is too long for a file."""
    from urllib.parse import quote

    quoted = shortened(quote(name, safe=""), name)
    if quoted.endswith(KERNELS):
        quoted = quoted.removesuffix(KERNELS) + ESCAPED_KERNELS
    return quoted.replace(".", "%2E", 1) if quoted.startswith(".") else quoted


def paths(records: Path) -> list[Path]:
    """The files of records or of evidence in a folder with a subfolder for each machine."""
    return sorted(path for path in records.glob("*/*.json") if not path.stem.endswith(KERNELS))


def save(folder: Path, record: Record, modes: Iterable[Record] = ()) -> None:
    """Writes an eager record, with those of other modes inside, whole or not at all."""
    path = record_path(folder, record.machine, record.architecture)
    write(path, dumps(nested(record, modes)))


def save_all(folder: Path, records: Iterable[Record]) -> None:
    """Writes the records of several architectures, machines and modes, each pair beside its eager record."""
    together: dict[tuple[str, str], list[Record]] = {}
    for record in sorted(records, key=lambda record: record.mode != EAGER):
        together.setdefault((record.machine, record.architecture), []).append(record)
    for eager, *modes in together.values():
        save(folder, eager, modes)


def save_evidence(folder: Path, evidence: Evidence) -> None:
    """Writes the evidence for a claim whole or not at all."""
    path = evidence_path(folder, evidence.machine, evidence.claim)
    write(path, dumps(evidence.model_dump(mode="json", by_alias=True)))


def load(path: Path, kind: type[Record] = Record) -> Record:
    """Reads the eager record of a file; raises ReporterError as `load_modes` does."""
    return load_modes(path, kind)[0]


def load_modes(path: Path, kind: type[Record] = Record) -> list[Record]:
    """Reads the records of all modes in a file, eager first.

    Raises ReporterError with the file's name where it is torn, of a newer schema or no record.
    """
    record = _load(path, STORED[kind], "a record")
    if path.parts[-2:] != record_path(Path(), record.machine, record.architecture).parts[-2:]:
        raise ReporterError(f"{path}: not its record, but that of {record.architecture} on {record.machine}")
    return unnested(record, kind)


def load_evidence(path: Path) -> Evidence:
    """Reads the evidence for one claim; raises ReporterError as for records."""
    return _load(path, Evidence, "evidence")


def load_all(folder: Path, kind: type[Record] = Record) -> tuple[list[Record], list[str]]:
    """The eager records of a results folder, and a line for each file that is none."""
    return _load_all(folder / "records", partial(load, kind=kind))


def load_all_modes(folder: Path, kind: type[Record] = Record) -> tuple[list[Record], list[str]]:
    """The records of all modes in a results folder, eager before others, and a line for each file that is none."""
    return load_folders([folder], kind)[0]


def load_folders(folders: Iterable[Path], kind: type[Record] = Record) -> list[tuple[list[Record], list[str]]]:
    """The same of several folders: of very many files, another process reads half."""
    files = [[*map(str, paths(folder / "records"))] for folder in folders]
    names, read = [*dict.fromkeys(name for inside in files for name in inside)], partial(_read, kind=kind)
    with collection.disabled():
        many = len(names) >= MANY_FILES
        made = read_ahead.read_all(read, names, __name__, [kind.__name__]) if many else map(read, names)
        found = dict(zip(names, made, strict=True))
    return [_apart(found[name] for name in inside) for inside in files]


def _read(name: str, kind: type[Record]) -> list[Record] | str:
    """The records of all modes in a file, or the line that says why it has none."""
    try:
        return load_modes(Path(name), kind)
    except ReporterError as error:
        return str(error)


def _apart(found: Iterable[list[Record] | str]) -> tuple[list[Record], list[str]]:
    records, complaints = [], []
    for each in found:
        if isinstance(each, str):
            complaints.append(each)
        else:
            records += each
    return records, complaints


def load_for_report(folder: Path) -> tuple[list[Record], list[str]]:
    """The same; ReporterError, with the folder, where it has no records."""
    records, complaints = load_all_modes(folder)
    if not records:
        there = "there are no records in it" if folder.is_dir() else "there is no such folder"
        why = complaints[0] if complaints else f"{there}; name a folder of reporter --out"
        raise ReporterError(f"{folder}: no records to report; {why}")
    return records, complaints


def load_all_evidence(folder: Path) -> tuple[dict[str, Evidence], list[str]]:
    """The newest evidence for each claim, and a line for each file that is none."""
    found, complaints = _load_all(folder / "evidence", load_evidence)
    return {each.claim: each for each in sorted(found, key=lambda each: each.started)}, complaints


def _load_all(folder: Path, read: Callable[[Path], Found]) -> tuple[list[Found], list[str]]:
    found, complaints = [], []
    with collection.disabled():
        for path in paths(folder):
            try:
                found.append(read(path))
            except ReporterError as error:
                complaints.append(str(error))
    return found, complaints


def _load(path: Path, kind: type[Stored], what: str) -> Stored:
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_FILE:
            raise ReporterError(f"{path}: not {what}: no file of at most {LARGEST_FILE >> 20} MiB")
        content = path.read_bytes()
        found = _validated(content, kind)
    except ValidationError as error:
        raise ReporterError(f"{path}: {_wrong(content, error, what)}") from None
    except ValueError as error:
        raise ReporterError(f"{path}: not {what}: {error}") from None
    except OSError as error:
        raise ReporterError(f"{path}: cannot be read: {error.strerror}") from None
    return found


def _validated(content: bytes, kind: type[Stored]) -> Stored:
    return kind.model_validate_json(content) if is_plain(content) else kind.model_validate(plain(from_json(content)))


def _wrong(content: bytes, error: ValidationError, what: str) -> str:
    """What is wrong with a file that is not what it should be, in one line."""
    try:
        found = from_json(content)
    except ValueError:
        found = None
    if newer := _newer_version(found):
        return f"written by reporter {newer}, which is newer than {__version__}; upgrade reporter"
    newest = EVIDENCE_SCHEMA if what == "evidence" else SCHEMA
    number = found.get("schema") if isinstance(found, dict) else newest
    if not isinstance(number, int) or not 1 <= number <= newest:
        return f"schema {repr(number)[:20]}, this reporter reads {newest}{' and older' if newest > 1 else ''}"
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    message = legible(": ".join(part for part in (f"not {what}", where, first["msg"]) if part))
    return " ".join(message.split())[:LONGEST_COMPLAINT]


def _newer_version(found: Any) -> str:
    """The version of the reporter that wrote a file, if it is newer than this one."""
    environment = found.get("environment") if isinstance(found, dict) else None
    version = environment.get("reporter") if isinstance(environment, dict) else None
    if not isinstance(version, str) or len(version) > LONGEST_VERSION or not number(version):
        return ""
    return legible(version) if number(version) > number(__version__) else ""


def newer_version(path: Path) -> str:
    """The version of the reporter that wrote a record, if it is newer than this one; empty if it cannot be read."""
    try:
        return _newer_version(from_json(path.read_bytes()))
    except (OSError, ValueError):
        return ""


def append_history(folder: Path, lines: Iterable[dict[str, Any]]) -> bool:
    """Adds one line per run and architecture to history.jsonl; returns whether the line before was cut short."""
    return append_lines(folder / "history.jsonl", lines)


def append_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> bool:
    """Adds lines of JSON to a file, beginning a new one; returns whether the line before was cut short."""
    with writing(path):
        torn = _last_byte(path) not in (b"", b"\n")
        with open_plain(path, "a") as file:
            if torn:
                file.write("\n")
            for line in lines:
                file.write(to_line(line))
    return torn


def history_size(folder: Path) -> int:
    """The bytes of history.jsonl."""
    path = folder / "history.jsonl"
    return path.stat().st_size if path.exists() else 0


def add_to_history(folder: Path, start: int, fields: Mapping[str, Any]) -> None:
    """Adds fields to the lines that were appended to history.jsonl since it had `start` bytes; a full disk is no error.

    The lines are on disk as soon as the measurement ends; how the run ends is known only later.
    """
    path = folder / "history.jsonl"
    if history_size(folder) <= start:
        return
    with suppress(ReporterError), writing(path), open_plain(path, "r+") as file, path.open("rb") as reader:
        reader.seek(start)
        before = reader.read()
        lines = (to_line({**json.loads(line), **fields}) if line else "\n" for line in before.split(b"\n")[:-1])
        try:
            _overwrite(file.fileno(), start, "".join(lines).encode("utf-8"))
        except OSError:
            _overwrite(file.fileno(), start, before)


def _overwrite(file: int, start: int, content: bytes) -> None:
    """Writes the end of a file from `start` on, unbuffered: what does not fit can be undone."""
    os.lseek(file, start, os.SEEK_SET)
    rest = content
    while rest:
        rest = rest[os.write(file, rest) :]
    os.ftruncate(file, start + len(content))


def _last_byte(path: Path) -> bytes:
    """The last byte of a file, none where there is none: the file itself may be a gigabyte."""
    if not path.exists():
        return b""
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
        return file.read(1)


if __name__ == "__main__":
    read_ahead.answer(partial(_read, kind={each.__name__: each for each in STORED}[sys.argv[1]]))
