"""Loaded by the fork server before anything else: while torch is loading, too, it ends with the run."""

from __future__ import annotations

from reporter.host.confinement import die_with_parent

die_with_parent()
