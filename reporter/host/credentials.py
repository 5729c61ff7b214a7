"""Environment variables that workers do not inherit: credentials, and files through which a CI job is controlled.

A worker runs the code of models and plug-ins, which needs none of these. `--keep-env NAME` passes one on.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase

PATTERNS = (
    "*TOKEN", "*TOKEN_FILE", "*SECRET", "*SECRET_*", "*PASSWORD", "*PASSWD", "*PASSPHRASE", "*CREDENTIALS", "*API_KEY",
    "*APIKEY", "*ACCESS_KEY", "*ACCESS_KEY_ID", "*PRIVATE_KEY", "*AUTH_CONFIG", "*CONNECTION_STRING", "*DATABASE_URL",
    "AWS_*", "AZURE_*", "ARM_*", "GOOGLE_*", "GCP_*", "GCLOUD_*", "CLOUDSDK_*", "DOCKER_*", "KUBECONFIG", "NETRC",
    "SSH_AUTH_SOCK", "GPG_AGENT_INFO", "NPM_CONFIG_*", "TWINE_*", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX*",
    "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE", "ACTIONS_*", "CI_JOB_*",
    "CI_REGISTRY_*", "CI_DEPLOY_*", "BUILDKITE_AGENT_*", "SYSTEM_ACCESSTOKEN",
)  # fmt: skip
"""Patterns of names, matched in upper case."""


def is_withheld(name: str) -> bool:
    """Whether a variable of this name is kept from workers."""
    return any(fnmatchcase(name.upper(), pattern) for pattern in PATTERNS)


def inherited(variables: Mapping[str, str], keep: Collection[str] = ()) -> dict[str, str]:
    """The variables that a worker inherits: all but the withheld ones, and those named in `keep`."""
    return {name: value for name, value in variables.items() if name in keep or not is_withheld(name)}


@contextmanager
def withheld(keep: Collection[str] = ()) -> Iterator[None]:
    """Removes the withheld variables from this process while a process is started from it."""
    hidden = {name: os.environ[name] for name in os.environ.keys() - inherited(os.environ, keep).keys()}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)
