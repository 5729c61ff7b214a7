"""The most accurate architectures for each latency budget, as a section of docs/choosing.md.

    python benchmarks/front.py results/reference-backbones                            prints the section
    python benchmarks/front.py results/reference-backbones --write docs/choosing.md   puts it between the marks there

An architecture fits a budget if the whole 95 % interval of its latency does, as in `reporter choose`. Without a
published accuracy of weights it cannot be compared, and is counted only.
"""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from reporter.cli import choosing
from reporter.model.records import EAGER, pair_name
from reporter.report.choosing.limits import Candidate, choose, within
from reporter.report.choosing.row_text import accuracy_text, value_text
from reporter.report.comparison import Comparison, compare
from reporter.report.modes import mode_pairs
from reporter.report.output.markdown import escape
from reporter.store import record_files

KEY = "latency_cpu"
fill = partial(textwrap.fill, width=120, break_long_words=False, break_on_hyphens=False)
BUDGETS = (0.010, 0.025, 0.050, 0.100)
NAMED = 5
"""Undecided architectures that are named for a budget; more are counted."""
UNDECIDED = (
    "More accurate, but undecided, because the 95 % interval, or without one a factor of 2, includes the budget:"
)
START, END = "<!-- output: python benchmarks/front.py {folder} -->\n", "<!-- end of output -->\n"
HEAD = ("budget", "architecture", "top-1", "latency, one image", "image", "parameters", "process memory", "license")
MARKS = {
    "≈": "noisy, or without an interval",
    "†": "accuracy measured in fp32, while the mode has another precision",
    "¶": "accuracy taken at the image size in parentheses",
}
EXPLAINED = f"""
An architecture fits a budget if the whole 95 % interval of `{KEY}` does (of a time without an interval, twice the
time). Rows are the architectures that are the most accurate for some budget, at the first of the budgets here that they
fit: the last row up to a budget is the most accurate architecture for it. Architectures of equal accuracy are listed
together if their intervals overlap. Accuracies are top-1 on ImageNet as published with the weights.
"""
FEW_ROUNDS = fill(
    "Some of these times have fewer than three rounds. Their intervals, also where they are not marked as noisy, are "
    "within one process only: they do not include how far processes differ, and are too narrow for comparisons."
)


def rated(comparison: Comparison, eager_only: bool) -> list[Candidate]:
    """The (architecture, mode) pairs with a published accuracy of weights and a latency, the most accurate first."""
    found = mode_pairs.pairs(comparison, (EAGER,) if eager_only else (), (KEY,)).candidates
    return [each for each in found if each.accuracy.top1 and not each.accuracy.paper and KEY in each.figures]


def inside(pairs: Sequence[Candidate], budget: float) -> list[Candidate]:
    """Those that are the most accurate within this budget or a smaller one, the fastest first."""
    fits = choose(pairs, {KEY: budget}).fits
    front = [each for each in fits if not any(_is_better(other, each) for other in fits)]
    return sorted(front, key=lambda each: (_slowest(each), each.record.architecture))


def undecided(pairs: Sequence[Candidate], budget: float) -> list[Candidate]:
    """Those whose interval includes the budget, and which are more accurate than all that fit, best first."""
    found = choose(pairs, {KEY: budget})
    best = max((_top1(each) for each in found.fits), default=0.0)
    return [each for each in found.undecided if _top1(each) > best]


def section(folder: Path) -> str:
    """The section as Markdown, from the records of a folder."""
    comparison = compare(record_files.load_all_modes(folder)[0])
    eager, every = (rated(comparison, eager_only) for eager_only in (True, False))
    lines = [f"## {_title(comparison)}", "", fill(_about(comparison, eager, folder))]
    lines.append(EXPLAINED)
    if within(every, (KEY,)):
        lines += [FEW_ROUNDS, ""]
    lines += ["### Eager fp32", "", *table(eager)]
    if len(every) > len(eager):
        modes = ", ".join(dict.fromkeys(f"`{each.record.mode}`" for each in every))
        lines += ["", "### In any execution mode", "", f"Measured modes: {modes}.", "", *table(every)]
    text = "\n".join(lines)
    used = [f"{mark} {meaning}" for mark, meaning in MARKS.items() if mark in text]
    return f"{text}\n\n{'; '.join(used)}.\n" if used else f"{text}\n"


def table(pairs: Sequence[Candidate]) -> Iterator[str]:
    """A table of the fronts, and a list of what is undecided."""
    yield f"| {' | '.join(HEAD)} |"
    yield f"|{' --- |' * len(HEAD)}"
    listed: list[Candidate] = []
    for budget in BUDGETS:
        front = inside(pairs, budget)
        added = [each for each in front if each not in listed]
        for each in added:
            yield f"| {_milliseconds(budget)} | {' | '.join(cells(each))} |"
        if not added:
            yield f"| {_milliseconds(budget)} | {'no more accurate one' if front else 'none'} |{' |' * (len(HEAD) - 2)}"
        listed += added
    lines = [f"- {_milliseconds(each)}: {unsure}" for each in BUDGETS if (unsure := _unsure(pairs, each))]
    if lines:
        yield from ["", UNDECIDED, "", *lines]


def cells(each: Candidate) -> list[str]:
    """A row without its budget."""
    row = choosing.row_of(each, (KEY,))
    figures = row["figures"]
    values = [value_text(key, figures[key]) if key in figures else "–" for key in ("parameters", "process_memory")]
    size = row["input_size"]
    shown = [_name(each), accuracy_text(row), value_text(KEY, figures[KEY]), f"{size} px", *values]
    return [str(escape(text, in_table=True)) for text in (*shown, row["license"] or "–")]


def _title(comparison: Comparison) -> str:
    """The heading, with the instructions of the processor that make modes in bf16 fast."""
    native = comparison.newest.machine_facts.get("native_precisions", ())
    processor = " on a processor with bf16 instructions" if "bf16" in native else ""
    return f"The most accurate architectures for each latency budget{processor}"


def _about(comparison: Comparison, eager: Sequence[Candidate], folder: Path) -> str:
    """When and where it was measured, and how many architectures are compared."""
    newest, count = comparison.newest, len(comparison.networks)
    facts, versions = newest.machine_facts, newest.environment
    dates = sorted({record.started[:10] for record in comparison.of(comparison.machines[0])})
    days = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    libraries = ", ".join(f"{name} {versions[name]}" for name in ("torch", "timm") if name in versions)
    where = f"{facts.get('processor', 'unknown processor')}, {facts.get('threads', '?')} threads; {libraries}"
    text = (
        f"Measured {days} on `{newest.machine}` ({escape(where)}), with all threads and one image at a time; records: "
        f"`{folder.as_posix()}`. {len(eager)} of {count} architectures are compared"
    )
    others = "; the others lack a published accuracy of weights or a latency" if len(eager) < count else ""
    return f"{text}{others}."


def _unsure(pairs: Sequence[Candidate], budget: float) -> str:
    found = undecided(pairs, budget)
    shown = [f"{_name(each)} ({', '.join(cells(each)[1:3])})" for each in found[:NAMED]]
    more = [f"{len(found) - NAMED} more"] if len(found) > NAMED else []
    return "; ".join([*shown, *more])


def _is_better(other: Candidate, each: Candidate) -> bool:
    """Whether it is more accurate within each budget that the second fits, or as accurate and faster for certain."""
    if _top1(other) == _top1(each):
        return _slowest(other) < each.figures[KEY].bounds[0]
    return _top1(other) > _top1(each) and _slowest(other) <= _slowest(each)


def _top1(each: Candidate) -> float:
    return each.accuracy.top1 or 0.0


def _slowest(each: Candidate) -> float:
    return each.figures[KEY].bounds[1]


def _name(each: Candidate) -> str:
    return str(escape(pair_name(each.record.architecture, each.record.mode), in_table=True))


def _milliseconds(budget: float) -> str:
    return f"{1000 * budget:g} ms"


def written(page: str, folder: Path) -> str:
    """A page with the section between its marks; ValueError where it has none."""
    start = START.format(folder=folder.as_posix())
    if start not in page or END not in page.split(start)[1]:
        raise ValueError(f"the page has no {start.strip()}")
    before, after = page.split(start)
    return f"{before}{start}{section(folder)}{END}{after.split(END, 1)[1]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", type=Path, metavar="PAGE")
    given = parser.parse_args()
    if given.write:
        given.write.write_text(written(given.write.read_text(encoding="utf-8"), given.folder), encoding="utf-8")
    else:
        print(section(given.folder), end="")


if __name__ == "__main__":
    main()
