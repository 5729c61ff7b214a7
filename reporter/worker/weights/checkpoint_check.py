"""Check before the first measurement that a checkpoint fits its architecture."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from reporter.model.attempts import attempt, one_line
from reporter.model.settings import PRESETS, Conditions
from reporter.worker.counts.building import built, on_meta
from reporter.worker.lookup import find
from reporter.worker.subject import Subject
from reporter.worker.weights.checkpoints import fitted, head, own_weights

CLASSES = 10
"""A head for any number of classes will do: the data set decides its shape."""


def checkpoint_error(reference: str, path: Path, sha256: str) -> str:
    """Why a checkpoint file cannot be used for the architecture of a name or reference; empty if it can.

    What is wrong with the architecture itself is left to the rows.
    """
    entry, _ = attempt(partial(find, reference))
    if entry is None:
        return ""
    subject = Subject(entry, "cpu", Conditions(**PRESETS["quick"]))
    made, _ = attempt(lambda: (on_meta(partial(built, entry, CLASSES)), head(entry, CLASSES), subject.heads))
    if made is None:
        return ""
    try:
        state, _ = own_weights(path, sha256)
        fitted(made[0], state, *made[1:])
    except (ValueError, OSError) as error:
        return one_line(str(error))
    return ""
