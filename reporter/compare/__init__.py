"""What changed between two runs, and whether it is noise. Never imports torch.

folders.py       two lists of records -> Differences, and the folders that they come from
matching.py      which record is compared with which, and the exact gate
times.py         the statistical gate: the rule for times
recent_level.py  the rule of --fail-on level: a run compared with the level of earlier ones
levels.py        changes of level in the run history, for the report
noise.py         how far times move by themselves: between rounds, architectures and runs
paired.py        the statistical gate of `reporter ab`
differences.py   what a comparison finds, and what --fail-on makes of it
document.py      Differences as JSON
"""
