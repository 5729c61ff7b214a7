"""Training: AdamW for a few steps, then the accuracy on held-out images."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from reporter.facts import training_rates
from reporter.model import Architecture, UnsupportedError
from reporter.worker.input_format import form
from reporter.worker.outputs import scores, scores_and_heads

WEIGHT_DECAY = 1e-4
WARM_UP_SHARE = 0.2
CALIBRATION_BATCHES = 6
PROBE_RATE = 1e-2
"""The learning rate of a linear probe, for every network: what a head is made of hardly differs between them."""

Images = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; what depends on the architecture comes from its catalog entry.

    Training from random weights has the learning rate of facts/training_rates.csv, if the architecture is listed there.
    """

    learning_rate: float
    label_smoothing: float
    auxiliary_loss: float
    steps: int
    batch_size: int
    seed: int = 0
    frozen: bool = False
    """Whether all but the head stays as it is: no layer trains or updates its statistics, and none drops out."""

    @classmethod
    def of(
        cls,
        architecture: Architecture,
        steps: int,
        batch_size: int,
        seed: int = 0,
        *,
        frozen: bool = False,
        scratch: bool = False,
    ) -> Recipe:
        listed = training_rates().get(architecture.name) if scratch else None
        return cls(
            PROBE_RATE if frozen else listed or architecture.learning_rate,
            architecture.label_smoothing,
            architecture.auxiliary_loss,
            steps,
            batch_size,
            seed,
            frozen,
        )

    @property
    def is_plain(self) -> bool:
        """Whether the loss is the cross-entropy of the class scores and nothing else."""
        return not self.label_smoothing and not self.auxiliary_loss


@dataclass
class TrainingHistory:
    """What happened: cross-entropy and seconds of every step, and the held-out top-1.

    The curve has the plain cross-entropy of the class scores on the training images of the step, whatever the loss adds
    to it, so that curves are comparable.
    """

    curve: list[dict[str, float]] = field(default_factory=list)
    evaluations: list[dict[str, float]] = field(default_factory=list)
    top1: float = 0.0
    optimizer: str = ""
    recalibrated: bool = False
    step_seconds: list[float] = field(default_factory=list, compare=False)


def fine_tune(
    network: nn.Module, train: Images, test: Images, recipe: Recipe, classes: int | None = None
) -> TrainingHistory:
    """Trains for some steps of AdamW and evaluates the top-1 on held-out images, a fraction.

    Batch-norm statistics lag behind the weights in so short a run, hence they are estimated again from training images
    before the evaluation (Wu & Johnson, arXiv 2105.07576, "precise BN"). The order of the images depends on the seed
    alone and so is the same for every network. ValueError where the loss is not finite. The class scores are found in
    what the network returns by their shape, images x `classes`.
    """
    train, test = ((form(network)(images), labels) for images, labels in (train, test))
    history = train_for(network, train, recipe, classes)
    if not recipe.frozen:
        history.recalibrated = recalibrate(network, train, recipe.batch_size, recipe.seed)
    history.top1 = top1(network, test, classes=classes)
    history.evaluations.append({"step": recipe.steps, "top1": history.top1})
    return history


def train_for(network: nn.Module, train: Images, recipe: Recipe, classes: int | None = None) -> TrainingHistory:
    """The steps of a recipe without an evaluation; each batch is drawn when it is needed.

    The random numbers of dropout depend on the seed alone, not on what was drawn to build the network.
    """
    history = TrainingHistory(optimizer=optimizer_of(network, recipe)[1])
    train_step = TrainingStep(network, recipe, classes)
    torch.manual_seed(recipe.seed)
    network.train(not recipe.frozen)
    start = perf_counter()
    for number, (images, labels) in enumerate(batches(train, recipe.batch_size, recipe.steps, recipe.seed), start=1):
        loss = float(train_step(images, labels))
        if not math.isfinite(loss):
            raise ValueError(f"the loss of step {number} is {loss}{_narrow(images)}")
        history.curve.append({"step": number, "loss": float(train_step.cross_entropy)})
        history.step_seconds.append(perf_counter() - start)
        start = perf_counter()
    return history


class TrainingStep:
    """One training step as a function of images and labels: forward, loss, backward, update; returns the loss.

    `cross_entropy` is that of the class scores in the last step, without label smoothing and auxiliary losses.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, classes: int | None = None) -> None:
        self.network, self.recipe, self.classes = network, recipe, classes
        self.optimizer, _ = optimizer_of(network, recipe)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: lr_factor(step, recipe.steps))
        self.cross_entropy = torch.tensor(math.nan)

    def __call__(self, images: Tensor, labels: Tensor) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        output = self.network(images)
        loss = loss_of(output, labels, self.recipe, self.classes)
        self.cross_entropy = loss.detach() if self.recipe.is_plain else self._plain(output, labels)
        del output  # not in memory in the backward pass
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        return loss.detach()

    @torch.no_grad()
    def _plain(self, output: Any, labels: Tensor) -> Tensor:
        return _loss(scores_and_heads(output, self.classes)[0], labels, 0.0)


def step_of(network: nn.Module, recipe: Recipe, classes: int | None = None) -> Callable[[Tensor, Tensor], Tensor]:
    """A training step, see `TrainingStep`."""
    return TrainingStep(network, recipe, classes)


def optimizer_of(network: nn.Module, recipe: Recipe) -> tuple[torch.optim.Optimizer, str]:
    """AdamW for the weights that learn, and what the record calls it; ValueError where no weight learns.

    The fused AdamW updates in one pass over the weights and allocates nothing; the plain one takes VGG-16 ten times as
    long on a CPU, and holds copies of its largest layer. It is used where the fused one refuses the weights.
    """
    learning = [weight for weight in network.parameters() if weight.requires_grad]
    if not learning:
        raise ValueError("no weight requires a gradient, so there is nothing to train")
    optimizer = partial(torch.optim.AdamW, learning, lr=recipe.learning_rate, weight_decay=WEIGHT_DECAY)
    refused = dict.fromkeys(str(weight.dtype)[6:] for weight in learning if not weight.is_floating_point())
    if refused:
        return optimizer(fused=False), f"AdamW, not fused ({', '.join(refused)} weights)"
    return optimizer(fused=True), "AdamW"


def lr_factor(step: int, steps: int) -> float:
    """The learning rate at a step as a share of the recipe's: linear warm-up, then linear decay to a twentieth."""
    rise = max(1, round(WARM_UP_SHARE * steps))
    if step < rise:
        return (step + 1) / rise
    return max(0.05, 1 - (step - rise) / max(1, steps - rise))


def loss_of(output: Any, labels: Tensor, recipe: Recipe, classes: int | None = None) -> Tensor:
    """Cross-entropy of the class scores, plus the weighted losses of the auxiliary heads that the recipe weighs.

    GoogLeNet weighs its two heads by 0.3 (arXiv 1409.4842, sect. 5), Inception v3 its one by 0.4.
    """
    main, heads = scores_and_heads(output, classes)
    loss = _loss(main, labels, recipe.label_smoothing)
    for head in heads if recipe.auxiliary_loss else ():
        loss = loss + recipe.auxiliary_loss * _loss(head, labels, recipe.label_smoothing)
    return loss


def _loss(scores: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """In single precision at least."""
    wide = scores.to(torch.promote_types(scores.dtype, torch.float32))
    return cross_entropy(wide, labels, label_smoothing=smoothing)


def _narrow(images: Tensor) -> str:
    """Why a number may not be finite: weights of less than single precision take no updates as small as AdamW's."""
    return f"; it trains in {str(images.dtype)[6:]}" if images.element_size() < 4 else ""


def batches(data: Images, size: int, count: int, seed: int) -> Iterator[Images]:
    """`count` batches, reshuffled every epoch, on the device where the images lie."""
    images, labels = data
    if not len(labels):
        raise UnsupportedError("the data set has no training images")
    generator = torch.Generator().manual_seed(seed)
    waiting = torch.empty(0, dtype=torch.int64)
    for _ in range(count):
        while len(waiting) < size:
            waiting = torch.cat([waiting, torch.randperm(len(labels), generator=generator)])
        chosen, waiting = waiting[:size].to(labels.device), waiting[size:]
        yield images[chosen], labels[chosen]


@torch.no_grad()
def recalibrate(network: nn.Module, train: Images, size: int, seed: int) -> bool:
    """Estimates batch-norm means and variances as averages over six batches of training images, weights as they are.

    A layer that its network keeps in evaluation mode while it trains keeps its statistics, too, which
    `torch.optim.swa_utils.update_bn` would set to 0 and 1, and so does one that no image of these batches reaches, as
    in an expert. Returns whether there are statistics to estimate.
    """
    network.train()
    layers = [layer for layer in network.modules() if isinstance(layer, nn.modules.batchnorm._BatchNorm)]
    momenta = {layer: layer.momentum for layer in layers if layer.training and layer.running_mean is not None}
    kept = {layer: {name: each.clone() for name, each in layer.named_buffers(recurse=False)} for layer in momenta}
    for layer in momenta:
        layer.reset_running_stats()
        layer.momentum = None  # a cumulative average
    for images, _ in batches(train, size, CALIBRATION_BATCHES, seed + 1) if momenta else ():
        network(images)
    for layer, momentum in momenta.items():
        layer.momentum = momentum
        if layer.num_batches_tracked == 0:
            for name, before in kept[layer].items():
                layer.get_buffer(name).copy_(before)
    return bool(momenta)


@torch.no_grad()
def top1(network: nn.Module, test: Images, batch: int = 32, classes: int | None = None) -> float:
    """The share of test images whose largest score is their label; ValueError where a score is NaN.

    Not under inference mode: the network is trained further, and may cache a tensor here.
    """
    network.eval()
    right = 0
    for start in range(0, len(test[1]), batch):
        images, labels = (part[start : start + batch] for part in test)
        found = scores(network(images), classes)
        if found.isnan().any():  # argmax would give its place
            raise ValueError(f"class scores of held-out images are nan after the training{_narrow(images)}")
        right += int((found.argmax(1) == labels).sum())
    return right / len(test[1])
