"""Provenance of a row: the command that measures it again, the machine, the versions and the weights."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from reporter.model import Record
from reporter.model.settings import Settings
from reporter.report import run_days
from reporter.report.cards import row_selection
from reporter.report.language import Language
from reporter.report.training.held_out_accuracy import is_as_set, is_from_scratch

PRESENTATION = {"edition", "title", "course", "author", "license"}
ELSEWHERE = {"architectures", "lang", "fresh", "baseline", "fail_on", "budget", "against"} | PRESENTATION
"""Settings that do not decide what is measured of one network."""
SELECTING = ("metrics", "finetune", "modes", "batches", "sizes")
"""Settings with the words that do."""


def command(record: Record, modes: Sequence[Record] = ()) -> str:
    """The call that measures this row again, with its other modes: the settings that are not the default.

    They are those of the last run, with the metrics and modes that other runs added to the row.
    """
    default = Settings().model_dump(mode="json")
    asked = {key: record.settings[key] for key in default if key in record.settings and key not in ELSEWHERE}
    asked |= _whole({key: _words(asked.get(key, default[key])) for key in SELECTING}, record, modes)
    if isinstance(pairs := asked.get("checkpoint"), list):
        asked["checkpoint"] = [pair for pair in pairs if str(pair).startswith(f"{record.architecture}=")]
    words = ["python", "-m", "reporter", "--out", "DIR"]
    words += [] if record.settings.get("architecture") else ["--architectures", record.architecture]
    for key, value in asked.items():
        if value != default[key]:
            words += [
                f"--{key.replace('_', '-')}",
                ",".join(map(str, value)) if isinstance(value, list) else str(value),
            ]
    return " ".join(shlex.join(words).splitlines())


def _whole(asked: Mapping[str, Sequence[str]], record: Record, modes: Sequence[Record]) -> dict[str, JsonValue]:
    """The metrics and modes that the row has numbers of, of all runs, from the words of the last one."""
    curves = bool(asked["batches"] or asked["sizes"])
    metrics = row_selection.metrics(asked["metrics"], asked["finetune"], curves, record)
    return {"metrics": [*metrics], "modes": [*row_selection.modes(asked["modes"], modes)]}


def _words(value: object) -> Sequence[str]:
    """The words of a setting; none where it is something else."""
    return [str(each) for each in value] if isinstance(value, list) else ()


def origin(record: Record, language: Language, modes: Sequence[Record] = ()) -> str:
    """Where the numbers come from, those of its other modes, too: machine, days, versions, weights."""
    _ = language._
    machine, versions = record.machine_facts.get("processor"), record.environment
    parts = [
        _("Measured on {date}, machine {machine}.").format(
            date=run_days.dates((record, *modes), language),
            machine=f"{record.machine} ({machine})" if machine else record.machine,
        ),
        ", ".join(f"{name} {versions[name]}" for name in ("torch", "torchvision", "reporter") if name in versions)
        + ".",
        *_weights(record, language),
    ]
    return " ".join(part for part in parts if part != ".")


def _weights(record: Record, language: Language) -> list[str]:
    """Of which weights the published accuracy is, and from which the training started."""
    _ = language._
    published, tuned = record.readings.get("imagenet_top1"), record.readings.get("finetune_top1")
    parts = []
    if published and published.measured:
        size = published.detail.get("test_size") if "crop" in published.detail else None  # which only timm's table has
        message = (
            _("Published accuracy: timm's weights {weights}, one crop of {size} pixels.")
            if size
            else _("Published accuracy: torchvision's weights {weights}.")
        )
        parts.append(message.format(weights=published.detail.get("weights"), size=size))
    if tuned and tuned.measured:
        weights = str(tuned.detail.get("weights") or "random")
        message = _("Fine-tuned on {dataset}, from {weights}.")
        if is_from_scratch(tuned):
            message = _("Trained from scratch on {dataset}.")
        elif is_as_set(tuned):
            message = _("Trained on {dataset}, from {weights}.")
        parts.append(message.format(dataset=tuned.detail.get("dataset"), weights=language.translate(weights)))
    return parts
