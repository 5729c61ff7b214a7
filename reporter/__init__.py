"""Architecture comparison reports: measure -> store -> tell.

architectures/ datasets/ metrics/   what is compared, on what, by which numbers   } one file adds one;
charts/ languages/ facts/           which pictures, words and published truth     } see each folder's docstring
measuring/                          torch, in fresh worker processes: an Architecture becomes a Record
store.py                            Records as JSON on disk, the only input of the telling side
telling/                            Records become report.html, report.md, figures and tables; never imports torch
comparing/                          two runs become what changed between them, and whether it is noise
cli.py progress.py settings.py      the command line: argv -> the three phases
types.py catalog.py statistics.py   the nouns, the one extension mechanism, what samples say
"""

__version__ = "0.1.0"
