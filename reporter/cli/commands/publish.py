"""`reporter publish DIR`: the result of a run for pull requests, issues and other systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from reporter.cli.paths import PATH
from reporter.model import ReporterError


@click.command("publish")
@click.argument("folder", type=PATH, metavar="DIR")
@click.option(
    "--name", default="report", help="Name of the job: each one has its own comment and issue (default: report)."
)
@click.option("--link", default="", metavar="URL", help="Link to the report.")
@click.option(
    "--exit-code",
    type=int,
    metavar="N",
    help="Exit code of the run; if it did not finish, the files in DIR are of an earlier run.",
)
@click.option("--comment", type=PATH, metavar="FILE", help="Write the comment as Markdown.")
@click.option("--junit", type=PATH, metavar="FILE", help="Write JUnit XML.")
@click.option("--benchmark", type=PATH, metavar="FILE", help="Write JSON for github-action-benchmark.")
@click.option("--github-comment", is_flag=True, help="Create or edit the comment on the pull request of this job.")
@click.option(
    "--github-issue", is_flag=True, help="Open or update an issue after a red run, close it after a green one."
)
def publish_command(
    *,
    folder: Path,
    name: str,
    link: str,
    exit_code: int | None,
    comment: Path | None,
    junit: Path | None,
    benchmark: Path | None,
    github_comment: bool,
    github_issue: bool,
) -> None:
    """Write the result of the last run in DIR as files for other systems, and to GitHub.

    The options --github-comment and --github-issue use GITHUB_TOKEN, GITHUB_REPOSITORY and GITHUB_EVENT_PATH.
    """
    from reporter.host import printing
    from reporter.host.github import GitHub, pull_request
    from reporter.model.fields import legible
    from reporter.nightly import outlet_files, outlets

    if not (comment or junit or benchmark or github_comment or github_issue):
        raise ReporterError(
            "nothing to write: give --comment, --junit, --benchmark, --github-comment or --github-issue"
        )
    run, link = outlets.read(folder, exit_code), legible(link)  # a byte other than UTF-8 is a surrogate
    text = outlets.comment(run, name, link)
    suite = outlet_files.junit(run) if junit else b""
    outlets.write(((comment, text), (junit, suite)))
    if benchmark:
        _write_times(outlet_files.benchmark(run), benchmark)
    if github_comment:
        number = pull_request()
        if number is None:
            printing.note("this job is not for a pull request; no comment is written")
        else:
            GitHub().comment(number, outlets.marker(name), text)
    if github_issue and (run.has_regression or run.closes_issue):
        issue = partial(outlets.issue, run, name, link)
        GitHub().issue(outlets.marker(name), f"Nightly regression: {name}", issue, run.has_regression, run.left_open)


def _write_times(times: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Writes the times for github-action-benchmark, which fails if there are none: then the file is removed."""
    from reporter.host import files, printing

    if times:
        files.write(path, files.dumps(times))
        return
    if path.is_file():  # or the times of an earlier run would be points of this one
        with files.writing(path):
            path.unlink()
    printing.note(f"{path} is not written: the run has no times")


ENTRIES = (publish_command,)
