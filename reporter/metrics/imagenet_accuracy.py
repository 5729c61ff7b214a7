"""Published ImageNet accuracy of the weights named in the record, and of the best weights, looked up in every run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from reporter import facts
from reporter.architectures import se_resnet, timm
from reporter.model import Metric, Quantity, Reading, absent
from reporter.model.image_sizes import square

if TYPE_CHECKING:
    from torchvision.models import WeightsEnum

    from reporter.worker.subject import Subject


def _quantity(key: str, title: str, what: str, of: str) -> Quantity:
    return Quantity(
        key=key,
        title=title,
        unit="1",
        group="finetune",
        better="higher",
        definition=f"Share of the 50,000 ILSVRC-2012 validation images {what} {of}, single center crop, as torchvision "
        "or timm publishes it.",
    )


RIGHT, AMONG = "classified correctly by", "whose class is among the five largest outputs of"
NAMED, OF_BEST = "the named weights", "the published weights with the highest top-1"
TOP1 = _quantity("imagenet_top1", "ImageNet top-1, published", RIGHT, NAMED)
TOP5 = _quantity("imagenet_top5", "ImageNet top-5, published", AMONG, NAMED)
BEST_TOP1 = _quantity("imagenet_best_top1", "ImageNet top-1, best weights", RIGHT, OF_BEST)
BEST_TOP5 = _quantity("imagenet_best_top5", "ImageNet top-5, best weights", AMONG, OF_BEST)
OF_WEIGHTS, BEST = (TOP1, TOP5), (BEST_TOP1, BEST_TOP5)


class Published(NamedTuple):
    """Published accuracies of some weights, with what the record names of them."""

    top1: float
    top5: float
    detail: Mapping[str, Any]


def measure(subject: Subject) -> Iterator[Reading]:
    """Looks the accuracies up: in timm's table, or in the metadata of torchvision's weights."""
    found = _of_timm(subject) if subject.architecture.name.startswith(timm.PREFIX) else _of_torchvision(subject)
    for quantities, each in zip((OF_WEIGHTS, BEST), found, strict=True):
        if isinstance(each, str):
            yield from absent(quantities, "unsupported", each)
        else:
            for quantity, value in zip(quantities, each[:2], strict=True):
                yield Reading(quantity=quantity, samples=(round(value / 100, 7),), detail=dict(each.detail))


def _of_torchvision(subject: Subject) -> tuple[Published | str, Published | str]:
    """The accuracies of the weights, and of the best weights, or why there are none.

    Of the best weights, those for the measured image size are preferred, as in timm's table; with --input-size others
    do not count. Only weights of torchvision count, where it has any: those of timm's network of the same name are
    listed with that.
    """
    from torchvision.models import get_model_weights

    name, weights = subject.architecture.name, subject.architecture.weights
    if weights is None:
        why, theirs = subject.architecture.no_weights, se_resnet.TIMM.get(name)
        return why, _best_of_timm(theirs, subject) if theirs else why
    found = [_entry(each) for each in get_model_weights(name) if "ImageNet-1K" in each.meta["_metrics"]]
    named = [each for each in found if each.detail["weights"] == weights]
    return _best_at_size(named, subject), _best_at_size(found, subject)


def _entry(weights: WeightsEnum) -> Published:
    accuracy = weights.meta["_metrics"]["ImageNet-1K"]
    (side,) = weights.transforms().crop_size
    detail = {"weights": weights.name, "source": weights.meta["recipe"], "test_size": side}
    return Published(accuracy["acc@1"], accuracy["acc@5"], detail)


def _best_at_size(found: Sequence[Published], subject: Subject) -> Published | str:
    """The best accuracy at this image size, else the best of all, unless with --input-size."""
    same = [each for each in found if square(each.detail["test_size"]) == subject.size]
    if not same and subject.conditions.input_size and subject.size != square(subject.architecture.input_size):
        return _other_size(sorted({each.detail["test_size"] for each in found}), subject)
    return max(same or found, key=lambda each: each.top1)


def _of_timm(subject: Subject) -> tuple[Published | str, Published | str]:
    """The same from timm's table: of the tag in the name, else of timm's default tag."""
    model = subject.architecture.name.removeprefix(timm.PREFIX).partition(".")[0]
    tag = subject.architecture.published.get(timm.TAG)
    rows = facts.timm_accuracies().get(f"{model}.{tag}", ())
    if not tag:
        named: Published | str = "timm names no tag of weights"
    elif not rows:
        named = f"no published row for this tag in timm's table: {model}.{tag}"
    else:
        named = _at_size(rows, subject)
    return named, _best_of_timm(model, subject)


def _best_of_timm(model: str, subject: Subject) -> Published | str:
    """The best row of a network of timm, of all its tags."""
    every = [
        row for weights, rows in facts.timm_accuracies().items() if weights.startswith(f"{model}.") for row in rows
    ]
    return _at_size(every, subject) if every else f"no published row for {model} in timm's table"


def _at_size(rows: Sequence[facts.Row], subject: Subject) -> Published | str:
    """The row for this image size, else the best one, whose size the reading has.

    With --input-size only a row of that size, or the usual size of the network, counts.
    """
    size, sizes = subject.size, sorted({int(row["img_size"]) for row in rows})
    usual = [*sizes, subject.architecture.input_size]
    if subject.conditions.input_size and size not in map(square, usual):
        return _other_size(sizes, subject)
    row = facts.timm_accuracy(rows, size.height)
    if row is None:
        return "no published row in timm's table"
    detail = {
        "weights": row["model"],
        "source": facts.timm_source(),
        "test_size": int(row["img_size"]),
        "crop": float(row["crop_pct"]),
        "interpolation": row["interpolation"],
    }
    return Published(float(row["top1"]), float(row["top5"]), detail)


def _other_size(sizes: Sequence[int], subject: Subject) -> str:
    return f"published for images of {', '.join(map(str, sizes))} pixels, not of {subject.size}"


ENTRIES = (Metric("published", (*OF_WEIGHTS, *BEST), measure, process="counting", always=True, fallback=measure),)
