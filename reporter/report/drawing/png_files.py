"""Charts as PNG files. Those of a report are converted in a process of their own while it is built.

The converter holds the interpreter's lock, so that a thread would not run beside the rest.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Iterable
from threading import Thread

import vl_convert

from reporter.host import importing

WORTH = 300_000
"""Characters of SVG files from which converting them takes longer than starting a process."""


def png(svg: str) -> bytes:
    """A file's SVG as a PNG that fills a slide of 1920 x 1080 pixels; a chart taller than that keeps its size."""
    width, height = (float(re.findall(rf'\b{side}="([\d.]+)"', svg)[0]) for side in ("width", "height"))
    return bytes(vl_convert.svg_to_png(svg, scale=max(1.0, min(1920 / width, 1080 / height))))


class Conversion:
    """SVG files that another process converts meanwhile, if they are many."""

    def __init__(self, svgs: Iterable[str]) -> None:
        self._svgs = list(svgs)
        self._found: list[bytes] | None = None
        self._thread = Thread(target=self._convert, daemon=True)
        if sum(map(len, self._svgs)) >= WORTH:
            self._thread.start()

    def pngs(self) -> list[bytes]:
        """The PNG files in the same order, once all are there; if the process fails, they are converted here."""
        if self._thread.ident:
            self._thread.join()
        return [png(svg) for svg in self._svgs] if self._found is None else self._found

    def _convert(self) -> None:
        command = [sys.executable, "-m", __name__]
        variables = os.environ | importing.variables()
        try:
            done = subprocess.run(
                command, input=json.dumps(self._svgs), capture_output=True, text=True, check=True, env=variables
            )
            self._found = [b64decode(each) for each in json.loads(done.stdout)]
        except (OSError, ValueError, subprocess.CalledProcessError):
            pass


def serve() -> None:
    """Converts the list of SVG files on standard input; writes a list of PNG files in base64."""
    json.dump([b64encode(png(svg)).decode() for svg in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    serve()
