"""The weights that training starts from: a checkpoint of the user, published ones, or random ones, and why."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from reporter.model.attempts import one_line
from reporter.model.fields import AS_SET
from reporter.worker.references import instance
from reporter.worker.weights.checkpoints import head, load_but_head, own_weights

if TYPE_CHECKING:
    from reporter.worker.subject import Subject

HASH = re.compile(r"-([a-f0-9]{8,})\.")
"""The beginning of a file's SHA-256 in its name, NAME-HASH.pth."""


def load_weights(network: nn.Module, subject: Subject, classes: int) -> dict[str, Any]:
    """Gives a network the weights that it starts from; returns which, and why random ones."""
    conditions = subject.conditions
    if conditions.checkpoint:
        state, about = own_weights(Path(conditions.checkpoint_file or ""), conditions.checkpoint)
        removed = load_but_head(network, state, head(subject.architecture, classes), subject.heads)
        if removed:
            about["weights"] += f", prefix {removed} removed"
            about["checkpoint"] |= {"prefix_removed": removed}
        about["checkpoint"] |= _set_rescaling(network, conditions.checkpoint)
        return {**about, "weights_reason": None}
    if conditions.weights != "pretrained" and instance(subject.architecture):
        return {"weights": AS_SET, "weights_reason": None}
    if conditions.weights == "random":
        return {"weights": "random", "weights_reason": "asked for"}
    weights, reason = _pretrain(network, subject, classes)
    return {"weights": weights, "weights_reason": reason}


def _set_rescaling(network: Any, sha256: str) -> dict[str, Any]:
    """Turns `transform_input` on for the published files of GoogLeNet and Inception v3; returns it for the record.

    These weights were ported from TensorFlow, and the networks rescale images to the range that they were trained on.
    """
    if not isinstance(getattr(network, "transform_input", None), bool):
        return {}
    network.transform_input |= sha256.startswith(_ported())
    return {"transform_input": network.transform_input}


def _ported() -> tuple[str, ...]:
    """How the SHA-256 of each file begins whose weights torchvision ported from TensorFlow, by its name."""
    from torchvision.models import GoogLeNet_Weights, Inception_V3_Weights

    names = (weights.url for weights in (*GoogLeNet_Weights, *Inception_V3_Weights))
    return tuple(found[1] for name in names if (found := HASH.search(name)))


def _pretrain(network: Any, subject: Subject, classes: int) -> tuple[str, str | None]:
    name, weights = subject.architecture.name, subject.architecture.weights
    if weights is None:
        if subject.conditions.weights == "pretrained":
            raise ValueError(f"{subject.architecture.no_weights}; use --weights auto or random")
        return "random", subject.architecture.no_weights
    try:
        state = _checkpoint(name, weights)
    except OSError as error:
        if subject.conditions.weights == "pretrained":
            raise
        return "random", one_line(str(error))
    load_but_head(network, state, head(subject.architecture, classes), subject.heads)
    if hasattr(network, "transform_input"):
        network.transform_input = True
    return weights, None


def _checkpoint(name: str, weights: str) -> Mapping[str, Tensor]:
    """The checkpoint from torch hub's folder, or downloaded to it, its hash checked; OSError names the file wanted."""
    from torchvision.models import get_model_weights

    chosen = get_model_weights(name)[weights]
    wanted = Path(torch.hub.get_dir()) / "checkpoints" / chosen.url.rsplit("/", 1)[-1]
    if wanted.exists() and not _is_genuine(wanted):
        why = "in torch hub's checkpoints is not the published file, by its hash; delete it"
        raise OSError(f"no {weights} weights: {wanted.name} {why}")
    try:
        state: Mapping[str, Tensor] = chosen.get_state_dict(progress=False, check_hash=True, weights_only=True)
        return state
    except (OSError, RuntimeError, HTTPException) as error:
        why = f"could not be downloaded: {_cause(error)}"
        raise OSError(f"no {weights} weights: {wanted.name} is not in torch hub's checkpoints and {why}") from None


def _cause(error: Exception) -> str:
    """What the system reports about a failed download, without the error of the library around it."""
    inner = getattr(error, "reason", error)
    return getattr(inner, "strerror", None) or one_line(str(inner))


@cache
def _is_genuine(path: Path) -> bool:
    """Whether a file's SHA-256 begins as its name says, NAME-HASH.pth; torch itself looks only when it downloads."""
    found = HASH.search(path.name)
    with path.open("rb") as file:
        return found is None or hashlib.file_digest(file, "sha256").hexdigest().startswith(found[1])
