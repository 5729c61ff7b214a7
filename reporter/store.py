"""Records on disk: one JSON file per machine and architecture, written as soon as something is measured."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from reporter.types import SCHEMA, Record, ReporterError

try:
    import fcntl
except ImportError:  # Windows, where two runs in one folder are the user's to avoid
    fcntl = None  # type: ignore[assignment]


def record_path(folder: Path, machine: str, architecture: str) -> Path:
    """Where the record lies; a name that is no plain file name is percent-encoded and so cannot leave the folder."""
    from urllib.parse import quote

    return folder / "records" / quote(machine, safe="") / f"{quote(architecture, safe='')}.json"


def save(folder: Path, record: Record) -> None:
    """Writes a record whole or not at all."""
    write(
        record_path(folder, record.machine, record.architecture), dumps(record.model_dump(mode="json", by_alias=True))
    )


def load(path: Path) -> Record:
    """Reads one record; raises ReporterError with the file's name where it is torn, of another schema or no record."""
    try:
        text = path.read_text(encoding="utf-8")
        number = json.loads(text).get("schema")
        if number != SCHEMA:
            raise ReporterError(f"{path}: schema {number!r}, this reporter reads {SCHEMA}; measure again with --fresh")
        return Record.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ReporterError(f"{path}: not a record: {where}: {first['msg']}; delete it or measure again") from None
    except (OSError, ValueError, AttributeError) as error:
        raise ReporterError(f"{path}: not a record: {error}; delete it or measure again") from None


def load_all(folder: Path) -> tuple[list[Record], list[str]]:
    """All records of a results folder, and a line for each file that is none."""
    records, complaints = [], []
    for path in sorted((folder / "records").glob("*/*.json")):
        try:
            records.append(load(path))
        except ReporterError as error:
            complaints.append(str(error))
    return records, complaints


def append_history(folder: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Adds one line per run and architecture to history.jsonl."""
    path = folder / "history.jsonl"
    torn = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" * torn)
        for line in lines:
            file.write(json.dumps(line, allow_nan=False, ensure_ascii=False) + "\n")


def hold(folder: Path) -> IO[str]:
    """Holds a results folder for one run; the hold ends with the file, or with the process however it ends.

    Raises ReporterError that says who holds it already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / ".lock").open("a+", encoding="utf-8")
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "another run"
            raise ReporterError(f"--out: {folder} is in use by {holder}; wait for it, or name another folder") from None
    file.truncate(0)
    file.write(f"process {os.getpid()} on {platform.node()}\n")
    file.flush()
    return file


def dumps(value: Any) -> str:
    """Strict JSON: no NaN, no Infinity."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False, indent=1) + "\n"


def write(path: Path, content: str | bytes) -> None:
    """Replaces a file atomically: a reader, or a kill, sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
