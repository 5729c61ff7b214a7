"""Image sizes as options name them: one side of a square in pixels, or height and width as in `320x256`."""

from __future__ import annotations

import re
from typing import NamedTuple

from reporter.model.fields import MOST

COMMON_SIDES = (28, 32, 48, 64, 84, 96, 112, 128, 160, 192, 224, 227, 240, 256, 288, 299, 320, 384, 448, 512)
"""Sides in pixels that a network is tried with if it does not take the size that it is given."""
WANTED = f"it should be N or HxW in pixels, from 1 to {MOST['input_size']:,}"

OF_ONE_SIZE = (
    "torchvision_ops_gmacs", "gmacs_measured", "mult_adds_published", "baseline_1crop_top1_err",
    "paper_1crop_top1_err", "paper_1crop_top5_err", "paper_10crop_top1_err", "paper_10crop_top5_err",
    "tv_v1_acc1", "tv_v1_acc5", "tv_v2_acc1", "tv_v2_acc5", "other_weights_acc",
)  # fmt: skip
"""The published figures that hold for the architecture's own image size only."""


class ImageSize(NamedTuple):
    """Height and width in pixels; its text is one number where they are equal."""

    height: int
    width: int

    def __str__(self) -> str:
        return str(self.height) if self.height == self.width else f"{self.height}x{self.width}"


def square(side: int) -> ImageSize:
    return ImageSize(side, side)


def image_size(text: object) -> ImageSize:
    """The size that `N` or `HxW` names; ValueError with what would be right."""
    found = re.fullmatch(r"([0-9]{1,7})(?:[x×]([0-9]{1,7}))?", "" if isinstance(text, bool) else str(text).strip())
    if not found:
        raise ValueError(WANTED)
    size = ImageSize(int(found[1]), int(found[2] or found[1]))
    if not all(1 <= side <= MOST["input_size"] for side in size):
        raise ValueError(WANTED)
    return size
