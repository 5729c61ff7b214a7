"""Display names in texts and charts; identifiers in tables and code."""

from __future__ import annotations

import pytest

from reporter import facts
from reporter.registry.selection import sets
from reporter.report.display_names import display_name, display_names, with_display_names


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        ("alexnet", "AlexNet"),
        ("vgg16", "VGG-16"),
        ("vgg13_bn", "VGG-13 BN"),
        ("googlenet", "GoogLeNet"),
        ("bn_inception", "BN-Inception"),
        ("densenet121", "DenseNet-121"),
        ("resnext50_32x4d", "ResNeXt-50 32x4d"),
        ("se_resnet50", "SE-ResNet-50"),
        ("se_resnext101_32x8d", "SE-ResNeXt-101 32x8d"),
        ("timm:resnet50", "timm:resnet50"),
        ("my_resnet50", "my_resnet50"),
        ("<script>", "<script>"),
    ],
)
def test_a_display_name_is_that_of_the_paper(identifier: str, name: str) -> None:
    assert display_name(identifier) == name


def test_every_architecture_of_the_lecture_has_a_display_name_of_its_own() -> None:
    names = [display_name(name) for name in sets()["lecture"]]
    assert len(set(names)) == len(names)
    assert not {name for name in names if "_" in name or name.islower()}
    assert set(display_names()) == set(facts.architectures())


def test_in_a_text_only_whole_identifiers_are_replaced() -> None:
    text = "vgg16_bn, vgg16 and se_resnet50 of timm:resnet50, my-resnet50, resnet50.py and alexnet."
    wanted = "VGG-16 BN, VGG-16 and SE-ResNet-50 of timm:resnet50, my-resnet50, resnet50.py and AlexNet."
    assert with_display_names(text) == wanted
