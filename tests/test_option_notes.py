"""Notes on options that have no effect in a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from simulated import Simulated, slot

from reporter.model.settings import settings
from reporter.run.preparation import prepare

MODES = "--modes has no effect: no metric of this run is measured in modes; add latency to --metrics"
TRAINING = "has no effect: --metrics selects no such training; add finetune to it"


@pytest.mark.parametrize(
    ("options", "notes"),
    [
        ({"metrics": "size"}, []),
        ({"metrics": "size", "modes": "bf16"}, [MODES]),
        ({"metrics": "size", "modes": "default"}, [MODES]),
        ({"metrics": "size", "modes": "eager"}, []),
        ({"metrics": "train_step", "modes": "bf16"}, []),
        ({"metrics": "train_step", "modes": "all"}, [MODES]),
        ({"metrics": "latency", "modes": "all"}, []),
        ({"metrics": "size", "modes": "bf16", "batches": "1,2"}, []),
        ({"metrics": "latency", "finetune": "probe,scratch"}, [f"--finetune probe,scratch {TRAINING}"]),
        ({"metrics": "finetune_top1", "finetune": "full,probe"}, [f"--finetune probe {TRAINING}"]),
        ({"metrics": "size,finetune", "finetune": "probe,scratch"}, []),
        ({"finetune": "probe", "modes": "bf16"}, []),
    ],
)
def test_an_option_without_effect_is_noted(options: dict[str, str], notes: list[str], tmp_path: Path) -> None:
    chosen = settings({"architectures": "alexnet", "device": "cpu", **options})
    assert list(prepare(tmp_path, chosen, Simulated([slot("node")])).notices) == notes
