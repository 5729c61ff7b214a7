"""Output of `reporter ab` as text and JSON: what both sides imported, how much slower B is, by architecture, and which
layers ran another kernel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reporter.compare.differences import Basis, Differences, TimeVerdict, Timing
from reporter.compare.document import Context, as_json
from reporter.compare.environments import About, differing, is_control
from reporter.compare.kernel_effects import UNRESOLVED
from reporter.documents import AB
from reporter.documents.comparisons import ComparedRun, StillFailing
from reporter.host import printing
from reporter.model.settings import FailOn
from reporter.report.between_runs import changes, kernel_lines
from reporter.report.between_runs.grouping import described

VERDICTS: dict[TimeVerdict, str] = {"regressed": "B is slower", "improved": "B is faster", "noisy": UNRESOLVED}
FEW_ROUNDS = "too few rounds to estimate the noise; try --preset standard"
CONTROL = "A/A control: both sides are the same environment."


def in_words(found: Differences, sides: Sequence[About]) -> str:
    """Both environments, a headline, a table of verdicts for every metric, changed kernels, and all failures."""
    lines = [f"{name}: {_imports(side)}" for name, side in zip("AB", sides, strict=True)]
    lines += [*_likeness(*sides), headline(found)]
    for basis in found.bases:
        rows = [timing for timing in found.timings if timing.quantity.key == basis.quantity.key]
        lines += ["", _basis(basis), *_table(rows)]
    swapped = kernel_lines.lines(found.changes, changes.ENGLISH, lambda change: change.name)
    lines += [f"- {described([row], changes.ENGLISH)}" for row in swapped]
    lines += [
        f"- {c.architecture}: {c.quantity.title if c.quantity else ''} failed in B: {c.reason}"
        for c in found.changes
        if not c.kernels
    ]
    lines += [
        f"- {', '.join(gap.architectures)}: {gap.quantity.title if gap.quantity else ''} {gap.why}"
        for gap in found.gaps
    ]
    return printing.text(lines)


@dataclass(frozen=True)
class Call:
    """What the document contains of a call besides its result: the run, when it was started, how it ends, and why."""

    run: str | None = None
    started: str | None = None
    fail_on: FailOn = "never"
    exit_code: int | None = None
    still_failing: Sequence[StillFailing] = ()


def document(
    found: Differences, sides: Sequence[About], names: Sequence[str], call: Call | None = None
) -> dict[str, Any]:
    """The same as JSON; `imports` has the version and file of what each side imported, as that side reports it."""
    (a, b), call = sides, call or Call()
    base, new = (
        ComparedRun(
            name=name,
            run=call.run,
            started=call.started,
            machines=(about.machine,),
            environment=about.environment | about.versions,
        )
        for name, about in zip(names, sides, strict=True)
    )
    context = Context(base, new, headline(found), call.fail_on, call.exit_code, call.still_failing)
    return as_json(found, context, AB) | {
        "control": is_control(a, b),
        "environments": {name: side.environment | side.versions for name, side in (("a", a), ("b", b))},
        "imports": {
            name: {package: loaded.model_dump() for package, loaded in side.imports.items()}
            for name, side in (("a", a), ("b", b))
        },
        "variables": {
            name: dict(zip("ab", values, strict=True)) for name, values in differing(a.variables, b.variables).items()
        },
    }


def headline(found: Differences) -> str:
    """What changed, what is not resolved although its interval excludes 1, and what has no verdict."""
    unresolved = [row for row in found.with_verdict("noisy") if row.low and row.high and not row.low <= 1 <= row.high]
    without_verdict = [basis.quantity.title for basis in found.bases if basis.floor is None]
    unresolved += [row for row in found.timings if row.floor is None and row.quantity.title not in without_verdict]
    parts = [changes.headline(found) + "."] if found.changed else []
    if unresolved:
        parts.append(f"Not resolved: {'; '.join(map(_unresolved, unresolved))}.")
    if without_verdict:
        parts.append(f"No verdict on times ({', '.join(without_verdict)}): {FEW_ROUNDS}.")
    if not found.timings:
        parts.append("No verdict on times: none was measured on both sides.")
    return " ".join(parts) or f"Nothing changed beyond the noise, which reaches {_noise(found):.1%}."


def _noise(found: Differences) -> float:
    return max(row.floor or 0.0 for row in found.timings)


def _unresolved(row: Timing) -> str:
    change = f"{row.architecture} {row.quantity.title} {_share(row.ratio)} ({_bounds(row)})"
    return f"{change}, {why}" if (why := _reason(row)) else change


def _verdict(row: Timing) -> str:
    """The verdict in words, with its reason; `unchanged` is a change below what noise reaches, if this is known."""
    if row.verdict == "unchanged" and row.floor is not None:
        return f"no difference above {row.floor:.1%}"
    words = VERDICTS.get(row.verdict, UNRESOLVED)
    return f"{words}: {why}" if (why := _reason(row)) else words


def _reason(row: Timing) -> str | None:
    return FEW_ROUNDS if row.verdict == "unchanged" and row.floor is None else row.reason


def _bounds(row: Timing) -> str:
    return f"{_share(row.low)} … {_share(row.high)}" if row.low and row.high else "no interval"


def _imports(side: About) -> str:
    return ", ".join(f"{name} {loaded.version} ({loaded.file})" for name, loaded in side.imports.items())


def _likeness(a: About, b: About) -> Iterator[str]:
    """In what the sides do not differ, and which variables do."""
    if is_control(a, b):
        yield CONTROL
    elif a.versions == b.versions:
        yield f"Both sides imported the same versions of {', '.join(a.versions)}."
    for name, values in differing(a.variables, b.variables).items():
        before, after = ("not set" if value is None else value for value in values)
        yield f"{name}: {before} in A, {after} in B."


def _basis(basis: Basis) -> str:
    column = f"Verdicts on {basis.quantity.title}, B against A, interleaved calls, {basis.networks} architectures:"
    if basis.floor is None:
        return f"{column} {FEW_ROUNDS}."
    return f"{column} a difference of {basis.floor:.1%} would be detected."


def _table(rows: Sequence[Timing]) -> Iterator[str]:
    width = max(len(row.architecture) for row in rows)
    for row in sorted(rows, key=lambda row: -row.ratio):
        yield f"- {row.architecture:{width}}  {_share(row.ratio):>8}  ({_bounds(row)})  {_verdict(row)}"


def _share(ratio: float | None) -> str:
    return f"{(ratio or 1.0) - 1:+.1%}"
