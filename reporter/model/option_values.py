"""Values of options that are lists of names or of batch sizes, or paths."""

from __future__ import annotations

import json
import os
import re

from reporter.model.scaling_curves import LARGEST_BATCH

EXAMPLES = {
    "architectures": ("resnet18", "densenet121"),
    "metrics": ("size", "compute"),
    "device": ("cpu", "cuda"),
    "checkpoint": ("resnet18=FILE",),
    "finetune": ("full", "probe"),
    "modes": ("eager", "bf16"),
    "lang": ("en", "ru"),
    "keep_env": ("HTTP_PROXY", "HF_TOKEN"),
    "batches": (1, 2, 4, 8),
    "sizes": (160, 224),
}
"""The options that are lists, each with values for an error message."""
MOST_NUMBERS = 1000
"""The longest list of batch or image sizes: a record has room for their points in ten modes."""


def names(key: str, value: object) -> tuple[str, ...]:
    """The names in a comma list, as on the command line, or in a TOML array; at least one.

    An empty tuple is an option that was not given. No architecture at all is refused when they are selected: the
    user's networks may take their place.
    """
    found = listed(value)
    if any(not isinstance(part, str) for part in found) or not (found or value == () or key == "architectures"):
        raise ValueError(f"it should be a list of names, as in {_example(key, value)}")
    return tuple(str(part) for part in found)


def listed(value: object) -> list[object]:
    """The parts of a comma list or an array, without empty ones; a single value is a list of one."""
    parts = value.split(",") if isinstance(value, str) else list(value) if isinstance(value, list | tuple) else [value]
    return [part for part in (part.strip() if isinstance(part, str) else part for part in parts) if part != ""]


def numbers(key: str, value: object) -> list[object]:
    """The same for a list of numbers or sizes, which has at least one."""
    if not (found := listed(value)) and value != ():
        raise ValueError(f"it should be a list of numbers, as in {_example(key, value)}")
    if len(found) > MOST_NUMBERS:
        raise ValueError(f"it should be a list of at most {MOST_NUMBERS:,} numbers, not {len(found):,}")
    return found


def batch_sizes(value: object) -> tuple[int, ...]:
    """Batch sizes, ascending, each once."""
    parts = numbers("batches", value)
    texts = [str(each) for each in parts]
    wrong = any(isinstance(each, bool) for each in parts)
    if wrong or any(not re.fullmatch("[0-9]{1,7}", text) for text in texts):
        raise ValueError("it should be batch sizes, as in 1,2,4,8")
    found = sorted({int(text) for text in texts})
    if found and not 1 <= found[0] <= found[-1] <= LARGEST_BATCH:
        raise ValueError(f"it should be batch sizes from 1 to {LARGEST_BATCH:,}")
    return tuple(found)


def path(value: str) -> str:
    """A path, with `~` expanded; an empty one would be the current folder."""
    if not value.strip() or "\0" in value:
        raise ValueError("it should be a path; the current folder is '.'")
    return os.path.expanduser(value)  # Path.expanduser raises without a home


def is_utf_8(text: str) -> bool:
    """Whether JSON can hold a text: Python reads bytes of the command line that are not UTF-8 as surrogates."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _example(key: str, value: object) -> str:
    """As on the command line for a text, else as in a config file."""
    parts = EXAMPLES[key]
    return ",".join(map(str, parts)) if isinstance(value, str) else json.dumps(parts)
