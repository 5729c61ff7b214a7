"""The examples of docs/performance.md are those of the committed run; run as a script, this prints them."""

from __future__ import annotations

from commands import ROOT

from reporter.report import units
from reporter.report.comparison import Comparison, compare
from reporter.report.language import language
from reporter.report.modes import mode_kernels, mode_ranking
from reporter.report.why import operator_pairs
from reporter.store import record_files

RUN = "results/reference"
NONE = "The committed run has no operators yet."
ENGLISH = language("en")
MILLISECONDS = units.Scale(1e-3, "ms")


def examples() -> list[str]:
    """The clearest pair, the mode that gains most, and the network that leaves most of its ceiling unused."""
    comparison = compare(record_files.load_all_modes(ROOT / RUN)[0])
    found = [f"{number}. {text}" for number, text in enumerate(filter(None, _texts(comparison)), start=1)]
    return found or [NONE]


def _texts(comparison: Comparison) -> tuple[str, str, str]:
    return _pair(comparison), _mode(comparison), _ceiling(comparison)


def _pair(comparison: Comparison) -> str:
    pairs = operator_pairs.shown(comparison)
    return operator_pairs.sentence(pairs[0], ENGLISH).replace("\u00a0", " ") if pairs else ""


def _mode(comparison: Comparison) -> str:
    """The largest gain whose operators are known, and what its most expensive operators gained."""
    best = max(mode_kernels.explained(comparison), key=lambda each: each.gain.ratio, default=None)
    if best is None or not best.operators:
        return ""
    parts = [
        f"{row.kind} takes {units.text(ENGLISH, row.now, MILLISECONDS)} instead of "
        f"{units.text(ENGLISH, row.before, MILLISECONDS)} ms ({mode_kernels.names(row.kernels_before)} → "
        f"{mode_kernels.names(row.kernels)})"
        for row in best.operators[:2]
    ]
    gain = mode_ranking.stated(best.gain, ENGLISH)
    return f"{best.record.architecture} is {gain} times as fast in {best.record.mode}: {'; '.join(parts)}."


def _ceiling(comparison: Comparison) -> str:
    key = "ceiling_share_cpu_1thread"
    known = [record for record in comparison.records if record.value(key)]
    if not known:
        return ""
    least, most = (pick(known, key=lambda record: record.value(key) or 0.0) for pick in (min, max))
    shares = {each.architecture: ENGLISH.number(100 * (each.value(key) or 0.0)) for each in (least, most)}
    return (
        f"With one thread {most.architecture} reaches {shares[most.architecture]} % of the machine's ceiling, "
        f"{least.architecture} {shares[least.architecture]} %."
    )


def test_the_examples_are_those_of_the_committed_run() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    block = page.partition(f"<!-- examples: {RUN} -->")[2].partition("<!-- end of examples -->")[0]
    assert [line for line in block.strip().splitlines() if line] == examples()


if __name__ == "__main__":
    print("\n".join(examples()))
