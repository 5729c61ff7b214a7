"""Your own images: a folder for each class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reporter.datasets._images import Samples, preload, split
from reporter.types import Dataset

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor


def load(root: Path, size: int, train: bool) -> tuple[Tensor, Tensor]:
    """The images of `root/train/CLASS/` and `root/val/CLASS/` (or `test`); one `root/CLASS/` is split 80 to 20."""
    try:
        return preload(_samples(root, train), size)
    except OSError as error:
        raise OSError(f"{root}: {error}; wanted: train/CLASS/*.jpg and val/CLASS/*.jpg, or CLASS/*.jpg") from None


def _samples(root: Path, train: bool) -> Samples:
    from torch.utils.data import Subset
    from torchvision.datasets import ImageFolder

    if not (root / "train").is_dir():
        everything = ImageFolder(root)
        return Subset(everything, split(everything.targets, train))
    held_out = next((root / name for name in ("val", "test") if (root / name).is_dir()), None)
    if held_out is None:
        raise ValueError(f"{root}: beside train/ there is neither val/ nor test/")
    parts = ImageFolder(root / "train"), ImageFolder(held_out)
    if parts[0].classes != parts[1].classes:
        raise ValueError(f"{root}: train/ and {held_out.name}/ have different class folders")
    part: Samples = parts[0] if train else parts[1]
    return part


ENTRIES = (Dataset(name="imagefolder", title="Own images", load=load, source="the folder named after imagefolder:"),)
