"""What the training metrics share: images, networks that are ready to learn, single steps and gradients."""

from __future__ import annotations

import hashlib
import math
import os
import re
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from reporter.measuring.checkpoints import freeze, head, load_but_head, own_weights
from reporter.measuring.subject import Subject, auxiliary_heads, drop_auxiliary
from reporter.measuring.training import Images, Recipe, batches
from reporter.selection import DATA_ROOT, dataset
from reporter.settings import Conditions
from reporter.types import Way


def exercise(subject: Subject, device: str | torch.device) -> tuple[nn.Module, Images, Recipe]:
    """What a step of the recipe takes: the network as it is measured, and a batch as the fine-tuning has them."""
    conditions = subject.conditions
    network, _ = _fit(subject.take(device), conditions.image_size)
    images = subject.input(conditions.batch_size, device, conditions.image_size)
    labels = torch.arange(conditions.batch_size, device=device) % subject.classes
    recipe = Recipe.of(subject.architecture, conditions.steps, conditions.batch_size)
    return network.train(), (images, labels), recipe


def load_images(conditions: Conditions, device: torch.device) -> tuple[Images, Images, int]:
    """Training and held-out images on the device, and the number of classes."""
    root = Path(conditions.data_root or os.path.expanduser(DATA_ROOT))  # Path.home() raises without a home
    chosen = dataset(conditions.dataset)
    parts = []
    for train in (True, False):
        images, labels = chosen.load(root, conditions.image_size, train)
        keep = slice(None) if train else slice(conditions.test_images)
        parts.append((images[keep].to(device), labels[keep].to(device)))
    return parts[0], parts[1], int(max(labels.max() for _, labels in parts)) + 1


def learner(subject: Subject, classes: int, seed: int, way: Way = "full") -> tuple[nn.Module, dict[str, Any]]:
    """A network with a head for `classes`, from trained weights where they are asked for and can be had.

    For a probe all but the head is frozen, and there are no auxiliary heads.
    """
    torch.manual_seed(seed)
    network = subject.architecture.build(classes)
    about: dict[str, Any] = {"weights": "random", "weights_reason": None}
    if way != "scratch":
        about = _begin(network, subject, classes)
    if way == "probe" and auxiliary_heads(network):
        drop_auxiliary(network)
        about |= {"auxiliary_dropped": "a linear probe trains the head alone"}
    if way == "probe":
        freeze(network, head(subject.architecture, classes))
    network, dropped = _fit(network.to(subject.device), subject.conditions.image_size)
    return network, {"auxiliary_dropped": dropped, **about}


def initial_gradient_ratio(subject: Subject, train: Images, classes: int, seed: int) -> float:
    """The gradient ratio of a new network, random weights before the first step."""
    torch.manual_seed(seed)
    network = subject.architecture.build(classes).to(subject.device)
    return gradient_ratio(network, train, subject.conditions.batch_size, seed)


def gradient_ratio(network: nn.Module, train: Images, size: int, seed: int) -> float:
    """Norm of the gradient in the first layer's weights over that in the last's, on one batch; changes the network."""
    drop_auxiliary(network)
    layers: list[Any] = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(lambda module, *_: layers.append(module))
    network.zero_grad(set_to_none=True)
    images, labels = next(batches(train, size, 1, seed))
    cross_entropy(network.train()(images), labels).backward()
    ratio = float(layers[0].weight.grad.norm() / layers[-1].weight.grad.norm())
    if not math.isfinite(ratio):
        raise ValueError(f"the ratio of the gradients is {ratio}")
    return ratio


def _fit(network: nn.Module, size: int) -> tuple[nn.Module, str | None]:
    """Drops auxiliary heads that images of this size are too small for; says so."""
    if not auxiliary_heads(network):
        return network, None
    trial = deepcopy(network).to("meta").train()
    try:
        trial(torch.empty(2, 3, size, size, device="meta"))
    except RuntimeError:
        drop_auxiliary(network)
        return network, f"images of {size} px are too small for the auxiliary head"
    return network, None


def _begin(network: nn.Module, subject: Subject, classes: int) -> dict[str, Any]:
    """Gives a network the weights that it starts from; tells which, and why random ones."""
    conditions = subject.conditions
    if conditions.checkpoint:
        state, about = own_weights(Path(conditions.checkpoint_file or ""), conditions.checkpoint)
        load_but_head(network, state, head(subject.architecture, classes))
        return {**about, "weights_reason": None}
    if conditions.weights == "random":
        return {"weights": "random", "weights_reason": "asked for"}
    weights, reason = _pretrain(network, subject, classes)
    return {"weights": weights, "weights_reason": reason}


def _pretrain(network: Any, subject: Subject, classes: int) -> tuple[str, str | None]:
    name, weights = subject.architecture.name, subject.architecture.weights
    if weights is None:
        if subject.conditions.weights == "pretrained":
            raise ValueError("no published ImageNet weights; use --weights auto or random")
        return "random", subject.architecture.unpublished or "no published ImageNet weights"
    try:
        state = _checkpoint(name, weights)
    except OSError as error:
        if subject.conditions.weights == "pretrained":
            raise
        return "random", str(error)
    load_but_head(network, state, head(subject.architecture, classes))
    if hasattr(network, "transform_input"):
        network.transform_input = True
    return weights, None


def _checkpoint(name: str, weights: str) -> Mapping[str, Tensor]:
    """The checkpoint from torch hub's folder, or downloaded to it, its hash checked; OSError names the file wanted."""
    from torchvision.models import get_model_weights

    chosen = get_model_weights(name)[weights]
    wanted = Path(torch.hub.get_dir()) / "checkpoints" / chosen.url.rsplit("/", 1)[-1]
    if wanted.exists() and not is_genuine(wanted):
        why = "in torch hub's checkpoints is not the published file, by its hash; delete it"
        raise OSError(f"no {weights} weights: {wanted.name} {why}")
    try:
        state: Mapping[str, Tensor] = chosen.get_state_dict(progress=False, check_hash=True, weights_only=True)
        return state
    except (OSError, RuntimeError, HTTPException) as error:
        raise OSError(f"no {weights} weights: {wanted.name} is not in torch hub's checkpoints and {error}") from None


@cache
def is_genuine(path: Path) -> bool:
    """Whether a file's SHA-256 begins as its name says, NAME-HASH.pth; torch itself looks only when it downloads."""
    found = re.search(r"-([a-f0-9]{8,})\.", path.name)
    with path.open("rb") as file:
        return found is None or hashlib.file_digest(file, "sha256").hexdigest().startswith(found[1])
