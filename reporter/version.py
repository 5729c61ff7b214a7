"""The version of this package, and of those whose readings are reused."""

import re

__version__ = "0.2.0"
MEASURES_AS = "0.1.0"
"""The oldest version whose readings are reused. Raised where measuring changes without a definition or condition."""


def number(version: str) -> tuple[int, ...]:
    """The numbers that a version begins with, to be compared: (1, 0) of 1.0rc1, () of no version."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()
