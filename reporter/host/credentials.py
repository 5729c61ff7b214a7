"""Environment variables that workers do not inherit: credentials, and files through which a CI job is controlled.

A worker runs the code of models and plug-ins, which needs none of these. `--keep-env NAME` passes one on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase

PATTERNS = (
    "*TOKEN", "*TOKEN_FILE", "*SECRET", "*SECRET_*", "*PASSWORD", "*PASSWD", "*PASSPHRASE", "*CREDENTIALS", "*API_KEY",
    "*APIKEY", "*ACCESS_KEY", "*ACCESS_KEY_ID", "*PRIVATE_KEY", "*AUTH_CONFIG", "*CONNECTION_STRING", "*DATABASE_URL",
    "AWS_*", "AZURE_*", "ARM_*", "GOOGLE_*", "GCP_*", "GCLOUD_*", "CLOUDSDK_*", "DOCKER_*", "KUBECONFIG", "NETRC",
    "SSH_AUTH_SOCK", "GPG_AGENT_INFO", "NPM_CONFIG_*", "TWINE_*", "*INDEX_URL", "UV_INDEX*", "UV_DEFAULT_INDEX",
    "UV_PUBLISH_*", "POETRY_PYPI_TOKEN_*", "HATCH_INDEX_*", "GIT_CONFIG_*", "*_ASKPASS", "*_FEED_ENDPOINTS",
    "NPM_AUTH", "YARN_NPM_AUTH_IDENT", "COMPOSER_AUTH", "REDISCLI_AUTH", "MYSQL_PWD", "*_PAT", "*_JWT",
    "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STATE", "ACTIONS_*", "CI_JOB_*",
    "CI_REGISTRY_*", "CI_REPOSITORY_URL", "CI_DEPLOY_*", "BUILDKITE_AGENT_*", "SYSTEM_ACCESSTOKEN",
)  # fmt: skip
"""Patterns of names, matched in upper case."""
WITH_USER = re.compile(r"\w://[^/?#\s]+@")
"""A URL with a user name or a password, as of a package index or a database."""


def is_withheld(name: str, value: str = "") -> bool:
    """Whether a variable of this name is kept from workers, or one with a URL that has credentials in it.

    A proxy's URL is no reason: workers download weights through it.
    """
    upper = name.upper()
    if any(fnmatchcase(upper, pattern) for pattern in PATTERNS):
        return True
    return not upper.endswith("_PROXY") and bool(WITH_USER.search(value))


def inherited(variables: Mapping[str, str], keep: Collection[str] = ()) -> dict[str, str]:
    """The variables that a worker inherits: all but the withheld ones, and those named in `keep`."""
    return {name: value for name, value in variables.items() if name in keep or not is_withheld(name, value)}


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
