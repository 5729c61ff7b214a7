"""The first module that the fork server imports, so that it ends with the run, even while it imports torch."""

from __future__ import annotations

import os
import sys
from types import TracebackType

from reporter.host.confinement import PARENT, die_with_parent


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Prints an exception as usual; none of a process whose run was interrupted before it had sent the job."""
    if not issubclass(kind, EOFError):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = _report
die_with_parent()
parent = os.environ.pop(PARENT, None)
if parent is not None and os.getppid() != int(parent):  # the run ended before the line above
    os._exit(1)
