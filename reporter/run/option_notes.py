"""Notes on options that have no effect in a run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence


def unset_variables(names: Sequence[str]) -> Iterator[str]:
    """A note for each variable of --keep-env that is not set, and may be misspelt."""
    for name in names:
        if name not in os.environ:
            yield f"--keep-env: the environment variable {name!r} is not set"
