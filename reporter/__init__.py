"""Compares architectures of convolutional networks: measures them, stores records, renders reports.

The way of an architecture from its name to a row of the report:

    cli/main.py             reads the command line; `reporter.measure` and `reporter.load` are in api/
    run/preparation.py      resolves names by registry/ and checks everything: a `Request`
    run/experiment.py       plans jobs (schedule.py, budget.py) and runs them (work.py) on an executor (executors/)
    worker/entry.py         a fresh process: builds the model, calls the collectors of metrics/, returns `Reading`s
    run/ledger.py           saves each reading at once as part of a `Record`, by store/record_files.py
    report/build.py         reads the records, compares them (comparison.py), and renders charts/, tables/ and claims/

One file adds an architecture, a data set, a metric, a chart, a table, a claim or a language:

    architectures/ datasets/ metrics/ charts/ tables/ claims/ languages/    see the docstring of each folder
    facts/          published figures with their sources, as CSV and TOML

Layers, lowest first; a module imports only from its own folder and from lower ones (tests/test_layers.py):

    stats/          statistics of samples and intervals; knows nothing of architectures or reports
    model/          the data model: Architecture, Metric, Reading, Record; settings
    host/           the machine and its processes, for both sides; no torch at module level
    registry/       what can be named: catalogs, plug-ins, selections
    store/          records and the run history on disk: all that reports are made from
    documents/      the JSON files and outputs for programs, as models; docs/files.md is generated from them
    compare/        what changed between two runs, and whether it is noise
    worker/         everything that imports torch; runs in worker processes only
    report/         reports from records; never imports torch
    run/            plans and runs jobs in the parent process; never imports torch
    nightly/        nightly runs, compared with the last accepted one
    cli/ api/       the command line and the Python API
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
