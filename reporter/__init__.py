"""Architecture comparison reports: measure -> store -> tell.

architectures/ datasets/ metrics/   what is compared, on what, by which numbers   } one file adds one;
charts/ languages/ facts/           which pictures, words and published truth     } see each folder's docstring
claims/                             which statements of the lecture are tested    }
running/                            jobs are planned and handed to workers, here or on other machines; never torch
measuring/                          torch, in fresh worker processes: an Architecture becomes a Record, a Claim Evidence
store.py history.py files.py        Records, Evidence and past runs on disk: the only input of the telling side
telling/                            Records become report.html, report.md, figures and tables; never imports torch
comparing/                          two runs become what changed between them, and whether it is noise
nightly/                            nightly runs, compared with the last accepted one
cli.py commands/                    the command line: argv -> the three phases; a file for each sub-command
options.py settings.py trials.py    the options of the main job, their values, and what is tried before measuring
printing.py progress.py             printed lines, in which no CI finds a command; the progress of a run
interrupts.py exits.py              how it ends
single.py results.py                the Python API: `reporter.measure` and `reporter.load`, docs/api.md
types.py readings.py records.py     the nouns, and what of them is stored
fields.py catalog.py                what a record may contain, the one extension mechanism
sources.py syntax.py fingerprints.py  what a reading depends on: source files, images, environment variables
importing.py captured.py            imports: installed modules only, and what they print goes to the log
own.py plugins.py roster.py         networks from elsewhere: one's own files, installed packages, torchvision and timm
statistics.py durations.py          centers and spreads of samples; durations as text
intervals.py rounds.py runs.py      95 % intervals of times, from the rounds of all architectures of a run
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
    """The Python API, loaded when it is used: a command that needs none of it does not wait for it."""
    if name == "load":
        from reporter.api.results import load

        return load
    if name == "measure":
        from reporter.api.single import measure

        return measure
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
