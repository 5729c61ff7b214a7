"""Display names of architectures: AlexNet, VGG-16 BN, ResNeXt-50 32x4d; others are shown by their identifiers."""

from __future__ import annotations

import re
from functools import cache

from reporter import facts

FAMILIES = {"vgg": "VGG-", "densenet": "DenseNet-", "resnet": "ResNet-", "resnext": "ResNeXt-"}
SINGLE = {
    "alexnet": "AlexNet",
    "googlenet": "GoogLeNet",
    "bn_inception": "BN-Inception",
    "inception_v2": "Inception v2",
    "inception_v3": "Inception v3",
}
PATTERN = re.compile(r"(se_)?(vgg|densenet|resnet|resnext)(\d+)(?:_(bn|\d+x\d+d))?")


def display_name(identifier: str) -> str:
    """The name as its paper writes it, the identifier where none is known."""
    if identifier in SINGLE:
        return SINGLE[identifier]
    if not (found := PATTERN.fullmatch(identifier)):
        return identifier
    gate, family, depth, variant = found.groups()
    return f"{'SE-' if gate else ''}{FAMILIES[family]}{depth}{' ' + _variant(variant) if variant else ''}"


def _variant(text: str) -> str:
    return "BN" if text == "bn" else text


@cache
def display_names() -> dict[str, str]:
    """The display names of all architectures with published figures, by identifier."""
    return {name: display_name(name) for name in facts.architectures()}


def with_display_names(text: str) -> str:
    """A text with display names instead of identifiers, words that are only parts of others left alone."""
    return _identifiers().sub(lambda found: display_names()[found[0]], text)


@cache
def _identifiers() -> re.Pattern[str]:
    names = "|".join(sorted(map(re.escape, display_names()), key=len, reverse=True))
    return re.compile(rf"(?<![\w:./-])(?:{names})(?![\w/-]|\.\w)")
