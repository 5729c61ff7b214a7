"""The program installed from a wheel into an environment and run from another folder; and other environments.

An environment shares the packages of the running one by links, as torch alone takes gigabytes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import metadata
from importlib.util import cache_from_source, find_spec
from pathlib import Path
from zipfile import ZipFile

from commands import ROOT

OWN = ("reporter", "architecture_reporter", "_architecture_reporter")
"""The package, the metadata of its distribution, and the link of an editable installation."""
SITE = Path("lib", f"python{sys.version_info.major}.{sys.version_info.minor}", "site-packages")
RUNNING = Path(sysconfig.get_path("purelib"))


@dataclass(frozen=True)
class Environment:
    """A virtual environment."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def site(self) -> Path:
        return self.folder / SITE

    def add(self, name: str, **files: str) -> None:
        """Installs a package of one or more files, in place of what is there under its name."""
        for path in (*self.site.glob(f"{name}-*.dist-info"), self.site / name):
            path.unlink() if path.is_symlink() else shutil.rmtree(path, ignore_errors=True)
        (self.site / name).mkdir()
        for file, text in files.items():
            (self.site / name / f"{file}.py").write_text(text)

    def version(self, name: str, number: str) -> None:
        """Says in the metadata which version of a package this is."""
        about = self.site / f"{name}-{number}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")

    def reporter(
        self, *arguments: object, folder: Path, timeout: float = 300, variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs the installed program from a folder."""
        leaking = ("PYTHONPATH", "PYTHONSAFEPATH")
        given = {name: value for name, value in os.environ.items() if name not in leaking} | dict(variables or {})
        command = [str(self.folder / "bin" / "reporter"), *map(str, arguments)]
        pipes = {"capture_output": True, "text": True, "encoding": "utf-8"}
        return subprocess.run(command, cwd=folder, env=given, timeout=timeout, check=False, **pipes)


def environment(folder: Path, without: Collection[str] = (), hard_links: bool = False) -> Environment:
    """An environment with the packages of the running one, reporter excepted.

    Its torch has a path of its own: a copy of `__init__.py` beside links to the rest; or all files are hard links.
    """
    venv.create(folder, symlinks=True)
    made = Environment(folder)
    for source in RUNNING.iterdir():
        name = source.name.partition("-")[0].lower()
        if name.startswith(OWN) or name in without or source.suffix == ".pth":
            continue
        if hard_links and source.is_dir():
            shutil.copytree(source, made.site / source.name, copy_function=os.link)
        elif source.name == "torch":
            _own_path(source, made.site / "torch")
        else:
            (made.site / source.name).symlink_to(source)
    return made


def installed(folder: Path) -> Environment:
    """An environment with the program in it, installed from a wheel of this checkout.

    Where hatchling, by which pip builds it, is installed here, the wheel is built and unpacked without pip, which takes
    a fraction of the time; modules that are compiled here are not compiled again.
    """
    made = environment(folder / "environment")
    pip = ["pip", "-q", "--disable-pip-version-check", "wheel", ".", "--no-deps", "-w", str(folder)]
    hatchling = ["hatchling", "build", "-t", "wheel", "-d", str(folder)]
    build = [sys.executable, "-m", *(hatchling if find_spec("hatchling") else pip)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    ZipFile(wheel).extractall(made.site)
    for target in (made.site / OWN[0]).rglob("*.py"):
        source = ROOT / target.relative_to(made.site)
        compiled, copy = (Path(cache_from_source(str(path))) for path in (source, target))
        if compiled.exists():
            os.utime(target, ns=(source.stat().st_mtime_ns,) * 2)
            copy.parent.mkdir(exist_ok=True)
            shutil.copy(compiled, copy)
    (about,) = made.site.glob(f"{OWN[1]}-*.dist-info")
    for script in metadata.Distribution.at(about).entry_points:  # as pip writes them: workers import the script again
        target = made.folder / "bin" / script.name
        imported = f"import sys\nfrom {script.module} import {script.attr} as main"
        guarded = "if __name__ == '__main__':\n    sys.exit(main())"
        target.write_text(f"#!{made.python}\n{imported}\n{guarded}\n")
        target.chmod(0o755)
    return made


def _own_path(source: Path, target: Path) -> None:
    target.mkdir()
    for path in source.iterdir():
        if path.name == "__init__.py":
            shutil.copy(path, target)
        elif path.name != "__pycache__":
            (target / path.name).symlink_to(path)
