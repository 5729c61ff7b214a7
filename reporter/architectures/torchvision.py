"""Architectures of torchvision: a table of those in the lecture, and `discover` for all others."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from reporter import facts
from reporter.model import Architecture

if TYPE_CHECKING:
    from torch import nn

_SLOWLY = ("alexnet", "vgg*", "squeezenet*", "vit_*", "swin_*", "convnext_*")
"""Globs of names that learn at a tenth of the usual rate: without batch norm nothing rescales what a layer puts out,
and VGG's first linear layer alone holds 103 M weights, batch norm before it or not."""

INCEPTION_RATE = 5e-3
"""Inception v2 and v3 are initialised with a deviation of 0.1, some five times the usual: so are their steps."""

_WITH_BATCH_NORM = "BN after each convolution, which the paper does not have"
_STRIDE = "stride in the 3x3 convolution of a bottleneck (v1.5); the paper has it in the first 1x1"
_BUILDER: dict[str, dict[str, Any]] = {
    # Both would warn that their initialisation is slow or will change, if it were not asked for.
    "googlenet": {"init_weights": True, "aux_logits": True},
    "inception_v3": {"init_weights": True, "aux_logits": True},
}
_RECIPE: dict[str, dict[str, Any]] = {
    "googlenet": {"auxiliary_loss": 0.3},
    "inception_v3": {"auxiliary_loss": 0.4, "label_smoothing": 0.1, "learning_rate": INCEPTION_RATE},
}
_LECTURE = {
    "alexnet": 'the "One weird trick" variant (arXiv 1404.5997): no groups, no local response normalization',
    "vgg16": "configuration D; adaptive pooling before the classifier",
    "vgg16_bn": f"configuration D; {_WITH_BATCH_NORM}",
    "vgg19": "configuration E; adaptive pooling before the classifier",
    "vgg19_bn": f"configuration E; {_WITH_BATCH_NORM}",
    "googlenet": "BN after each convolution, and 3x3 where the paper has 5x5",
    "inception_v3": "as released by its authors, with the auxiliary head with BN",
    "densenet121": "DenseNet-BC, growth rate 32",
    "densenet201": "DenseNet-BC, growth rate 32",
    "resnet18": "projection shortcuts where the shape changes (option B); the paper's Table 2 has option A",
    "resnet50": _STRIDE,
    "resnet101": _STRIDE,
    "resnext50_32x4d": "cardinality 32, width 4; stride in the 3x3 convolution of a bottleneck",
}


def build(name: str, input_size: int, classes: int) -> nn.Module:
    """One of torchvision's classifiers with random weights.

    GoogLeNet and Inception v3 keep `transform_input` off: it rescales images for weights ported from TensorFlow, so
    turn it on to load their checkpoints.
    """
    from torchvision.models import get_model

    options = {"image_size": input_size} if name.startswith("vit_") else _BUILDER.get(name, {})
    network: nn.Module = get_model(name, weights=None, num_classes=classes, **options)
    return network


@cache
def discover() -> tuple[Architecture, ...]:
    """All classifiers of the installed torchvision, in its order; imports it.

    A network of a family that facts/families.csv does not know yet is left out.
    """
    from torchvision import models

    found = []
    for name in filter(facts.family, models.list_models(module=models)):
        weights = next(iter(models.get_model_weights(name)))
        found.append(described(name, weights.name, weights.transforms().crop_size[0]))
    return tuple(found)


def described(name: str, weights: str, input_size: int) -> Architecture:
    """The entry of one network, from the name and input size of its first checkpoint; imports no torch."""
    return _lecture().get(name) or _architecture(name, weights=weights, input_size=input_size)


def _architecture(name: str, **given: Any) -> Architecture:
    about = facts.metadata(name) | given
    rate = 1e-4 if any(fnmatchcase(name, glob) for glob in _SLOWLY) else 1e-3
    make = partial(build, name, about["input_size"])
    return Architecture(build=make, **{"learning_rate": rate, **about, **_RECIPE.get(name, {})})


@cache
def _lecture() -> dict[str, Architecture]:
    return {name: _architecture(name, weights="IMAGENET1K_V1", variant=note) for name, note in _LECTURE.items()}


ENTRIES = tuple(_lecture().values())
