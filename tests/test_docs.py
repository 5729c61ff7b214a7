"""The documentation is true: commands, options, exit codes, examples, links and names."""

from __future__ import annotations

import json
import os
import pkgutil
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import forked
import pytest
import yaml
from commands import BLANK_CHARTS, ROOT, copy_of_the_checkout, run
from test_cli import LECTURE

from reporter.api.single import Options
from reporter.model.settings import REFUSED
from reporter.registry import plugins
from reporter.report.comparison import compare
from reporter.report.drawing import vega
from reporter.report.language import language
from reporter.run.preparation import PATIENCE, TIMEOUTS
from reporter.run.trials import LONGEST
from reporter.store import record_files

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONTRACT = {
    "job": "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/python -m reporter --out results/",
    "tests": "python3 -m venv .venv && .venv/bin/pip install '.[test]' && .venv/bin/python -m pytest",
}
EXTENDING, COMMANDS_PAGE, REPORT_PAGE = (
    (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in ("extending", "commands", "report")
)
EXAMPLES = {
    path: text
    for text in re.findall(r"```(?:python|po)\n(.*?)```", EXTENDING, re.DOTALL)
    for path in re.findall(r"\A# (reporter/\S+)\n", text)
}


@pytest.mark.parametrize("which", CONTRACT)
def test_the_two_commands_stand_as_they_are(which: str) -> None:
    """And .ci/run takes them from here."""
    command = [sys.executable, ".ci/readme.py", which]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    assert found == CONTRACT[which]


def test_every_option_and_exit_code_is_documented() -> None:
    from reporter.cli.main import command

    options = {name for parameter in command.params for name in parameter.opts} - {"--version"}
    assert not [name for name in options if f"`{name}" not in COMMANDS_PAGE and f"reporter {name}" not in COMMANDS_PAGE]
    assert not [call for call in command.commands if f"`reporter {call}" not in COMMANDS_PAGE]
    listed = COMMANDS_PAGE.split("Exit codes: ")[1].split("\n\n")[0]
    assert [int(part.split()[0]) for part in listed.replace("\n", " ").split("; ")] == [0, 1, 2, 3, 130]


def test_the_options_that_a_config_file_refuses_are_documented() -> None:
    (row,) = [line for line in COMMANDS_PAGE.splitlines() if line.startswith("| `--config")]
    assert not [name for name in REFUSED if f"`{name}`" not in row]


def test_the_default_timeouts_are_documented() -> None:
    (row,) = [line for line in COMMANDS_PAGE.splitlines() if line.startswith("| `--timeout")]
    assert not [preset for preset, seconds in TIMEOUTS.items() if f"{seconds:.0f} with `{preset}`" not in row]
    assert f"{LONGEST:.0f} s" in row
    assert f"{PATIENCE:.0f} s" in row


def test_the_options_of_measure_are_documented() -> None:
    page = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert not [name for name in ("metrics", *Options.__annotations__) if f"`{name}`" not in page]
    assert '`modes="' in page


def test_the_examples_are_short_and_one_of_each_kind() -> None:
    kinds = sorted(path.split("/")[1] for path in EXAMPLES)
    assert kinds == ["architectures", "charts", "claims", "datasets", "languages", "metrics", "tables"]
    assert all(len([line for line in text.splitlines() if line.strip()]) <= 13 for text in EXAMPLES.values())


NOWHERE = {"PYTHONPATH": None, "PYTHONSAFEPATH": None}
"""Variables of processes that import the checkout from the current folder."""
IN_ONE_PROCESS = """
import json, os, sys
sys.path.insert(0, os.getcwd())
for name in [name for name in sys.modules if name.partition(".")[0] == "reporter"]:
    del sys.modules[name]
from reporter.cli.main import main
from reporter.host.job import Job
from reporter.host.questions import TASKS, MeasureClaims
from reporter.model import Verdict
from reporter.run.executors.local import LocalExecutor
from reporter.worker import entry

events = []

def start(self, slot, question, timeout=None, number=None):
    asked, said = TASKS.validate_json(question), []
    if isinstance(asked, Job):
        entry.run(asked, said.append)
    elif isinstance(asked, MeasureClaims):
        entry.gather(asked.names, said.append)
    else:
        said.append({"answer": asked.answer.dump_python(entry.answer(asked), mode="json")})
    events.extend([*((slot, json.loads(json.dumps(each))) for each in said), (slot, Verdict("ok", None))])

LocalExecutor.start, LocalExecutor.listen = start, lambda self: events.pop(0)
main(sys.argv[1:])
"""
"""A run whose jobs are done by the process itself, which loads the checkout in the current folder."""


def by_a_command(root: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return run(*arguments, root=root, variables=NOWHERE)


def in_one_process(root: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """In a process that has loaded torch already."""
    code = f"import os, sys; os.chdir({str(root)!r}); sys.path.insert(0, {str(BLANK_CHARTS)!r})\n{IN_ONE_PROCESS}"
    return forked.execute(code, *map(str, arguments), check=False)


@pytest.mark.parametrize("measure", [pytest.param(by_a_command, marks=pytest.mark.slow), in_one_process])
def test_the_examples_work_each_as_one_new_file(
    measure: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """One network, metric, chart, table, claim, data set and language more, and the report shows all seven.

    The checkout is not installed: it is the current folder. The workers, too, import it, although another reporter may
    be installed.
    """
    root = copy_of_the_checkout(tmp_path / "copy", charts=False)
    for claim in (root / "reporter" / "claims").glob("[!_]*.py"):
        if "def measure(" in claim.read_text(encoding="utf-8"):  # their evidence: test_claims.py
            claim.unlink()
    for path, text in EXAMPLES.items():
        assert not (root / path).exists()
        (root / path).write_text(text, encoding="utf-8")
    keys = "parameters,convolutions,depth,finetune_top1,claims"
    done = measure(root, "--out", tmp_path / "out", "--architectures", "lenet5", "--metrics", keys, "--dataset", "gray",
                   "--preset", "quick", "--steps", "2", "--lang", "en,de")  # fmt: skip
    assert done.returncode == 0, done.stderr
    (record,) = json.loads((tmp_path / "out" / "summary.json").read_text())["records"]
    assert record["architecture"] == "lenet5"
    assert record["readings"]["convolutions"]["value"] == 2
    assert record["readings"]["depth"]["value"] == 5
    assert record["readings"]["finetune_top1"]["value"] is not None
    assert (tmp_path / "out" / "figures" / "depth.svg").exists()
    example: dict[str, Any] = {}
    exec(EXAMPLES["reporter/charts/depth.py"], example)
    spec = example["draw"](compare(record_files.load_all(tmp_path / "out")[0]), language("en"))
    assert "lenet5" in vega.draw(spec, language("en"))
    assert "lenet5,5" in (tmp_path / "out" / "tables" / "depths.csv").read_text()
    assert "Max pooling learns nothing.\n\n**✓ true**" in (tmp_path / "out" / "report.md").read_text()
    assert "Parameter" in (tmp_path / "out" / "report.de.md").read_text().replace("Parameters", "")


def test_child_processes_import_the_checkout_in_the_current_folder(tmp_path: Path) -> None:
    """Of a copy that is not installed, also where another reporter is."""
    root = copy_of_the_checkout(tmp_path / "copy", charts=False)
    code = (
        "import multiprocessing\n"
        "from reporter.host import importing\n"
        "if __name__ == '__main__':\n"
        "    for method in multiprocessing.get_all_start_methods():\n"
        "        with importing.Safely(), multiprocessing.get_context(method).Pool(1) as pool:\n"
        "            print(pool.apply(eval, ('__import__(\"reporter\").__file__',)))\n"
    )
    variables = {name: value for name, value in os.environ.items() if name not in NOWHERE}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=root, env=variables, capture_output=True, text=True, check=True)
    assert set(done.stdout.splitlines()) == {str(root / "reporter" / "__init__.py")}


REFERENCE = ROOT / "results" / "reference"


def test_the_reference_run_is_whole() -> None:
    """Eighteen networks, one machine, standard, nothing failed; what the README shows comes from there."""
    summary = json.loads((REFERENCE / "summary.json").read_text(), parse_constant=pytest.fail)
    assert sorted(record["architecture"] for record in summary["records"]) == sorted(LECTURE)
    assert summary["settings"]["preset"] == "standard"
    wrong = {
        (record["architecture"], key): reading["reason"]
        for record in summary["records"]
        for key, reading in record["readings"].items()
        if reading["status"] in ("failed", "oom", "timeout")
    }
    assert not wrong


def test_the_readme_is_short() -> None:
    """At most 200 lines of 120 characters, apart from the address of a picture; one picture and five recipes."""
    lines = README.splitlines()
    assert len(lines) <= 200
    assert not [line for line in lines if len(line) > 120 and not line.startswith("![")]
    assert len(re.findall("^!\\[", README, re.MULTILINE)) == 1
    recipes = README.split("## Recipes\n")[1].split("\n## ")[0]
    assert len(re.findall("^### ", recipes, re.MULTILINE)) == 5


def test_what_the_readme_points_at_is_there() -> None:
    """And a screenshot of the page is among it; another one is in the documentation of the report."""
    places = [place for place in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in place]
    assert not [place for place in places if not (ROOT / place).exists()]
    shots = [ROOT / place for place in re.findall(r"!\[[^]]+\]\((docs/[^)]+)\)", README)]
    shots += [ROOT / "docs" / place for place in re.findall(r"!\[[^]]+\]\(([^)]+)\)", REPORT_PAGE)]
    assert [shot.read_bytes()[:4] for shot in shots] == [b"\x89PNG"] * 2


def test_the_groups_of_entry_points_are_documented() -> None:
    assert not [group for group in plugins.GROUPS if group not in EXTENDING]


def test_the_readme_lists_the_extras() -> None:
    assert not [name for name in {*PROJECT["optional-dependencies"]} - {"test", "dev"} if f"`{name}`" not in README]


def test_the_documentation_shows_the_reference_table() -> None:
    begin, end = "<!-- table: results/reference/report.md -->", "<!-- end of table -->"
    shown = REPORT_PAGE.split(begin)[1].split(end)[0].strip()
    assert len(shown.splitlines()) == 2 + len(LECTURE)
    assert shown in (REFERENCE / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", sorted(path.parent.name for path in ROOT.glob("results/*/report.html")))
def test_the_committed_pages_link_their_files(folder: str) -> None:
    place = ROOT / "results" / folder
    every = [path for kind in ("figures", "tables") for path in (place / kind).iterdir()]
    mine = {f"{path.parent.name}/{path.name}" for path in every if ".ru." not in path.name}
    linked = re.findall(r'href="((?:figures|tables)/[^"]+)"', (place / "report.html").read_text(encoding="utf-8"))
    assert {unquote(address) for address in linked} == mine


def test_the_tests_that_reliability_names_exist() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", text)
    missing = [name for file, name in named if f"def {name}(" not in (ROOT / "tests" / file).read_text("utf-8")]
    assert not missing
    assert len(named) > 20
    rows = [
        line
        for line in text.splitlines()
        if line.startswith("| ")
        and not line.startswith(("| fault |", "| change |", "| point |", "| situation |", "| ---"))
    ]
    shown = ("`test_", "the same |", "Not done:", "Not changed:")
    assert [row for row in rows if not any(each in row for each in shown)] == []


POINTS = {"W": 12, "N": 12, "H": 9, "J": 8, "S": 10, "D": 7, "R": 11}


def test_every_point_of_the_trial_of_the_nightly_job_is_listed() -> None:
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    one = r"(?:[A-Z]\d+|[GM]-[a-h])"
    listed = [
        point for cell in re.findall(rf"^\| ({one}(?:, {one})*) \|", text, re.MULTILINE) for point in cell.split(", ")
    ]
    letters = [*(f"G-{letter}" for letter in "abcde"), *(f"M-{letter}" for letter in "abcdefgh")]
    points = [f"{letter}{number}" for letter, count in POINTS.items() for number in range(1, count + 1)]
    assert sorted(listed) == sorted([*points, *letters])


PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for pattern in ("*.md", "docs/*.md", "benchmarks/*.md", "tests/*.md", "tests/data/*.md")
    for path in sorted(ROOT.glob(pattern))
}
OLD = ("CHANGELOG.md",)
"""Pages that may name what was renamed since."""


def anchors(page: str) -> set[str]:
    """The anchors of the headings of a page, as GitHub and GitLab make them."""
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_to_files_and_headings(page: str) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        place, _, anchor = link.partition("#")
        target = (ROOT / page).parent / place if place else ROOT / page
        if "://" in link:
            continue
        if not target.exists() or (anchor and anchor not in anchors(target.read_text(encoding="utf-8"))):
            broken.append(link)
    assert not broken


@pytest.mark.parametrize("page", sorted(set(PAGES) - set(OLD)))
def test_paths_and_modules_that_a_page_names_exist(page: str) -> None:
    folders = r"(?:reporter|tests|benchmarks|docs|templates|\.ci)"
    paths = set(re.findall(rf"(?<![\w./-])({folders}/[\w./-]*\w)(?![\w*])", PAGES[page]))
    assert not {path for path in paths - set(EXAMPLES) if not (ROOT / path).exists()}
    names = set(re.findall(r"(?<![\w./-])reporter(?:\.[a-z_]\w*)+", PAGES[page], re.IGNORECASE))
    assert not {name for name in names if not resolves(name)}


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


def test_the_citation_is_complete_and_of_this_version() -> None:
    """The keys that the Citation File Format 1.2.0 requires, and the version of the package."""
    from reporter.version import __version__

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["cff-version"] == "1.2.0"
    assert all(isinstance(citation[key], str) and citation[key] for key in ("message", "title"))
    assert citation["authors"]
    assert all(set(author) & {"name", "family-names", "given-names", "alias"} for author in citation["authors"])
    assert citation["version"] == __version__
    assert citation["license"] == PROJECT["license"]
    assert citation["type"] == "software"
    assert isinstance(citation["date-released"], date)


CONTRIBUTING = PAGES["CONTRIBUTING.md"]
BLOCKS = [line for block in re.findall(r"```\n(.*?)```", CONTRIBUTING, re.DOTALL) for line in block.splitlines()]
COMMANDS = sorted({*BLOCKS, *re.findall(r"`((?:python|\.ci/run)[^`]*)`", CONTRIBUTING)})
"""Every command of CONTRIBUTING.md."""
SET_UP = (
    "git clone https://github.com/OWNER/reporter && cd reporter",
    "python3 -m venv .venv && .venv/bin/pip install -e '.[test,dev]'",
    ". .venv/bin/activate",
)
"""The tests clone and install in the same way."""


def test_the_files_that_contributing_names_exist() -> None:
    """Beside its links and paths, each file named in a code span; what it ends in is that of a file in that folder."""
    names = re.findall(r"`([\w./-]+\.(?:py|md|toml|txt|csv|po))`", CONTRIBUTING)
    assert "pyproject.toml" in names
    assert not [name for name in names if not (ROOT / name).exists() and name != "CODE.po"]
    recipes = re.findall(r"^\| [^|]+ \| `(reporter/\w+/)` \| (?:`ENTRIES`.* `(\w+)`|.*) \| .*\]\((.*)\) \|$",
                         CONTRIBUTING, re.MULTILINE)  # fmt: skip
    elsewhere = {"engines", "facts"}
    assert {folder.split("/")[1] for folder, _, _ in recipes} == {path.split("/")[1] for path in EXAMPLES} | elsewhere
    for folder, kind, example in recipes:
        assert example.startswith(folder)
        if kind:
            entries = pkgutil.resolve_name(example.removesuffix(".py").replace("/", ".") + ":ENTRIES")
            assert {type(entry).__name__ for entry in entries} == {kind}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_contributing_is_one_that_exists(command: str, request: pytest.FixtureRequest) -> None:
    """Its script and its options; a slow test runs it."""
    if command in SET_UP:
        return
    program, *words = shlex.split(command)
    if program == ".ci/run":
        assert os.access(ROOT / program, os.X_OK)
        assert words in ([], ["slow"])
        subprocess.run(["bash", "-n", program], cwd=ROOT, check=True)
        other = subprocess.run([program, "other"], cwd=ROOT, check=False, capture_output=True, text=True)
        assert (other.returncode, other.stderr) == (2, "usage: .ci/run [slow]\n")
    elif words[:2] == ["-m", "pytest"]:
        for word in words[2:]:
            assert not word.startswith("--") or request.config.getoption(word) is not None or word == "--costs"
            assert not word.startswith("tests/") or (ROOT / word).is_file()
        assert "slow" not in words or "slow:" in "".join(request.config.getini("markers"))
    else:
        assert program == "python"
        assert (ROOT / words[0]).is_file()


@pytest.mark.slow
def test_the_commands_of_contributing_work_in_a_clone(tmp_path: Path) -> None:
    """After a change, whose tests the quick check runs; pytest only collects a file, and .ci/run is CI itself."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is not a Git checkout")
    for program in ("ruff", "mypy"):
        pytest.importorskip(program)
    root, path = tmp_path / "reporter", "reporter/stats/correlation.py"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(root)], check=True)
    with (root / path).open("a", encoding="utf-8") as module:
        module.write("\n\n# A change.\n")
    variables = os.environ | {"PYTHONPATH": str(root)}
    for command in COMMANDS:
        program, *words = shlex.split(command)
        if program != "python" or "COMMIT" in words:
            continue
        more = ["--collect-only", "-p", "no:cacheprovider"] if "pytest" in words else []
        more += ["tests/test_install.py"] if more and "tests/" not in command else []
        done = subprocess.run([sys.executable, *words, *more], cwd=root, env=variables, check=False,
                              capture_output=True, text=True, timeout=500)  # fmt: skip
        assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])
        assert ".ci/quick.py" not in command or "[100%]" in done.stdout
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=root, check=True, capture_output=True, text=True)
    assert changed.stdout == f" M {path}\n"
