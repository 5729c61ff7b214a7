"""A local HTTP server that plays the part of GitHub's API that `reporter publish` uses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "secret"
INTEGRATION = "Resource not accessible by integration"
SHUTDOWN = 0.02
"""Seconds after which the server sees that it is to end."""


class Api(ThreadingHTTPServer):
    """Comments and issues of one repository.

    Refused are: calls without the token (401), what the token may not write (403), the account of a bot (403), unknown
    paths (404), and a second comment or open issue of `user` with a marker (422).
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.writable = frozenset({"pull-requests", "issues"})
        self.comments: dict[int, dict[str, Any]] = {}
        self.issues: dict[int, dict[str, Any]] = {}
        self.user = {"login": "github-actions[bot]", "type": "Bot"}
        self.calls: list[tuple[str, str, int]] = []

    @property
    def variables(self) -> dict[str, str]:
        return {
            "GITHUB_API_URL": f"http://127.0.0.1:{self.server_address[1]}",
            "GITHUB_REPOSITORY": "owner/nets",
            "GITHUB_TOKEN": TOKEN,
        }

    def answer(self, method: str, path: str, token: str, body: dict[str, Any]) -> tuple[int, Any]:
        parts = urlsplit(path)
        if token != f"Bearer {TOKEN}":
            return 401, {"message": "Bad credentials"}
        if (method, path) == ("GET", "/user"):
            return (403, {"message": INTEGRATION}) if self.user["type"] == "Bot" else (200, self.user)
        query, place = parse_qs(parts.query), parts.path.removeprefix("/repos/owner/nets/")
        if method != "GET" and not self._may_write(place):
            return 403, {"message": INTEGRATION}
        return self._called(method, place, body, query)

    def _may_write(self, place: str) -> bool:
        needed = {"issues", "pull-requests"} if "comments" in place else {"issues"}
        return bool(needed & self.writable)

    def _called(self, method: str, place: str, body: dict[str, Any], query: dict[str, list[str]]) -> tuple[int, Any]:
        if re.fullmatch(r"issues/7/comments", place):
            return self._many(method, self.comments, body, query)
        if place == "issues":
            return self._many(method, self.issues, {"state": "open", **body}, query)
        if found := re.fullmatch(r"issues/comments/(\d+)", place):
            return self._one(method, self.comments, int(found[1]), body)
        if found := re.fullmatch(r"issues/(\d+)", place):
            return self._one(method, self.issues, int(found[1]), body)
        return 404, {"message": "Not Found"}

    def _many(
        self, method: str, stored: dict[int, dict[str, Any]], body: dict[str, Any], query: dict[str, list[str]]
    ) -> tuple[int, Any]:
        visible = [each for each in stored.values() if each.get("state", "open") == "open"]
        if method == "GET":
            size, page = (int(query[name][0]) for name in ("per_page", "page"))
            return 200, visible[(page - 1) * size : page * size]
        marker = str(body["body"]).splitlines()[0]
        own = [each for each in visible if each.get("user") == self.user]
        if method != "POST" or any(each["body"].startswith(marker) for each in own):
            return 422, {"message": "Validation Failed"}
        number = 100 + len(stored)
        stored[number] = {"id": number, "number": number, "user": self.user, **body}
        return 201, stored[number]

    def _one(
        self, method: str, stored: dict[int, dict[str, Any]], number: int, body: dict[str, Any]
    ) -> tuple[int, Any]:
        if method != "PATCH" or number not in stored:
            return 404, {"message": "Not Found"}
        stored[number].update(body)
        return 200, stored[number]


class Handler(BaseHTTPRequestHandler):
    server: Api

    def _respond(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"{}")
        code, found = self.server.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
        self.server.calls.append((self.command, urlsplit(self.path).path, code))
        content = json.dumps(found).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = _respond  # noqa: N815  names of the base class

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@contextmanager
def serving() -> Iterator[Api]:
    """The server, in a thread."""
    with Api() as api:
        thread = Thread(target=api.serve_forever, args=(SHUTDOWN,), daemon=True)
        thread.start()
        try:
            yield api
        finally:
            api.shutdown()
            thread.join()
