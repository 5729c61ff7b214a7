"""Paths in messages to workers."""

from __future__ import annotations

import os
from typing import Annotated
from urllib.parse import quote, unquote_to_bytes

from pydantic import BeforeValidator, PlainSerializer, ValidationInfo


def _quoted(path: str) -> str:
    return quote(os.fsencode(path))


def _unquoted(value: object, info: ValidationInfo) -> object:
    return os.fsdecode(unquote_to_bytes(value)) if info.mode == "json" and isinstance(value, str) else value


FileName = Annotated[str, PlainSerializer(_quoted, when_used="json"), BeforeValidator(_unquoted)]
"""A path in JSON, which has no characters for bytes that are not text in the encoding of the file system."""
