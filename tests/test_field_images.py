"""Image folders as people keep them: names, damage, bit depth, and one line for what cannot be used."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from networks import own, subject
from PIL import Image
from torch import Tensor

from reporter.datasets._image_folders import parts
from reporter.host import files
from reporter.metrics import finetune
from reporter.registry.selection import dataset
from reporter.worker.entry import measure
from reporter.worker.learning import images as _images
from reporter.worker.learning.images import SkippedImages

LEVELS = {"dark": 60, "light": 190}
Part = tuple[Tensor, Tensor]


def picture(level: int, number: int = 0) -> Image.Image:
    return Image.fromarray(np.full((40, 30, 3), level + number, dtype=np.uint8))


def fill(folder: Path, count: int = 5, suffix: str = ".png", classes: dict[str, int] = LEVELS) -> Path:
    """A folder for each class, whose pictures differ in brightness."""
    for name, level in classes.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            picture(level, number).save(folder / name / f"{number:03}{suffix}")
    return folder


def load(folder: Path | str, train: bool = True) -> Part:
    return dataset(f"imagefolder:{folder}").load(Path("elsewhere"), 24, train)


def counts(folder: Path) -> list[list[int]]:
    return [load(folder, part)[1].bincount().tolist() for part in (True, False)]


def brightness(images: Tensor) -> Tensor:
    levels = images * torch.tensor(_images.DEVIATION)[:, None, None] + torch.tensor(_images.MEAN)[:, None, None]
    return levels.mean((1, 2, 3))


@pytest.mark.parametrize(
    ("train", "held_out"),
    [
        ("Train", "Test"), ("training", "validation"), ("TRAIN", "valid"), ("train", "dev"), ("Training", "Testing"),
        ("training_set", "test_set"), ("seg_train", "seg_test"), ("train2017", "val2017"), ("images-train", "eval"),
        ("birds_of_2024_train", "birds_of_2024_test"), ("imagenet_train", "imagenet_val"),
        ("BirdsTrain", "birds-val images"),
    ],
)  # fmt: skip
def test_the_two_parts_under_their_usual_names(tmp_path: Path, train: str, held_out: str) -> None:
    fill(tmp_path / train, 5), fill(tmp_path / held_out, 2)
    assert counts(tmp_path) == [[5, 5], [2, 2]]


def test_of_several_held_out_parts_validation_is_taken(tmp_path: Path) -> None:
    fill(tmp_path / "train"), fill(tmp_path / "test", 3), fill(tmp_path / "Validation", 2)
    assert counts(tmp_path) == [[5, 5], [2, 2]]


def test_a_class_may_have_the_name_of_a_part(tmp_path: Path) -> None:
    fill(tmp_path, classes={"test": 60, "training": 190, "light": 120})
    assert counts(tmp_path) == [[4, 4, 4], [1, 1, 1]]


@pytest.mark.parametrize("hidden", [".ipynb_checkpoints", "__MACOSX", "@eaDir", ".git"])
def test_hidden_and_system_folders_and_files_are_left_out(tmp_path: Path, hidden: str) -> None:
    for part in (tmp_path / "train", tmp_path / "val", tmp_path / "train" / "light"):
        fill(part) if part.name != "light" else None
        (part / hidden).mkdir()
        picture(60).save(part / hidden / "000.png")
    (tmp_path / hidden).mkdir(exist_ok=True)
    (tmp_path / "train" / "light" / "._001.png").write_bytes(b"\x00\x05\x16\x07" + b"\x00" * 60)
    assert counts(tmp_path) == [[5, 5], [5, 5]]


def test_upper_case_suffixes_links_and_deeper_folders(tmp_path: Path) -> None:
    fill(tmp_path / "real", suffix=".PNG")
    picture(190).save(tmp_path / "real" / "light" / "more.JPEG")
    fill(tmp_path / "real" / "dark" / "inner", 1, classes={"deeper": 60})
    (tmp_path / "real" / "dark" / "loop").symlink_to(tmp_path / "real" / "dark")
    (tmp_path / "set").mkdir()
    for name in LEVELS:
        (tmp_path / "set" / name).symlink_to(tmp_path / "real" / name)
    assert [sum(pair) for pair in zip(*counts(tmp_path / "set"), strict=True)] == [6, 6]


def test_the_home_folder_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    fill(tmp_path / "mine")
    assert len(load("~/mine")[1]) == 8


def sixteen_bits(mode: str, level: int) -> Image.Image:
    """A gray picture of a level between 0 and 255, as a mode of more than 8 bits has it."""
    pixels = np.full((40, 30), level)
    if mode == "F":
        return Image.fromarray((pixels / 255).astype(np.float32))
    return Image.fromarray((pixels * 257).astype(np.uint16 if mode == "I;16" else np.int32))


@pytest.mark.parametrize(("mode", "suffix"), [("I;16", ".png"), ("I;16", ".tiff"), ("I", ".tif"), ("F", ".tiff")])
def test_more_than_8_bits_are_scaled_like_8(tmp_path: Path, mode: str, suffix: str) -> None:
    for name, level in LEVELS.items():
        (tmp_path / name).mkdir()
        for number in range(5):
            sixteen_bits(mode, level).save(tmp_path / name / f"{number}{suffix}")
    images, labels = load(tmp_path)
    expected = torch.tensor([level / 255 for level in LEVELS.values()])[labels]
    torch.testing.assert_close(brightness(images), expected, atol=2e-3, rtol=0)


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [("L", ".png"), ("LA", ".png"), ("P", ".png"), ("RGBA", ".png"), ("CMYK", ".jpg"), ("YCbCr", ".jpg"),
     ("I", ".tiff"), ("F", ".tiff"), ("L", ".pgm"), ("P", ".gif")],
)  # fmt: skip
def test_every_mode_gives_the_same_levels(tmp_path: Path, mode: str, suffix: str) -> None:
    fill(tmp_path)
    for name, level in LEVELS.items():
        for path in (tmp_path / name).iterdir():
            path.unlink()
        for number in range(5):
            image = picture(level).convert("L").convert(mode) if mode in "LAIF" else picture(level).convert(mode)
            image.save(tmp_path / name / f"{number}{suffix}")
    images, labels = load(tmp_path)
    expected = torch.tensor([level / 255 for level in LEVELS.values()])[labels]
    torch.testing.assert_close(brightness(images), expected, atol=0.02, rtol=0)


def shape(mode: str, hidden: int = 0) -> Image.Image:
    """A square on transparent pixels; all have one color."""
    image = Image.new("RGBA", (40, 30), (0, 0, 0, hidden))
    image.paste((0, 0, 0, 255), (5, 5, 20, 20))
    return image.quantize() if mode == "P" else image.convert(mode)


@pytest.mark.parametrize(
    ("mode", "suffix"), [("RGBA", ".png"), ("LA", ".png"), ("P", ".png"), ("RGBA", ".webp"), ("RGBA", ".tiff")]
)
def test_transparent_images_keep_their_pixels_and_have_a_note(tmp_path: Path, mode: str, suffix: str) -> None:
    """A shape that is in the alpha channel alone is lost, as with torchvision's ImageFolder."""
    fill(tmp_path / "train", 3), fill(tmp_path / "val", 2)
    shape(mode).save(tmp_path / "train" / "dark" / f"shape{suffix}", lossless=True)
    shape(mode, 255).save(tmp_path / "train" / "light" / f"opaque{suffix}", lossless=True)
    with pytest.warns(_images.ImageNote) as caught:
        images, _ = load(tmp_path)
    line = f"1 of 8 images has transparent pixels, first train/dark/shape{suffix}; the alpha channel is ignored"
    assert [str(note.message) for note in caught if isinstance(note.message, _images.ImageNote)] == [line]
    assert sum(image.std((1, 2)).max() < 1e-3 for image in images) == 8
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(tmp_path, train=False)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def tear(path: Path) -> None:
    whole = bytearray(path.read_bytes())
    whole[40:48] = b"\x00" * 8
    path.write_bytes(bytes(whole))


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("damage", [truncate, empty])
def test_a_damaged_image_is_left_out_and_named(tmp_path: Path, damage: object, suffix: str) -> None:
    fill(tmp_path / "train", suffix=suffix), fill(tmp_path / "val", 2)
    damage(tmp_path / "train" / "light" / f"002{suffix}")
    with pytest.warns(SkippedImages, match=rf"1 image was left out, first train/light/002{suffix}: \S+"):
        images, labels = load(tmp_path)
    assert labels.bincount().tolist() == [5, 4]
    assert torch.equal(brightness(images) > 0.5, labels.bool())


def test_a_torn_png_is_left_out(tmp_path: Path) -> None:
    fill(tmp_path)
    for name in LEVELS:
        tear(tmp_path / name / "003.png")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert sum(len(load(tmp_path, part)[1]) for part in (True, False)) == 8
    assert sum(note.message.count for note in caught if isinstance(note.message, SkippedImages)) == 2


def test_a_class_of_damaged_images_alone_is_named(tmp_path: Path) -> None:
    fill(tmp_path)
    for path in (tmp_path / "light").iterdir():
        empty(path)
    with pytest.raises(
        ValueError, match=r"no image of the class 'light' can be read; first .*light/00.\.png: .*cannot id"
    ):
        load(tmp_path)


def test_a_class_whose_only_image_in_the_sample_is_damaged_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of many classes a sample has few images each; other images of the class can be read."""
    pictures = parts(fill(tmp_path / "train"))[0].files
    fill(tmp_path / "val")
    monkeypatch.setattr(_images, "LIMIT", 3)
    chosen = [index // 5 for index in _images.sample(10)]
    single = next(index for index in _images.sample(10) if chosen.count(index // 5) == 1)
    empty(pictures[single])
    with pytest.warns(SkippedImages, match="1 image of the 3 that were opened was left out, first train/"):
        labels = load(tmp_path)[1]
    assert labels.tolist() == [1 - single // 5] * 2
    for path in pictures[single].parent.iterdir():
        empty(path)
    name = pictures[single].parent.name
    with pytest.raises(
        ValueError, match=f"no image of the class '{name}' can be read; first .*{pictures[single].name}"
    ):
        load(tmp_path)


def test_the_first_damaged_image_named_is_of_the_class(tmp_path: Path) -> None:
    fill(tmp_path / "train"), fill(tmp_path / "val")
    for path in (tmp_path / "train" / "light").iterdir():
        empty(path)
    for path in (tmp_path / "train" / "dark").glob("00[1-4].png"):
        empty(path)
    with pytest.raises(ValueError, match=r"the class 'light' can be read; first \S+/train/light/00"):
        load(tmp_path)


def test_held_out_images_that_are_all_damaged_are_no_class(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    pictures = parts(fill(folder))[0].files
    for index in _images.split([0] * 5 + [1] * 5, train=False):
        empty(pictures[index])
    assert len(load(folder)[1]) == 8
    with pytest.raises(ValueError, match=r"set: none of 2 images can be read; first .*: .*cannot id"):
        load(folder, train=False)


def test_what_was_left_out_is_part_of_the_row(tmp_path: Path) -> None:
    fill(tmp_path / "train"), fill(tmp_path / "val", 2)
    empty(tmp_path / "train" / "light" / "001.png")
    truncate(tmp_path / "train" / "dark" / "004.png")
    made = subject(own(), dataset=f"imagefolder:{tmp_path}", image_size=32, steps=1, seeds=1)
    top1, *_ = finetune.measure(made)
    (line,) = top1.detail["images_skipped"]
    assert line.startswith("2 images were left out, first train/")
    assert top1.detail["train_images"] == 8


def test_classes_without_a_training_image_in_the_sample_are_part_of_the_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 40 images two are loaded, and so are those of at most two classes; held-out images have no such note."""
    classes = dict.fromkeys("abcde", 60)
    fill(tmp_path / "train", 8, classes=classes), fill(tmp_path / "val", 2, classes=classes)
    monkeypatch.setattr(_images, "LIMIT", 2)
    chosen = {index // 8 for index in _images.sample(40)}
    made = subject(own(), dataset=f"imagefolder:{tmp_path}", image_size=32, steps=1, seeds=1)
    top1, *_ = finetune.measure(made)
    line = f"{5 - len(chosen)} of 5 classes have no image among the 2 training images that were loaded"
    assert top1.detail["image_notes"] == [line]
    assert "images_skipped" not in top1.detail
    monkeypatch.setattr(_images, "LIMIT", 40)
    top1, *_ = finetune.measure(made)
    assert "image_notes" not in top1.detail


def test_images_in_a_folder_that_cannot_be_read_are_not_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an error, as where the folder of a class cannot be read: how many images it has is not known."""
    fill(tmp_path / "dark", classes={"inner": 60}), fill(tmp_path)
    scan = os.scandir

    def denied(path: str) -> object:
        if Path(path).name == "inner":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(PermissionError, match="dark/inner"):
        load(tmp_path)


def test_a_damaged_image_whose_name_is_not_utf_8_is_named_with_an_escape(tmp_path: Path) -> None:
    fill(tmp_path / "train"), fill(tmp_path / "val", 2)
    try:
        empty(tmp_path / "train" / "light" / os.fsdecode(b"caf\xe9.png"))
    except OSError:
        pytest.skip("the file system takes no such name")
    made = subject(own(), dataset=f"imagefolder:{tmp_path}", image_size=32, steps=1, seeds=1)
    top1, *_ = measure(finetune.ENTRIES[0], made)
    (line,) = top1.detail["images_skipped"]
    assert line.startswith(r"1 image was left out, first train/light/caf\udce9.png: ")
    assert files.dumps(top1.model_dump(mode="json")).encode()


@pytest.mark.parametrize(
    "names",
    ["class_1 class_2", "0 1", "n01440764 n01443537", "grade_3 grade_4", "stage 2|stage 3",
     "freight_train express_train", "toy_train toy_test toy_car", "images_0 fox", "sample_猫 sample_犬", "A B"],
)  # fmt: skip
def test_names_of_classes_with_numbers_and_usual_words(tmp_path: Path, names: str) -> None:
    classes = names.split("|") if "|" in names else names.split()
    fill(tmp_path, classes=dict.fromkeys(classes, 60))
    train, held_out = parts(tmp_path)
    assert (train.classes, held_out) == (sorted(classes), None)


def few(folder: Path) -> None:
    fill(folder, 2)


def lonely(folder: Path) -> None:
    fill(folder, 6), fill(folder, 1, classes={"single": 100})


def one(folder: Path) -> None:
    fill(folder, classes={"owls": 60})


def too_high(folder: Path) -> None:
    fill(folder / "my-set" / "train"), fill(folder / "my-set" / "val")


def two_sets(folder: Path) -> None:
    for name in ("autumn", "spring"):
        fill(folder / name / "Training"), fill(folder / name / "Testing")


def loose(folder: Path) -> None:
    folder.mkdir()
    picture(60).save(folder / "000.png")


def barren(folder: Path) -> None:
    fill(folder)
    (folder / "hawks").mkdir()


def one_in_parts(folder: Path) -> None:
    for part in ("train", "val"):
        fill(folder / part, classes={"owls": 60})


def unlike(folder: Path) -> None:
    fill(folder / "train"), fill(folder / "val", classes={**LEVELS, "owls": 9})


def untrained(folder: Path) -> None:
    fill(folder / "Val"), fill(folder / "TEST")


def twice(folder: Path) -> None:
    fill(folder / "train"), fill(folder / "Training"), fill(folder / "val")


def flat(folder: Path) -> None:
    fill(folder, classes={"train": 60, "test": 190})
    (folder / "labels.csv").write_text("1,cat\n")
    (folder / "docs").mkdir()


def flat_alone(folder: Path) -> None:
    fill(folder, classes={"train": 60})


def flat_held_out(folder: Path) -> None:
    fill(folder / "train"), fill(folder, classes={"test": 60})


def flat_train(folder: Path) -> None:
    fill(folder / "val"), fill(folder, classes={"Training": 60})


def shards(folder: Path) -> None:
    fill(folder, classes={f"images_{number:03}": 60 for number in range(1, 13)})
    (folder / "labels.csv").write_text("000.png,effusion\n")


def folds(folder: Path) -> None:
    fill(folder / "fold1"), fill(folder / "fold2")


def pieces_in_part(folder: Path) -> None:
    fill(folder / "train", classes={"images": 60}), fill(folder / "val", classes={"images": 60})
    (folder / "train" / "labels").mkdir(), (folder / "val" / "labels").mkdir()


def sample(folder: Path) -> None:
    fill(folder, classes={"train": 60, "sample": 190})


def flat_pair(folder: Path) -> None:
    fill(folder / "signs_train"), fill(folder, classes={"signs_test": 60})


def flat_pairs(folder: Path) -> None:
    fill(folder, classes={"trainA": 60, "testA": 60, "trainB": 190, "testB": 190})


def pairs(folder: Path) -> None:
    for name in ("fold1_train", "fold1_test", "part2_train", "part2_test"):
        fill(folder / name)


def parts_in_classes(folder: Path) -> None:
    for name in LEVELS:
        fill(folder / name, classes={"train": 60, "test": 190})


def linked_part(folder: Path) -> None:
    fill(folder / "train")
    (folder / "val").symlink_to(folder / "train")


def linked_class(folder: Path) -> None:
    fill(folder / "train"), fill(folder / "val")
    (folder / "val" / "light").rename(folder.parent / "gone")
    (folder / "val" / "light").symlink_to(folder / "train" / "light")


def linked_image(folder: Path) -> None:
    fill(folder / "train"), fill(folder / "val")
    (folder / "val" / "light" / "gone.png").symlink_to(folder / "nowhere.png")
    (folder / "train" / "light" / "gone.png").symlink_to(folder / "nowhere.png")
    (folder / "val" / "light" / "more.png").hardlink_to(folder / "train" / "light" / "003.png")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (linked_part, "set: train/dark/000.png and val/dark/000.png are the same file; held-out images must not be"),
        (linked_class, "set: train/light/000.png and val/light/000.png are the same file; held-out images must not be"),
        (linked_image, "set: train/light/003.png and val/light/more.png are the same file; held-out images must not"),
        (shards, "images_001/, images_002/ and 10 more folders contain images, but no folder for each class; wanted: "),
        (folds, "set: fold1/ and fold2/ are named like pieces of a data set, not like classes; wanted: train/CLASS"),
        (pieces_in_part, "set/train: images/ contains images, but no folder for each class; wanted: train/CLASS"),
        (sample, "sample/ and train/ contain images, but no folder for each class; wanted: train/CLASS"),
        (flat_pair, "set: signs_test/ has no folder for each class; wanted: train/CLASS"),
        (flat_pairs, "set: trainA/, trainB/ and 2 more folders contain images, but no folder for each class; wanted: "),
        (pairs, "set: fold1_train/ and part2_train/ may both be the same part; remove one of them"),
        (parts_in_classes, "set: dark/ contains test/ and train/; wanted: train/CLASS"),
        (flat, "train/ and test/ contain images, but no folder for each class; wanted: train/CLASS"),
        (flat_alone, "train/ contains images, but no folder for each class; wanted: train/CLASS"),
        (flat_held_out, "set: test/ has no folder for each class; wanted: train/CLASS"),
        (flat_train, "set: Training/ has no folder for each class; wanted: train/CLASS"),
        (few, "the class 'dark' has 2 images; to be split .* each class needs at least 3"),
        (lonely, "the class 'single' has 1 image; .* needs at least 2"),
        (one, r"one class only: owls; is \S+/set a level too high\?"),
        (one_in_parts, r"one class only: owls; is \S+/set/train a level too high\?"),
        (too_high, r"one class only: my-set; is \S+/set a level too high\?"),
        (two_sets, r"autumn/ contains Testing/ and Training/; is \S+/set a level too high\?"),
        (loose, "images, but no folder for each class; wanted: train/CLASS"),
        (barren, "the class 'hawks' has no images"),
        (unlike, "train/ and val/ have different class folders; 'owls' is in val/ alone"),
        (untrained, "beside Val/ there is neither train/ nor training/"),
        (twice, "train/ and Training/ may both be the same part|Training/ and train/ may both"),
    ],
)
def test_what_is_wrong_is_one_line_with_the_path(tmp_path: Path, make: object, words: str) -> None:
    make(tmp_path / "set")
    with pytest.raises(ValueError, match=words) as caught:
        load(tmp_path / "set")
    assert str(tmp_path / "set") in str(caught.value)
    assert "\n" not in str(caught.value)
