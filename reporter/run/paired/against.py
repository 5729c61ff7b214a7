"""--against: from the option to the document of summary.json."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from reporter.compare import reference_file
from reporter.compare.environments import About
from reporter.documents.reference_verdicts import AgainstReference, ReferenceGap, SideName
from reporter.metrics.operators import KERNELS
from reporter.model import Quantity, ReporterError
from reporter.model.settings import Settings
from reporter.run import mode_plan
from reporter.run.paired import pinned, reference_run
from reporter.run.paired.paired_run import PairProgress
from reporter.run.paired.reference_run import ReferenceRequest
from reporter.run.request import Request, moment

SIDES = ("reference", "this run")
"""How messages name both environments."""
TONIGHT: SideName = "tonight"
"""How gaps name the environment under test."""


@dataclass(frozen=True)
class Against:
    """What a run with --against measures besides the records."""

    work: ReferenceRequest

    @property
    def quantities(self) -> list[Quantity]:
        """What is compared."""
        metrics = (*self.work.times.values(), *self.work.exact.values())
        return [*(quantity for metric in metrics for quantity in metric.quantities), KERNELS]

    @property
    def titles(self) -> dict[str, str]:
        """The titles of what is compared, by key."""
        return {quantity.key: quantity.title for quantity in self.quantities}

    def measure(self, progress: PairProgress) -> AgainstReference:
        """Measures both environments in turns."""
        started = moment()
        done = reference_run.run(self.work, progress)
        return reference_file.document(
            self.work.examined,
            list(done.rows.values()),
            gaps=[*done.gaps, *self._unavailable()],
            changes=done.changes,
            lost=done.lost,
            started=started,
            seconds=round(done.seconds, 1),
            threads=self.work.request.conditions.threads,
            input_sizes=self.work.request.input_sizes,
        )

    def _unavailable(self) -> Iterator[ReferenceGap]:
        """The times in modes that --modes names and that this environment cannot measure."""
        request = self.work.request
        for name, metric in self.work.times.items() if self.work.modes else ():
            for mode, reason in mode_plan.refused(request, metric.device).items():
                if name in mode_plan.metrics(request, metric.device, mode):
                    for architecture in request.architectures:
                        yield ReferenceGap(
                            architecture=architecture.name,
                            metric=metric.quantities[0].key,
                            mode=mode,
                            reason=f"unsupported in {TONIGHT}: {reason}",
                            sides=(TONIGHT,),
                        )


def prepare(chosen: Settings, request: Request, out: Path, note: Callable[[str], None]) -> Against | None:
    """Makes the reference environment if needed and examines both; None without --against.

    ReporterError, before anything is measured, where they cannot be compared.
    """
    if chosen.against is None:
        return None
    modes = "modes" in chosen.model_fields_set
    environment = pinned.environment(chosen.against, out, note, reference_run.packages(request, modes))
    work = reference_run.prepare(request, environment, modes=modes)
    _check_imports(work.examined[1])
    return Against(replace(work, journal=request.folder / reference_file.PARTIAL, kernels=True))


def _check_imports(tonight: About) -> None:
    """ReporterError if this run imports another torch than its side of the comparison, which ignores PYTHONPATH."""
    for name in ("torch", "torchvision"):
        found, loaded = find_spec(name), tonight.imports.get(name)
        if found and found.origin and loaded and os.path.realpath(found.origin) != loaded.file:
            raise ReporterError(
                f"--against: this run imports {name} from {found.origin}, the comparison, which ignores PYTHONPATH, "
                f"from {loaded.file}; install {name} in this environment and unset PYTHONPATH"
            )
