"""Documents in a results folder: summary.json and comparison.json, also those of a later version of reporter."""

from __future__ import annotations

from functools import reduce
from operator import getitem
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import from_json

from reporter.documents import Document
from reporter.model import ReporterError
from reporter.model.fields import legible

Part = TypeVar("Part", bound=Document)
LARGEST = 2**28
"""Bytes of a document; summary.json has about 31 kB for each architecture and machine."""


def load(path: Path, kind: type[Part]) -> Part:
    """The content of a file; the keys of a later version are left out. ReporterError if it is no such document."""
    try:
        if path.stat().st_size > LARGEST:
            raise ReporterError(f"{path}: larger than {LARGEST >> 20} MiB; repeat the run")
        content = from_json(path.read_bytes(), allow_inf_nan=False)
        try:
            return kind.model_validate(content)
        except ValidationError as error:
            for each in error.errors(include_url=False):
                if each["type"] == "extra_forbidden":
                    *outer, key = each["loc"]
                    del reduce(getitem, outer, content)[key]
        return kind.model_validate(content)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        why = legible(": ".join(part for part in (".".join(map(str, wrong["loc"])), wrong["msg"]) if part))
        raise ReporterError(f"{path}: not of this version of reporter: {why}; repeat the run") from None
    except (OSError, ValueError) as error:
        raise ReporterError(f"{path.parent}: no results: {error}; name a folder of reporter --out") from None
