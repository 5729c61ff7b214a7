"""What all tests share: golden files, and the flag that takes over new ones.

The first process of pytest-xdist only hands tests out: what runs them is imported in functions.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, lru_cache
from hashlib import sha256
from html import escape
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from commands import BLANK, QUICK, ROOT, TINY, WIDE, call, drawing_every
from exclusive import Exclusive, locked

if TYPE_CHECKING:
    from reporter.report.drawing import vega
    from reporter.report.language import Language

if "PYTEST_XDIST_WORKER" in os.environ:
    # Before torch is imported: idle threads of one process would spin on the processors that the other one needs.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # In the background of a shell: processes that the tests start would ignore an interrupt as well. A `preexec_fn` has
    # the same effect, but then all memory of this process is copied for each of them: 30 ms where torch is loaded.
    signal.signal(signal.SIGINT, signal.default_int_handler)

WRITES_NO_BYTECODE = sys.dont_write_bytecode
SEARCHED = 50_000, 20, 10
"""Thresholds of garbage collection during tests, whose reports create more objects at a time than Python's 700."""
GOLDEN = Path(__file__).parent / "golden"

EXAMPLES = 40
"""How many examples are drawn of each law that sets no number; every run draws others."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--accept", action="store_true", help="take what is written now over as the golden files")
    parser.addoption("--costs", type=Path, metavar="FILE", help="append the processor and wall seconds of each test")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Exclusive())
    # Also where PYTHONDONTWRITEBYTECODE is set: rewriting the assertions of all test files takes each process seconds.
    sys.dont_write_bytecode = False
    worker = hasattr(config, "workerinput")
    if not worker:
        compile_package()
    if worker or not getattr(config.option, "numprocesses", None) or config.option.collectonly:
        prepare(config)


def compile_package() -> None:
    """Compiles the modules of the package that are not compiled yet.

    Otherwise each process of pytest-xdist would compile them and, where PYTHONDONTWRITEBYTECODE is set, each of the
    dozens of interpreters that tests start.
    """
    import compileall

    compileall.compile_dir(ROOT / "reporter", quiet=2)


def prepare(config: pytest.Config) -> None:
    """Prepares a process that collects and runs tests."""
    from costs import Costs
    from hypothesis import HealthCheck, settings

    from reporter.run.executors import local

    if path := config.getoption("--costs"):
        config.pluginmanager.register(Costs(path.resolve()))
    # The tests of a process share a fork server: without this, workers that train import scikit-learn one by one, those
    # that count fvcore, and in workers that list kernels MKL measures the frequency of the processor.
    local.LOADED.extend(("fvcore.nn", "reporter.worker.preloaded_sklearn", "reporter.worker.preloaded_mkl"))
    # The first example may import something, and a busy machine may take seconds to draw some.
    slow = [HealthCheck.too_slow]
    settings.register_profile("untimed", deadline=None, max_examples=EXAMPLES, suppress_health_check=slow)
    settings.load_profile("untimed")
    gc.disable()  # what is imported and collected stays until the end


def pytest_collection(session: pytest.Session) -> None:
    """Lets the second process of pytest-xdist begin with the last test file.

    Where no file is compiled yet, each process then rewrites the assertions of half of them.
    """
    if os.environ.get("PYTEST_XDIST_WORKER") == "gw1" and [Path(each).name for each in session.config.args] == [
        "tests"
    ]:
        for path in sorted(Path(__file__).parent.glob("test_*.py"), reverse=True):
            with suppress(Exception, pytest.skip.Exception):  # reported when the file is collected
                import_module(path.stem)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Gives files whose tests start workers to one process, in the default tests; see `scheduling.py`."""
    if config.option.dist != "loadfile" or config.option.markexpr != "not slow":
        return None
    from scheduling import Scheduling

    return Scheduling(config, log)


LONGEST = ("test_user_repository.py", "test_faults_killed.py")
"""Files whose slow tests take minutes: begun last, one of them would keep one process of two busy alone."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs the files that take longest first."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


def pytest_collection_finish() -> None:
    """Exempts all that was imported and collected from garbage collection, which begins with few searches."""
    sys.dont_write_bytecode = WRITES_NO_BYTECODE
    gc.set_threshold(*SEARCHED)
    exempt_all()
    gc.enable()


def pytest_unconfigure() -> None:
    """Exempts all objects from the garbage collections with which a process ends, half a second of each."""
    gc.freeze()


LIBRARY = 300
"""So many modules are imported with a library whose objects a garbage collection takes a while to search."""
exempted = 0
"""How many modules were imported when objects were last exempted from garbage collection."""


def exempt_all() -> None:
    """Exempts all objects that are in use from garbage collection."""
    global exempted  # noqa: PLW0603
    gc.freeze()
    exempted = len(sys.modules)


@pytest.fixture(autouse=True)
def torch_state() -> Iterator[None]:
    """One thread for torch in this process: on cores that other tests use, more of them mostly wait for each other.

    And gives back the small numbers that a measurement in this process flushes: hypothesis draws them. What was
    imported since is exempted from garbage collection, as in a worker.
    """
    if len(sys.modules) > exempted + LIBRARY:
        gc.collect()
        exempt_all()
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
"""A transparent pixel."""


def drawn_once(folder: Path) -> Callable[[vega.Spec, Language], str]:
    """`vega.draw` that keeps the SVG of each chart in a folder: many tests render the same records."""
    from reporter.report.drawing import vega

    folder.mkdir(exist_ok=True)

    @cache
    def drawn(spec: str, language: Language) -> str:
        path = folder / f"{sha256(f'{language.code} {spec}'.encode()).hexdigest()}.svg"
        if not path.exists():
            part = path.with_suffix(f".{os.getpid()}")
            part.write_bytes(vega.draw(json.loads(spec), language).encode())
            part.replace(path)
        return path.read_bytes().decode()

    return lambda spec, language: drawn(json.dumps(spec), language)


@pytest.fixture(scope="session", autouse=True)
def blank_pictures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Writes a pixel for the PNG of each chart: converting them takes a third of the time of a report.

    `test_chart_keeps_its_contract` converts every chart, and so does a run in a process of its own. Equal charts are
    drawn once, in one of the processes of pytest-xdist.
    """
    from reporter.report.drawing import drawn_charts, vega

    draw = drawn_once(shared_folder(tmp_path_factory) / "charts")
    drawn_charts.vega = SimpleNamespace(**vars(vega) | {"png": lambda svg: PNG, "draw": draw})
    yield
    drawn_charts.vega = vega


@pytest.fixture
def charts_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Converts each chart again, also one that was converted before."""
    from reporter.report.drawing import drawn_charts, vega

    monkeypatch.setattr(drawn_charts, "vega", SimpleNamespace(**vars(drawn_charts.vega) | {"draw": vega.draw}))


@pytest.fixture(scope="module")
def brief_collections() -> None:
    """Exempts what there is from garbage collection, which the measurements of some tests run again and again."""
    gc.collect()
    exempt_all()


@pytest.fixture(scope="module")
def digits_once() -> Iterator[None]:
    """Reads and enlarges the digits of scikit-learn once, which takes most of the time of a short training."""
    from sklearn import datasets

    from reporter.datasets import digits

    (entry,) = digits.ENTRIES
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "load_digits", cache(datasets.load_digits))
        patch.setitem(vars(entry), "load", lru_cache(maxsize=4)(entry.load))  # 100 MB of images of 80 pixels
        yield


@pytest.fixture
def brief_ceilings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measures the ceilings of the machine by two calls of a few shapes, in tests that do not look at their values."""
    from worker_entries import shorten_ceilings

    shorten_ceilings(monkeypatch.setattr)


@pytest.fixture
def brief_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Profiles a few calls, in tests that do not look at the times of operators and stages."""
    from worker_entries import shorten_profiles

    shorten_profiles(monkeypatch.setattr)


@pytest.fixture
def blank_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Specifies the charts of reports, but draws none, in tests that do not look at pictures."""
    from reporter.report.drawing import drawn_charts

    monkeypatch.setattr(
        drawn_charts, "vega", SimpleNamespace(**vars(drawn_charts.vega) | {"draw": lambda spec, language: BLANK})
    )


@pytest.fixture
def specified_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draws no chart of a report: its picture is the text of its specification, in tests that only compare pictures."""
    from reporter.report.drawing import drawn_charts

    def draw(spec: vega.Spec, language: Language) -> str:
        return BLANK.replace("></svg>", f"><desc>{escape(json.dumps(spec))}</desc></svg>")

    monkeypatch.setattr(drawn_charts, "vega", SimpleNamespace(**vars(drawn_charts.vega) | {"draw": draw}))


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """The temporary folder that all processes of pytest-xdist have in common."""
    base = factory.getbasetemp()
    return base.parent if base.name.startswith("popen-") else base


@pytest.fixture(scope="session")
def few_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The records of a few networks, a file that is none, and the reports on them in two languages: only to look at.

    A fifth of the pictures of the English one are drawn.
    """
    import samples

    from reporter.report import build
    from reporter.report.drawing import drawn_charts
    from reporter.store import record_files

    base = shared_folder(tmp_path_factory)
    folder = base / "few_report"
    with locked(base / "few_report.lock"):
        if not folder.exists():
            for record in samples.few():
                record_files.save(folder, record)
            (folder / "records" / "quiet" / "torn.json").write_text("{", encoding="utf-8")
            with drawing_every(5):
                drawn = drawn_charts.vega.draw

                def english(spec: vega.Spec, language: Language) -> str:
                    return BLANK if language.suffix else drawn(spec, language)

                with mock.patch.object(drawn_charts.vega, "draw", english):
                    build.write(folder, ["en", "ru"])
    return folder


@pytest.fixture(scope="session")
def real_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A quick run of two networks, with everything in it, in two languages: one for all tests that only look at it.

    A test that writes into the folder works on a copy. Charts are blank, a few calls are profiled, and the ceilings of
    the machine are measured by a few.
    """
    from worker_entries import with_brief_profiles

    from reporter.run.executors import local

    base = shared_folder(tmp_path_factory)
    folder, process = base / "real_run", base / "real_run.pickle"
    with locked(base / "real_run.lock"):
        if not process.exists():
            named = ("--modes", "default,tf32", "--lang", "en,ru")
            with mock.patch.object(local, "_enter", with_brief_profiles):
                done = call("--out", folder, *TINY, *WIDE, *QUICK, *named)
            process.write_bytes(pickle.dumps(done))
    return folder, pickle.loads(process.read_bytes())


@pytest.fixture
def copied_run(real_run: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path) -> Path:
    """A copy of the folder of that run, which a test may change."""
    return shutil.copytree(real_run[0], tmp_path / "copied_run")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with the golden file of that name, or takes it over."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--accept"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"no golden file {name}; run pytest --accept, and read what it wrote"
        assert text == path.read_text(encoding="utf-8"), f"{name} changed; if that is meant, run pytest --accept"

    return compare
