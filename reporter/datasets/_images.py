"""What the data sets share: images as normalised tensors, a fixed sample of many, a fixed split of one."""

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


class Samples(Protocol):
    """Pairs of a Pillow image and its label, as torchvision's data sets give them."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> tuple[Any, int]: ...


def preload(samples: Samples, size: int) -> tuple[Tensor, Tensor]:
    """Images and labels of a sample, mixed, so that its beginning is one too; no augmentation."""
    import torch

    chosen = torch.randperm(len(samples), generator=torch.Generator().manual_seed(0))[:LIMIT]
    images, labels = zip(*(samples[index] for index in chosen.tolist()), strict=True)
    return normalise(torch.stack([_square(image, size) for image in images])), torch.tensor(labels)


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


def _square(image: Any, size: int) -> Tensor:
    """A Pillow image as 3 x size x size between 0 and 1: the shorter side to size, then the middle."""
    from torchvision.transforms.v2 import functional

    small = functional.resize(image.convert("RGB"), [size])
    tensor: Tensor = functional.to_dtype(functional.pil_to_tensor(functional.center_crop(small, [size])), scale=True)
    return tensor
