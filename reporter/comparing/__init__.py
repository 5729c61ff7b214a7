"""Two runs become what changed between them, and whether it is noise; never imports torch.

compare.py       two lists of records -> Differences, and the folders they come from
pairs.py         which record stands against which, and the exact gate
times.py         the statistical gate: the rule for times stands there
noise.py         how far times move by themselves: between rounds, between networks, between nights
differences.py   the nouns, and what --fail-on makes of them
words.py         Differences as text
document.py      Differences as JSON
"""
