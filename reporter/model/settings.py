"""Settings: options, a config file, presets, and the conditions that a measurement depends on."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from reporter.model import option_values
from reporter.model.durations import in_seconds
from reporter.model.extensions import Edition, Metric
from reporter.model.image_sizes import image_size
from reporter.model.names import nearest
from reporter.model.readings import EFFORT, ReporterError
from reporter.stats.samples import FEWEST_ROUNDS

Preset = Literal["quick", "standard", "thorough"]
Weights = Literal["auto", "pretrained", "random"]
FailOn = Literal["exact", "timing", "level", "any", "never"]
LONGEST_LINE = 200
"""Characters of a title, course, author or license, and of a value in an error message."""
PRESENTED = frozenset({"lang", "edition", "title", "course", "author", "license"})
"""Settings of the report, which `reporter render` takes from the newest record."""
UNRECORDED = {"ray_address", "keep_env"}
"""Settings that no record keeps: they are about the machines of a run, not about what is measured."""


class Conditions(BaseModel):
    """Under which conditions numbers are taken; a metric names those that its readings depend on."""

    model_config = ConfigDict(frozen=True)

    rounds: int
    """How often each network's times are taken, interleaved with the other networks."""
    seconds: float
    """How long one time is sampled in one round, at most, once it is warm."""
    goal: float = 0.02
    """Sampling stops early when the 95 % interval spans less than this share of the median."""
    throughput_batch: int = 4
    batch_size: int = 16
    image_size: int = 80
    steps: int
    """Of a training run whose accuracy is measured; 0: none is, only the time of a step."""
    seeds: int
    first_seed: int = 0
    every_seed: bool = True
    """Whether all seeds are trained, even of a network whose accuracy with the first seed is close to guessing."""
    test_images: int
    protocol: int = 2
    """The version of what training does beyond its other conditions; 1: that of reporter 0.1.0."""
    dataset: str = "digits"
    data_root: str | None = None
    weights: Weights = "auto"
    checkpoint: str | None = None
    """The SHA-256 of the user's weights that the network starts from, those in `checkpoint_file`."""
    checkpoint_file: str | None = None
    data: str | None = None
    """A digest of the files of the data set."""
    variables: dict[str, str] | None = None
    """The variables that change which kernels run, where any is set."""
    input_size: str | None = None
    """The size of the images, `N` or `HxW`, where it is not the architecture's own."""
    threads: int | None = None
    """The number of threads on the CPU, where it is not that of the usable cores."""

    def of(self, metric: Metric, device: str) -> dict[str, Any]:
        """What a metric's readings depend on, as it is stored with each of them."""
        where = {} if metric.device == "none" else {"device": device}
        named = set(metric.depends) - set(EFFORT if metric.timed else ())
        named |= {"data"} if "dataset" in named else set()
        named |= {"variables"} if where else set()
        named |= {"input_size"} if metric.takes_input else set()
        named |= {"threads"} if where and device == "cpu" and metric.uses_threads else set()
        return self.model_dump(mode="json", include=named, exclude_none=True) | where | metric.code

    def of_mode(self) -> dict[str, Any]:
        """What the preparation and the output error of an execution mode depend on."""
        return {"input_size": self.input_size} if self.input_size else {}


PRESETS: dict[Preset, dict[str, Any]] = {
    "quick": {"rounds": 1, "seconds": 0.15, "steps": 0, "seeds": 1, "test_images": 30, "batch_size": 4},
    "standard": {"rounds": 3, "seconds": 0.7, "steps": 10, "seeds": 2, "test_images": 240},
    "thorough": {"rounds": 10, "seconds": 3.0, "steps": 100, "seeds": 5, "test_images": 360},
}
BUDGET_ROUNDS = 30
"""With a budget the times are taken in as many rounds as fit, but no more than these."""


class Settings(BaseModel):
    """The options of the main job, by the names that a config file uses."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    architectures: tuple[str, ...] = ("lecture",)
    architecture: tuple[str, ...] = ()
    """References to the user's networks: code, so that no config file may name any."""
    metrics: tuple[str, ...] = ()
    preset: Preset = "standard"
    device: tuple[str, ...] = ("auto",)
    dataset: str = "digits"
    data_root: str | None = None
    weights: Weights = "auto"
    checkpoint: tuple[str, ...] = ()
    finetune: tuple[str, ...] = ("full",)
    modes: tuple[str, ...] = ("default",)
    input_size: str | None = None
    threads: int | None = Field(None, ge=1)
    batches: tuple[int, ...] = ()
    sizes: tuple[str, ...] = ()
    steps: int | None = Field(None, ge=1, le=1_000_000)
    seeds: int | None = Field(None, ge=1, le=1000)
    first_seed: int | None = Field(None, ge=0, le=2**63 - 1)  # torch takes seeds below 2**64, also the later ones
    lang: tuple[str, ...] = ("en",)
    edition: Edition | None = None
    """The edition of the report; None: the one that follows from the architectures."""
    title: str | None = None
    course: str | None = None
    author: str | None = None
    license: str | None = None
    """The license of the report's figures and tables."""
    timeout: float | None = Field(None, gt=0, allow_inf_nan=False)
    budget: str | None = None
    fresh: bool = False
    baseline: str | None = None
    fail_on: FailOn = "never"
    against: str | None = None
    """A pinned environment that times are compared with: versions, a lock file, or an environment."""
    executor: str = "local"
    ray_address: str | None = None
    keep_env: tuple[str, ...] = ()
    """Variables that workers inherit although their names look like credentials."""

    @field_validator(
        "architectures", "metrics", "device", "checkpoint", "finetune", "modes", "lang", "keep_env", mode="before"
    )
    @classmethod
    def split(cls, value: object, info: ValidationInfo) -> tuple[str, ...]:
        """A comma list, as on the command line, or a TOML array."""
        return option_values.names(str(info.field_name), value)

    @field_validator("data_root", "baseline")
    @classmethod
    def is_a_path(cls, value: str | None) -> str | None:
        """A path as it was given; `~` is expanded where it is used, so that no record has the home folder."""
        if value is not None:
            option_values.path(value)
        return value

    @field_validator("dataset", "data_root", "title", "course", "author", "license")
    @classmethod
    def is_text(cls, value: str | None) -> str | None:
        """Text that a job, a record or a report can hold."""
        if value is not None and not option_values.is_utf_8(value):
            raise ValueError("it should be text in UTF-8")
        return value

    @field_validator("input_size", mode="before")
    @classmethod
    def is_a_size(cls, value: object) -> str | None:
        """N or HxW in pixels."""
        return None if value is None else str(image_size(value))

    @field_validator("batches", mode="before")
    @classmethod
    def are_batches(cls, value: object) -> tuple[int, ...]:
        """Batch sizes, ascending, each once."""
        return option_values.batch_sizes(value)

    @field_validator("sizes", mode="before")
    @classmethod
    def are_sizes(cls, value: object) -> tuple[str, ...]:
        """Image sizes, the smallest first, each once."""
        found = {image_size(each) for each in option_values.numbers("sizes", value)}
        return tuple(str(size) for size in sorted(found, key=lambda size: (size.height * size.width, size)))

    @field_validator("title", "course", "author", "license")
    @classmethod
    def is_one_line(cls, value: str | None) -> str | None:
        """One line of text, with single spaces."""
        text = None if value is None else " ".join(value.split())
        if text is not None and not 0 < len(text) <= LONGEST_LINE:
            raise ValueError(f"it should be a text of 1 to {LONGEST_LINE} characters")
        return text

    @field_validator("budget", mode="before")
    @classmethod
    def is_a_time(cls, value: object) -> str | None:
        """Hours, minutes and seconds, as in 1h30m."""
        if value is not None and not (isinstance(value, str) and in_seconds(value)):
            raise ValueError("it should be a time like 90s, 20m or 1h30m")
        return value

    @property
    def presented(self) -> dict[str, Any]:
        """The settings of the report that were given, as records store them."""
        return self.model_dump(mode="json", include=set(PRESENTED & self.model_fields_set))

    def conditions(self) -> Conditions:
        """The preset's effort, with the options that were given in its place; with a budget, as many rounds as fit."""
        asked = {
            "dataset": self.dataset,
            "data_root": self.data_root,
            "weights": self.weights,
            "input_size": self.input_size,
            "threads": self.threads,
        }
        given = {"steps": self.steps, "seeds": self.seeds, "first_seed": self.first_seed}
        given |= {"rounds": BUDGET_ROUNDS if self.budget else None}
        asked |= {"every_seed": self.seeds is not None}
        return Conditions(**PRESETS[self.preset] | asked | {key: value for key, value in given.items() if value})


def check_gate(chosen: Settings) -> None:
    """ReporterError if --fail-on is for times only, and too few rounds are measured to judge any.

    A comparison with a pinned reference measures enough rounds with any preset, and judges times by no level.
    """
    if chosen.against is not None and chosen.fail_on == "level":
        why = "with --against, verdicts on times are based on the reference and not on a level of earlier runs"
        raise ReporterError(f"--fail-on level: {why}; use --fail-on timing")
    rounds = chosen.conditions().rounds
    if chosen.against is None and chosen.fail_on == "timing" and rounds < FEWEST_ROUNDS:
        why = f"--preset {chosen.preset} measures {rounds} of the {FEWEST_ROUNDS} rounds that a verdict on times needs"
        raise ReporterError(f"--fail-on {chosen.fail_on}: {why}; use --preset standard")


REFUSED = {
    "architecture": "it names code, which a config file must not run; give --architecture on the command line",
    "config": "a config file cannot name another one",
    **dict.fromkeys(("label", "progress", "quiet"), "it is an option of the command line only"),
}
"""The options that a config file cannot set, and why."""
CONFIGURABLE = ["out", *(name for name in Settings.model_fields if name not in REFUSED)]


def read_config(path: Path) -> dict[str, Any]:
    """The options in a TOML file, dashes or underscores alike; ReporterError names the file and the line or key.

    `out` is among them, which is no part of the settings that a record keeps.
    """
    try:
        options = {key.replace("-", "_"): value for key, value in tomllib.loads(path.read_text("utf-8-sig")).items()}
    except (OSError, UnicodeDecodeError) as error:
        raise ReporterError(f"--config {path}: cannot be read: {error}") from None
    except (ValueError, RecursionError) as error:  # the first are also of numbers with too many digits
        raise ReporterError(f"--config {path}: not TOML: {error}") from None
    for key in options:
        if key in REFUSED:
            raise ReporterError(f"--config {path}: {key!r} is not allowed: {REFUSED[key]}")
        if key not in CONFIGURABLE:
            raise ReporterError(f"--config {path}: unknown key {key!r}; {nearest(key, CONFIGURABLE)}")
    if not isinstance(out := options.get("out", "."), str) or not out.strip() or "\0" in out:
        raise ReporterError(f"--config {path}: invalid value {out!r} for out; it should be a folder's name in quotes")
    _check({key: value for key, value in options.items() if key != "out"}, f"--config {path}: ")
    return options


def configured_out(config: Path | None) -> Path | None:
    """The folder for the results that a config file names, relative to the current one as on the command line."""
    out = read_config(config).get("out") if config else None
    return Path(option_values.path(out)) if out else None


def settings(given: Mapping[str, Any], config: Path | None = None) -> Settings:
    """Defaults, then the config file, then what was given on the command line.

    If only networks of the user are named, only these are selected.
    """
    options = read_config(config) if config else {}
    options.pop("out", None)
    options |= {key: value for key, value in given.items() if value not in (None, ())}
    if options.get("architecture"):
        options.setdefault("architectures", ())
    return _check(options, "")


def _check(options: dict[str, Any], where: str) -> Settings:
    try:
        return Settings(**options)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        name = key if where else "--" + key.replace("_", "-")
        given = repr(first["input"])
        shown = given if len(given) <= LONGEST_LINE else f"{given[:LONGEST_LINE]}…"
        raise ReporterError(f"{where}{name}: invalid value {shown}; {_wanted(key, first)}") from None


def _wanted(key: str, error: Mapping[str, Any]) -> str:
    choices = get_args(Settings.model_fields[key].annotation)
    if type(None) in choices:  # an optional choice
        choices = get_args(choices[0])
    if error["type"] == "literal_error":
        return nearest(str(error["input"]), [str(choice) for choice in choices])
    message: str = error["msg"].removeprefix("Value error, ")
    return message.replace("Input should be", "it should be").replace("Input should", "it should")
