"""Charts as PNG files. Those of a report are converted in a process of their own while it is built."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import Any

import vl_convert

from reporter.report.drawing.other_process import OtherProcess, answer

WORTH = 300_000
"""Characters of SVG files from which converting them takes longer than starting a process."""


def png(svg: str) -> bytes:
    """A file's SVG as a PNG that fills a slide of 1920 x 1080 pixels; a chart taller than that keeps its size."""
    width, height = (float(re.findall(rf'\b{side}="([\d.]+)"', svg)[0]) for side in ("width", "height"))
    return bytes(vl_convert.svg_to_png(svg, scale=max(1.0, min(1920 / width, 1080 / height))))


def conversion(svgs: Iterable[str]) -> OtherProcess[bytes]:
    """The PNG files of SVG files, which another process makes meanwhile, if they are many."""
    files = list(svgs)
    return OtherProcess(
        __name__,
        lambda: json.dumps(files),
        b64decode,
        lambda: [png(svg) for svg in files],
        worth=sum(map(len, files)) >= WORTH,
    )


def _converted(svgs: Any) -> list[str]:
    return [b64encode(png(svg)).decode() for svg in svgs]


if __name__ == "__main__":
    answer(_converted)
