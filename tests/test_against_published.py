"""What other systems get of a run with --against: the exit code, and what --fail-on includes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from commands import call
from github_server import Api, serving
from nights import made, slower, with_reading
from test_nights_against import found

from reporter.cli import step_summary
from reporter.compare import reference_file
from reporter.documents.reference_verdicts import AgainstReference, KnownSlowdown, ReferenceChange, ReferenceLoss
from reporter.host import files
from reporter.host.exit_codes import FAILED
from reporter.model import ReporterError
from reporter.nightly import one_run, outlet_files, outlets, reference_findings
from reporter.nightly.run_folder import Folder
from reporter.report import build
from reporter.report.comparison import compare
from reporter.report.output.summary import summary
from reporter.run import experiment
from reporter.run.request import Outcome, Request
from reporter.store import record_files

LATENCY = "latency_cpu_1thread"
SLOWER = found(1.2)
LOST = ReferenceLoss(
    architecture="resnet18", metric=LATENCY, mode="eager", round=1, reason="failed in tonight: killed by SIGSEGV"
)
CHANGED = found(1.0, "unchanged").model_copy(
    update={"changes": (ReferenceChange(architecture="alexnet", metric="macs", reference=5, tonight=6),)}
)
MAIN = ("--architectures", "alexnet", "--metrics", "size", "--device", "cpu", "--against", "reference")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[AgainstReference]:
    """What the next run of the main job or of a nightly measures, as the only element."""
    next_one: list[AgainstReference] = []

    def measure(request: Request, *_: object) -> Outcome:
        record_files.save_all(request.folder, made(["alexnet"]))
        return Outcome()

    def write(folder: Path, *_: object) -> Sequence[Path]:
        content = summary(compare(record_files.load_all(folder)[0]), reference_file.load(folder))
        files.write(folder / "summary.json", files.dumps(content))
        return [folder / "report.html"]

    pair = SimpleNamespace(measure=lambda _: next_one[0], quantities=[], titles={})
    monkeypatch.setattr(one_run.against, "prepare", lambda *_: pair)
    monkeypatch.setattr(experiment, "run", measure)
    monkeypatch.setattr(build, "write", write)
    return next_one


@pytest.mark.parametrize(
    ("night", "gate", "code"),
    [
        (SLOWER, "timing", 1),
        (SLOWER, "any", 1),
        (SLOWER, "exact", 0),
        (SLOWER, "never", 0),
        (CHANGED, "exact", 1),
        (CHANGED, "timing", 0),
        (found(1.02, "noisy", noisy=True), "timing", 3),
        (found(1.0, "unchanged").model_copy(update={"lost": (LOST,)}), "exact", 3),
    ],
)
def test_other_systems_get_the_exit_code(
    night: AgainstReference,
    gate: str,
    code: int,
    *,
    measured: list[AgainstReference],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With and without a baseline, which has no regression: the comment, JUnit XML and the issue are of one color.

    In a job of GitHub Actions, each run adds its result to the step summary.
    """
    measured[:] = [night]
    written, expected = tmp_path / "step_summary.md", ""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv(step_summary.VARIABLE, str(written))
    record_files.save_all(tmp_path / "base", made(["alexnet"]))
    for baseline in ((), ("--baseline", tmp_path / "base")):
        process = call("--out", tmp_path / "out", *MAIN, *baseline, "--fail-on", gate)
        assert process.returncode == code, process.stderr
        run = outlets.read(tmp_path / "out")
        check(run, night, gate, code)
        expected += f"{step_summary.content(run)}\n"
        assert written.read_text("utf-8") == expected


def check(run: outlets.PublishedRun, night: AgainstReference, gate: str, code: int) -> None:
    assert (run.has_regression, run.passes) == (code == 1, code == 0)
    assert sum(row.red for row in run.rows) == run.has_regression
    text = outlets.comment(run, "x", "")
    assert ("Architecture report: regression" in text) == run.has_regression
    assert ("Architecture report: no verdict" in text) == (code == 3)
    assert ("a round failed: failed in tonight: killed by SIGSEGV" in text) == bool(night.lost)
    assert ("Regressions: " in text) == (run.has_regression and not run.comparison)
    assert f'failures="{int(run.has_regression)}"'.encode() in outlet_files.junit(run)
    if run.comparison:
        headline = run.comparison.headline
        assert headline.startswith("Nothing changed")
        assert ("1 slower" in headline) == (night is SLOWER)
        assert run.comparison.exit_code == code
        assert (gate in run.comparison.fails) == (code == 1)


def test_slower_than_the_baseline_is_for_information(measured: list[AgainstReference], tmp_path: Path) -> None:
    """A reference judges the times of the main job, too: also where the baseline has too few rounds for a verdict."""
    measured[:] = [found(1.0, "unchanged")]
    faster = [slower("alexnet", 0.5)(each) for each in made(["alexnet"])]
    quick = with_reading("alexnet", LATENCY, samples=(0.01, 0.01), rounds=(1, 1))
    for name, base in (("base", faster), ("quick", [quick(made(["alexnet"])[0])])):
        record_files.save_all(tmp_path / name, base)
        command = ("--out", tmp_path / f"out {name}", *MAIN, "--baseline", tmp_path / name, "--fail-on")
        for gate in ("timing", "exact"):
            process = call(*command, gate)
            assert process.returncode == 0, process.stderr
        assert ("verdicts on times are based on the reference" in process.stderr) == (name == "base")
    run = outlets.read(tmp_path / "out base")
    assert "1 slower" in run.headline
    assert run.comparison
    assert (run.comparison.fails, run.passes) == ((), True)


NOISY = found(1.02, "noisy", noisy=True)
EQUAL = found(1.0, "unchanged")
UNJUDGED = "No verdict with `--fail-on {gate}`:** {what}. To fail such a run, use `--fail-on any`"


@pytest.mark.parametrize(
    ("night", "gate", "what"),
    [
        (SLOWER, "exact", "differences from the reference: 1"),
        (SLOWER, "never", "differences from the reference: 1"),
        (CHANGED, "timing", "differences from the reference: 1"),
        (NOISY, "exact", "the machine was too noisy for a verdict on times"),
        (EQUAL, "exact", ""),
        (EQUAL, "any", ""),
    ],
)
def test_a_comment_has_what_is_not_judged(
    night: AgainstReference, gate: str, what: str, measured: list[AgainstReference], tmp_path: Path
) -> None:
    """A run that passes because --fail-on does not include a difference does not read as one without it."""
    measured[:] = [night]
    for command in ((), ("nightly",)):
        folder = tmp_path / str(len(command))
        process = call(*command, "--out", folder, *MAIN, "--fail-on", gate)
        assert process.returncode == 0, process.stderr
        text = outlets.comment(outlets.read(folder, 0), "x", "")
        assert ("### Architecture report: no regression\n" in text) == (not what)
        assert ("### Architecture report: no regression, no verdict on some results\n" in text) == bool(what)
        assert (UNJUDGED.format(gate=gate, what=what) in text) == bool(what)
        times = night in (SLOWER, NOISY) and bool(command)
        assert (f"times do not fail this run: --fail-on {gate}" in process.stdout) == times


def test_a_noisy_night_closes_no_issue(measured: list[AgainstReference], tmp_path: Path) -> None:
    """Whatever --fail-on is, and although the exit code is 0 with one that does not include times."""
    with serving() as api:
        variables = api.variables | {"no_proxy": "127.0.0.1"}
        for night, gate, code, state in (
            (CHANGED, "exact", 1, "open"),
            (NOISY, "exact", 0, "open"),
            (NOISY, "any", 3, "open"),
            (EQUAL, "exact", 0, "closed"),
        ):
            measured[:] = [night]
            assert call("nightly", "--out", tmp_path, *MAIN, "--fail-on", gate).returncode == code
            publish = ("publish", tmp_path, "--github-issue", "--exit-code", code)
            assert call(*publish, variables=variables).returncode == 0
            assert [each["state"] for each in api.issues.values()] == [state]


def test_a_slowdown_without_a_verdict_keeps_its_issue(measured: list[AgainstReference], tmp_path: Path) -> None:
    """The main job has no earlier findings: what the issue lists as slower must have a verdict before it is closed."""
    rows = {name: SLOWER.verdicts[0].model_copy(update={"architecture": name}) for name in ("resnet18", "resnet180")}
    noisy, other_noisy = (row.model_copy(update={"verdict": "noisy", "ratio": 1.04}) for row in rows.values())
    equal = {name: row.model_copy(update={"verdict": "unchanged", "ratio": 1.0}) for name, row in rows.items()}
    with serving() as api:
        for verdicts, code, states in (
            ((rows["resnet18"], equal["resnet180"]), 1, ["open"]),
            ((noisy, equal["resnet180"]), 0, ["open"]),
            ((noisy, rows["resnet180"]), 1, ["open"]),
            ((noisy, equal["resnet180"]), 0, ["open"]),
            (equal.values(), 0, ["closed"]),
            ((equal["resnet18"], rows["resnet180"]), 1, ["closed", "open"]),
            ((noisy, equal["resnet180"]), 0, ["closed", "closed"]),
            (rows.values(), 1, ["closed", "closed", "open"]),
            ((equal["resnet18"], other_noisy), 0, ["closed", "closed", "open"]),
            ((noisy, equal["resnet180"]), 0, ["closed", "closed", "closed"]),
        ):
            measured[:] = [SLOWER.model_copy(update={"verdicts": tuple(verdicts)})]
            publish(tmp_path, code, api)
            assert [each["state"] for each in api.issues.values()] == states


@pytest.mark.parametrize("nightly", [True, False])
def test_runners_of_two_kinds_have_one_issue(nightly: bool, measured: list[AgainstReference], tmp_path: Path) -> None:
    """Slower on one of them only: a green run on the other one does not close the issue."""
    command = ("nightly",) if nightly else ()
    other = found(1.0, "unchanged", kind="another processor")
    with serving() as api:
        for night, code, state in (
            (SLOWER, 1, "open"),
            (other, 0, "open"),
            (SLOWER, 1, "open"),
            (other, 0, "open"),
            (EQUAL, 0, "closed"),
        ):
            measured[:] = [night]
            publish(tmp_path, code, api, command=command)
            assert [each["state"] for each in api.issues.values()] == [state]


def publish(folder: Path, code: int, api: Api, *options: object, command: tuple[str, ...] = ()) -> None:
    """A run of the main job, or of another command, and its issue."""
    assert call(*command, "--out", folder, *MAIN, *options, "--fail-on", "timing").returncode == code
    variables = api.variables | {"no_proxy": "127.0.0.1"}
    assert call("publish", folder, "--github-issue", variables=variables).returncode == 0


def test_an_issue_is_open_for_what_its_rows_leave_out(measured: list[AgainstReference], tmp_path: Path) -> None:
    """13 times are slower, of which 12 are listed; one that is known keeps no issue open."""
    plain, since = SLOWER.verdicts[0], KnownSlowdown(since="2026-11-01", ratio=1.5, reason="")
    slow = [plain.model_copy(update={"architecture": f"net{each:02}", "ratio": 1.5 - each / 100}) for each in range(13)]
    known = plain.model_copy(update={"architecture": "known", "known": since})
    equal = [row.model_copy(update={"verdict": "unchanged", "ratio": 1.0}) for row in (*slow, known)]
    noisy = [row.model_copy(update={"verdict": "noisy", "ratio": 1.02}) for row in (*slow, known)]
    with serving() as api:
        for verdicts, code, state in (
            ((*slow, known), 1, "open"),
            ((*equal[:12], noisy[12], equal[13]), 0, "open"),
            ((*equal[:13], noisy[13]), 0, "closed"),
        ):
            measured[:] = [SLOWER.model_copy(update={"verdicts": verdicts})]
            publish(tmp_path, code, api)
            [issue] = api.issues.values()
            assert (issue["state"], "net12" in issue["body"]) == (state, False)


def test_a_nightly_run_with_a_reference_judges_times(measured: list[AgainstReference], tmp_path: Path) -> None:
    """If --fail-on is not given; the main job judges nothing then, with a reference, too."""
    for night, code in ((SLOWER, 1), (NOISY, 3), (CHANGED, 1), (EQUAL, 0)):
        measured[:] = [night]
        assert call("nightly", "--out", tmp_path / str(code), *MAIN).returncode == code
        assert outlets.read(tmp_path / str(code)).fail_on == "any"
        assert call("--out", tmp_path / f"main {code}", *MAIN).returncode == 0


def test_the_last_line_has_the_time_of_the_comparison(measured: list[AgainstReference], tmp_path: Path) -> None:
    """Both environments are measured although all results are up to date."""
    measured[:] = [EQUAL.model_copy(update={"seconds": 480.0})]
    process = call("--out", tmp_path, *MAIN)
    last = process.stderr.splitlines()[-1]
    assert last == (
        f"all results are up to date; compared with the pinned reference for 8 min; {tmp_path / 'report.html'}"
    )


def test_the_main_job_names_an_acceptance_that_it_refutes(
    measured: list[AgainstReference], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference_findings, "measured_for_growth", lambda pair, _: pair)
    measured[:] = [SLOWER]
    assert call("--out", tmp_path, *MAIN, "--fail-on", "timing").returncode == 1
    assert call("accept", tmp_path).returncode == 0
    line = "note: accepted, but not slower in this run: resnet18 latency_cpu_1thread"
    for night in (SLOWER, EQUAL):
        measured[:] = [night]
        process = call("--out", tmp_path, *MAIN, "--fail-on", "timing")
        assert (process.returncode, line in process.stderr) == (0, night is EQUAL)


@pytest.mark.parametrize("compared", [True, False])
def test_a_reference_that_cannot_be_measured_takes_nothing_from_the_run(
    compared: bool, measured: list[AgainstReference], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process of one side is killed: the report is written, the baseline compared, and the exit code is 3.

    With and without a baseline, what is published has no verdict, and keeps the issue open.
    """

    def fail(_: object) -> AgainstReference:
        raise ReporterError("the process of an environment ended")

    measured[:] = [SLOWER]
    faster = [slower("alexnet", 0.5)(each) for each in made(["alexnet"])]  # which fails nothing with --against
    record_files.save_all(tmp_path / "base", faster)
    baseline = ("--baseline", tmp_path / "base") if compared else ()
    command = ("--out", tmp_path / "out", *MAIN, *baseline, "--fail-on", "timing")
    reason = "the comparison with the pinned reference failed: the process of an environment ended"
    with serving() as api:
        publish(tmp_path / "out", 1, api, *baseline)
        with monkeypatch.context() as patch:
            killed = SimpleNamespace(measure=fail, quantities=[], titles={})
            patch.setattr(one_run.against, "prepare", lambda *_: killed)
            process = call(*command)
            assert process.returncode == 3, process.stderr
            assert reason in process.stderr
            assert "nothing to do" not in process.stderr
            publish(tmp_path / "out", 3, api, *baseline)
        run = outlets.read(tmp_path / "out")
        assert run.summary.against is None
        assert bool(run.comparison) == compared
        assert (run.has_regression, run.passes) == (False, False)
        for text in (outlets.comment(run, "x", ""), step_summary.content(run)):
            assert "### Architecture report: no verdict\n" in text
            assert reason in text
        assert b'failures="0" errors="1"' in outlet_files.junit(run)
        assert [each["state"] for each in api.issues.values()] == ["open"]
        measured[:] = [EQUAL]
        publish(tmp_path / "out", 0, api, *baseline)
        assert outlets.read(tmp_path / "out").passes
        assert [each["state"] for each in api.issues.values()] == ["closed"]


def test_a_main_job_after_a_killed_night_is_published(measured: list[AgainstReference], tmp_path: Path) -> None:
    """What is published are its results; the next nightly run still prints that the killed one did not finish."""
    measured[:] = [EQUAL]
    started = "2026-11-01T02:17:00+00:00"
    Folder(tmp_path).mark_started(started)
    assert call("--out", tmp_path, *MAIN).returncode == 0
    run = outlets.read(tmp_path)
    assert (run.passes, run.headline) == (True, "No regression.")
    assert b'errors="0"' in outlet_files.junit(run)
    assert outlet_files.benchmark(run)
    assert Folder(tmp_path).recover() == started
    Folder(tmp_path).mark_started(started)
    assert not outlets.read(tmp_path).passes, "a nightly run that is killed after it"


def test_a_main_job_whose_readings_failed_has_no_verdict(measured: list[AgainstReference], tmp_path: Path) -> None:
    """The comparison with the reference is whole, but the exit code is 3."""
    measured[:] = [EQUAL]
    assert call("--out", tmp_path, *MAIN).returncode == 0
    run = outlets.read(tmp_path, FAILED)
    assert (run.passes, run.headline) == (False, "No verdict: some measurement failed.")
