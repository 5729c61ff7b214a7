"""Data sets that torchvision reads, and downloads if they are missing."""

from __future__ import annotations

import gzip
from functools import partial
from http.client import HTTPException
from pathlib import Path
from pickle import UnpicklingError
from tarfile import TarError
from typing import TYPE_CHECKING, Any, NamedTuple

from reporter.host import files
from reporter.model import Dataset

if TYPE_CHECKING:
    from torch import Tensor

    from reporter.worker.learning.images import Samples

# What torchvision raises over files that are missing, torn, or not to be had.
_TROUBLE = (
    RuntimeError,
    OSError,
    ValueError,
    LookupError,
    AssertionError,
    EOFError,
    HTTPException,
    TarError,
    UnpicklingError,
)
PACKAGED = {"FashionMNIST": Path("/usr/share/datasets/fashion-mnist")}
"""Where packages of Debian put the compressed files of a data set: dataset-fashion-mnist has all of it."""


class _Kind(NamedTuple):
    reader: str
    """The class in torchvision.datasets."""
    files: str
    """What it reads, relative to --data-root."""
    train: dict[str, Any]
    test: dict[str, Any]
    hint: str = ""
    """Another way to get its files."""

    @property
    def folder(self) -> str:
        """The folder that has all of its files."""
        return self.files.partition("/")[0]


FASHION_MNIST = _Kind(
    "FashionMNIST",
    "FashionMNIST/raw/{train,t10k}-*-ubyte",
    {"train": True},
    {"train": False},
    hint="; or install Debian's package dataset-fashion-mnist",
)
_CIFAR10 = _Kind("CIFAR10", "cifar-10-batches-py/", {"train": True}, {"train": False})
_IMAGENETTE = _Kind(
    "Imagenette", "imagenette2-160/{train,val}/", {"split": "train", "size": "160px"}, {"split": "val", "size": "160px"}
)
_FLOWERS = _Kind("Flowers102", "flowers-102/{jpg/,*.mat}", {"split": "train"}, {"split": "test"})
_PETS = _Kind("OxfordIIITPet", "oxford-iiit-pet/{images,annotations}/", {"split": "trainval"}, {"split": "test"})


def load(kind: _Kind, root: Path, size: int, train: bool) -> tuple[Tensor, Tensor]:
    """A fixed sample of a part; unpacks or downloads into root where the files are not there."""
    from reporter.worker.learning.images import preload

    try:
        return preload(full_part(kind, root, train), size)
    except _TROUBLE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        wanted = f"{kind.reader} needs {root / kind.files}, which can be neither read nor downloaded"
        raise OSError(f"{wanted}: {reason}{kind.hint}") from None


def full_part(kind: _Kind, root: Path, train: bool) -> Samples:
    """All images of a part as torchvision reads them."""
    from torchvision import datasets

    part = partial(getattr(datasets, kind.reader), root, **(kind.train if train else kind.test))
    samples: Samples
    try:
        samples = part(download=False)
    except _TROUBLE:
        samples = part(download=not _unpacked(kind, root))
    return samples


def _unpacked(kind: _Kind, root: Path) -> bool:
    """Whether a package of Debian has the files: then they lie in root as torchvision reads them."""
    packed = sorted(PACKAGED[kind.reader].glob("*.gz")) if kind.reader in PACKAGED else []
    for path in packed:
        files.write(root / Path(kind.files).parent / path.stem, gzip.decompress(path.read_bytes()))
    return bool(packed)


def _dataset(name: str, title: str, kind: _Kind, source: str, classes: int = 10) -> Dataset:
    return Dataset(name, title, partial(load, kind), source, classes, kind.folder)


ENTRIES = (
    _dataset("fashion-mnist", "Fashion-MNIST", FASHION_MNIST, "Xiao et al., Fashion-MNIST, arXiv 1708.07747"),
    _dataset(
        "cifar10", "CIFAR-10", _CIFAR10, "Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009"
    ),
    _dataset(
        "imagenette",
        "Imagenette, 160 px",
        _IMAGENETTE,
        "Howard, Imagenette, a subset of ten classes of ImageNet, github.com/fastai/imagenette",
    ),
    _dataset(
        "flowers102",
        "Oxford Flowers 102",
        _FLOWERS,
        "Nilsback & Zisserman, Automated Flower Classification over a Large Number of Classes, ICVGIP 2008",
        classes=102,
    ),
    _dataset("oxford-pets", "Oxford-IIIT Pet", _PETS, "Parkhi et al., Cats and Dogs, CVPR 2012", classes=37),
)
