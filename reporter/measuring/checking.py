"""What is checked in a worker before the first measurement: whether a checkpoint fits its architecture."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from reporter.attempts import attempt, one_line
from reporter.measuring.building import on_meta
from reporter.measuring.checkpoints import fitted, head, own_weights
from reporter.selection import find

CLASSES = 10
"""A head for any number of classes will do: the data set decides its shape."""


def checkpoint_error(question: str) -> str:
    """Why a checkpoint cannot be used, empty where it can; the question is JSON: architecture, file, SHA-256.

    What is wrong with the architecture itself is left to the rows.
    """
    reference, path, sha256 = json.loads(question)
    entry, _ = attempt(partial(find, reference))
    built = (
        None if entry is None else attempt(lambda: (on_meta(partial(entry.build, CLASSES)), head(entry, CLASSES)))[0]
    )
    if built is None:
        return ""
    try:
        state, _ = own_weights(Path(path), sha256)
        fitted(built[0], state, built[1])
    except (ValueError, OSError) as error:
        return one_line(str(error))
    return ""
