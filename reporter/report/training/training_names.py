"""Names of training in titles: fine-tuning starts from pretrained weights, training from scratch from random ones.

Weights that the code of a module instance sets may be either, so that training from them has the neutral name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from reporter.model import Quantity, Reading, Record
from reporter.report.training.held_out_accuracy import is_as_set, is_from_scratch

Start = Literal["scratch", "pretrained"]
TOP1 = "finetune_top1"
BY_KEY = {TOP1: "Top-1 after training", "finetune_seconds": "Training time"}
"""The titles of quantities whose name depends on the initial weights; records of earlier versions have other ones."""
FROM_SCRATCH = {"scratch_top1": "Top-1 after training from scratch", "scratch_seconds": "Time of training from scratch"}
"""The titles of those that always start from random weights; records of earlier versions have other ones, too."""
TITLES: dict[Start, dict[str, str]] = {
    "scratch": {
        "Training": "Training from scratch",
        "Table: training": "Table: training from scratch",
        "Accuracy after training": "Accuracy after training from scratch",
        "Top-1 after training": "Top-1 after training from scratch",
        "Training time": "Time of training from scratch",
    },
    "pretrained": {
        "Training": "Fine-tuning",
        "Table: training": "Table: fine-tuning",
        "Accuracy after training": "Accuracy after fine-tuning",
        "Top-1 after training": "Top-1 after fine-tuning",
        "Training time": "Fine-tuning time",
    },
}


def start(records: Iterable[Record]) -> Start | None:
    """From what weights all networks were trained; None where that differs or is unknown, or none was trained."""
    trained = (record.readings.get(TOP1) for record in records)
    found = {_start(each) for each in trained if each and each.measured}
    return found.pop() if len(found) == 1 else None


def _start(reading: Reading) -> Start | None:
    if is_as_set(reading):
        return None
    return "scratch" if is_from_scratch(reading) else "pretrained"


def specific(title: str, weights: Start | None) -> str:
    """The title (an English message id) that names what was done."""
    return TITLES[weights].get(title, title) if weights else title


def renamed(quantities: dict[str, Quantity], weights: Start | None) -> dict[str, Quantity]:
    """The quantities with the titles that name what was done; no two of them have the same title."""
    apart = weights == "scratch" and not FROM_SCRATCH.keys() & quantities.keys()
    named = {key: specific(title, weights if weights != "scratch" or apart else None) for key, title in BY_KEY.items()}
    titles = {key: title for key, title in (named | FROM_SCRATCH).items() if key in quantities}
    return quantities | {key: quantities[key].model_copy(update={"title": title}) for key, title in titles.items()}
