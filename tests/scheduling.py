"""Which process of pytest-xdist runs a test file: files whose tests start workers share the fork server of one."""

from __future__ import annotations

from pathlib import Path

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

FORKING = frozenset(
    f"test_{name}.py"
    for name in (
        "ab", "api", "blas_libraries", "cli", "compare", "counting", "curves", "default_malloc", "docs", "faults",
        "field_checkpoints", "field_counts", "field_networks", "fingerprints", "importing", "input_size",
        "mode_records", "modes", "operators", "output_check", "own", "preloading", "progress", "ratio_history", "run",
        "schedule", "sides", "sources", "timm",
    )
)  # fmt: skip
"""Files whose default tests take processes from the fork server, which loads torch, torchvision and scikit-learn.

A file that is not listed, but should be, costs the second fork server, and nothing else.
"""


class Scheduling(LoadFileScheduling):
    """As `--dist loadfile`, but the first process begins with the files of FORKING, and the others with the rest.

    A process that has none left of its own kind takes one of the other.
    """

    def _assign_work_unit(self, node: WorkerController) -> None:
        forks = node is self.nodes[0]
        wanted = (scope for scope in self.workqueue if (Path(scope).name in FORKING) is forks)
        if (scope := next(wanted, None)) is not None:
            self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)
