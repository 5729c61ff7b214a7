"""The first module that the fork server imports, so that it ends with the run, even while it imports torch."""

from __future__ import annotations

import os

from reporter.host.confinement import PARENT, die_with_parent

die_with_parent()
parent = os.environ.pop(PARENT, None)
if parent is not None and os.getppid() != int(parent):  # the run ended before the line above
    os._exit(1)
