"""Hand-made records: plausible, and nobody's measurement. Every status and two hostile names are among them."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import reporter
from reporter.model import Better, Evidence, Group, Quantity, Reading, Record, Status
from reporter.report.cards.cards import Family
from reporter.report.cards.record_structure import LAYER
from reporter.report.sections import Folded

FACTS = Path(reporter.__file__).parent / "facts" / "architectures.csv"
GPU = "this machine has no CUDA device"


def quantity(key: str, title: str, unit: Any, group: Group, better: Better = "lower", **more: Any) -> Quantity:
    about = f"{title}, made up."
    return Quantity(key=key, title=title, unit=unit, group=group, better=better, definition=about, **more)


QUANTITIES = {
    q.key: q
    for q in (
        quantity("parameters", "Parameters", "1", "size", "neither"),
        quantity("parameters_auxiliary", "Auxiliary parameters", "1", "size", "neither"),
        quantity("weights_bytes", "Weights", "B", "size"),
        quantity("depth", "Depth", "1", "size", "neither"),
        quantity("layers", "Layers", "1", "size", "neither"),
        quantity("block_parameters", "Parameters of a block", "1", "size", "neither"),
        quantity("macs", "MACs", "1", "compute"),
        quantity("macs_fvcore", "MACs, fvcore", "1", "compute"),
        quantity("activations", "Activations", "1", "compute"),
        quantity("peak_activation_bytes", "Peak activations", "B", "memory"),
        quantity("peak_training_bytes", "Peak training memory", "B", "memory"),
        quantity("latency_cpu_1thread", "Latency, CPU, 1 thread", "s", "latency"),
        quantity("latency_cpu", "Latency, CPU", "s", "latency"),
        quantity("throughput_cpu", "Throughput, CPU", "1/s", "latency", "higher"),
        quantity("latency_cuda", "Latency, GPU", "s", "latency"),
        quantity("finetune_top1", "Top-1 after fine-tuning", "1", "finetune", "higher", centre="mean"),
        quantity("finetune_seconds", "Fine-tuning time", "s", "finetune", centre="mean"),
        quantity("imagenet_top1", "ImageNet top-1, published", "1", "finetune", "higher"),
        quantity("imagenet_top5", "ImageNet top-5, published", "1", "finetune", "higher"),
        quantity("gradient_ratio", "Gradient ratio", "1", "finetune", "neither", centre="mean"),
        quantity("gradient_ratio_trained", "Gradient ratio, trained", "1", "finetune", "neither", centre="mean"),
        quantity("gradient_flow", "Gradient flow", "1", "finetune", "neither"),
    )
}

# name, family, year, input, parameters, MACs, depth, milliseconds, fine-tuned, ImageNet top-1 and top-5
ROWS = (
    ("alexnet", "AlexNet", 2012, 224, 61100840, 714188480, 8, 14.1, 0.36, 0.56522, 0.79066),
    ("vgg16", "VGG", 2014, 224, 138357544, 15470264320, 16, 182.0, 0.11, 0.71592, 0.90382),
    ("vgg16_bn", "VGG", 2014, 224, 138365992, 15470264320, 16, 195.0, 0.93, 0.7336, 0.91516),
    ("vgg19", "VGG", 2014, 224, 143667240, 19632062464, 19, 231.0, 0.10, 0.72376, 0.90876),
    ("vgg19_bn", "VGG", 2014, 224, 143678248, 19632062464, 19, 240.0, 0.91, 0.74218, 0.91842),
    ("googlenet", "Inception", 2014, 224, 6624904, 1498000000, 22, 24.0, 0.94, 0.69778, 0.8953),
    ("bn_inception", "Inception", 2015, 224, 11295240, 2033000000, 34, 33.5, 0.95, None, None),
    ("inception_v2", "Inception", 2015, 299, 25954248, 6353000000, 47, 88.0, 0.90, None, None),
    ("inception_v3", "Inception", 2015, 299, 23834568, 5713000000, 48, 80.5, 0.88, 0.77294, 0.9345),
    ("resnet18", "ResNet", 2015, 224, 11689512, 1814073344, 18, 21.0, 0.97, 0.69758, 0.89078),
    ("resnet50", "ResNet", 2015, 224, 25557032, 4089184256, 50, 54.0, 0.86, 0.7613, 0.92862),
    ("resnet101", "ResNet", 2015, 224, 44549160, 7801405440, 101, 99.0, 0.80, 0.77374, 0.93546),
    ("densenet121", "DenseNet", 2016, 224, 7978856, 2834161664, 121, 51.0, 0.97, 0.74434, 0.91972),
    ("densenet201", "DenseNet", 2016, 224, 20013928, 4291365888, 201, 86.0, 0.96, 0.76896, 0.9337),
    ("resnext50_32x4d", "ResNeXt", 2016, 224, 25028904, 4230479872, 50, 71.0, 0.84, 0.77618, 0.93698),
    ("se_resnet50", "SE-ResNet", 2017, 224, 28088024, 4091715248, 50, 61.0, 0.89, None, None),
    ("se_resnet101", "SE-ResNet", 2017, 224, 49326872, 7806000000, 101, 112.0, 0.85, None, None),
    ("se_resnext50_32x4d", "SE-ResNeXt", 2017, 224, 27559896, 4233000000, 50, 78.0, 0.87, None, None),
)
HOSTILE = (
    ("<script>alert(1)</script>", "Other", 2017, 224, 1000000, 100000000, 5, 3.0, 0.5, None, None),
    ("a|b", "Other", 2017, 224, 2000000, 200000000, 6, 4.0, 0.6, None, None),
)
FEW = ("alexnet", "vgg16", "googlenet", "bn_inception", "inception_v2", "densenet121", "resnet50", "se_resnet50")

NUMBERS: dict[str, dict[str, float]] = {
    "two_small_kernels": {
        "window_two": 5,
        "window_one": 5,
        "weights_two": 18,
        "weights_one": 25,
        "widening_two": 13824,
        "widening_one": 12800,
    },
    "split_kernel": {"window": 3, "pair": 6, "whole": 9, "two_whole": 18, "pair_7": 14, "whole_7": 49},
    "dense_connections": {
        **{f"layers_{block}": count for block, count in enumerate((6, 12, 24, 16), start=1)},
        **{f"connections_{block}": count for block, count in enumerate((21, 78, 300, 136), start=1)},
    },
    "bottleneck_depth": {
        "resnet52": 0,
        **{f"blocks_{depth}": count for depth, count in ((18, 8), (34, 16), (50, 16), (101, 33), (152, 50))},
        **{f"bottlenecks_{depth}": count for depth, count in ((18, 0), (34, 0), (50, 16), (101, 33), (152, 50))},
    },
    "squeeze": {"moved_by_maximum": 0.0, "moved_by_average": 0.02},
    "block_weights": {"resnet": 69632, "resnext": 70144, "resnet_normed": 70400, "resnext_normed": 71168},
    "label_smoothing": {"difference": 2e-15, "loss": 7.4},
    "parallel_kernels": {"kernels": 387072, "reduced": 163328, "built": 155136},
    "gradient_flow": {
        **{"plain_20": 1.7, "plain_norm_20": 11.0, "residual_norm_20": 3.2, "dense_norm_20": 2.6},
        **{"plain_56": 7.0, "plain_norm_56": 980.0, "residual_norm_56": 6.8, "dense_norm_56": 4.6},
        **{f"plain_56_{place}": 1e-3 * 7 ** -(place / 56) for place in range(1, 57)},
        **{f"plain_norm_56_{place}": 400.0 * 5000 ** -(place / 56) for place in range(1, 57)},
        **{f"residual_norm_56_{place}": 2.0 * 6 ** -(place / 56) for place in range(1, 57)},
        **{f"dense_norm_56_{place}": 1.0 * 5 ** -(place / 56) for place in range(1, 57)},
    },
}
"""What measuring the evidence of the lecture's claims gives."""
RELATIVE_GRADIENTS = {"resnet101": 210.0, "inception_v3": 160.0, "resnet50": 45.0, "alexnet": 0.1, "vgg19": 0.6}
"""Early over late layers; of other networks 6."""


def evidence() -> dict[str, Evidence]:
    """Evidence for every claim that measures some."""
    about = {"schema": 1, "definition": "made up", "machine": "quiet", "started": "2026-01-02T03:20:00+00:00"}
    return {name: Evidence(claim=name, numbers=numbers, **about) for name, numbers in NUMBERS.items()}


def with_gradients(records: list[Record]) -> list[Record]:
    """The same records with relative gradients."""
    return [_with_gradients(record) for record in records]


def _with_gradients(record: Record) -> Record:
    flow = RELATIVE_GRADIENTS.get(record.architecture, 6.0)
    curve = [0.1 * flow ** (1 - place / 7) for place in range(8)]
    names = [f"layer{place}" for place in range(8)]
    found = reading("gradient_flow", flow, layers=names, relative_gradients=curve)
    return record.model_copy(update={"readings": record.readings | {"gradient_flow": found}})


def times(middle: float, spread: float = 0.02, count: int = 24) -> tuple[float, ...]:
    """Samples around a middle, the same every time."""
    return tuple(middle * (1 + spread * math.sin(7 * index)) for index in range(count))


@cache
def _facts() -> dict[str, dict[str, Any]]:
    with FACTS.open(encoding="utf-8", newline="") as file:
        return {row["name"].split(" ")[0]: dict(row) for row in reversed(list(csv.DictReader(file)))}


def published(name: str) -> dict[str, Any]:
    """The row of the facts with that name."""
    return dict(_facts().get(name, {}))


def reading(key: str, *samples: float, status: Status = "ok", reason: str | None = None, **detail: Any) -> Reading:
    return Reading(quantity=QUANTITIES[key], samples=samples, status=status, reason=reason, detail=detail)


def record(row: tuple[Any, ...], machine: str = "quiet", slower: float = 1.0) -> Record:
    """A record of a row of ROWS or HOSTILE, validated once in a process: hundreds of tests want the same ones."""
    made = _record(row, machine, slower)
    return made.model_copy(update={"readings": dict(made.readings), "published": dict(made.published)})


@cache
def _record(row: tuple[Any, ...], machine: str, slower: float) -> Record:
    name, family, year, size, *_ = row
    readings = {**_counts(row), **_structure(row), **_memory(row), **_times(row, slower), **_finetune(row)}
    return Record.model_validate(
        {
            "schema": 1,
            "architecture": name,
            "family": family,
            "year": year,
            "paper": published(name).get("paper_title", "A paper that was never written"),
            "variant": published(name).get("params_note", ""),
            "input_size": size,
            "published": published(name),
            "machine": machine,
            "machine_facts": {"cpu": "A made-up processor", "threads": 2, "memory_bytes": 8 * 2**30, "system": "Linux"},
            "environment": {"reporter": "0.1.0", "python": "3.11.7", "torch": "2.15.0"},
            "settings": {"preset": "standard", "dataset": "digits", "test_images": 180, "steps": 40, "seeds": 1},
            "started": f"2026-01-02T03:{year - 2000:02}:00+00:00",
            "readings": readings,
        }
    )


def _counts(row: tuple[Any, ...]) -> dict[str, Reading]:
    name, _, _, _, parameters, macs, depth, *_ = row
    heads = 6379984 if name == "googlenet" else 0
    extra = macs // 250
    fvcore = reading(
        "macs_fvcore",
        macs + extra,
        operators={"conv": macs - 2048000, "linear": 2048000, "batch_norm": extra},
        unsupported={"aten::add_": 16, "aten::max_pool2d": 1},
        verdict="differ",
        because={"batch_norm": extra},
    )
    return {
        "parameters": reading("parameters", parameters),
        "parameters_auxiliary": reading("parameters_auxiliary", heads),
        "weights_bytes": reading("weights_bytes", 4 * parameters),
        "depth": reading("depth", depth),
        "macs": reading("macs", macs),
        "macs_fvcore": fvcore,
        "activations": reading("activations", macs // 370),
    }


def _structure(row: tuple[Any, ...]) -> dict[str, Reading]:
    """A stem, a stage of blocks and a linear layer that add up, and a block with a shortcut; hostile names stay so."""
    name, _, _, _, parameters, macs, *_ = row
    prices = ((parameters // 50, macs // 5), (parameters // 2, macs // 2))
    rest = (parameters - sum(price[0] for price in prices), macs - sum(price[1] for price in prices))
    about = (
        ("conv1 – maxpool", "Conv2d(7×7, stride=2), MaxPool2d(3×3, stride=2)", 1, "64×56×56"),
        ("layer1", f"3 × {name}", 2, "256×56×56"),
        ("fc", "Linear", None, "1000"),
    )
    stages = [
        dict(zip(("name", "kind", "level", "output", "parameters", "macs"), (*what, *price), strict=True))
        for what, price in zip(about, (*prices, rest), strict=True)
    ]
    layers = ["; ".join(str(stage[key]) for key in LAYER) for stage in stages]
    steps = (
        ({"op": "input", "output": "256×56×56"}, []),
        ({"op": "Conv2d", "output": "64×56×56", "kernel": "3×3", "groups": 32}, [0]),
        ({"op": "BatchNorm2d", "output": "64×56×56"}, [1]),
        ({"op": name if row in HOSTILE else "Conv2d", "output": "256×56×56", "kernel": "1×1"}, [2]),
        ({"op": "add", "output": "256×56×56"}, [3, 0]),
        ({"op": "relu", "output": "256×56×56"}, [4]),
    )
    graph = [{**step, "from": sources, "within": ""} for step, sources in steps]
    return {
        "layers": reading("layers", len(layers), stages=stages, layers=layers),
        "block_parameters": reading("block_parameters", 22528, name="layer1.1", kind=name, repeats=16, graph=graph),
    }


def _memory(row: tuple[Any, ...]) -> dict[str, Reading]:
    weights, activations = 4 * row[4], row[5] // 100
    parts = {
        "weights": weights,
        "gradients": weights,
        "optimizer": 2 * weights,
        "activations": 4 * activations,
    }
    training = reading("peak_training_bytes", sum(parts.values()), **parts)
    if row[0] == "vgg16":
        training = reading("peak_training_bytes", status="oom", reason="needs 2.1 GiB, 2.0 GiB are there")
    peak = reading("peak_activation_bytes", activations, activations=activations)
    return {"peak_activation_bytes": peak, "peak_training_bytes": training}


def _times(row: tuple[Any, ...], slower: float) -> dict[str, Reading]:
    seconds = row[7] / 1000 * slower
    spread = 0.4 if row[0] == "inception_v2" else 0.02
    late = reading("throughput_cpu", status="timeout", reason="took longer than 60 s")
    return {
        "latency_cpu_1thread": reading("latency_cpu_1thread", *times(seconds, spread)),
        "latency_cpu": reading("latency_cpu", *times(seconds * 0.6, 0.05)),
        "throughput_cpu": late if row[0] == "a|b" else reading("throughput_cpu", *times(2 / seconds)),
        "latency_cuda": reading("latency_cuda", status="unsupported", reason=GPU),
    }


def _finetune(row: tuple[Any, ...]) -> dict[str, Reading]:
    name, family, top1, imagenet = row[0], row[1], row[8], row[9:11]
    curve = [{"step": s, "loss": 2.3 * math.exp(-s * top1 / 15) + 0.05 * math.sin(s * len(name))} for s in range(1, 41)]
    detail = {
        "curve": curve,
        "evaluations": [
            {"step": s, "top1": top1 * s / 40, "top1_uncalibrated": top1 * s / 80} for s in (10, 20, 30, 40)
        ],
        "weights": "random",
        "weights_reason": "no network here",
        "recipe": {
            "optimizer": "AdamW",
            "learning_rate": 1e-4 if family in ("AlexNet", "VGG") else 1e-3,
            "steps": 40,
            "batch_size": 16,
            "image_size": 80,
            "label_smoothing": 0.1 if name == "inception_v3" else 0.0,
            "auxiliary_loss": 0.3 if name == "googlenet" else 0.0,
            "auxiliary_dropped": "the heads need larger images" if name == "googlenet" else None,
            "batch_norm_recalibrated": True,
        },
        "dataset": "digits",
        "test_images": 180,
    }
    tuned = reading("finetune_top1", top1, **detail)
    if name == "<script>alert(1)</script>":
        tuned = reading("finetune_top1", status="failed", reason="RuntimeError: <b>no</b> | gradient")
    found = {"finetune_top1": tuned, "finetune_seconds": reading("finetune_seconds", 40 * row[7] / 300)}
    if imagenet[0]:
        source = {"weights": "IMAGENET1K_V1", "source": "torchvision"}
        found |= {
            f"imagenet_{t}": reading(f"imagenet_{t}", v, **source)
            for t, v in zip(("top1", "top5"), imagenet, strict=True)
        }
    return found


def lecture() -> list[Record]:
    return [record(row) for row in ROWS]


def all_networks() -> list[Record]:
    """Those of the lecture with relative gradients, of which one has no time on all threads, and the hostile names."""
    late = reading("latency_cpu", status="timeout", reason="took longer than 60 s")
    found = {each.architecture: each for each in (*with_gradients(lecture()), *map(record, HOSTILE))}
    slow = found["vgg19"]
    found["vgg19"] = slow.model_copy(update={"readings": slow.readings | {"latency_cpu": late}})
    return list(found.values())


def few() -> list[Record]:
    """Eight networks, the two hostile names, and one of the eight again on another machine."""
    rows = [row for row in (*ROWS, *HOSTILE) if row[0] in FEW or row in HOSTILE]
    old = record(ROWS[10], machine="old", slower=3.0).model_copy(update={"started": "2025-01-01T00:00:00+00:00"})
    return [*(record(row) for row in rows), old]


def contents(blocks: Iterable[Any]) -> Iterator[Any]:
    """The blocks of a section in their order; in the place of a folded one or a family of cards, what is in it."""
    for block in blocks:
        if isinstance(block, Folded):
            yield from contents(block.blocks)
        elif isinstance(block, Family):
            yield from block.cards
        else:
            yield block
