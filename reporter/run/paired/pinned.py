"""The reference environment of --against: exact versions, locked in a file, installed once and kept.

An environment is kept in the user's cache folder under a digest of its versions. One that was not completed, or whose
Python was removed, is made again; two jobs that need the same one wait for each other. The lock file lists the exact
versions of all packages: with it, the same environment is installed on another machine, and nothing is resolved.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep

from reporter.host import files
from reporter.model import ReporterError
from reporter.model.durations import duration
from reporter.model.fields import legible
from reporter.run.paired import package_sizes

try:
    import fcntl
except ImportError:  # Windows: two jobs that make one environment are the user's to avoid
    fcntl = None  # type: ignore[assignment]

EXACT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*")
NEEDED = ("pydantic", "typing_extensions", "numpy")
"""What a side imports besides torch and torchvision."""
HEADING = "# The reference environment of reporter --against: "
COMPLETE = ".complete"
LOCK = "against.lock"
"""The name of the lock file in a results folder."""
TIMEOUT = 3600.0
NOTED = 25.0
"""An installation prints a line every so many seconds."""
WAITING = 0.2
"""Seconds between two attempts to get the lock of an environment."""
Note = Callable[[str], None]


def environment(named: str, folder: Path, note: Note, needs: Sequence[str] = (), option: str = "--against") -> Path:
    """The environment that an option names, made if needed; `folder` has the lock file, which is written there.

    An environment that is made has torchvision, in the version that fits torch if none is named, and the packages
    `needs`, too; a lock file without one of them gets it, and keeps the versions of all others.
    ReporterError, in one line, if it is neither versions nor an environment, or cannot be installed, and if another run
    uses the folder whose lock file would be replaced.
    """
    versions = named.split()
    place = Path(os.path.expanduser(named))  # Path.expanduser raises without a home
    if os.path.isfile(place) and place.suffix == ".lock":  # Path.is_file raises for what is too long for a name
        return _made(_read(place)[1], note)
    if versions and os.path.exists(place):
        return place
    if not versions or not all(map(EXACT.fullmatch, versions)):
        what = f"there is no lock file {named!r}"
        if place.suffix != ".lock":
            what = f"{named!r} is neither an environment nor exact versions"
        raise ReporterError(
            f"{option}: {what}; try 'torch==2.14.1 torchvision==0.29.1', or the folder of a virtual environment"
        )
    if not any(version.startswith("torch==") for version in versions):
        raise ReporterError(f"{option}: {named!r} does not name a version of torch; try 'torch==2.14.1 {named}'")
    needs = ("torchvision", *needs)
    lock, wanted, packages = folder / LOCK, sorted(versions), (*needs, *NEEDED)
    if lock.is_file() and _read(lock)[0] == wanted:  # it may lack what other architectures or modes need
        wanted, packages = _read(lock)[1], needs
        if all(_names(name, wanted) for name in packages):
            return _made(wanted, note)
    with files.lock(folder):  # the file is that of the run that is in progress there
        frozen = _resolved([*wanted, *(name for name in packages if not _names(name, wanted))], note)
        files.write(lock, f"{HEADING}{' '.join(sorted(versions))}\n" + "".join(f"{line}\n" for line in frozen))
    return _made(frozen, note)


def cache() -> Path:
    """The folder that keeps reference environments; ReporterError without a cache or home folder."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if base.startswith("~"):
        raise ReporterError("there is no home folder to keep environments in; set XDG_CACHE_HOME to a folder")
    return Path(base) / "reporter" / "environments"


def _names(name: str, versions: Iterable[str]) -> bool:
    return any(version.startswith(f"{name}==") for version in versions)


def _read(lock: Path) -> tuple[list[str], list[str]]:
    """The versions that a lock file was made for, and all that it lists; ReporterError if it lists no torch."""
    lines = lock.read_text("utf-8", errors="replace").splitlines()
    asked = next((line.removeprefix(HEADING).split() for line in lines if line.startswith(HEADING)), [])
    listed = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    wrong = next((line for line in listed if not EXACT.fullmatch(line)), None)
    if wrong is not None:
        raise ReporterError(f"{lock}: {legible(wrong)[:80]!r} is not an exact version, NAME==VERSION; remove the file")
    if not _names("torch", listed):
        raise ReporterError(f"{lock}: lists no version of torch; remove the file")
    return sorted(asked), listed


def _place(requirements: Iterable[str]) -> Path:
    about = (*sorted(requirements), platform.python_version(), platform.machine(), sys.platform)
    return cache() / hashlib.sha256("\n".join(about).encode()).hexdigest()[:16]


def _resolved(requirements: Sequence[str], note: Note) -> list[str]:
    """The exact versions that an installer resolved requirements to, the first time on this machine or earlier."""
    place = _place(requirements)
    with _alone(place, note):
        known = place.with_suffix(".lock")
        if known.is_file():
            return _read(known)[1]
        _install(place, requirements, note)
        frozen = _frozen(place)
        _keep(place, _place(frozen), note)
        files.write(known, "".join(f"{line}\n" for line in frozen))
    return frozen


def _keep(place: Path, target: Path, note: Note) -> None:
    """Moves an environment to the place of its exact versions, unless there is a usable one already."""
    if target == place:  # all versions were exact
        files.write(place / COMPLETE, "")
        return
    with _alone(target, note), files.writing(target):
        if not is_usable(target):  # else another job may be using it
            shutil.rmtree(target, ignore_errors=True)
            place.rename(target)
            files.write(target / COMPLETE, "")
        shutil.rmtree(place, ignore_errors=True)


def _made(frozen: Sequence[str], note: Note) -> Path:
    """The kept environment with these versions, installed if it is not there or cannot be used."""
    place = _place(frozen)
    with _alone(place, note):
        if not is_usable(place):
            _install(place, frozen, note)
            files.write(place / COMPLETE, "")
    return place


def is_usable(place: Path) -> bool:
    """Whether an environment was completed and has its Python, which may be a link to one that was removed since."""
    return (place / COMPLETE).exists() and os.access(place / "bin" / "python", os.X_OK)


@contextmanager
def _alone(place: Path, note: Note) -> Iterator[None]:
    """While another job makes the same environment, this one waits, and prints a line every NOTED seconds."""
    with files.writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    with place.with_suffix(".making").open("w") as lock:
        due = 0.0
        while fcntl is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if monotonic() >= due:
                    note("waiting for another job that installs the reference environment")
                    due = monotonic() + NOTED
                sleep(WAITING)
        yield


def uv() -> list[str]:
    """The command of uv, empty if there is none."""
    if found := shutil.which("uv"):
        return [found]
    beside = Path(sys.executable).with_name("uv")
    return [str(beside)] if os.access(beside, os.X_OK) else []


def _install(place: Path, requirements: Sequence[str], note: Note) -> None:
    size = package_sizes.in_words(requirements)
    how = "uv, hard links to its cache" if uv() else "pip"
    note(f"installing {' '.join(requirements[:3])}: {size} in {place.parent} ({how}); made once and kept")
    if not (installer := uv()):
        install_with_pip(place, requirements, note)
        return
    shutil.rmtree(place, ignore_errors=True)
    _call([*installer, "venv", "--quiet", "--python", sys.executable, str(place)], place, note)
    python = place / "bin" / "python"
    _call([*installer, "pip", "install", "--quiet", "--python", str(python), *requirements], place, note)


def install_with_pip(place: Path, requirements: Sequence[str], note: Note, shared: Sequence[str] = ()) -> None:
    """Makes an environment in place of what is there; what it finds in the folders `shared` is not installed again.

    Raises InstallationError, and leaves nothing, if this fails.
    """
    if find_spec("pip") is None:
        raise InstallationError("this environment has neither uv nor pip; install one of them in it")
    shutil.rmtree(place, ignore_errors=True)
    _call([sys.executable, "-m", "venv", "--without-pip", str(place)], place, note)
    if shared:
        files.write(_site(place) / "shared.pth", "".join(f"{folder}\n" for folder in shared))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python"]
    _call([*pip, str(place / "bin" / "python"), "install", *requirements], place, note)


class InstallationError(ReporterError):
    """An environment cannot be installed; `why` is the line of the installer."""

    def __init__(self, why: str, option: str = "--against") -> None:
        super().__init__(
            f"{option}: the reference environment cannot be installed: {why}; check the versions and the package "
            "index, or name an environment that is installed"
        )
        self.why = why


def _call(command: Sequence[str], place: Path, note: Note) -> None:
    """Runs an installer; InstallationError with its last line if it fails or takes too long, and nothing is left."""
    try:
        code, errors = _noted(command, note)
    except OSError as error:  # TimeoutError is one
        shutil.rmtree(place, ignore_errors=True)
        raise InstallationError(legible(str(error))[:300]) from None
    if code:
        shutil.rmtree(place, ignore_errors=True)
        lines = [line.strip() for line in errors.splitlines() if line.strip()] or ["no message"]
        raise InstallationError(legible(next((line for line in reversed(lines) if "rror" in line), lines[-1]))[:300])


def _noted(command: Sequence[str], note: Note) -> tuple[int, str]:
    """The exit code of a process and what it printed to standard error; a line while it runs, every NOTED seconds.

    TimeoutError if it is not done after TIMEOUT seconds.
    """
    start = monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            while True:
                try:
                    errors = process.communicate(timeout=NOTED)[1]
                    return process.returncode, errors.decode(errors="replace")
                except subprocess.TimeoutExpired:
                    seconds = monotonic() - start
                    if seconds > TIMEOUT:
                        raise TimeoutError(f"the installer was not done after {duration(seconds)}") from None
                    note(f"still installing, after {duration(seconds)}")
        finally:
            process.kill()


def _site(place: Path) -> Path:
    return next(place.glob("lib/python*/site-packages"), None) or place / "Lib" / "site-packages"


def frozen_versions(place: Path) -> dict[str, str]:
    """The versions of all packages that are installed in an environment."""
    found = {each.name: each.version for each in metadata.distributions(path=[str(_site(place))])}
    return dict(sorted(found.items(), key=lambda pair: pair[0].lower()))


def _frozen(place: Path) -> list[str]:
    """The exact versions of all packages of an environment."""
    return [f"{name}=={version}" for name, version in frozen_versions(place).items()]
