"""Nightly runs: measured in a folder of their own, compared with the last accepted run, put in place when complete.

state.py        what is stored of a run: findings, failures, acceptances
folder.py       the files: the run in progress, the complete run, the baseline
baseline.py     the records that a run is compared with
comparison.py   from two lists of records to findings
missing.py      architectures that cannot be found or built
screen.py       what a run prints
document.py     what a run gives to programs
run.py          one run
"""
