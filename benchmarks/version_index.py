"""A package index on this machine: wheels of one module each, served over HTTP."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


def wheel(folder: Path, name: str, version: str, requires: tuple[str, ...] = (), text: str = "") -> None:
    """A wheel with one module, which has its version and a text."""
    about = f"{name}-{version}.dist-info"
    requirements = "".join(f"Requires-Dist: {each}\n" for each in requires)
    content = {
        f"{name}/__init__.py": f"__version__ = '{version}'\n{text}",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requirements}",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {path: hashlib.sha256(text.encode()).digest() for path, text in content.items()}
    lines = [
        f"{path},sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()},{len(content[path].encode())}"
        for path, digest in digests.items()
    ]
    content[f"{about}/RECORD"] = "\n".join([*lines, f"{about}/RECORD,,"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for path, each in content.items():
            archive.writestr(path, each)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL of an index of packages over HTTP; `folder` has a folder `simple` with one for each package."""
    handler = partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()  # s until it sees that it is to end
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Prints nothing."""
