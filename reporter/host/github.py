"""The part of GitHub's REST API that reports need: one comment on a pull request, one issue; standard library only."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib import error, request

from reporter.model import ReporterError
from reporter.model.fields import legible

API = "https://api.github.com"
TIMEOUT = 30.0
PAGE = 100
MOST_PAGES = 20
Call = Callable[[str, str, "dict[str, Any] | None"], Any]


class RefusedError(ReporterError):
    """A call that the service refuses, with the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class GitHub:
    """A repository, with the token that a job has; ReporterError in one line where the service refuses a call."""

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        self._api = variables.get("GITHUB_API_URL", API).rstrip("/")
        self._repository = variables.get("GITHUB_REPOSITORY", "")
        self._token = variables.get("GITHUB_TOKEN", "")
        if not self._repository:
            raise ReporterError("GITHUB_REPOSITORY is not set; run this in a job of GitHub Actions")
        if not self._token:
            raise ReporterError("GITHUB_TOKEN is not set; set it to ${{ github.token }}")

    def comment(self, number: int, marker: str, text: str) -> None:
        """Creates the comment with a marker on a pull request, or edits it in place."""
        path = f"issues/{number}/comments"
        old = self._own(path, marker)
        if old is None:
            self._call("POST", path, {"body": text})
        elif old.get("body") != text:
            self._call("PATCH", f"issues/comments/{old['id']}", {"body": text})

    def issue(
        self,
        marker: str,
        title: str,
        text: Callable[[str], str],
        red: bool,
        left_open: Callable[[str], str] = lambda _: "",
    ) -> None:
        """Opens or updates the issue with a marker while runs are red; after a green one, closes it.

        `text` gives its new text, and is called with the text of the open issue, or an empty one. After a green run
        `left_open` is called with the same: the issue stays open with the text that it returns, if that is not empty.
        """
        old = self._own("issues?state=open", marker)
        before = str(old.get("body")) if old else ""
        content = {"title": title, "body": text(before)} if red else {}
        if red and old is None:
            self._call("POST", "issues", content)
        elif red and old is not None and content != {key: old.get(key) for key in content}:
            self._call("PATCH", f"issues/{old['number']}", content)
        elif not red and old is not None and not (left := left_open(before)):
            self._call("PATCH", f"issues/{old['number']}", {"state": "closed", "state_reason": "completed"})
        elif not red and old is not None and left != before:
            self._call("PATCH", f"issues/{old['number']}", {"body": left})

    def _own(self, path: str, marker: str) -> dict[str, Any] | None:
        """The comment or issue with a marker that a bot or the account of the token has written, None if there is none.

        In a public repository anyone may write one with this marker; a bot only if it is installed there.
        """
        items = (each for each in self._pages(path) if not each.get("pull_request"))
        return next((each for each in items if str(each.get("body")).startswith(marker) and self._wrote(each)), None)

    def _wrote(self, item: Mapping[str, Any]) -> bool:
        author = item.get("user")
        if not isinstance(author, dict):
            return False
        return author.get("type") == "Bot" or bool(self._login and author.get("login") == self._login)

    @cached_property
    def _login(self) -> str:
        """The account of a personal token; empty for the token of a job, which may not ask: that is a bot's."""
        try:
            account = self._call("GET", "/user", None)
        except RefusedError as refused:
            if refused.status not in (403, 404):
                raise
            return ""
        return str(account.get("login") or "") if isinstance(account, dict) else ""

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        joint = "&" if "?" in path else "?"
        for page in range(1, MOST_PAGES + 1):
            found = self._call("GET", f"{path}{joint}per_page={PAGE}&page={page}", None)
            if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
                raise ReporterError(f"the response to GET {path} is not a list of objects; check GITHUB_API_URL")
            yield from found
            if len(found) < PAGE:
                return

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "Content-Type": "application/json",
            "User-Agent": "architecture-reporter",
        }
        data = None if body is None else json.dumps(body).encode()
        url = self._api + (path if path.startswith("/") else f"/repos/{self._repository}/{path}")
        try:
            asked = request.Request(url, data, headers, method=method)
            with request.build_opener().open(asked, timeout=TIMEOUT) as answer:  # urlopen keeps the first proxies
                return json.loads(answer.read() or b"null")
        except error.HTTPError as refused:
            why = f"{method} {path}: HTTP {refused.code} {legible(str(refused.reason))}"
            hint = (
                "; give the job `pull-requests: write` and `issues: write`" if refused.code in (401, 403, 404) else ""
            )
            raise RefusedError(f"GitHub refused {why}{hint}", refused.code) from None
        except HTTPException as failed:  # the response is cut short or not HTTP, or the address has a space
            raise ReporterError(f"GitHub cannot be reached: {legible(repr(failed))[:200]}") from None
        except (OSError, ValueError) as failed:
            raise ReporterError(f"GitHub cannot be reached: {legible(str(failed))[:200]}") from None


def pull_request(variables: Mapping[str, str] = os.environ) -> int | None:
    """The number of the pull request that a job is for, None if it is for none.

    Servers that are compatible with GitHub may list `"pull_request": null` where GitHub omits it, here and in issues.
    """
    path = Path(variables.get("GITHUB_EVENT_PATH", ""))
    try:
        event = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except ValueError:
        return None
    about = event.get("pull_request") if isinstance(event, dict) else None
    number = about.get("number") if isinstance(about, dict) else None
    return number if isinstance(number, int) else None
