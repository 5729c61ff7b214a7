"""Prints one of the README's two commands as it stands there: the line that ends in what it runs."""

from __future__ import annotations

import sys
from pathlib import Path

ENDINGS = {"job": "-m reporter --out results/", "tests": "-m pytest"}

lines = Path("README.md").read_text(encoding="utf-8").splitlines()
found = [line for line in lines if line.startswith("python3 -m venv .venv && ") and line.endswith(ENDINGS[sys.argv[1]])]
if len(found) != 1:
    sys.exit(f"README.md has {len(found)} lines that end in {ENDINGS[sys.argv[1]]!r}, one is wanted")
print(found[0])
