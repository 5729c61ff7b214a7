"""Published truth with its sources, as CSV and TOML: never retyped in code.

architectures.csv     what papers and checkpoints state of a network, by our name of it
families.csv          family, year and paper by the beginning of a network's name
claims.csv            what claims of the lecture are held against, by claim and key
ilsvrc_timeline.csv   the entries of the ImageNet challenge, each number with its kind and source
timm_imagenet.csv     timm's own table of ImageNet accuracies, by MODEL.TAG and image size
slides.csv            the architectures of the table for a slide, in its order, with their ideas
ablations.csv         pairs of architectures that differ in one part, and what papers state of pairs not measured here
training_rates.csv    learning rates for training from random weights, found by benchmarks/training_rates.py
cards.toml            the idea of each network, and what it changed, by globs of names
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

Row = dict[str, str]


class Fact(NamedTuple):
    """A published figure, or a word, and where it stands."""

    value: int | float | str
    source: str


@cache
def architectures() -> dict[str, Row]:
    """What is published of each architecture, by name; an empty cell is a fact that is not published."""
    return {row["name"]: row for row in _rows("architectures.csv")}


@cache
def families() -> tuple[Row, ...]:
    """The families, in order of their papers."""
    return _rows("families.csv")


@cache
def claim(name: str) -> dict[str, Fact]:
    """What is published that a claim is held against, by key."""
    rows = (row for row in _rows("claims.csv") if row["claim"] == name)
    return {row["key"]: Fact(_number(row["value"]), row["source"]) for row in rows}


@cache
def timeline() -> tuple[Row, ...]:
    """Entries of the ImageNet challenge and what belongs beside them, year by year."""
    return _rows("ilsvrc_timeline.csv")


@cache
def training_rates() -> dict[str, float]:
    """The learning rate at which each listed architecture is trained from random weights."""
    return {row["architecture"]: float(row["learning_rate"]) for row in _rows("training_rates.csv")}


@cache
def slides() -> dict[str, str]:
    """The architectures of the table for a slide, each with its idea in a few words."""
    return {row["name"]: row["idea"] for row in _rows("slides.csv")}


@cache
def timm_accuracies() -> dict[str, tuple[Row, ...]]:
    """The rows of timm's table by MODEL.TAG; some weights were evaluated at several image sizes."""
    found: dict[str, list[Row]] = {}
    for row in _rows("timm_imagenet.csv"):
        found.setdefault(row["model"], []).append(row)
    return {name: tuple(rows) for name, rows in found.items()}


def timm_accuracy(rows: Sequence[Row], side: int) -> Row | None:
    """The best of some rows for images of this side, else the best of all; None without any."""
    same = [row for row in rows if row["img_size"] == str(side)]
    return max(same or rows, key=lambda row: float(row["top1"]), default=None)


@cache
def timm_source() -> str:
    """Where timm's table is from, with its commit."""
    return files(__name__).joinpath("timm_imagenet.csv").read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")


@cache
def ablations() -> tuple[Row, ...]:
    """Pairs of architectures that differ in one part."""
    return _rows("ablations.csv")


@cache
def cards() -> dict[str, Row]:
    """What an architecture is about, in words, by glob of names."""
    return tomllib.loads(files(__name__).joinpath("cards.toml").read_text(encoding="utf-8"))


def card(name: str) -> Row:
    """The words on a network: those of the last glob that fits it, empty where none does."""
    fits = [row for glob, row in cards().items() if fnmatchcase(name, glob)]
    return fits[-1] if fits else {}


def family(name: str) -> Row | None:
    """The family whose prefix fits a network's name best, None where there is none."""
    fits = [row for row in families() if name.startswith(row["prefix"])]
    return max(fits, key=lambda row: len(row["prefix"]), default=None)


def published(name: str) -> dict[str, Any]:
    """The filled cells of an architecture's row, plain numbers as int or float."""
    row = architectures().get(name, {})
    return {key: _number(cell) for key, cell in row.items() if cell.strip() not in ("", "-")}


def metadata(name: str) -> dict[str, Any]:
    """What an `Architecture` says of itself before it is built, as keyword arguments.

    `input_size` is missing where architectures.csv has no row of that name.
    """
    group, row = family(name), published(name)
    if group is None:
        raise KeyError(f"families.csv has no prefix for {name!r}")
    venue = row.get("arxiv_or_venue") or f"arXiv {group['arxiv']}"
    return {
        "name": name,
        "family": group["family"],
        "year": int(row.get("year", group["year"])),
        "paper": ", ".join([row.get("authors", group["authors"]), row.get("paper_title", group["paper"]), venue]),
        "published": row,
        **({"input_size": row["input_size"]} if row else {}),
    }


def _rows(file: str) -> tuple[Row, ...]:
    text = files(__name__).joinpath(file).read_text(encoding="utf-8")
    return tuple(csv.DictReader(line for line in text.splitlines(keepends=True) if not line.startswith("#")))


def _number(cell: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return cell
