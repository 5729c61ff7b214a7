"""The table of architectures for a slide; as a picture it is reporter/charts/table_slide.py."""

from __future__ import annotations

from reporter.report.slide_table import slide_table
from reporter.report.table import Tabulation

ENTRIES = (Tabulation("slides", slide_table, chapter="overview", order=1, edition="lecture"),)
