"""Two runs become what changed between them, and whether it is noise; never imports torch.

compare.py       two lists of records -> Differences, and the folders they come from
pairs.py         which record stands against which, and the exact gate
times.py         the statistical gate: the rule for times stands there
recent.py        the rule of --fail-on level: a run compared with the level of earlier ones
levels.py        changes of level in the history, for the report
noise.py         how far times move by themselves: between rounds, between networks, between nights
differences.py   the nouns, and what --fail-on makes of them
grouped.py       findings of one reason or metric become one line
words.py         Differences as text
document.py      Differences as JSON
"""
