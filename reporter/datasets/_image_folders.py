"""Image folders: the names of their splits, their classes, and which files are images."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

TRAIN = ("train", "training", "trainset", "trn")
HELD_OUT = ("val", "valid", "validation", "dev", "test", "testing", "tst", "eval", "evaluation", "holdout", "testset")
"""What people call the held-out part; of several, the first is taken."""
FILLERS = {"set", "data", "dataset", "image", "images", "img", "imgs", "split", "seg"}
"""Words that do not change what a folder is: training_set, seg_train, images-val."""
SHARDS = {"part", "parts", "fold", "batch", "shard", "chunk", "subset", "archive", "sample", "samples", "unlabeled"}
"""Other words that are no classes, alone, with numbers or with fillers: part_1, fold2, sample_images."""
SYSTEM = {"__macosx", "@eadir", "#recycle", "@recycle", "$recycle.bin", "system volume information", "lost+found"}
SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".ppm", ".pgm", ".pbm", ".pnm", ".tif", ".tiff", ".webp",
            ".gif", ".avif", ".jp2")  # fmt: skip
LAYOUT = "wanted: train/CLASS/*.jpg and val/CLASS/*.jpg, or CLASS/*.jpg"


class ImageSplit(NamedTuple):
    """The images of a part, with the index of the class of each, and the names of all classes."""

    files: list[Path]
    labels: list[int]
    classes: list[str]


def parts(root: Path) -> tuple[ImageSplit, ImageSplit | None]:
    """The training part and the held-out one, None where a single folder is to be split; ValueError names the path."""
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: there is no such folder; {LAYOUT}")
    folders = _folders(root)
    words = _part_words(folders)
    train, held_out = (_named(root, words, names) for names in (TRAIN, HELD_OUT))
    if train is None and held_out is None:
        return _part(root), None
    if train is None or held_out is None:
        if bare := [path for path in folders if words[path] in (HELD_OUT if train else TRAIN)]:
            verb = "has" if len(bare) == 1 else "have"
            raise ValueError(f"{root}: {_joined(bare)} {verb} no folder for each class; {LAYOUT}")
        there, missing = (train, "val/ nor test/") if train else (held_out, "train/ nor training/")
        raise ValueError(f"{root}: beside {there and there.name}/ there is neither {missing}; {LAYOUT}")
    names = [{path.name for path in _folders(folder)} for folder in (train, held_out)]
    if unlike := sorted(names[0] ^ names[1]):
        alone = train if unlike[0] in names[0] else held_out
        raise ValueError(
            f"{root}: {train.name}/ and {held_out.name}/ have different class folders; {unlike[0]!r} is in "
            f"{alone.name}/ alone"
        )
    both = _part(train), _part(held_out)
    _check_apart(root, *both)
    return both


def count_classes(root: Path) -> int:
    """The number of class folders: the same in both parts, see `parts`."""
    train = _named(root, _part_words(_folders(root)), TRAIN)
    return len(_folders(train or root))


def _check_apart(root: Path, train: ImageSplit, held_out: ImageSplit) -> None:
    """ValueError where a file is in both parts: a link to it, to a folder that contains it, or a hard link."""
    seen = {identity: path for path in held_out.files if (identity := _identity(path))}
    for path in train.files:
        if (identity := _identity(path)) and (other := seen.get(identity)):
            first, second = (each.relative_to(root) for each in (path, other))
            raise ValueError(
                f"{root}: {first} and {second} are the same file; held-out images must not be training images"
            )


def _identity(path: Path) -> tuple[int, int] | None:
    """The device and inode of a file; None where it is gone, as behind a broken link."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _check_classes(root: Path, folders: list[Path]) -> None:
    """ValueError where all folders with images are named like parts or pieces of a data set, not like classes.

    A single folder that has folders of its own may be that of the classes.
    """
    words = _part_words(folders)
    filled = [path for path in folders if any(True for _ in _images(path))]
    if not filled or not all(words[path] or _is_piece(path.name) for path in filled):
        return
    filled.sort(key=lambda path: words[path] in HELD_OUT)
    if not any(_folders(path) for path in filled):
        verb = "contains" if len(filled) == 1 else "contain"
        raise ValueError(f"{root}: {_joined(filled)} {verb} images, but no folder for each class; {LAYOUT}")
    if len(filled) > 1:
        raise ValueError(f"{root}: {_joined(filled)} are named like pieces of a data set, not like classes; {LAYOUT}")


def _part(folder: Path) -> ImageSplit:
    """The classes of a folder, in alphabetical order; ValueError where they are not at least two with images."""
    classes = _folders(folder)
    if not classes:
        loose = any(_is_image(path) for path in folder.iterdir())
        raise ValueError(f"{folder}: {'images, but no' if loose else 'no'} folder for each class; {LAYOUT}")
    _check_classes(folder, classes)
    if len(classes) == 1:
        raise ValueError(f"{folder}: one class only: {classes[0].name}; is {folder} a level too high?")
    for each in classes:
        words = _part_words(inner := _folders(each))
        if _named(each, words, TRAIN):
            raise ValueError(f"{folder}: {each.name}/ contains {_joined(inner)}; is {folder} a level too high?")
        if all(set(names) & set(words.values()) for names in (TRAIN, HELD_OUT)):
            raise ValueError(f"{folder}: {each.name}/ contains {_joined(inner)}; {LAYOUT}")
    images = [sorted(_images(each)) for each in classes]
    for each, found in zip(classes, images, strict=True):
        if not found:
            raise ValueError(f"{each}: the class {each.name!r} has no images; add some or remove the folder")
    labels = [label for label, found in enumerate(images) for _ in found]
    return ImageSplit([path for found in images for path in found], labels, [each.name for each in classes])


def _named(root: Path, words: Mapping[Path, str], names: tuple[str, ...]) -> Path | None:
    """The folder with folders of its own with one of some names, the first of them; ValueError where two have it."""
    named = [(names.index(word), path) for path, word in words.items() if word in names and _folders(path)]
    first = min((rank for rank, _ in named), default=0)
    chosen = [path for rank, path in named if rank == first or names is TRAIN]
    if len(chosen) > 1:
        raise ValueError(f"{root}: {_joined(chosen[:2])} may both be the same part; remove one of them")
    return chosen[0] if chosen else None


def _joined(folders: list[Path]) -> str:
    """The names of folders, of many only the first two."""
    names = [f"{path.name}/" for path in folders]
    return " and ".join(names) if len(names) < 4 else f"{names[0]}, {names[1]} and {len(names) - 2} more folders"


def _part_words(folders: Iterable[Path]) -> dict[Path, str]:
    """The word for a part in the name of each folder, empty where there is none.

    Beside fillers and numbers it is the only word, or the one by which the names of both parts differ: birds_train and
    birds_test.
    """
    found: dict[Path, tuple[str, tuple[str, ...]]] = {}
    for path in folders:
        words = [word for word in _words(path.name) if word not in FILLERS]
        parts = [word for word in words if word in (*TRAIN, *HELD_OUT)]
        rest = tuple(word for word in words if word not in parts)
        found[path] = parts[0] if len(parts) == 1 else "", rest
    both = {rest for word, rest in found.values() if word in TRAIN}
    both &= {rest for word, rest in found.values() if word in HELD_OUT}
    return {path: word if not rest or rest in both else "" for path, (word, rest) in found.items()}


def _is_piece(name: str) -> bool:
    """Whether a name consists of fillers and numbers: images_001, part_2, fold3; not 001."""
    words = set(_words(name))
    return bool(words) and words <= FILLERS | SHARDS


def _words(name: str) -> list[str]:
    """The words of a folder's name in lower case, without numbers."""
    return re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not _is_hidden(path.name))


def _images(folder: Path) -> Iterable[Path]:
    """All images below a folder, links followed, each real folder once; OSError where a folder cannot be read."""
    seen = set()
    for place, inner, names in os.walk(folder, followlinks=True, onerror=_refuse):
        real = os.path.realpath(place)
        inner[:] = [] if real in seen else [name for name in inner if not _is_hidden(name)]
        if real not in seen:
            seen.add(real)
            yield from (path for name in names if _is_image(path := Path(place, name)))


def _refuse(error: OSError) -> None:
    raise error


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not _is_hidden(path.name) and not path.is_dir()


def _is_hidden(name: str) -> bool:
    """Whether a name is one that systems and editors leave behind: .ipynb_checkpoints, ._001.jpg, __MACOSX, @eaDir."""
    return name.startswith(".") or name.lower() in SYSTEM
