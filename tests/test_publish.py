"""`reporter publish`: one comment edited in place, one issue, JUnit XML and JSON, against a local server."""

from __future__ import annotations

import json
import re
import shutil
import socketserver
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any
from xml.etree import ElementTree

import pytest
from actions import Job, Service, step
from commands import ROOT, call
from github_server import Api, serving
from nights import Nights, failed, killed, made, slower, summarize, with_reading

from reporter.documents.comparisons import FindingRow
from reporter.documents.reference_verdicts import AgainstReference
from reporter.host.github import GitHub, pull_request
from reporter.model import ReporterError
from reporter.nightly import issue_places, outlet_files, outlets
from reporter.store import record_files

MACS = with_reading("alexnet", "macs", samples=(714_188_481,))


@pytest.fixture
def api() -> Iterator[Api]:
    with serving() as found:
        yield found


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    """A red run after a first one, with a count that changed."""
    played = Nights(tmp_path_factory.mktemp("publish") / "out")
    assert played.play(made(), preset="standard") == 0
    assert played.play(made(), MACS, slower("resnet50", 3.0), preset="standard", fail_on="any") == 1
    return played


KNOWN = {"since": "2026-11-01", "ratio": 1.05, "reason": ""}
SWAPPED = {
    "setting": "cpu_1thread", "swaps": [], "compared": 0, "time": "not resolved", "ratio": None, "variables": [],
}  # fmt: skip


def against(**about: object) -> AgainstReference:
    """The comparison of a run with a pinned reference."""
    side = {"versions": {}, "torch_file": ""}
    sides = {"reference": side, "tonight": side, "control": False}
    return AgainstReference.model_validate({**sides, "detectable": None, "verdicts": [], **about})


def verdict(word: str, **about: object) -> dict[str, object]:
    row = {"architecture": "alexnet", "metric": "m", "mode": "eager", "verdict": word, "ratio": 1.0}
    return {**row, "low": None, "high": None, **about}


def changed(finding: FindingRow, **about: object) -> FindingRow:
    return finding.model_copy(update=about)


def with_findings(run: outlets.PublishedRun, findings: Sequence[FindingRow]) -> outlets.PublishedRun:
    assert run.comparison
    return replace(run, comparison=run.comparison.model_copy(update={"findings": tuple(findings)}))


def with_reference(run: outlets.PublishedRun, found: AgainstReference) -> outlets.PublishedRun:
    """A run of the main job, which has no findings."""
    return replace(run, summary=run.summary.model_copy(update={"against": found}), comparison=None)


def event(folder: Path, api: Api, number: int | None = 7, **more: str) -> dict[str, str]:
    path = folder / "event.json"
    path.write_text(json.dumps({"pull_request": {"number": number}} if number else {}))
    return api.variables | {"GITHUB_EVENT_PATH": str(path), "no_proxy": "127.0.0.1"} | more


def test_the_comment_is_edited_in_place(nights: Nights, api: Api, tmp_path: Path) -> None:
    for number in range(150):  # the comment is on the second page
        api.comments[1000 + number] = {"id": 1000 + number, "body": f"comment {number}"}
    command = ("publish", nights.out, "--github-comment", "--name", "nightly", "--link")
    for link in ("https://a.example/1", "https://a.example/2"):
        process = call(*command, link, variables=event(tmp_path, api))
        assert process.returncode == 0, process.stderr
    ours = [each for each in api.comments.values() if outlets.marker("nightly") in each["body"]]
    assert len(ours) == 1
    assert "(https://a.example/2)" in ours[0]["body"]
    assert "MACs" in ours[0]["body"]
    assert "What to do" in ours[0]["body"]
    assert [method for method, _, _ in api.calls].count("POST") == 1
    assert call(*command, "https://a.example/2", "--name", "other", variables=event(tmp_path, api)).returncode == 0
    assert len([each for each in api.comments.values() if "architecture-reporter" in each["body"]]) == 2


def test_findings_of_an_earlier_run_are_not_published_with_later_results(nights: Nights, tmp_path: Path) -> None:
    """As after a run that did not finish and `reporter render`; without this, all of it is of the run before."""
    folder = tmp_path / "out"
    shutil.copytree(nights.out, folder)
    assert outlets.read(folder).rows
    [path, *_] = sorted(folder.glob("records/*/*.json"))
    records = record_files.load_modes(path)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    record_files.save_all(folder, [each.model_copy(update={"started": now}) for each in records])
    content = json.loads((folder / "summary.json").read_text())
    for generated, is_later in (("2026-01-01T00:00:00+00:00", False), (now, True)):
        (folder / "summary.json").write_text(json.dumps({**content, "generated": generated}))
        run = outlets.read(folder)
        assert (bool(run.rows), run.is_compared) == (not is_later, not is_later)


def test_a_link_that_is_not_utf8_can_be_written(nights: Nights, tmp_path: Path) -> None:
    done = call("publish", nights.out, "--comment", tmp_path / "comment.md", "--link", "https://a.example/\udcff")
    assert done.returncode == 0, done.stderr
    assert "[Report](https://a.example/\\udcff)" in (tmp_path / "comment.md").read_text(encoding="utf-8")


def test_a_comment_has_at_most_12_rows(nights: Nights) -> None:
    run = outlets.read(nights.out)
    assert run.comparison
    count = next(each for each in run.comparison.findings if each.kind == "exact")
    many = with_findings(run, [changed(count, architecture=f"net{number}|`@all") for number in range(38)])
    lines = outlets.comment(many, "x", "").splitlines()
    assert sum(line.startswith("| `") for line in lines) == 12
    assert "and 26 more in the report" in lines
    time = changed(count, kind="slower")
    times = [changed(time, slowdown=1 + number / 100, architecture=f"net{number:02}") for number in range(40)]
    many = with_findings(run, [*times, count])
    rows = [line for line in outlets.comment(many, "x", "").splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == ["alexnet", *(f"net{number}" for number in range(39, 28, -1))]


FOREIGN = "~~a~~ $b$ <i> [h](j) *k* f`g` l_m|n &lt; https://c.example www.d.example GH-1 #2 @e"
SHOWN = r"\~\~a\~\~ \$b\$ \<i\> \[h\](j) \*k\* f\`g\` l_m\|n \&lt; `https://c.example` `www.d.example` `GH-1` `#2` `@e`"


def test_foreign_text_is_no_markup(nights: Nights) -> None:
    """GitHub links what is not a code span."""
    run = outlets.read(nights.out)
    assert run.comparison
    run = with_findings(run, [changed(run.comparison.findings[0], reason=FOREIGN)])
    assert run.comparison
    run = replace(run, comparison=run.comparison.model_copy(update={"headline": "https://c.example/a|b"}))
    text = outlets.comment(run, "x", "")
    assert f" {SHOWN} |\n" in text
    assert "\n`https://c.example/a|b`\n" in text


def test_an_accepted_slowdown_is_known_since_a_day(nights: Nights) -> None:
    run = outlets.read(nights.out)
    assert run.comparison
    finding = changed(run.comparison.findings[0], accepted=True, slowdown=1.05, since="2026-11-03T02:17:00+00:00")
    for kind, word in (("reference", "known since 3 November"), ("slower", "accepted")):
        rows = with_findings(run, [changed(finding, kind=kind)]).rows
        assert (rows[0].accepted, rows[0].red) == (word, False)
    known = against(verdicts=[verdict("slower", ratio=1.05, detectable=0.03, known={**KNOWN, "since": "2026-11-03"})])
    text = outlets.comment(with_reference(run, known), "x", "")
    assert "slower (+5.0 % time) (known since 3 November)" in text
    assert outlets.marker("a --> <b>").count(">") == 1


def test_a_comment_fits_what_github_accepts(nights: Nights) -> None:
    """40 findings with reasons of any length."""
    run = outlets.read(nights.out)
    assert run.comparison
    finding = changed(run.comparison.findings[0], reason="|" * 100_000, title="x" * 9000)
    many = tuple(changed(finding, architecture="n" * 9000 + str(number)) for number in range(40))
    long = run.comparison.model_copy(update={"findings": many, "headline": "_" * 100_000})
    assert len(outlets.comment(replace(run, comparison=long), "x", "")) < 65_536


def test_what_does_not_fail_the_run_is_no_failure_in_junit(tmp_path: Path) -> None:
    """With --fail-on exact, a slower time is shown everywhere, and fails nowhere."""
    played = Nights(tmp_path / "out")
    assert played.play(made(), preset="standard", fail_on="exact") == 0
    assert played.play(made(), slower("resnet50", 3.0), preset="standard", fail_on="exact") == 0
    run = outlets.read(played.out)
    assert [(row.name, row.red) for row in run.rows] == [("resnet50", False)]
    assert b'failures="0"' in outlet_files.junit(run)
    assert "| `resnet50` |" in outlets.comment(run, "x", "")


def test_a_run_that_did_not_finish_is_no_pass(tmp_path: Path) -> None:
    """The files are those of the run before it, which was green: no issue is closed by them."""
    played = Nights(tmp_path / "out")
    assert played.play(made(), preset="standard") == 0
    assert outlets.read(played.out).passes
    assert played.play(made(), MACS, preset="standard", room=4) == 1
    run = outlets.read(played.out)
    assert not run.passes
    text = outlets.comment(run, "x", "")
    assert "no regression" not in text
    assert "The run of 2 November 2026, 02:17 UTC did not finish" in text
    assert "**What to do:** fix the failures, which are in the log." in text
    assert b'failures="0" errors="1"' in outlet_files.junit(run)
    (played.out / ".nightly" / "started.json").write_text("{")
    assert outlets.read(played.out).passes
    assert played.play(made(), preset="standard") == 0
    assert outlets.read(played.out).passes


@pytest.mark.parametrize("code", [2, 130, 137])
def test_the_comment_of_an_earlier_run_is_no_pass_of_this_one(code: int, api: Api, tmp_path: Path) -> None:
    """A run that could not start, because its reference cannot be installed for example, leaves older files."""
    played = Nights(tmp_path / "out")
    assert played.play(made(), preset="standard") == 0
    command = ("publish", played.out, "--github-comment")
    variables = event(tmp_path, api)
    for more, word in (
        ((), "nothing was compared"),
        (("--exit-code", code), "no verdict"),
        (("--exit-code", 0), "nothing was compared"),
    ):
        assert call(*command, *more, variables=variables).returncode == 0
        (comment,) = api.comments.values()
        assert f"### Architecture report: {word}\n" in comment["body"]
        assert (f"The run did not finish (exit code {code})" in comment["body"]) == (word == "no verdict")
    issue = ("publish", played.out, "--github-issue", "--exit-code", code)
    assert call(*issue, variables=variables).returncode == 0
    assert not api.issues


def test_a_run_that_compared_nothing_is_no_pass(tmp_path: Path) -> None:
    """As the main job without --baseline and --against, whose exit code is in none of its files."""
    for change, word, headline in (
        (None, "nothing was compared", "Nothing was compared: this run has no baseline and no pinned reference."),
        (failed("alexnet"), "no verdict", "No verdict: some measurement failed."),
    ):
        (record,) = made(["alexnet"])
        record_files.save_all(tmp_path, [change(record) if change else record])
        summarize(tmp_path)
        run = outlets.read(tmp_path)
        assert f"### Architecture report: {word}\n\n{headline}\n" in outlets.comment(run, "x", "")
        assert (b'errors="0"' in outlet_files.junit(run)) == (change is None)
        assert (run.has_regression, run.closes_issue) == (False, False)


@pytest.mark.parametrize("code", [2, 137])
def test_a_run_that_did_not_finish_is_an_error_after_a_red_one(code: int, nights: Nights, tmp_path: Path) -> None:
    """JUnit XML has the regressions of the run before, and an error for this one, whose times are no new points."""
    red, last = (outlet_files.junit(outlets.read(nights.out, each)) for each in (1, code))
    verdicts = [ElementTree.fromstring(each).findall("testcase[@classname='run']") for each in (red, last)]
    assert [len(each) for each in verdicts] == [0, 1]
    error = verdicts[1][0].find("error")
    assert error is not None
    assert f"The run did not finish (exit code {code})" in error.attrib["message"]
    assert [b' failures="2"' in each for each in (red, last)] == [True, True]
    assert [bool(outlet_files.benchmark(outlets.read(nights.out, each))) for each in (1, code)] == [True, False]
    shutil.copytree(nights.out, tmp_path / "out")
    killed(Nights(tmp_path / "out"), made(["alexnet"]))
    run = outlets.read(tmp_path / "out")
    assert b'classname="run" name="verdict"><error message="The run of' in outlet_files.junit(run)
    assert not outlet_files.benchmark(run)


@pytest.mark.parametrize("results", [None, "{"])
def test_a_run_without_results_has_no_verdict(results: str | None, nights: Nights, api: Api, tmp_path: Path) -> None:
    """The comment of an earlier commit, whose results are gone, is not left as it is."""
    variables, out = event(tmp_path, api), tmp_path / "out"
    out.mkdir()
    if results:
        (out / "summary.json").write_text(results)
    assert call("publish", nights.out, "--github-comment", variables=variables).returncode == 0
    files = [tmp_path / name for name in ("junit.xml", "benchmark.json")]
    files[1].write_text("[]")  # which github-action-benchmark refuses
    more = ("--exit-code", 2, "--junit", files[0], "--benchmark", files[1])
    for link in ("https://a.example/1", ""):
        process = call("publish", out, "--github-comment", *more, "--link", link, variables=variables)
        assert process.returncode == 0, process.stderr
        (comment,) = api.comments.values()
        assert "### Architecture report: no verdict\n" in comment["body"]
        assert "The run did not finish (exit code 2); no earlier results can be read." in comment["body"]
        assert (f"[Log]({link})" in comment["body"]) == bool(link)
        assert "[Report]" not in comment["body"]
        assert "report.html" not in comment["body"]
    suite = ElementTree.parse(files[0]).getroot()
    assert [(case.get("classname"), case.get("name")) for case in suite.iter("testcase")] == [("run", "verdict")]
    assert (suite.get("errors"), suite.find("testcase/error") is not None) == ("1", True)
    assert not files[1].exists()
    assert process.stderr == f"note: {files[1]} is not written: the run has no times\n"
    for code in (0, 3):
        assert call("publish", out, "--github-comment", "--exit-code", code, variables=variables).returncode == 2
    assert call("publish", out, "--github-issue", "--exit-code", 2, variables=variables).returncode == 0
    assert not api.issues


def test_records_of_two_machines_have_names_of_their_own(tmp_path: Path) -> None:
    for machine in ("quiet", "loud"):
        record_files.save_all(tmp_path, made(["alexnet"], machine))
    summarize(tmp_path)
    run = outlets.read(tmp_path)
    names = [each["name"] for each in outlet_files.benchmark(run)]
    assert len(names) == len(set(names)) > 1
    assert sum(" on " in name for name in names) == len(names) / 2
    cases = ElementTree.fromstring(outlet_files.junit(run)).findall("testcase")
    assert len({(case.get("classname"), case.get("name")) for case in cases}) == len(cases)


def test_a_regression_is_published_although_no_record_of_the_baseline_can_be_read(tmp_path: Path) -> None:
    """It was found in the last values of the history."""
    played = Nights(tmp_path / "out")
    assert played.play(made(["alexnet"]), architectures="alexnet") == 0
    (path,) = played.out.glob(".nightly/base/records/*/alexnet.json")
    path.write_text("{")
    assert played.play(made(["alexnet"]), MACS, architectures="alexnet") == 1
    run = outlets.read(played.out)
    assert (run.has_regression, run.headline) == (True, played.headline)
    assert [row.metric for row in run.rows] == ["MACs"]


def test_names_that_differ_have_other_comments(nights: Nights, api: Api, tmp_path: Path) -> None:
    """Also if they differ in a space only; a reviewer may quote a comment."""
    quoted = f"> {outlets.marker('a b')}\n> no regression\n\nWhy?"
    api.comments[5] = {"id": 5, "body": quoted}
    for name in ("a b", "a-b", "a b", "ночь"):
        process = call("publish", nights.out, "--github-comment", "--name", name, variables=event(tmp_path, api))
        assert process.returncode == 0, process.stderr
    assert api.comments[5]["body"] == quoted
    assert len(api.comments) == 4


def test_a_count_that_differs_from_the_reference_is_a_regression(nights: Nights) -> None:
    """In a run of the main job, which has no findings; a machine that is too noisy is no pass."""
    run = outlets.read(nights.out)
    change = {"architecture": "alexnet", "metric": "macs", "reference": 5000, "tonight": 6000}
    same = verdict("unchanged")
    for about, word in (
        ({"verdicts": [same], "changes": [change], "fail_on": "exact"}, "regression"),
        ({"verdicts": [same], "changes": [change], "fail_on": "timing"}, "no regression, no verdict on some results"),
        ({"verdicts": [same], "changes": [change | {"known": KNOWN}]}, "no regression"),
        ({"verdicts": [], "too_noisy": True}, "no verdict"),
    ):
        text = outlets.comment(with_reference(run, against(**about)), "x", "")
        assert f"### Architecture report: {word}\n" in text
        assert ("| `alexnet` | macs | differs from the reference: 5,000 → 6,000" in text) == ("changes" in about)


def test_an_issue_is_opened_updated_and_closed(nights: Nights, api: Api, tmp_path: Path) -> None:
    variables = event(tmp_path, api, None)
    red = ("publish", nights.out, "--github-issue")
    assert call(*red, variables=variables).returncode == 0
    assert call(*red, "--link", "https://a.example/2", variables=variables).returncode == 0
    assert [each["state"] for each in api.issues.values()] == ["open"]
    green = Nights(tmp_path / "green")
    assert green.play(made(), preset="standard") == 0
    assert call("publish", green.out, "--github-issue", variables=variables).returncode == 0
    assert [each["state"] for each in api.issues.values()] == ["open"], "the first run compared nothing"
    assert green.play(made(), preset="standard") == 0
    assert call("publish", green.out, "--github-issue", variables=variables).returncode == 0
    assert [each["state"] for each in api.issues.values()] == ["closed"]
    assert call("publish", green.out, "--github-issue", variables=variables).returncode == 0
    assert len(api.issues) == 1
    assert call(*red, variables=variables).returncode == 0
    assert [each["state"] for each in api.issues.values()] == ["closed", "open"]


def test_an_issue_is_open_for_times_without_a_verdict() -> None:
    """Its line has those that are slower and not known, and keeps what a red run did not compare."""

    def run(word: str, *names: str, **more: object) -> AgainstReference:
        return against(verdicts=[verdict(word, architecture=name) for name in names], **more)

    noisy = run("noisy", "a --> b", "c", "d", "e")
    slow = [verdict("slower", architecture=name) for name in ("a --> b", "c")]
    first = issue_places.line(against(verdicts=[*slow, verdict("slower", architecture="d", known=KNOWN)]), "")
    assert (first.count(">"), len(issue_places.without_verdict(noisy, first))) == (1, 2)
    text = f"<!-- a marker -->\r\n{first}\r\n### a run\r\n{issue_places.line(run('slower', 'e'), '')}\r\n"
    gap = {"architecture": "a --> b", "metric": "m", "mode": "eager", "reason": "failed in tonight: killed"}
    second = issue_places.line(run("unchanged", "c", gaps=[gap]), text)
    assert len(issue_places.without_verdict(noisy, second)) == 1
    assert issue_places.without_verdict(against(gaps=[gap]), second)
    assert issue_places.line(None, second) == second, "a run without a reference has no verdicts"
    assert len(issue_places.without_verdict(None, second)) == 1, "a run without a reference closes no issue about one"
    assert not issue_places.without_verdict(None, "a text without the line")
    assert not issue_places.without_verdict(noisy, "a text without the line")
    assert len(issue_places.line(run("slower", *map(str, range(9000))), "")) < 20_000


def test_an_issue_is_about_one_kind_of_machine() -> None:
    """A run on another one, with other threads or another image size, has no verdict on what it lists."""

    def run(word: str, metric: str = "latency_cpu", **about: object) -> AgainstReference:
        row = verdict(word, architecture="a", metric=metric)
        return against(**{"verdicts": [row], "machine_kind": "x", "threads": 2, **about})

    first = issue_places.line(run("slower"), "")
    assert not issue_places.without_verdict(run("unchanged"), first)
    for about in ({"machine_kind": "y"}, {"threads": 4}, {"input_sizes": {"a": "64"}}):
        assert issue_places.line(run("unchanged", **about), first) == first
        both = issue_places.line(run("slower", **about), first)
        assert issue_places.line(run("unchanged"), both) == issue_places.line(run("slower", **about), "") != first
    of_one = issue_places.line(run("slower", "latency_cpu_1thread"), "")
    assert not issue_places.without_verdict(run("unchanged", "latency_cpu_1thread", threads=4), of_one)
    assert not issue_places.without_verdict(run("unchanged", "another"), first), "no longer part of the run"
    assert issue_places.without_verdict(run("unchanged", "another", machine_kind="y"), first)

    count = {"architecture": "a", "metric": "macs", "reference": None, "tonight": None}
    kernels = {**count, "metric": "kernels_cpu_1thread", "kernels": SWAPPED}
    changed = issue_places.line(run("unchanged", changes=[kernels, count]), "")
    assert len(issue_places.without_verdict(run("unchanged", machine_kind="y"), changed)) == 1
    assert not issue_places.without_verdict(run("unchanged"), changed)
    gap = {"architecture": "a", "metric": "latency_cpu", "mode": "eager", "reason": "", "failed": True}
    failed = {"machine_kind": "x", "threads": 2, "gaps": [gap]}
    assert issue_places.line(against(**failed), changed) == changed, "the kernels were not compared"
    assert not issue_places.without_verdict(against(**failed, changes=[kernels]), changed)

    before = re.sub("[0-9a-f]+: ", "", first)  # as it was written before it had the kind of machine
    assert before != first
    assert issue_places.line(run("noisy", machine_kind="y"), before) == before
    assert not issue_places.without_verdict(run("unchanged"), before)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"GITHUB_TOKEN": ""}, "GITHUB_TOKEN is not set"),
        ({"GITHUB_TOKEN": "wrong"}, "HTTP 401"),
        ({"GITHUB_REPOSITORY": "owner/other"}, "HTTP 404"),
        ({"GITHUB_REPOSITORY": ""}, "GITHUB_REPOSITORY is not set"),
        ({"GITHUB_API_URL": "http://127.0.0.1:9"}, "GitHub cannot be reached"),
    ],
)
def test_what_the_service_refuses_is_one_line(
    changed: dict[str, str], line: str, nights: Nights, api: Api, tmp_path: Path
) -> None:
    process = call("publish", nights.out, "--github-comment", variables=event(tmp_path, api, **changed))
    assert process.returncode == 2
    assert line in process.stderr
    assert process.stderr.count("\n") == 1
    assert "secret" not in process.stderr
    assert not api.comments
    issue = call("publish", nights.out, "--github-issue", variables=event(tmp_path, api, None, **changed))
    assert (issue.returncode, line in issue.stderr) == (2, True)
    assert not api.issues


@pytest.mark.parametrize(
    "response", [b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n[", b"SSH-2.0-OpenSSH\r\n\r\n", b""]
)
def test_a_response_that_is_torn_or_not_http_is_one_line(response: bytes) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), answering(response)) as server:
        Thread(target=server.handle_request, daemon=True).start()
        with pytest.raises(ReporterError, match=r"^GitHub cannot be reached: \S+.*$"):
            github(f"http://127.0.0.1:{server.server_address[1]}").comment(7, "x", "x")


@pytest.mark.parametrize("content", [b'{"message": "moved"}', b"null", b"7", b"[null]", b'"text"'])
def test_json_that_is_no_list_of_comments_is_one_line(content: bytes) -> None:
    response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content)
    with socketserver.TCPServer(("127.0.0.1", 0), answering(response)) as server:
        Thread(target=server.handle_request, daemon=True).start()
        with pytest.raises(ReporterError, match=r"^the response to GET issues/7/comments is not a list of objects"):
            github(f"http://127.0.0.1:{server.server_address[1]}").comment(7, "x", "x")


@pytest.mark.parametrize("place", ["http://127.0.0.1:port", "http://127.0.0.1/api v3"])
def test_an_address_that_is_none_is_one_line(place: str) -> None:
    with pytest.raises(ReporterError, match=r"^GitHub cannot be reached: \S+.*$"):
        github(place).comment(7, "x", "x")


def github(place: str) -> GitHub:
    return GitHub({"GITHUB_API_URL": place, "GITHUB_REPOSITORY": "owner/nets", "GITHUB_TOKEN": "secret"})


def answering(response: bytes) -> type[socketserver.BaseRequestHandler]:
    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(response)

    return Handler


def test_outside_of_a_pull_request_no_comment_is_written(nights: Nights, api: Api, tmp_path: Path) -> None:
    process = call("publish", nights.out, "--github-comment", variables=event(tmp_path, api, None))
    assert (process.returncode, api.calls) == (0, [])
    assert "not for a pull request" in process.stderr


@pytest.mark.parametrize("event", ['{"pull_request": null}', '{"pull_request": "x"}', "[]", "null", "{"])
def test_an_event_without_a_pull_request(event: str, tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_text(event)
    assert pull_request({"GITHUB_EVENT_PATH": str(path)}) is None


@pytest.mark.parametrize(("listed", "edited"), [(None, True), ({"url": "https://a.example"}, False)])
def test_an_issue_without_a_pull_request_is_edited(listed: object, edited: bool, api: Api) -> None:
    """Also if the server lists `"pull_request": null`; a pull request with the marker is left alone."""
    old = {"title": "Old", "body": "a marker", "pull_request": listed}
    api.issues[7] = {"id": 7, "number": 7, "user": api.user, **old}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "127.0.0.1")
        text = "a marker, again" if edited else "another"
        GitHub(api.variables).issue("a marker", "New", lambda _: text, red=edited)
    assert (api.issues[7]["title"] == "New") == edited
    assert len(api.issues) == 1


@pytest.mark.parametrize("personal", [False, True])
def test_what_others_write_with_the_marker_is_left_alone(
    personal: bool, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the token of a job, whose account is a bot that cannot be asked for, and with a personal token."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    if personal:
        api.user = {"login": "maintainer", "type": "User"}
    for number, user in enumerate(({"login": "stranger", "type": "User"}, {}, None)):
        item = {"id": number, "number": number, "title": "Old", "body": "a marker", "state": "open", "user": user}
        api.comments[number], api.issues[number] = dict(item), dict(item)
    for text in ("a marker, first", "a marker, second"):
        GitHub(api.variables).comment(7, "a marker", text)
        again = {"": "a marker, first", "a marker, first": "a marker, second"}
        GitHub(api.variables).issue("a marker", "New", again.__getitem__, red=True)
    expected = ["a marker", "a marker", "a marker", "a marker, second"]
    for items in (api.comments, api.issues):
        assert [each["body"] for each in items.values()] == expected
    GitHub(api.variables).issue("a marker", "New", str, red=False)
    assert [each["state"] for each in api.issues.values()] == ["open", "open", "open", "closed"]


def test_the_files_for_other_systems(nights: Nights, tmp_path: Path) -> None:
    names = ("comment.md", "junit.xml", "benchmark.json")
    files = [tmp_path / name for name in names]
    pairs = zip(("--comment", "--junit", "--benchmark"), files, strict=True)
    options = [word for pair in pairs for word in pair]
    assert call("publish", nights.out, *options).returncode == 0
    assert "### Architecture report: regression" in files[0].read_text("utf-8")
    suite = ElementTree.parse(files[1]).getroot()
    cases = suite.findall("testcase")
    assert int(suite.get("tests", "0")) == len(cases) > 10
    assert int(suite.get("failures", "0")) == len(suite.findall("testcase/failure")) == 2
    assert int(suite.get("errors", "0")) == len(suite.findall("testcase/error"))
    entries = json.loads(files[2].read_text("utf-8"))
    assert {"name", "unit", "value"} <= entries[0].keys()
    assert all(isinstance(each["value"], float) and each["value"] > 0 for each in entries)
    missing = call("publish", tmp_path / "nowhere", "--comment", files[0])
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)


def test_publishing_nothing_is_refused(tmp_path: Path) -> None:
    done = call("publish", tmp_path, "--link", "https://a.example", "--exit-code", 0)
    outputs = "--comment, --junit, --benchmark, --github-comment or --github-issue"
    assert (done.returncode, done.stderr) == (2, f"reporter: nothing to write: give {outputs}\n")


@pytest.mark.parametrize(
    ("keys", "value", "line"),
    [
        (["summary"], [], "not of this version of reporter: Input should be a valid dictionary"),
        (["summary", "records"], None, "not of this version of reporter: records: Input should be a valid tuple"),
        (["summary", "records", 0, "readings", "macs", "status"], 5, "records.0.readings.macs.status: Input should be"),
        (["summary", "settings", "fail_on"], "some", "unknown value of --fail-on: some"),
        (["comparison", "findings", 0, "since"], None, "findings.0.since: Input should be a valid string"),
        (["summary", "records", 0, "a_later_key"], 1, ""),
        (["comparison", "findings", 0, "a_later_key"], {"with": "more"}, ""),
    ],
)
def test_files_of_another_shape_are_one_line(
    keys: Sequence[Any], value: object, line: str, nights: Nights, tmp_path: Path
) -> None:
    """They may be of another version, or edited; a later version may add keys."""
    contents = {name: json.loads((nights.out / f"{name}.json").read_text("utf-8")) for name in keys[:1]}
    place = contents
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    shutil.copytree(nights.out, tmp_path / "out")
    for name, content in contents.items():
        (tmp_path / "out" / f"{name}.json").write_text(json.dumps(content), "utf-8")
    process = call("publish", tmp_path / "out", "--junit", tmp_path / "junit.xml")
    assert process.returncode == (2 if line else 0), process.stderr
    assert line in process.stderr
    assert process.stderr.count("\n") == bool(line)


@pytest.mark.parametrize(
    ("kind", "tokens"),
    [
        ("pull_request", ("wrong",)),
        ("schedule", ("secret",)),
        *(pytest.param(kind, ("wrong", "secret"), marks=pytest.mark.slow) for kind in ("pull_request", "schedule")),
    ],
)
def test_the_step_of_the_action_publishes(
    kind: str, tokens: tuple[str, ...], nights: Nights, api: Api, tmp_path: Path
) -> None:
    """With the token of the job; without permission the job does not fail for it."""
    tools = tmp_path / "tools"
    tools.mkdir()
    reporter = tools / "reporter"
    reporter.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m reporter "$@"\n')
    reporter.chmod(0o755)
    for token in tokens:
        count = int(token == "secret")
        variables = {**event(tmp_path, api), "GITHUB_EVENT_NAME": kind}
        workspace = tmp_path / f"{token}-workspace"
        workspace.mkdir()
        inputs = {"token": token, "out": str(nights.out)}
        job = Job(Service(tmp_path / "service"), workspace, tools, inputs=inputs, variables=variables)
        job.temp.mkdir()
        job.steps |= {"names": {"outputs": {"name": "nightly"}}, "run": {"outputs": {"code": "1"}}}
        code, _ = job.ran(step("publish"))
        assert code == 0, job.log
        assert ("::warning::" in job.log) == (not count)
        assert len(api.comments if kind == "pull_request" else api.issues) == count
        assert len(api.issues if kind == "pull_request" else api.comments) == 0
