"""Functions for data sets: images as normalized tensors, fixed samples and fixed splits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
"""ImageNet's channel statistics, which pretrained weights expect; the same for every data set."""

LIMIT = 2000
"""At most so many images of a part are loaded (0.15 GB at 80 px, 1.2 GB at 224): a sample drawn with a fixed seed."""
FLOATING = {"I": (255.0, 65535.0), "F": (1.0, 255.0, 65535.0)}
"""Pillow's modes without a fixed white: white is the least of these levels that no pixel exceeds."""


class Samples(Protocol):
    """Pairs of a Pillow image and its label, as torchvision's data sets give them."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> tuple[Any, int]: ...


class ImageNote(UserWarning):
    """A note on the images of a data set, which the report prints."""

    field = "image_notes"
    """Where it is in the detail of an accuracy."""


class SkippedImages(ImageNote):
    """Images of a data set that could not be read and were left out: how many, the first of them, and why.

    `opened` is the size of the sample that they are part of, None where all images were opened.
    """

    field = "images_skipped"

    def __init__(self, count: int, first: str, why: str, opened: int | None = None) -> None:
        super().__init__(count, first, why, opened)
        self.count, self.first, self.why, self.opened = count, first, why, opened

    def __str__(self) -> str:
        images, verb = ("1 image", "was") if self.count == 1 else (f"{self.count} images", "were")
        sampled = f" of the {self.opened} that were opened" if self.opened else ""
        return f"{images}{sampled} {verb} left out, first {self.first}: {self.why}"


def preload(samples: Samples, size: int) -> tuple[Tensor, Tensor]:
    """Images and labels of a sample, mixed, so that its beginning is one too; no augmentation."""
    import torch

    pairs = [samples[index] for index in sample(len(samples))]
    return normalise(torch.stack([square(image, size) for image, _ in pairs])), torch.tensor(
        [each for _, each in pairs]
    )


def sample(count: int) -> list[int]:
    """The indices of at most `LIMIT` of `count` images, in a fixed random order."""
    import torch

    chosen: list[int] = torch.randperm(count, generator=torch.Generator().manual_seed(0))[:LIMIT].tolist()
    return chosen


def normalise(images: Tensor) -> Tensor:
    """Images N x 3 x H x W between 0 and 1, less the mean, over the deviation of each channel."""
    from torchvision.transforms.v2.functional import normalize

    normal: Tensor = normalize(images, MEAN, DEVIATION)
    return normal


def split(labels: Sequence[int], train: bool) -> list[int]:
    """Which images belong to a part: of every class four fifths to training, a fifth to the test, always the same."""
    from sklearn.model_selection import train_test_split

    parts = train_test_split(range(len(labels)), test_size=0.2, stratify=labels, random_state=0)
    return list(parts[0] if train else parts[1])


def square(image: Any, size: int) -> Tensor:
    """A Pillow image as 3 x size x size between 0 and 1: the shorter side to size, then the middle."""
    from torchvision.transforms.v2 import functional

    plain = _levels(image) if _is_wide(image) else image.convert("RGB")
    small = functional.center_crop(functional.resize(plain, [size]), [size])
    tensor: Tensor = functional.to_dtype(functional.pil_to_tensor(small), scale=True)
    return tensor.expand(3, -1, -1)


def is_transparent(image: Any) -> bool:
    """Whether a Pillow image has transparent pixels; `square` keeps their colors, as torchvision's data sets do."""
    if _is_wide(image) or not ("A" in image.getbands() or "transparency" in image.info):
        return False
    return bool(image.convert("RGBA").getchannel("A").getextrema()[0] < 255)


def _is_wide(image: Any) -> bool:
    """Whether a Pillow image has gray levels of more than 8 bits."""
    return image.mode in FLOATING or image.mode.startswith("I;16")


def _levels(image: Any) -> Any:
    """Gray levels of more than 8 bits as a floating-point image between 0 and 1; Pillow's own conversion clips them."""
    import numpy as np
    from PIL import Image

    levels = np.nan_to_num(np.asarray(image).astype(np.float32), posinf=0.0, neginf=0.0)
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        white = 65535.0
    else:
        most = float(levels.max(initial=0.0))
        white = next((level for level in FLOATING[image.mode] if most <= level), most)
    return Image.fromarray((levels / white).clip(0, 1).astype(np.float32))
