"""Compares architectures of convolutional networks: measures them, stores records, renders reports.

From the name of an architecture to a row of the report:

    cli/main.py             reads the command line (the Python API, `measure` and `load`, is in api/)
    run/preparation.py      resolves names with registry/, checks all settings, and returns a `Request`
    run/experiment.py       plans jobs (schedule.py, budget.py) and runs them (work.py) on an executor (executors/)
    worker/entry.py         in a fresh process: builds the model, calls the collectors of metrics/, returns `Reading`s
    run/ledger.py           adds each reading to the `Record` of its architecture and saves it (store/record_files.py)
    report/build.py         loads the records, compares them (comparison.py), and renders charts/, tables/ and claims/

To add an architecture, a data set, a metric, an engine, a chart, a table, a claim or a language, add one file:

    architectures/ datasets/ metrics/ engines/ charts/ tables/ claims/ languages/    see the docstring of each folder
    facts/          published figures with their sources, as CSV and TOML

The other folders by layer, lowest first. A module imports from its own folder and from lower layers only
(tests/test_layers.py has the place of every folder):

    stats/          statistics of samples and intervals; independent of architectures and reports
    model/          the data model: Architecture, Metric, Reading, Record; settings
    host/           the machine and its processes, for the parent and the workers; no torch at module level
    registry/       finds architectures, data sets and metrics by name: catalogs, plug-ins, selections
    store/          records and the run history on disk, the only input of reports
    documents/      the JSON output as pydantic models, from which docs/files.md is generated
    compare/        changes between two runs, and whether they are noise
    worker/         builds, counts, times and trains models; the only folder that imports torch at module level
    report/         reports from records; never imports torch
    run/            plans and runs jobs in the parent process; never imports torch
    nightly/        nightly runs, compared with the last accepted one
    cli/ api/       the command line and the Python API

A module whose docstring begins with "Deprecated" is a former name that is kept for one release.
"""

from __future__ import annotations

from reporter.version import __version__

TYPE_CHECKING = False  # as in typing, which is not imported while the current folder may be on sys.path

__all__ = ["__version__", "load", "measure"]

if TYPE_CHECKING:
    from typing import Any

    from reporter.api.results import load
    from reporter.api.single import measure


def __getattr__(name: str) -> Any:
    """Import the Python API on first use."""
    if name == "load":
        from reporter.api.results import load

        return load
    if name == "measure":
        from reporter.api.single import measure

        return measure
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
