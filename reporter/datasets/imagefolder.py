"""Images of the user: a folder for each class."""

from __future__ import annotations

import warnings
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from reporter.datasets._image_folders import ImageSplit, count_classes, parts
from reporter.model import Dataset
from reporter.model.attempts import attempt

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

LEAST = 2
"""Images of a class that a split needs: one for each part."""


def load(root: Path, size: int, train: bool) -> tuple[Tensor, Tensor]:
    """The images of `root/train/CLASS/` or of `root/val/CLASS/`; a single `root/CLASS/` is split 80 to 20.

    The two parts may have other usual names, see _image_folders.py. An image that cannot be read is left out, with a
    `SkippedImages` warning; ValueError where no image of a class can be read. An `ImageNote` warning has the number of
    classes without a training image in the sample, or that of images with transparent pixels.
    """
    from reporter.worker.learning.images import ImageNote, split

    first, second = parts(root)
    if second is not None:
        part = first if train else second
    else:
        _check_split(root, first)
        chosen = split(first.labels, train)
        files, labels = [first.files[index] for index in chosen], [first.labels[index] for index in chosen]
        part = ImageSplit(files, labels, first.classes)
    loaded = _read(root, part, size, every=train or second is not None)
    classes, count = len(part.classes), len(loaded[1])
    if train and (missing := classes - len(set(loaded[1].tolist()))):
        verb = "has" if missing == 1 else "have"
        text = f"{missing} of {classes} classes {verb} no image among the {count} training images that were loaded"
        warnings.warn(ImageNote(text), stacklevel=2)
    return loaded


def _read(root: Path, part: ImageSplit, size: int, every: bool) -> tuple[Tensor, Tensor]:
    """A sample of the images of a part, without those that cannot be read; `every` class must have one that can."""
    import torch

    from reporter.worker.learning.images import ImageNote, SkippedImages, normalise, sample

    images: list[Tensor] = []
    labels: list[int] = []
    broken: dict[int, str] = {}
    transparent: list[Path] = []
    chosen = sample(len(part.files))
    for index in chosen:
        image, why = _open(part.files[index], size)
        if image is None:
            broken[index] = why
            continue
        images.append(image.pixels)
        labels.append(part.labels[index])
        transparent += [part.files[index]] if image.is_transparent else []
    if broken:
        index, why = next(iter(broken.items()))
        if not labels:
            raise ValueError(f"{root}: none of {len(broken)} images can be read; first {part.files[index]}: {why}")
        if every:
            _check_classes(root, part, labels, broken, size)
        first = part.files[index].relative_to(root)
        opened = len(chosen) if len(chosen) < len(part.files) else None
        warnings.warn(SkippedImages(len(broken), str(first), why, opened), stacklevel=3)
    if transparent:
        few = f"{len(transparent)} of {len(labels)} images {'has' if len(transparent) == 1 else 'have'}"
        first = transparent[0].relative_to(root)
        text = f"{few} transparent pixels, first {first}; the alpha channel is ignored"
        warnings.warn(ImageNote(text), stacklevel=3)
    return normalise(torch.stack(images)), torch.tensor(labels)


def _check_classes(root: Path, part: ImageSplit, loaded: list[int], broken: dict[int, str], size: int) -> None:
    """ValueError where no image of a class can be read, also of those that the sample does not have."""
    first = {part.labels[index]: index for index in reversed(broken)}
    for label in sorted(first.keys() - set(loaded)):
        others = (path for index, path in enumerate(part.files) if part.labels[index] == label and index not in broken)
        if all(_open(path, size)[0] is None for path in others):
            name, index = part.classes[label], first[label]
            raise ValueError(
                f"{root}: no image of the class {name!r} can be read; first {part.files[index]}: {broken[index]}"
            )


class _Image(NamedTuple):
    pixels: Tensor
    is_transparent: bool


def _open(path: Path, size: int) -> tuple[_Image | None, str]:
    """An image, None and the reason if it cannot be read."""
    image, verdict = attempt(partial(_square, path, size))  # Pillow raises many kinds
    if verdict.status == "oom":
        raise MemoryError(verdict.reason)
    return image, str(verdict.reason)


def _square(path: Path, size: int) -> _Image:
    from PIL import Image

    from reporter.worker.learning.images import is_transparent, square

    with Image.open(path) as image:
        return _Image(square(image, size), is_transparent(image))


def _check_split(root: Path, part: ImageSplit) -> None:
    """ValueError, with the smallest class by name, where a fifth of the images is less than one for each class."""
    counts = Counter(part.labels)
    label, count = min(counts.items(), key=lambda item: item[1])
    classes = len(part.classes)
    enough = -(-len(part.labels) // 5) >= classes
    min_files = LEAST if enough else max(LEAST, 5 * (classes - 1) // classes + 1)
    if count < min_files:
        raise ValueError(
            f"{root}: the class {part.classes[label]!r} has {count} {'image' if count == 1 else 'images'}; to be split "
            f"into training and held-out images each class needs at least {min_files}"
        )


ENTRIES = (
    Dataset(
        name="imagefolder",
        title="Own images",
        load=load,
        source="the folder named after imagefolder:",
        check=parts,
        count_classes=count_classes,
    ),
)
