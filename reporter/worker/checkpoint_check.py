"""What is checked in a worker before the first measurement: whether a checkpoint fits its architecture."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from reporter.model.attempts import attempt, one_line
from reporter.model.settings import PRESETS, Conditions
from reporter.worker.building import built, on_meta
from reporter.worker.checkpoints import fitted, head, own_weights
from reporter.worker.lookup import find
from reporter.worker.subject import Subject

CLASSES = 10
"""A head for any number of classes will do: the data set decides its shape."""


def checkpoint_error(question: str) -> str:
    """Why a checkpoint cannot be used, empty where it can; the question is JSON: architecture, file, SHA-256.

    What is wrong with the architecture itself is left to the rows.
    """
    reference, path, sha256 = json.loads(question)
    entry, _ = attempt(partial(find, reference))
    if entry is None:
        return ""
    subject = Subject(entry, "cpu", Conditions(**PRESETS["quick"]))
    made, _ = attempt(lambda: (on_meta(partial(built, entry, CLASSES)), head(entry, CLASSES), subject.heads))
    if made is None:
        return ""
    try:
        state, _ = own_weights(Path(path), sha256)
        fitted(made[0], state, *made[1:])
    except (ValueError, OSError) as error:
        return one_line(str(error))
    return ""
