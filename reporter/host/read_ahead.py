"""Reading of very many files by two processes: another one reads from the end, this one from the beginning.

Parsing holds the interpreter's lock, so that a thread would not read beside it. Objects are received in a fraction of
the time that parsing takes.
"""

from __future__ import annotations

import json
import os
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any, TypeVar

from reporter.host import collection, importing

T = TypeVar("T")

CHUNK = 16
"""Files whose content is received at once: objects that these have in common are sent once."""
HEADER = struct.Struct("<8sQ")
"""MARK and the length of what follows."""
MARK = b"\0chunk\r\n"
"""What another program prints on stdout, such as a `.pth` file or sitecustomize, does not begin with it."""


class OtherReader:
    """What `python -m MODULE *ARGUMENTS`, whose main function is `answer`, has read of the last of some files."""

    def __init__(self, module: str, arguments: Sequence[str], files: Sequence[str]) -> None:
        self._chunks: list[bytes] = []
        command = [sys.executable, "-m", module, *arguments]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | importing.variables(),
        )
        self._thread = Thread(target=self._receive, args=(json.dumps(files).encode(), len(files)), daemon=True)
        self._thread.start()

    @property
    def count(self) -> int:
        """How many files it has read so far."""
        return len(self._chunks) * CHUNK

    def last(self, count: int) -> list[Any]:
        """What it has read of the last files, at most `count` of them, in their order."""
        found = [each for chunk in reversed(self._chunks[: -(-count // CHUNK)]) for each in pickle.loads(chunk)]
        return found[max(0, len(found) - count) :]

    def stop(self) -> None:
        """Ends the process, whatever it does."""
        self._process.kill()
        self._thread.join()
        self._process.wait()

    def _receive(self, files: bytes, count: int) -> None:
        sent, received = self._process.stdin, self._process.stdout
        assert sent
        assert received
        with suppress(Exception), received:  # whatever goes wrong here, this process reads the rest
            with sent:
                sent.write(files)
            for _ in range(count // CHUNK):  # the first files, less than a chunk, are never worth a wait
                mark, length = HEADER.unpack(received.read(HEADER.size))
                chunk = received.read(length) if mark == MARK else b""
                if not chunk or len(chunk) < length:
                    return
                self._chunks.append(chunk)


@contextmanager
def _other_reader(module: str, arguments: Sequence[str], files: Sequence[str]) -> Iterator[OtherReader | None]:
    try:
        reader = OtherReader(module, arguments, files)
    except OSError:  # no process can be started: this one reads all
        yield None
        return
    try:
        yield reader
    finally:
        reader.stop()


def read_all(read: Callable[[str], T], files: Sequence[str], module: str, arguments: Sequence[str]) -> list[T]:
    """What `read` makes of each file, in two processes; the other one is `python -m MODULE *ARGUMENTS`."""
    found: list[T] = []
    with _other_reader(module, arguments, files) as other:
        for name in files:
            if other and len(found) + other.count >= len(files):
                break
            found.append(read(name))
        return found + other.last(len(files) - len(found)) if other else found


def answer(read: Callable[[str], Any]) -> None:
    """The main function of the other process: reads the names of files and writes what it reads, the last ones first.

    `read` must not raise an exception; what it returns must be possible to pickle.
    """
    files, output = json.load(sys.stdin), sys.stdout.buffer
    with collection.disabled(), suppress(BrokenPipeError):
        for end in range(len(files), CHUNK - 1, -CHUNK):
            chunk = pickle.dumps([read(name) for name in files[end - CHUNK : end]], pickle.HIGHEST_PROTOCOL)
            output.write(HEADER.pack(MARK, len(chunk)) + chunk)
            output.flush()
