"""The first module that the fork server imports, so that it ends with the run, even while it imports torch."""

from __future__ import annotations

from reporter.host.confinement import die_with_parent

die_with_parent()
