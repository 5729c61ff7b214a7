"""Functions for training metrics: images, models that are ready for training, steps and gradients."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from reporter.model import FinetuningMethod, UnsupportedError
from reporter.model.image_sizes import square
from reporter.model.reasons import DROPPED
from reporter.model.settings import Conditions
from reporter.registry.selection import data_folder, dataset
from reporter.worker import precision
from reporter.worker.input_format import form
from reporter.worker.learning.finetuning import Images, Recipe, batches, loss_of
from reporter.worker.learning.images import ImageNote
from reporter.worker.learning.relative_gradients import WEIGHTED
from reporter.worker.outputs import is_ambiguous
from reporter.worker.references import instance
from reporter.worker.subject import Subject
from reporter.worker.weights.auxiliary_heads import drop_auxiliary, reordered
from reporter.worker.weights.checkpoints import freeze, head
from reporter.worker.weights.initial_weights import load_weights

Used = list[tuple[str, Tensor]]
"""The weights of layers in the order of their use, by the layer's name."""
TOO_SMALL = "images of {size} px are too small for the auxiliary head"
SIDE_STEP = 16
"""Networks that do not take the images of a data set get images that are larger by a multiple of this, in pixels."""


def exercise(
    subject: Subject, device: str | torch.device, copies: bool = False
) -> tuple[nn.Module, Images, Recipe, dict[str, Any]]:
    """What a step of the recipe takes: the network as it is measured, and a batch as the training has them.

    Last, the detail of readings of such steps: why the network is without its auxiliary heads, if it is. `copies`: see
    `Subject.take`.
    """
    conditions = subject.conditions
    network = subject.take(device, copies)
    output, dropped = subject.training_output(conditions.image_size), None
    if output is None:  # without a search for auxiliary heads, which takes longer, where none is needed
        dropped = _fit(subject, network)
    elif is_ambiguous(output[0], subject.classes):
        network = reordered(network, subject.training_order)
    images = subject.input(conditions.batch_size, device, square(conditions.image_size))
    labels = torch.arange(conditions.batch_size, device=device) % subject.classes
    recipe = Recipe.of(subject.architecture, conditions.steps, conditions.batch_size)
    return network.train(), (images, labels), recipe, {DROPPED: dropped} if dropped else {}


def load_images(conditions: Conditions, device: torch.device) -> tuple[Images, Images, int]:
    """Training and held-out images on the device, and the number of classes."""
    train, test = load_parts(conditions, device)
    held_out = test[0][: conditions.test_images], test[1][: conditions.test_images]
    return train, held_out, class_count(conditions, train, test)


def load_parts(conditions: Conditions, device: torch.device, side: int | None = None) -> tuple[Images, Images]:
    """The two parts of the data set on the device, as images of `side` pixels."""
    return load_part(conditions, device, side), load_part(conditions, device, side, train=False)


def load_part(conditions: Conditions, device: torch.device, side: int | None = None, train: bool = True) -> Images:
    """One part of the data set on the device, as images of `side` pixels, by default `image_size`."""
    data = dataset(conditions.dataset)
    root = data_folder(data, conditions.data_root)
    images, labels = data.load(root, side or conditions.image_size, train)
    return images.to(device), labels.to(device)


def class_count(conditions: Conditions, *parts: Images) -> int:
    """The number of classes of the data set; the images that were loaded of its parts may lack some of them."""
    data = dataset(conditions.dataset)
    folder = data_folder(data, conditions.data_root) / data.folder
    known = data.count_classes(folder) if data.count_classes else data.classes or 0
    return max(known, 0, *(int(labels.max()) + 1 for _, labels in parts if len(labels)))


def guessing_share(classes: int, *parts: Images) -> float:
    """The share of images of these parts that guessing classifies correctly, with one answer for all or at random.

    The best answer for all is the commonest class of the images.
    """
    labels = torch.cat([labels for _, labels in parts]).cpu()
    return max(1 / max(1, classes), int(labels.bincount().max()) / len(labels))


def split_of_seed(parts: tuple[Images, Images], pooled: bool, count: int, seed: int) -> tuple[Images, Images]:
    """The training images and `count` held-out images of a seed.

    Held-out images are drawn from the second part or, if `pooled`, from both parts, a fifth of all at most; then the
    rest are training images.
    """
    generator = torch.Generator().manual_seed(seed)
    if not pooled:
        train, (images, labels) = parts
        chosen = torch.randperm(len(labels), generator=generator)[:count].to(labels.device)
        return train, (images[chosen], labels[chosen])
    images, labels = (torch.cat(each) for each in zip(*parts, strict=True))
    order = torch.randperm(len(labels), generator=generator).to(labels.device)
    held_out, rest = order[: min(count, len(order) // 5)], order[min(count, len(order) // 5) :]
    return (images[rest], labels[rest]), (images[held_out], labels[held_out])


def training_side(subject: Subject) -> int:
    """The size in pixels of the images that a network is trained on.

    That of the data set, or the next multiple of SIDE_STEP that goes through the network, `image_size` at most.
    """
    largest = subject.conditions.image_size
    smallest = min(dataset(subject.conditions.dataset).side or largest, largest)
    sides = range(smallest, largest, SIDE_STEP)
    return next((side for side in sides if subject.refusal(square(side)) is None), largest)


@contextmanager
def noting_images() -> Iterator[dict[str, list[str]]]:
    """Collects the notes on the images of a data set for the detail, by the field that each belongs to."""
    lines: dict[str, list[str]] = {}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ImageNote)
        yield lines
    for note in caught:
        if isinstance(note.message, ImageNote):
            lines.setdefault(note.message.field, []).append(str(note.message))


def learner(
    subject: Subject, classes: int, seed: int, mode: FinetuningMethod = "full", side: int | None = None
) -> tuple[nn.Module, dict[str, Any]]:
    """A network with a head for `classes`, from trained weights where they are asked for and available.

    It is trained on images of `side` pixels, by default `image_size`. For a probe all but the head is frozen, and there
    are no auxiliary heads. UnsupportedError where a module instance is to be trained from random weights.
    """
    if mode == "scratch" and instance(subject.architecture):
        raise UnsupportedError("a module instance has the weights that its code sets; name a function that builds it")
    order = subject.training_order
    torch.manual_seed(seed)
    network = reordered(subject.fresh(classes), order)
    about: dict[str, Any] = {"weights": "random", "weights_reason": None}
    if mode != "scratch":
        about = load_weights(network, subject, classes)
    if mode == "probe":
        drop_auxiliary(network, subject.heads)  # it evaluates while it is trained
        about |= {DROPPED: "a linear probe trains the head alone" if subject.heads else None}
        freeze(network, head(subject.architecture, classes))
    else:
        about |= {DROPPED: _fit(subject, network, side)}
    precision.fix()  # a head is found by building the model again
    return network.to(subject.device), about


def initial_gradients(subject: Subject, train: Images, classes: int, seed: int) -> Used:
    """The weights of a new network with their gradients: random weights, or those of a module instance."""
    order = subject.training_order
    torch.manual_seed(seed)
    network = reordered(subject.fresh(classes), order).to(subject.device)
    drop_heads(subject, network, subject.conditions.image_size)
    return weight_gradients(network, train, subject.conditions.batch_size, seed, classes)


def gradient_ratio(network: nn.Module, train: Images, size: int, seed: int, classes: int | None = None) -> float:
    """Norm of the gradient in the first layer's weights over that in the last's, on one batch; changes the network."""
    return ratio_of_ends(weight_gradients(network, train, size, seed, classes))


def weight_gradients(network: nn.Module, train: Images, size: int, seed: int, classes: int | None = None) -> Used:
    """The weights of layers with their gradients on one batch, in the order of their use; changes the network.

    A weight that is computed from others (weight norm, pruning) counts as it is used. Layers that run once more in the
    backward pass (activation checkpointing) count once.
    """
    used: Used = []

    def note(module: nn.Module, _: object, __: object, name: str) -> None:
        weight = module.weight
        assert isinstance(weight, Tensor)
        if weight.requires_grad and not weight.is_leaf:
            weight.retain_grad()
        used.append((name, weight))

    hooks = [
        module.register_forward_hook(partial(note, name=name))
        for name, module in network.named_modules()
        if isinstance(module, WEIGHTED) and isinstance(getattr(module, "weight", None), Tensor)
    ]
    network.zero_grad(set_to_none=True)
    images, labels = next(batches(train, size, 1, seed))
    with parametrize.cached():
        output = network.train()(form(network)(images))
        for hook in hooks:
            hook.remove()
        recipe = Recipe(0.0, 0.0, 0.0, 1, size)
        loss_of(output, labels, recipe, classes).backward()
    return used


def ratio_of_ends(used: Used) -> float:
    """Norm of the first layer's gradient over that of the last's; `UnsupportedError` where one of the two has none."""
    first, last = _ends(used)
    if not last.norm():
        raise UnsupportedError("no gradient reached the last layer")
    ratio = float(first.norm() / last.norm())
    if not math.isfinite(ratio):
        raise ValueError(f"the ratio of the gradients is {ratio}")
    return ratio


def _ends(used: Used) -> tuple[Tensor, Tensor]:
    """The gradients of the first layer's weights and of the last's that the loss depends on."""
    if not used:
        raise UnsupportedError("no convolution or linear layer holds its weights, so there is no ratio of gradients")
    name, first = used[0]
    reached = [weight.grad for _, weight in used if weight.grad is not None]
    if first.grad is None:
        why = "are not reached by the loss" if first.requires_grad else "are frozen"
        raise UnsupportedError(f"the weights of the first layer, {name}, {why}, so they have no gradient")
    return first.grad, reached[-1]


def drop_heads(subject: Subject, network: nn.Module, size: int) -> None:
    """Takes the auxiliary heads off a network, unless it does not train without them on images of `size` pixels.

    UnsupportedError where it does not train with them either, because the images are too small for them.
    """
    if not subject.heads:
        return
    if (without := subject.training_error(size, heads=False)) is None:
        drop_auxiliary(network, subject.heads)
    elif subject.training_error(size) not in (None, without):
        raise UnsupportedError(f"{TOO_SMALL.format(size=size)}, without which the network does not train")


def _fit(subject: Subject, network: nn.Module, side: int | None = None) -> str | None:
    """Drops auxiliary heads that the images of the training are too small for; returns the reason where it does."""
    size = side or subject.conditions.image_size
    if not subject.heads or subject.training_error(size) is None:
        return None
    drop_heads(subject, network, size)
    return TOO_SMALL.format(size=size)
