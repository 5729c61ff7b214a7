"""The reference environment of --against: installed from a local index, locked, kept, and what can go wrong."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from commands import without_seconds
from version_index import wheel

from reporter.host import files
from reporter.model import ReporterError
from reporter.run.paired import package_sizes, pinned, reference_move
from reporter.run.preparation import check_folder

VERSIONS = "torch==9.9.1 torchvision==9.9.2"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels, the only place that packages come from, and a cache folder of its own."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name, version, requires in (
        ("torch", "9.9.1", ()),
        ("torchvision", "9.9.2", ("torch", "numpy")),
        ("pydantic", "2.0", ("typing_extensions",)),
        ("typing_extensions", "4.0", ()),
        ("numpy", "1.0", ()),
    ):
        wheel(folder, name, version, requires)
    for name, value in (("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(folder)), ("PIP_CONFIG_FILE", "/dev/null")):
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def test_an_environment_is_made_once_locked_and_made_again_from_the_lock(index: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    made = pinned.environment(VERSIONS, tmp_path / "out", notes.append)
    assert (made / "bin" / "python").exists()
    assert len(notes) == 1
    assert "GB in " in notes[0]
    assert VERSIONS in notes[0]
    lock = (tmp_path / "out" / pinned.LOCK).read_text()
    assert lock.splitlines() == [
        f"{pinned.HEADING}{VERSIONS}",
        "numpy==1.0", "pydantic==2.0", "torch==9.9.1", "torchvision==9.9.2", "typing_extensions==4.0",
    ]  # fmt: skip
    wheel(index, "pydantic", "3.0")  # a newer version that was not there when the file was locked
    again = pinned.environment("torchvision==9.9.2  torch==9.9.1", tmp_path / "out", notes.append)
    assert again == made
    committed = tmp_path / "reference.lock"
    committed.write_text(lock)
    assert pinned.environment(str(committed), tmp_path / "other", notes.append) == made
    assert pinned.environment(VERSIONS, tmp_path / "third", notes.append) == made
    shutil.rmtree(index)  # an environment that is kept needs no index
    assert pinned.environment(VERSIONS, tmp_path / "fourth", notes.append) == made
    assert len(notes) == 1
    assert {each.name for each in made.glob("lib/*/site-packages/*-3.0.dist-info")} == set()


def test_a_lock_file_gets_what_other_modes_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And keeps the versions of all other packages."""
    locked, asked = ["numpy==1.0", "torch==9.9.1", "torchvision==9.9.2"], []

    def resolved(requirements: Sequence[str], _: object) -> list[str]:
        asked.append([*requirements])
        return sorted({*locked, "onnxruntime==1.0"})

    monkeypatch.setattr(pinned, "_resolved", resolved)
    monkeypatch.setattr(pinned, "_made", lambda frozen, _: Path(*frozen))
    (tmp_path / pinned.LOCK).write_text("\n".join((f"{pinned.HEADING}{VERSIONS}", *locked)))
    for needs in ((), ("numpy",)):
        assert pinned.environment(VERSIONS, tmp_path, print, needs) == Path(*locked)
    for needs in (("onnxruntime", "numpy"), ("onnxruntime",), ()):
        made = pinned.environment(VERSIONS, tmp_path, print, needs)
        assert made.parts == ("numpy==1.0", "onnxruntime==1.0", "torch==9.9.1", "torchvision==9.9.2")
    assert asked == [[*locked, "onnxruntime"]], "and resolves once"
    assert (tmp_path / pinned.LOCK).read_text().splitlines() == [f"{pinned.HEADING}{VERSIONS}", *made.parts]


def test_the_lock_file_of_a_run_in_progress_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = f"{pinned.HEADING}torch==9.9.0\ntorch==9.9.0\n"
    (tmp_path / pinned.LOCK).write_text(before)
    monkeypatch.setattr(pinned, "_resolved", lambda *_: VERSIONS.split())
    monkeypatch.setattr(pinned, "_made", lambda frozen, _: Path(*frozen))
    with files.lock(tmp_path), pytest.raises(ReporterError, match="is in use by process"):
        pinned.environment(VERSIONS, tmp_path, print)
    assert (tmp_path / pinned.LOCK).read_text() == before
    pinned.environment(VERSIONS, tmp_path, print)
    assert (tmp_path / pinned.LOCK).read_text() != before


def test_torchvision_is_resolved_if_only_torch_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it no side can measure, and torch would be installed in vain; also if an earlier lock file lacks it."""
    asked: list[Sequence[str]] = []

    def resolved(requirements: Sequence[str], _: object) -> list[str]:
        asked.append(requirements)
        return ["torch==9.9.1", "torchvision==9.9.2"]

    monkeypatch.setattr(pinned, "_resolved", resolved)
    monkeypatch.setattr(pinned, "_made", lambda frozen, _: Path(*frozen))
    for lock in ("", f"{pinned.HEADING}torch==9.9.1\ntorch==9.9.1\n"):
        if lock:
            (tmp_path / pinned.LOCK).write_text(lock)
        made = pinned.environment("torch==9.9.1", tmp_path, print)
        assert made.parts == ("torch==9.9.1", "torchvision==9.9.2")
    assert pinned.environment("torch==9.9.1", tmp_path, print) == made
    assert asked == [["torch==9.9.1", "torchvision", *pinned.NEEDED], ["torch==9.9.1", "torchvision"]]


def test_a_list_of_versions_may_be_longer_than_a_file_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """File systems allow 255 bytes."""
    versions = [VERSIONS, *(f"{'package' * 3}{number}==1.0" for number in range(15))]
    monkeypatch.setattr(pinned, "_resolved", lambda requirements, _: sorted(requirements))
    monkeypatch.setattr(pinned, "_made", lambda frozen, _: Path(*frozen))
    made = pinned.environment(" ".join(versions), tmp_path, print)
    assert {*" ".join(versions).split()} <= {*made.parts}
    with pytest.raises(ReporterError, match="is neither an environment nor exact versions"):
        pinned.environment(" ".join((*versions, "numpy>=2")), tmp_path, print)


def test_a_lock_file_may_be_named_as_a_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinned, "_made", lambda frozen, _: Path(*frozen))
    monkeypatch.chdir(tmp_path)
    Path("torch==9.9.1.lock").write_text("numpy==1.0\ntorch==9.9.1\n")
    assert pinned.environment("torch==9.9.1.lock", tmp_path, print) == Path("numpy==1.0", "torch==9.9.1")


def test_a_committed_lock_file_is_a_results_folder(tmp_path: Path) -> None:
    """The first run in a checkout without a cache, or after one that was interrupted before the first record."""
    (tmp_path / pinned.LOCK).write_text("torch==9.9.1\n")
    check_folder(tmp_path)


@pytest.mark.slow
def test_an_interrupted_installation_is_made_again(index: Path, tmp_path: Path) -> None:
    made = pinned.environment(VERSIONS, tmp_path / "out", lambda _: None)
    for removed in ((pinned.COMPLETE, "bin/python"), ("bin/python",)):
        for name in removed:
            (made / name).unlink()
        (tmp_path / "out" / pinned.LOCK).unlink()
        assert pinned.environment(VERSIONS, tmp_path / "out", lambda _: None) == made
        assert (made / "bin" / "python").exists()


def test_an_environment_whose_python_was_removed_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by an upgrade of the system: the Python of the environment is a link to one that is gone."""
    base, made = tmp_path / "python3", []
    base.touch(0o755)

    def install(place: Path, *_: object) -> None:
        made.append(place)
        shutil.rmtree(place, ignore_errors=True)
        (place / "bin").mkdir(parents=True)
        (place / "bin" / "python").symlink_to(base)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(pinned, "_install", install)
    for upgraded, count in ((False, 1), (False, 1), (True, 2)):
        if upgraded:
            base.unlink()
        assert pinned._made(VERSIONS.split(), print) == made[0]
        assert len(made) == count


def test_two_jobs_at_once_make_one_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if the second begins while the installer of the first still runs, which is simulated here."""
    notes: list[str] = []
    places: list[Path] = []

    def install(place: Path, requirements: Sequence[str], note: Callable[[str], None]) -> None:
        note(f"installing {requirements}")
        time.sleep(0.2)
        (place / "bin").mkdir(parents=True)
        (place / "bin" / "python").touch(0o755)

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(pinned, "WAITING", 0.01)
    monkeypatch.setattr(pinned, "_install", install)
    monkeypatch.setattr(pinned, "_frozen", lambda place: VERSIONS.split())

    def job(name: str) -> None:
        places.append(pinned.environment(VERSIONS, tmp_path / name, notes.append))

    jobs = [threading.Thread(target=job, args=(name,)) for name in ("a", "b")]
    for each in jobs:
        each.start()
    for each in jobs:
        each.join()
    assert len(places) == 2
    assert len(set(places)) == 1
    assert sum(note.startswith("installing") for note in notes) == 1


def test_a_long_installation_prints_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command ends when the second line is printed."""
    monkeypatch.setattr(pinned, "NOTED", 0.05)
    notes: list[str] = []

    def note(line: str) -> None:
        notes.append(line)
        if len(notes) == 2:
            (tmp_path / "go").touch()

    awaiting = f"for number in $(seq 2000); do [ -e '{tmp_path / 'go'}' ] && exit; sleep 0.01; done"
    pinned._call(["sh", "-c", awaiting], tmp_path / "made", note)
    assert len(notes) >= 2
    assert set(map(without_seconds, notes)) == {"still installing, after 0 s"}


def test_an_installation_that_takes_too_long_ends_with_its_duration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with the interval of the lines; and as one that fails, for which a walk skips the version."""
    monkeypatch.setattr(pinned, "NOTED", 0.01)
    monkeypatch.setattr(pinned, "TIMEOUT", 0.05)
    place = tmp_path / "made"
    place.mkdir()
    with pytest.raises(pinned.InstallationError) as raised:
        pinned._call(["sleep", "60"], place, lambda _: None)
    assert raised.value.why == "the installer was not done after 0 s"
    assert not place.exists()
    with pytest.raises(pinned.InstallationError, match="No such file"):
        pinned._call([str(tmp_path / "no-installer")], place, lambda _: None)


def test_a_job_that_waits_for_another_one_prints_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinned, "WAITING", 0.01)
    notes: list[str] = []
    waits = threading.Event()

    def note(line: str) -> None:
        notes.append(line)
        waits.set()

    def second() -> None:
        with pinned._alone(tmp_path / "environment", note):
            pass

    with pinned._alone(tmp_path / "environment", notes.append):
        job = threading.Thread(target=second)
        job.start()
        assert waits.wait(10)
    job.join()
    assert notes == ["waiting for another job that installs the reference environment"]


def test_exact_versions_of_all_packages_need_no_move(tmp_path: Path) -> None:
    """What is resolved and what is asked for are the same list, and an environment is not made while it is moved."""
    place = tmp_path / "made"
    place.mkdir()
    with pinned._alone(place, print):
        pinned._keep(place, place, print)
    assert (place / pinned.COMPLETE).exists()


def test_without_pip_and_uv_there_is_a_line_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pinned, "find_spec", lambda _: None)
    with pytest.raises(ReporterError, match="neither uv nor pip; install one of them"):
        pinned.install_with_pip(tmp_path / "made", ["torch==9.9.1"], lambda _: None)


@pytest.mark.parametrize("case", ["version", pytest.param("registry", marks=pytest.mark.slow)])
def test_what_cannot_be_installed_is_one_line(
    case: str, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that the index does not have any more, and an index that cannot be reached."""
    if case == "registry":
        for name in ("PIP_NO_INDEX", "PIP_FIND_LINKS", "UV_NO_INDEX", "UV_FIND_LINKS"):
            monkeypatch.delenv(name)
        for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"):
            monkeypatch.setenv(name, "http://127.0.0.1:9/simple")
        monkeypatch.setenv("PIP_RETRIES", "0")
    else:
        (index / "torch-9.9.1-py3-none-any.whl").unlink()
    with pytest.raises(ReporterError, match="the reference environment cannot be installed") as raised:
        pinned.environment(VERSIONS, tmp_path / "out", lambda _: None)
    assert "\n" not in str(raised.value)
    assert "name an environment that is installed" in str(raised.value)
    assert not (tmp_path / "out" / pinned.LOCK).exists()
    assert not [path for path in (tmp_path / "cache" / "reporter" / "environments").iterdir() if path.is_dir()]


def test_a_lock_file_that_is_none_is_refused(tmp_path: Path) -> None:
    for text, why in (("--index-url http://evil.example\n", "is not an exact version"), ("numpy==1.0\n", "no version")):
        lock = tmp_path / "reference.lock"
        lock.write_text(text)
        with pytest.raises(ReporterError, match=why):
            pinned.environment(str(lock), tmp_path, lambda _: None)


def test_a_user_without_a_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container with a user id that has no entry: the folder of environments has to be named."""

    def unknown(_: object) -> None:
        raise KeyError

    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name in ("getpwuid", "getpwnam"):
        monkeypatch.setattr(f"pwd.{name}", unknown)
    with pytest.raises(ReporterError, match="set XDG_CACHE_HOME to a folder"):
        pinned.environment(VERSIONS, tmp_path, lambda _: None)
    with pytest.raises(ReporterError, match="'~/env' is neither an environment nor exact versions"):
        pinned.environment("~/env", tmp_path, lambda _: None)
    assert reference_move._lock_text("~nobody/env", tmp_path) is None


def test_the_size_of_an_environment_is_that_of_its_packages() -> None:
    with_torch, without = package_sizes.gigabytes(["torch"]), package_sizes.gigabytes(["typing_extensions"])
    assert 0.1 < with_torch < 20
    assert 0 < without < 0.001
    assert package_sizes.gigabytes(["no-such-package"]) == 0


def test_the_size_has_what_extras_of_a_package_without_files_require(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As torch requires its CUDA libraries: about half of an environment."""
    for name, size, requires in (
        ("torchlike", 1000, ("toolkit[blas,rand]==13.0; platform_system == 'Linux'",)),
        ("toolkit", 0, ("blas==1; extra == 'blas'", 'rand; extra == "rand"', "extra-large; extra == 'all'")),
        ("blas", 3_000_000, ()),
        ("rand", 2_000_000, ()),
        ("extra-large", 9_000_000, ()),
    ):
        about = tmp_path / f"{name.replace('-', '_')}-1.dist-info"
        about.mkdir()
        lines = "".join(f"Requires-Dist: {each}\n" for each in requires)
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n{lines}")
        (about / "RECORD").write_text(f"{name}.so,,{size}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert package_sizes.gigabytes(["torchlike", "toolkit"]) == pytest.approx(0.005001)


def test_a_size_that_this_environment_does_not_have_is_not_stated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packages that are not installed here, and the libraries of a torch with CUDA if the one here has none."""
    about = tmp_path / "torch-9.9.1+cpu.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 9.9.1+cpu\n")
    (about / "RECORD").write_text("torch.so,,900000000\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(pinned, "uv", lambda: ["uv"])
    monkeypatch.setattr(pinned, "_call", lambda *_: None)
    for requirements, size in (
        (["torch==9.9.2", "no-such-package==1.0"], "0.9 GB and 1 package of unknown size, with CUDA up to 6 GB in "),
        (["torch==9.9.2"], "0.9 GB, with CUDA up to 6 GB in "),
        (["torch==9.9.1+cpu"], "0.9 GB in "),
    ):
        notes: list[str] = []
        pinned._install(tmp_path / "made", requirements, notes.append)
        assert f": about {size}{tmp_path}" in notes[0]
