"""Options whose value is a limit with a unit: `--max-latency-cpu 50ms`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import click

from reporter.report.choosing.amounts import Kind, amount

if TYPE_CHECKING:
    _ParamType = click.ParamType[float]
else:
    _ParamType = click.ParamType  # click before 8.4 has no type argument

EXAMPLES: dict[Kind, str] = {
    "time": "50ms, 0.05s or 0.05 (seconds)",
    "size": "512MiB, 1.5GB or 536870912 (bytes)",
    "count": "5M, 1.2G or 5e6",
    "rate": "100, 100/s or 6000/min",
    "share": "80% or 0.8",
}
METAVARS: dict[Kind, str] = {"time": "TIME", "size": "SIZE", "count": "COUNT", "rate": "RATE", "share": "SHARE"}


class Amount(_ParamType):
    """A number above 0 with an optional unit of one kind, in base units: seconds, bytes, counts, 1/s, shares."""

    name = "amount"

    def __init__(self, kind: Kind, most: float = math.inf) -> None:
        self.kind, self.most = kind, most

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        return METAVARS[self.kind]

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the amount; a usage error with examples if there is none."""
        text = str(value).strip()
        found = amount(text, self.kind)
        if found is None:
            self.fail(f"{text!r} is no {METAVARS[self.kind].lower()}; write {EXAMPLES[self.kind]}", param, ctx)
        if not (math.isfinite(found) and found > 0):
            self.fail(f"{text} is no limit; give a number above 0", param, ctx)
        if found > self.most:
            meant = f"{found:g}% or {found / 100:g}" if found <= 100 and "%" not in text else EXAMPLES[self.kind]
            self.fail(f"{text} is more than {self.most:g}; write {meant}", param, ctx)
        return found
