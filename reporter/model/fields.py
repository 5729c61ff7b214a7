"""Checks of the fields of a record: printable text, finite numbers, and the units of the contract."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field, JsonValue, SkipValidation

from reporter.model.devices import ACCELERATORS, DEVICE_TYPES

FRACTIONS = (
    *("finetune_top1", "probe_top1", "scratch_top1"),
    *("imagenet_top1", "imagenet_top5", "imagenet_best_top1", "imagenet_best_top5"),
)
ROW = 8
"""Calls in a row of a throughput on a GPU: the device is busy throughout, and one sample is their mean."""
DEFAULT_MALLOC = ("latency_cpu_default_malloc", "throughput_cpu_default_malloc")
"""Times with the allocator's default settings: a second view of others, which no comparison of runs judges."""
DEFAULT_MALLOC_SHARE = 0.15
"""The share of the sampling time of other times that these get: they are a second view of the same calls."""
MODES_SHARE = 0.35
"""The share of the sampling time of other times that each execution mode gets, and eager beside them."""
CURVES_SHARE = 0.5
"""The share of the sampling time of other times that each point of a curve gets."""
KEEPING = "MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=2147483647"
"""The environment variables with which glibc keeps freed memory, as a process that is timed does."""
AS_SET = "weights as its code sets them"
"""The initial weights of a module instance, as a record has them."""
GRADIENT_RATIOS = ("gradient_ratio", "gradient_ratio_trained")
"""Ratios of norms, which are not negative: they are combined on logarithms."""
BATCH_OF = "batch_of"
"""In the detail of a gradient ratio after training: the key of the one on the same batch. Earlier records lack it."""
UNITS = {
    **dict.fromkeys(("parameters", "parameters_auxiliary", "macs", "macs_fvcore", "activations", "depth"), "1"),
    **dict.fromkeys((*FRACTIONS, "gradient_ratio", "gradient_flow"), "1"),
    **dict.fromkeys(("weights_bytes", "peak_activation_bytes", "peak_training_bytes", "rss_inference_bytes"), "B"),
    "rss_process_bytes": "B",
    **{f"{device}_{work}_bytes": "B" for device in ACCELERATORS for work in ("inference", "training")},
    **dict.fromkeys(("latency_cpu_1thread", *(f"latency_{device}" for device in DEVICE_TYPES)), "s"),
    **dict.fromkeys(("finetune_seconds", "probe_seconds", "scratch_seconds", "finetune_step_seconds"), "s"),
    **dict.fromkeys((f"train_step_{device}" for device in DEVICE_TYPES), "s"),
    **dict.fromkeys((f"throughput_{device}" for device in DEVICE_TYPES), "1/s"),
    **dict.fromkeys((f"train_throughput_{device}" for device in ACCELERATORS), "1/s"),
    **dict(zip(DEFAULT_MALLOC, ("s", "1/s"), strict=True)),
}
"""The units of the keys that every results folder has; a user's metric may have any other key."""
NUMBERS = frozenset((int, float))
LARGEST, SMALLEST = 1e100, 1e-100
"""Magnitudes of numbers other than 0: no count or time comes near, and ratios of them do not overflow."""
LONGEST_NAME = 1000
MOST = {"year": 9999, "input_size": 2**20, "classes": 2**20}
"""The largest integers allowed in the fields of an architecture."""
UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufffe\uffff\ud800-\udfff]")
"""Control characters, and those that turn the order of their neighbours round."""
ESCAPES = re.compile(rb"\\[ubfnrt]")
"""How JSON writes them in ASCII."""
HARMLESS = bytes({*range(0x80)} - {0x7F})
"""ASCII without its one control character that a JSON text may hold as it is."""


def legible(text: str) -> str:
    r"""A text whose unseen characters stand there as their escapes, like `\n`, `\x00` and `\u202e`."""
    return UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def is_plain(document: bytes) -> bool:
    """Whether a JSON document surely has no text and no number that `plain` would change; looked at as a whole.

    ValueError where it is not UTF-8.
    """
    if b"NaN" in document or b"Infinity" in document:
        return False
    if b"\\" in document and ESCAPES.search(document):  # most have no backslash, which is found much faster
        return False
    if document.isascii():  # found much faster, as of most records
        return b"\x7f" not in document
    return document.translate(None, HARMLESS).decode("utf-8").isprintable()


def plain(value: Any) -> Any:
    """JSON with legible texts; a number that is none, or that cannot be computed with, becomes null."""
    if isinstance(value, str):
        return legible(value)
    if isinstance(value, dict):
        return {legible(key): plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return None if isinstance(value, int | float) and abs(value) > LARGEST else value


def are_numbers(values: Sequence[Any]) -> bool:
    """Whether all are integers or floats, 0 or with a magnitude between SMALLEST and LARGEST."""
    if not NUMBERS.issuperset(map(type, values)):
        return False
    return len([size for size in map(abs, values) if not size or SMALLEST <= size <= LARGEST]) == len(values)


def combination(key: str, centre: str) -> str:
    """How the samples of a metric are combined: as its `centre` says, gradient ratios on logarithms."""
    return "geometric" if key in GRADIENT_RATIOS else centre


def is_allowed(key: str, value: object) -> bool:
    """Whether a field of an architecture may have a value: a record can store it, and a recipe can use it."""
    if key in ("name", "family"):
        return isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and value == legible(value)
    if key in MOST:
        lowest = key != "classes"
        return (key == "year" and value is None) or (isinstance(value, int) and lowest <= value <= MOST[key])
    if key in ("learning_rate", "label_smoothing", "auxiliary_loss"):
        return isinstance(value, int | float) and 0 <= value <= LARGEST
    if key in ("build", "published"):
        return isinstance(value, dict) if key == "published" else callable(value)
    return isinstance(value, str) or (key == "weights" and value is None)


Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Sample = Annotated[int | float, SkipValidation]
"""Looked at all together, by `are_numbers`: one by one takes longer than everything else in a record."""
Facts = Annotated[dict[str, JsonValue], AfterValidator(plain)]
