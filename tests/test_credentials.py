"""What workers inherit: no credentials, and nothing through which a CI job is controlled."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn

import pytest
from commands import call

from reporter.host.credentials import inherited, is_withheld, withheld
from reporter.host.job import Job
from reporter.model import ReporterError
from reporter.model.settings import PRESETS, Conditions
from reporter.run.executors.local import LocalExecutor
from reporter.run.paired import interleaving, version_environments
from reporter.run.roster import referred

WITHHELD = (
    "GITHUB_TOKEN", "HF_TOKEN", "CI_JOB_TOKEN", "DEPLOY_SECRET", "NPM_TOKEN", "AWS_ACCESS_KEY_ID",
    "AZURE_CLIENT_SECRET", "AWS_SESSION_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS",
    "SSH_AUTH_SOCK", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY",
    "GITHUB_ENV", "ACTIONS_RUNTIME_TOKEN", "PGPASSWORD", "OPENAI_API_KEY", "my_token", "DB_PASSWORD",
    "CI_REPOSITORY_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX_URL", "PIP_INDEX_URL",
    "PIP_EXTRA_INDEX_URL", "UV_PUBLISH_USERNAME", "POETRY_PYPI_TOKEN_INTERNAL", "HATCH_INDEX_AUTH", "GIT_ASKPASS",
    "npm_config_//registry.npmjs.org/:_authToken", "GITHUB_PAT", "CI_JOB_JWT", "GIT_CONFIG_VALUE_0",
)  # fmt: skip
INHERITED = (
    "PATH", "HOME", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "TORCH_HOME", "LD_LIBRARY_PATH", "ONEDNN_MAX_CPU_ISA",
    "HF_HOME", "XDG_CACHE_HOME", "LANG", "GITHUB_SHA", "GITHUB_ACTIONS", "TOKENIZERS_PARALLELISM", "PYTHONPATH",
    "MALLOC_TRIM_THRESHOLD_", "HTTPS_PROXY", "SSL_CERT_FILE",
)  # fmt: skip
PROBE = """
import os


def build():
    names = ("DEPLOY_TOKEN", "KEPT_TOKEN", "GITHUB_OUTPUT")
    raise ValueError(" ".join(f"{name}={os.environ.get(name)}" for name in names))
"""


@pytest.mark.parametrize("name", WITHHELD)
def test_credentials_are_withheld_unless_kept(name: str) -> None:
    assert is_withheld(name)
    assert inherited({name: "x", "PATH": "/bin"}) == {"PATH": "/bin"}
    assert inherited({name: "x"}, keep=[name]) == {name: "x"}


@pytest.mark.parametrize(
    "url", ["https://user:t0k3n@pypi.example/simple", "https://t0k3n@pypi.example", "x://:t0k3n@y"]
)
def test_a_url_with_credentials_is_withheld(url: str) -> None:
    """Whatever the name of the variable is; a proxy is needed for downloads of weights."""
    variables = {"PIP_FIND_LINKS": f"./wheels {url}", "BROKER": url, "https_proxy": url}
    assert inherited(variables) == {"https_proxy": url}
    assert inherited(variables, keep=["BROKER"]) == {"BROKER": url, "https_proxy": url}
    plain = {"PIP_FIND_LINKS": "https://pypi.example/simple/@a", "CONTACT": "ci@a.example", "PAGE": "http://a.example"}
    assert inherited(plain) == plain


@pytest.mark.parametrize("name", INHERITED)
def test_what_a_measurement_depends_on_is_inherited(name: str) -> None:
    assert inherited({name: "x"}) == {name: "x"}


def test_this_process_keeps_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "t0k3n")
    with withheld():
        assert "DEPLOY_TOKEN" not in os.environ
    assert os.environ["DEPLOY_TOKEN"] == "t0k3n"


def write_probe(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writes a module that reports the variables of its process, and sets some that are credentials."""
    (folder / "probe.py").write_text(PROBE)
    for name in ("DEPLOY_TOKEN", "KEPT_TOKEN"):
        monkeypatch.setenv(name, "t0k3n")
    monkeypatch.setenv("GITHUB_OUTPUT", str(folder / "output"))


@pytest.mark.slow
def test_a_worker_sees_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real one, which loads torch; the one token that is kept reaches it."""
    write_probe(tmp_path, monkeypatch)
    executor = LocalExecutor(("KEPT_TOKEN",))
    executor.renew()
    try:
        with pytest.raises(ReporterError, match="DEPLOY_TOKEN=None KEPT_TOKEN=t0k3n GITHUB_OUTPUT=None"):
            referred(f"{tmp_path / 'probe.py'}:build", executor)
    finally:
        executor.close()
        executor.renew()


@pytest.mark.parametrize("name", ["ab", "--walk", "--against", "move"])
def test_no_command_passes_credentials_to_a_side(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process of an environment, from which its workers are forked, has those that are kept and what it needs."""
    seen: list[Mapping[str, str]] = []

    def start(_: object, env: Mapping[str, str], **more: object) -> NoReturn:
        seen.append(env)
        raise OSError(0, "not started by this test")

    monkeypatch.setattr(interleaving, "subprocess", SimpleNamespace(Popen=start, PIPE=None))
    monkeypatch.setattr(version_environments, "between", lambda *_: ["1.0", "1.1"])
    monkeypatch.setattr(version_environments.VersionEnvironments, "make", lambda *_: Path(sys.prefix))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for variable in ("DEPLOY_TOKEN", "KEPT_TOKEN", "GITHUB_ENV"):
        monkeypatch.setenv(variable, "t0k3n")
    here, folder = sys.prefix, tmp_path / "out"
    folder.mkdir()
    command = {
        "ab": ("ab", "--a", here, "--b", here),
        "--walk": ("ab", "--walk", "paced", "1.0..1.1"),
        "--against": ("--out", folder, "--against", here),
        "move": ("move", folder, "--from", here, "--to", here),
    }
    options = ("--architectures", "alexnet", "--metrics", "latency_cpu_1thread", "--device", "cpu")
    done = call(*command[name], *options, "--keep-env", "HF_TOKNE,KEPT_TOKEN")
    assert done.returncode == 2, done.stderr
    assert "not started by this test" in done.stderr
    assert done.stderr.count("note: --keep-env: the environment variable 'HF_TOKNE' is not set\n") == 1
    assert "'KEPT_TOKEN'" not in done.stderr
    for variables in seen:
        assert {"DEPLOY_TOKEN", "GITHUB_ENV"}.isdisjoint(variables)
        assert variables["KEPT_TOKEN"] == "t0k3n"
        assert variables["PATH"] == os.environ["PATH"]


@pytest.mark.slow
def test_a_worker_of_a_side_sees_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interpreter that loads torch, as `ab` starts it."""
    write_probe(tmp_path, monkeypatch)
    probed = Job(
        architecture="build",
        metrics=("size",),
        device="cpu",
        conditions=Conditions(**PRESETS["quick"]),
        process="counts",
        reference=f"{tmp_path / 'probe.py'}:build",
    )
    with closing(interleaving.Side("--a", Path(sys.executable), keep=("KEPT_TOKEN",))) as side:
        side.hello()
        assert interleaving.alone(side, probed, 60).status == "ok"
        reasons = {reading.reason for reading in side.readings}
    assert len(reasons) == 1, reasons
    assert "DEPLOY_TOKEN=None KEPT_TOKEN=t0k3n GITHUB_OUTPUT=None" in str(reasons)
