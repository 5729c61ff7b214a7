"""Every data set gives normalised images and labels in range, the same each time, or one line that says why not."""

from __future__ import annotations

import gzip
import pickle
import struct
from collections import Counter
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import CONDITIONS, own, subject
from PIL import Image
from torch import Tensor, nn

from reporter.datasets import torchvision_sets as readers
from reporter.metrics import finetune
from reporter.model import ReporterError
from reporter.registry.selection import check_images, dataset, datasets
from reporter.worker.learning import images as _images
from reporter.worker.learning.training_steps import class_count, load_images, load_part, load_parts

SIZE = 24
HERE = ("digits", "synthetic")
DEBIAN = readers.PACKAGED["FashionMNIST"]
ELSEWHERE = ("fashion-mnist", "cifar10", "imagenette", "flowers102", "oxford-pets")


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No network and no package of Debian, whatever the machine has."""

    def refuse(*_: object, **__: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", refuse)
    monkeypatch.setattr(readers, "PACKAGED", {})


def check(images: Tensor, labels: Tensor, classes: int, size: int = SIZE) -> None:
    """What holds for the images of every data set."""
    assert images.shape == (len(labels), 3, size, size)
    assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
    assert labels.min() >= 0
    assert labels.max() < classes
    levels = denormalised(images)
    assert levels.min() > -1e-5
    assert levels.max() < 1 + 1e-5
    assert levels.std() > 0.01


def denormalised(images: Tensor) -> Tensor:
    return images * torch.tensor(_images.DEVIATION)[:, None, None] + torch.tensor(_images.MEAN)[:, None, None]


def distinct(images: Tensor) -> set[bytes]:
    return {image.numpy().tobytes() for image in images}


@pytest.mark.parametrize("name", HERE)
@pytest.mark.parametrize("size", [SIZE, 33])
@pytest.mark.parametrize("train", [True, False])
def test_what_needs_no_files_is_normalised_and_always_the_same(name: str, size: int, train: bool) -> None:
    images, labels = dataset(name).load(Path("nowhere"), size, train)
    check(images, labels, 10, size)
    again = dataset(name).load(Path("nowhere"), size, train)
    assert torch.equal(images, again[0])
    assert torch.equal(labels, again[1])
    assert len(set(labels[:60].tolist())) == 10  # mixed from the start


@pytest.mark.parametrize("name", HERE)
def test_training_and_test_are_disjoint_and_every_class_is_in_both_alike(name: str) -> None:
    (train, seen), (test, held_out) = (dataset(name).load(Path("nowhere"), SIZE, part) for part in (True, False))
    assert not distinct(train) & distinct(test)
    shares = seen.bincount(minlength=10) / len(seen) - held_out.bincount(minlength=10) / len(held_out)
    assert shares.abs().max() < 0.01


def test_all_digits_are_used() -> None:
    sizes = [len(dataset("digits").load(Path("nowhere"), 8, part)[1]) for part in (True, False)]
    assert sizes == [1437, 360]


def test_digits_are_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    images = denormalised(dataset("digits").load(Path("nowhere"), 8, True)[0])
    known = {(image / 16).astype("float32").tobytes() for image in load_digits().images}
    rounded = (images[:, 0] * 16).round() / 16
    assert all(image.numpy().tobytes() in known for image in rounded)


@given(st.lists(st.integers(0, 3), min_size=20, max_size=200))
def test_a_split_is_a_partition_that_keeps_the_classes_shares(labels: list[int]) -> None:
    labels += [label for label in range(4) for _ in range(2)]  # the fewest that can be split
    train, test = _images.split(labels, True), _images.split(labels, False)
    assert sorted(train + test) == list(range(len(labels)))
    held_out = Counter(labels[index] for index in test)
    assert all(abs(held_out[label] - count / 5) <= 1 for label, count in Counter(labels).items())


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 40))
def test_images_of_any_shape_become_squares(width: int, height: int, size: int) -> None:
    images, labels = _images.preload([(Image.new("L", (width, height), 128), 3)], size)
    assert images.shape == (1, 3, size, size)
    assert labels.tolist() == [3]
    torch.testing.assert_close(denormalised(images), torch.full_like(images, 128 / 255))


def test_a_fixed_sample_of_many_images_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_images, "LIMIT", 40)
    samples = [(Image.new("L", (2, 2), shade), shade) for shade in range(200)]
    labels = _images.preload(samples, 2)[1]
    assert len(set(labels.tolist())) == 40
    assert torch.equal(labels, _images.preload(samples, 2)[1])
    assert labels.max() > 150  # drawn from all, not from the first


def test_synthetic_stripes_can_be_learnt_from_their_spectrum() -> None:
    from sklearn.neighbors import KNeighborsClassifier

    (train, seen), (test, held_out) = (dataset("synthetic").load(Path("nowhere"), SIZE, part) for part in (True, False))
    spectra = [torch.fft.rfft2(images.mean(1)).abs().flatten(1) for images in (train, test)]
    assert KNeighborsClassifier().fit(spectra[0], seen).score(spectra[1], held_out) > 0.95


# Own images


def write_images(folder: Path, count: int, start: int = 0) -> None:
    """Two classes, dark and light, of pictures that are not square."""
    for label, name in enumerate(("dark", "light")):
        (folder / name).mkdir(parents=True)
        for number in range(start, start + count):
            Image.new("RGB", (40, 30), (128 * label + number, 50, 50)).save(folder / name / f"{number}.png")


def load_folder(folder: Path, train: bool) -> tuple[Tensor, Tensor]:
    return dataset(f"imagefolder:{folder}").load(Path("elsewhere"), SIZE, train)


@pytest.mark.parametrize("held_out", ["val", "test"])
def test_imagefolder_reads_its_two_parts(tmp_path: Path, held_out: str) -> None:
    write_images(tmp_path / "train", 6)
    write_images(tmp_path / held_out, 3, start=50)
    images, labels = load_folder(tmp_path, True)
    check(images, labels, 2)
    assert labels.bincount().tolist() == [6, 6]
    assert torch.equal(denormalised(images)[:, 0, 0, 0] > 0.4, labels.bool())
    assert load_folder(tmp_path, False)[1].bincount().tolist() == [3, 3]


def test_imagefolder_splits_a_single_folder(tmp_path: Path) -> None:
    write_images(tmp_path, 10)
    (train, seen), (test, held_out) = (load_folder(tmp_path, part) for part in (True, False))
    assert (seen.bincount().tolist(), held_out.bincount().tolist()) == ([8, 8], [2, 2])
    assert not distinct(train) & distinct(test)
    assert len(distinct(train) | distinct(test)) == 20


@pytest.mark.parametrize("parts", [("train", "val"), ("",)])
def test_the_number_of_classes_is_that_of_the_folders_not_of_a_sample(
    parts: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class is an output of the model even if none of its images is loaded; that of the last one was missing."""
    for part in parts:
        write_images(tmp_path / part, 20)
        (tmp_path / part / "white").mkdir()
        for number in range(3):
            Image.new("L", (40, 30), 250 + number).save(tmp_path / part / "white" / f"{number}.png")
    monkeypatch.setattr(_images, "LIMIT", 2)
    conditions = CONDITIONS.model_copy(update={"dataset": f"imagefolder:{tmp_path}", "image_size": SIZE})
    loaded = load_parts(conditions, torch.device("cpu"))
    assert max(labels.max() for _, labels in loaded) < 2
    assert class_count(conditions, *loaded) == load_images(conditions, torch.device("cpu"))[2] == 3


@pytest.mark.parametrize("parts", [("train", "val"), ("",), ("even", "val")])
def test_one_answer_for_all_images_of_unequal_classes_is_chance(parts: tuple[str, ...], tmp_path: Path) -> None:
    """Such a network is not trained with more seeds; the frequency of held-out images counts, not that in training."""

    def build(classes: int) -> nn.Module:
        last = nn.Linear(3, classes)
        nn.init.zeros_(last.weight)
        with torch.no_grad():
            last.bias.copy_(torch.tensor([1.0, 0.0]))
        return nn.Sequential(nn.Conv2d(3, 3, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), last)

    for part in parts:
        folder = tmp_path / part.replace("even", "train")
        for label, (name, count) in enumerate({"dark": 45, "light": 45 if part == "even" else 5}.items()):
            (folder / name).mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (32, 32), (128 * label + number, 50, 50)).save(folder / name / f"{number}.png")
    settings = {"image_size": SIZE, "steps": 1, "seeds": 2, "every_seed": False, "test_images": 50}
    settings |= {"dataset": f"imagefolder:{tmp_path}"}
    top1 = next(iter(finetune.measure(subject(own(build=build, learning_rate=0.0), **settings))))
    assert top1.value == top1.detail["chance"] == pytest.approx(0.9)
    assert top1.detail["seeds_left_out"] == 1


def test_without_a_home_folder_images_need_a_data_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were put into a folder `~` of the current folder."""

    def unknown(_: int) -> None:
        raise KeyError

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.chdir(tmp_path)
    conditions, cpu = CONDITIONS.model_copy(update={"dataset": "cifar10"}), torch.device("cpu")
    for act in (
        lambda: check_images("cifar10", None),
        lambda: check_images("cifar10", "~/images"),
        lambda: load_part(conditions, cpu),
    ):
        with pytest.raises(ReporterError, match="no home folder to keep data sets in; set --data-root to a folder"):
            act()
    check_images("cifar10", str(tmp_path))
    check_images("digits", None)
    assert len(load_part(CONDITIONS.model_copy(update={"dataset": "synthetic"}), cpu)[1])
    write_images(tmp_path / "images", 20)
    chosen = conditions.model_copy(update={"dataset": f"imagefolder:{tmp_path / 'images'}", "image_size": SIZE})
    assert len(load_part(chosen, cpu)[1])
    assert [path.name for path in tmp_path.iterdir()] == ["images"]


def test_the_number_of_classes_that_a_data_set_states() -> None:
    few = torch.zeros(2, 3, SIZE, SIZE), torch.tensor([0, 3])
    assert class_count(CONDITIONS.model_copy(update={"dataset": "flowers102"}), few, few) == 102
    more = torch.zeros(2, 3, SIZE, SIZE), torch.tensor([0, 11])
    assert class_count(CONDITIONS.model_copy(update={"dataset": "digits"}), few, more) == 12


def test_imagefolder_says_what_is_wrong(tmp_path: Path) -> None:
    cases = {"missing": "wanted: train/CLASS", "torn": "cannot identify image", "alone": "neither val/ nor test/"}
    write_images(tmp_path / "torn", 5)
    for picture in (tmp_path / "torn").glob("*/*.png"):
        picture.write_bytes(b"torn")
    write_images(tmp_path / "alone" / "train", 5)
    write_images(tmp_path / "unlike" / "train", 5)
    write_images(tmp_path / "unlike" / "val" / "deeper", 5)
    for name, reason in {**cases, "unlike": "different class folders"}.items():
        with pytest.raises((OSError, ValueError), match=reason) as caught:
            load_folder(tmp_path / name, True)
        assert str(tmp_path / name) in str(caught.value)
        assert "\n" not in str(caught.value)


# What torchvision reads


def write_fashion_mnist(root: Path, count: int = 30) -> None:
    """The layout of Debian's dataset-fashion-mnist, unpacked: four idx files under FashionMNIST/raw."""
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for part in ("train", "t10k"):
        pixels = torch.randint(256, (count, 28, 28), dtype=torch.uint8).numpy().tobytes()
        (raw / f"{part}-images-idx3-ubyte").write_bytes(struct.pack(">4I", 0x803, count, 28, 28) + pixels)
        labels = bytes(number % 10 for number in range(count))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, count) + labels)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("train", [True, False])
def test_fashion_mnist_reads_unpacked_files_without_network(tmp_path: Path, train: bool) -> None:
    write_fashion_mnist(tmp_path)
    images, labels = dataset("fashion-mnist").load(tmp_path, SIZE, train)
    check(images, labels, 10)
    assert labels.bincount().tolist() == [3] * 10


@pytest.mark.usefixtures("offline")
def test_fashion_mnist_is_read_from_where_debian_puts_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_fashion_mnist(tmp_path / "plain")
    package = tmp_path / "package"
    package.mkdir()
    for path in (tmp_path / "plain" / "FashionMNIST" / "raw").iterdir():
        (package / f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
    monkeypatch.setattr(readers, "PACKAGED", {"FashionMNIST": package})
    for train in (True, False):
        plain, unpacked = (dataset("fashion-mnist").load(tmp_path / root, SIZE, train) for root in ("plain", "new"))
        assert torch.equal(plain[0], unpacked[0])
        assert torch.equal(plain[1], unpacked[1])


@pytest.mark.usefixtures("offline")
@pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed")
def test_the_real_fashion_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """60,000 and 10,000 images, the published labels, and shapes that nearest neighbors distinguish."""
    from sklearn.neighbors import KNeighborsClassifier

    monkeypatch.setattr(readers, "PACKAGED", {"FashionMNIST": DEBIAN})
    parts = [readers.full_part(readers.FASHION_MNIST, tmp_path, train) for train in (True, False)]
    assert [len(part) for part in parts] == [60_000, 10_000]
    assert [part.targets.bincount().tolist() for part in parts] == [[6_000] * 10, [1_000] * 10]
    assert parts[0].targets[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    (train, seen), (test, held_out) = (dataset("fashion-mnist").load(tmp_path, SIZE, part) for part in (True, False))
    check(train, seen, 10)
    check(test, held_out, 10)
    assert len(seen) == len(held_out) == _images.LIMIT
    near = KNeighborsClassifier().fit(train[:, 0].flatten(1), seen)
    assert near.score(test[:500, 0].flatten(1), held_out[:500]) > 0.7


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(("train", "count"), [(True, 50), (False, 10)])
def test_cifar10_reads_its_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train: bool, count: int) -> None:
    from torchvision.datasets import CIFAR10

    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda path, _: Path(path).exists())
    folder = tmp_path / CIFAR10.base_folder
    folder.mkdir()
    batch = {"data": torch.randint(256, (10, 3072), dtype=torch.uint8).numpy(), "labels": list(range(10))}
    for name, _ in [*CIFAR10.train_list, *CIFAR10.test_list]:
        (folder / name).write_bytes(pickle.dumps(batch))
    (folder / CIFAR10.meta["filename"]).write_bytes(pickle.dumps({"label_names": list("abcdefghij")}))
    images, labels = dataset("cifar10").load(tmp_path, SIZE, train)
    check(images, labels, 10)
    assert labels.bincount().tolist() == [count // 10] * 10


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(("train", "label"), [(True, 0), (False, 101)])
def test_flowers_are_read_as_their_lists_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train: bool, label: int
) -> None:
    from scipy.io import savemat

    monkeypatch.setattr("torchvision.datasets.flowers102.check_integrity", lambda path, _: Path(path).exists())
    base = tmp_path / "flowers-102"
    (base / "jpg").mkdir(parents=True)
    for number in range(1, 7):
        Image.new("RGB", (30, 50), (40 * number,) * 3).save(base / "jpg" / f"image_{number:05d}.jpg")
    savemat(base / "setid.mat", {"trnid": [1, 2], "valid": [3, 4], "tstid": [5, 6]})
    savemat(base / "imagelabels.mat", {"labels": [1, 1, 50, 50, 102, 102]})
    images, labels = dataset("flowers102").load(tmp_path, SIZE, train)
    check(images, labels, 102)
    assert labels.tolist() == [label, label]


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(("part", "train"), [("train", True), ("val", False)])
def test_imagenette_reads_what_lies_there(tmp_path: Path, part: str, train: bool) -> None:
    for shade, name in ((40, "n01440764"), (200, "n02102040")):
        (tmp_path / "imagenette2-160" / part / name).mkdir(parents=True)
        Image.new("RGB", (200, 160), (shade,) * 3).save(tmp_path / "imagenette2-160" / part / name / "1.JPEG")
    images, labels = dataset("imagenette").load(tmp_path, SIZE, train)
    check(images, labels, 10)
    assert sorted(labels.tolist()) == [0, 1]
    with pytest.raises(OSError, match="imagenette2-160"):
        dataset("imagenette").load(tmp_path, SIZE, not train)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(("part", "train"), [("trainval", True), ("test", False)])
def test_pets_are_read_as_their_lists_say(tmp_path: Path, part: str, train: bool) -> None:
    base = tmp_path / "oxford-iiit-pet"
    (base / "images").mkdir(parents=True)
    (base / "annotations").mkdir()
    (base / "annotations" / f"{part}.txt").write_text("Abyssinian_1 1 1 1\npug_2 27 2 19\n")
    for shade, name in ((40, "Abyssinian_1"), (200, "pug_2")):
        Image.new("RGB", (30, 50), (shade,) * 3).save(base / "images" / f"{name}.jpg")
    images, labels = dataset("oxford-pets").load(tmp_path, SIZE, train)
    check(images, labels, 37)
    assert sorted(labels.tolist()) == [0, 26]


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("damage", [b"", b"\0\0\x08\x03", b"nonsense" * 9])
def test_a_torn_file_is_one_clear_line(tmp_path: Path, damage: bytes) -> None:
    write_fashion_mnist(tmp_path)
    (tmp_path / "FashionMNIST" / "raw" / "train-images-idx3-ubyte").write_bytes(damage)
    with pytest.raises(OSError, match="FashionMNIST/raw") as caught:
        dataset("fashion-mnist").load(tmp_path, SIZE, True)
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("name", ELSEWHERE)
def test_missing_files_are_one_clear_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match=r"needs .*, which can be neither read nor downloaded: .*no network") as caught:
        dataset(name).load(tmp_path, SIZE, True)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_data_set_says_where_it_is_from() -> None:
    assert all(entry.source and entry.title for entry in datasets().values())
    assert {entry.name for entry in datasets().values() if entry.classes is None} == {"imagefolder"}
