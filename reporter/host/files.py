"""Files of a results folder: atomic writes, a lock for one run at a time, and renaming of unreadable files."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import translate
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import IO, Any, Literal

from reporter.model import ReporterError

try:
    import fcntl
except ImportError:  # Windows, where two runs in one folder are the user's to avoid
    fcntl = None  # type: ignore[assignment]

OURS = (
    ".lock", "records", "evidence", "figures", "tables", "summary.json", "comparison.json", "history.jsonl", "report*",
    ".nightly", "accepted.json", "against.json", "against.lock",
    ".against.jsonl", ".against-failed.json", ".move.jsonl", "ratios.jsonl",
)  # fmt: skip
"""What a run writes in a results folder, as patterns of names."""
IS_OURS = re.compile("|".join(map(translate, OURS)))
KINDS = (
    (stat.S_ISLNK, "symbolic link"),
    (stat.S_ISFIFO, "FIFO"),
    (stat.S_ISSOCK, "socket"),
    (stat.S_ISCHR, "device"),
    (stat.S_ISBLK, "device"),
)
TEMPORARY = re.compile(r"\..+\.(\d+)")
SURROGATE = re.compile("[\ud800-\udfff]")
"""The name of a file that is being written, with the number of the process that writes it."""
LONGEST_PART = 180
"""Bytes of a name, such as an architecture's, that the name of a file contains."""
LONGEST_SHOWN = 64
"""Bytes of a file name that the name of its temporary file contains; file systems allow 255 bytes, some of them 143."""


def lock(folder: Path, option: str = "--out") -> IO[str]:
    """Lock a results folder for one run; the lock ends when the file is closed, or when the process ends.

    Raises ReporterError that names the process if another one has locked it, and the option that the folder is from.
    """
    refuse_links(folder)
    with writing(folder / ".lock"):
        folder.mkdir(parents=True, exist_ok=True)
        file = open_plain(folder / ".lock", "a+")
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "another run"
                other = ", or name another folder" if option == "--out" else ""
                raise ReporterError(f"{option}: {folder} is in use by {holder}; wait for it{other}") from None
            _sweep(folder)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}\n")
        file.flush()
    return file


def refuse_links(folder: Path) -> None:
    """Raises ReporterError if a path that a run writes below `folder` is a symbolic link, a FIFO or a device.

    A results folder may come from a cache, an artifact or a pull request; a link in it would direct what is written
    there to a file elsewhere. The folder itself may be a link. What other folders lie in it is not examined.
    """
    with writing(folder):
        paths = list(folder.iterdir()) if folder.is_dir() else []
    for path in paths:
        if IS_OURS.match(os.path.normcase(path.name)):
            _refuse(path)
            for parent, folders, names in os.walk(path):
                for name in (*folders, *names):
                    _refuse(Path(parent, name))


def _refuse(path: Path) -> None:
    with writing(path):
        mode = path.lstat().st_mode
    if kind := next((kind for test, kind in KINDS if test(mode)), ""):
        raise ReporterError(f"{path} is a {kind}, which is never followed or written to; remove it")


def open_plain(path: Path, mode: Literal["a", "a+", "r+"]) -> IO[str]:
    """Opens a file for appending, creating it if needed, or for changes; ReporterError if it is not a regular file."""
    access = {"a": os.O_WRONLY | os.O_APPEND | os.O_CREAT, "a+": os.O_RDWR | os.O_APPEND | os.O_CREAT, "r+": os.O_RDWR}
    nothing_special = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    if path.is_symlink() or path.exists():
        _refuse(path)
    number = os.open(path, access[mode] | nothing_special, 0o666)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise ReporterError(f"{path} is not a regular file; remove it")
    return open(number, mode, encoding="utf-8")


def _sweep(folder: Path) -> None:
    """Removes what killed processes left half-written."""
    for place in (folder, folder / "figures", folder / "tables", *folder.glob("records/*"), *folder.glob("evidence/*")):
        for path in place.glob(".*"):
            if (found := TEMPORARY.fullmatch(path.name)) and not _is_alive(int(found[1])):
                path.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    """Whether there is another process of this number."""
    try:
        os.kill(process, 0)
    except OverflowError:
        return False
    except OSError as error:
        return isinstance(error, PermissionError)
    return process != os.getpid()


def shortened(part: str, name: str) -> str:
    """The ASCII part of a file name that is made from a name, with a digest of the name for its end if it is long."""
    if len(part) <= LONGEST_PART:
        return part
    return f"{part[:LONGEST_PART]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def dumps(value: Any) -> str:
    """Strict JSON: no NaN, no Infinity, and no surrogates, as file names have for bytes that are not UTF-8."""
    return _json(value, indent=1) + "\n"


def line(value: Any) -> str:
    """The same in one line."""
    return _json(value, indent=None) + "\n"


def _json(value: Any, indent: int | None) -> str:
    """Surrogates become escapes that JSON reads as text, as `legible` has them."""
    made = json.dumps(value, allow_nan=False, ensure_ascii=False, indent=indent)
    return made if made.isascii() else SURROGATE.sub(lambda found: rf"\\u{ord(found[0]):x}", made)


def lines(value: Mapping[str, Any], *keys: str) -> bytes:
    """The same in UTF-8, with each item of lists and objects under `keys` on its own line: ten times as fast for many.

    Items may come from an iterator, so that only one at a time is in memory.
    """
    made = BytesIO()
    for part in _lines(value, keys):
        made.write(part.encode("utf-8"))
    return made.getvalue()


def _lines(value: Mapping[str, Any], keys: Sequence[str]) -> Iterator[str]:
    before = "{\n"
    for name, part in value.items():
        yield before
        before = ",\n"
        if name in keys and isinstance(part, Mapping):
            yield f" {json.dumps(name)}: {{\n"
            yield ",\n".join(f"{_compact(key)}: {_compact(item)}" for key, item in part.items())
            yield "\n}"
        elif name in keys:
            yield f" {json.dumps(name)}: [\n"
            for number, item in enumerate(part):
                yield (",\n" if number else "") + _compact(item)
            yield "\n]"
        else:
            yield dumps({name: part}).removeprefix("{\n").removesuffix("\n}\n")
    yield "\n}\n"


def _compact(value: Any) -> str:
    return _json(value, indent=None)


def write(path: Path, content: str | bytes) -> None:
    """Replaces a file atomically: a reader, or a kill, sees the old file or the new one."""
    temporary = path.with_name(_temporary_name(path.name))
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.unlink(missing_ok=True)
            with temporary.open("xb") as file:
                file.write(content.encode("utf-8") if isinstance(content, str) else content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _temporary_name(name: str) -> str:
    """The name of a file while it is written; with a digest of a long name, so that it is not too long for a file."""
    encoded = os.fsencode(name)
    shown = name if len(encoded) <= LONGEST_SHOWN else hashlib.sha256(encoded).hexdigest()[:32]
    return f".{shown}.{os.getpid()}"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what the disk refuses into one line."""
    try:
        yield
    except OSError as error:
        why = f"{path}: cannot be written ({error.strerror or error})"
        raise ReporterError(f"{why}; fix this and rerun the same command to resume") from None


def set_aside(path: Path) -> Path:
    """Gives a file that is no record another name, so that no record is written over it; returns the name."""
    names = (path.with_name(f"{path.name}.unreadable{number or ''}") for number in count())
    free = next(name for name in names if not name.exists())
    with writing(path):
        return path.rename(free)
