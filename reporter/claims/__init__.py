"""The statements of the lecture that are tested: one file each, ending in `ENTRIES`, a tuple of `Claim`.

A file has two halves: `measure` runs in a worker and returns numbers; `verdict` runs where the report is made and
compares them, the records and published figures with the statement.
"""
