"""Nightly runs: measured in a separate folder, compared with the last accepted run, and moved when complete.

state.py        what is stored of a run: findings, failures, acceptances
folder.py       the files: the run in progress, the complete run, the baseline
baseline.py     the records that a run is compared with
comparison.py   from two lists of records to findings
level.py        the accepted runs that the level of a time is made of
missing.py      architectures that cannot be found or built
screen.py       what a run prints
headlines.py    the headlines of recent runs, and index.html
document.py     what a run gives to programs
run.py          one run
"""
