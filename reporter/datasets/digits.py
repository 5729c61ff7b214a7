"""Handwritten digits that are part of scikit-learn: no download, and seconds to learn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reporter.model import Dataset

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor


def load(root: Path, size: int, train: bool) -> tuple[Tensor, Tensor]:
    """1,437 images to train and 360 to test, 8 x 8 grey levels enlarged bilinearly; needs no root."""
    import torch
    from sklearn.datasets import load_digits
    from torch.nn.functional import interpolate

    from reporter.worker.learning.images import normalise, split

    digits = load_digits()
    chosen = split(digits.target.tolist(), train)
    images = torch.from_numpy(digits.images[chosen]).float().div(16).unsqueeze(1)
    large = interpolate(images, (size, size), mode="bilinear").expand(-1, 3, -1, -1)
    return normalise(large), torch.from_numpy(digits.target[chosen]).long()


ENTRIES = (
    Dataset(
        name="digits",
        title="Handwritten digits, 8 x 8",
        load=load,
        source="Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, UCI 1998; the test part, in scikit-learn",
        classes=10,
        side=32,
        pooled=True,
    ),
)
