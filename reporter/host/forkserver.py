"""The first module that the fork server imports, so that it ends with the run, even while it imports torch."""

from __future__ import annotations

import os

from reporter.host.confinement import PARENT, die_with_parent

die_with_parent()
if os.environ.pop(PARENT, str(os.getppid())) != str(os.getppid()):  # the run ended before it could be asked for
    os._exit(0)
