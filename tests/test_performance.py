"""The examples of docs/performance.md are those of the committed run; run as a script, this prints them."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from functools import cache

import pytest
from commands import ROOT

from reporter.compare.folders import ledgers_of
from reporter.compare.rounds import Times
from reporter.model import Record
from reporter.model.readings import SPEEDUP
from reporter.report import units
from reporter.report.comparison import Comparison, compare
from reporter.report.findings.pair_sentences import doubted
from reporter.report.language import language
from reporter.report.modes import mode_kernels, mode_ranking
from reporter.report.why import operator_pairs
from reporter.report.why.operator_names import label
from reporter.store import record_files
from reporter.tables import ceiling_shares

RUN = "results/reference"
NONE = "The committed run has no operators yet."
ENGLISH = language("en")


@cache
def committed() -> Comparison:
    return replace(compare(record_files.load_all_modes(ROOT / RUN)[0]), ledgers=ledgers_of(ROOT / RUN))


def examples() -> list[str]:
    """The clearest pair, the mode that gains most, and the network that leaves most of its ceiling unused."""
    comparison = committed()
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
    reading = best.record.readings[f"{SPEEDUP}latency_{best.setting}"]
    readings = best.record.readings[f"latency_{best.setting}"], reading

    def time(seconds: float) -> str:
        return doubted(units.derived(ENGLISH, seconds, units.MILLISECONDS, *readings), *readings)

    parts = [
        f"{row.kind} takes {time(row.now)} instead of {time(row.before)} ms "
        f"({mode_kernels.names(row.kernels_before)} → {mode_kernels.names(row.kernels)})"
        for row in best.operators[:2]
    ]
    gain = doubted(mode_ranking.stated(best.gain, ENGLISH), reading)
    return f"{best.record.architecture} is {gain} times as fast in {best.record.mode}: {'; '.join(parts)}."


def _ceiling(comparison: Comparison) -> str:
    table = ceiling_shares.make(comparison, ENGLISH)
    if table is None:
        return ""
    at = [column.key for column in table.columns].index("ceiling_share_cpu_1thread")
    shares = {str(row[0].value): float(row[at].value) for row in table.rows if isinstance(row[at].value, float)}
    least, most = (pick(shares, key=shares.__getitem__) for pick in (min, max))
    times = {record.architecture: record.readings["latency_cpu_1thread"] for record in comparison.records}
    percent = {name: doubted(f"{ENGLISH.number(100 * shares[name])} %", times[name]) for name in (least, most)}
    return f"With one thread {most} reaches {percent[most]} of the machine's ceiling, {least} {percent[least]}."


def labelled(record: Record, setting: str) -> dict[str, tuple[float, int]]:
    """The share of the time and the MACs of the operators with each label, from the files of the committed run."""
    folder = ROOT / RUN / "records" / record.machine
    detail = json.loads((folder / f"{record.architecture}.json").read_text())["readings"]
    ledger = json.loads((folder / f"{record.architecture}.kernels.json").read_text())
    rows = [ledger["rows"][number] for number in ledger["calls"]["eager"][setting]]
    found: dict[str, tuple[float, int]] = {}
    for each in detail[f"operators_coverage_{setting}"]["detail"]["operators"]:
        kernel = ", ".join(filter(None, (each["kernel"], each.get("library"))))
        ran = [row for row in rows if all(row.get(key) == each.get(key) for key in ("operator", "kernel", "library"))]
        for name in (label(each["operator"]), f"{label(each['operator'])} ({kernel})"):
            share, macs = found.get(name, (0.0, 0))
            found[name] = share + each["share"], macs + sum(row["macs"] for row in ran)
    return found


@pytest.mark.parametrize("setting", ["cpu_1thread", "cpu"])
@pytest.mark.parametrize("noise", [True, False])
def test_the_pairs_of_the_committed_run_are_those_of_its_files(
    setting: str, noise: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every pair beyond noise whose operators differ, each with the numbers of the records and ledgers.

    Without noise every difference counts, so that there are more pairs.
    """
    comparison = replace(committed())
    monkeypatch.setattr(operator_pairs, "SETTINGS", (setting,))
    if not noise:
        monkeypatch.setattr(Times, "differ", lambda *_: True)
    pairs = {(pair.few.architecture, pair.many.architecture): pair for pair in operator_pairs.pairs(comparison)}
    times = comparison.times(comparison.machines[0], f"latency_{setting}")
    newest = comparison.of(comparison.machines[0])
    operators = {record.architecture: labelled(record, setting) for record in newest}
    for few, many in itertools.permutations(newest, 2):
        names = few.architecture, many.architecture
        latencies = [record.value(f"latency_{setting}") or 0.0 for record in (few, many)]
        slower = (few.value("macs") or 0) < (many.value("macs") or 0) and latencies[0] > latencies[1]
        if not slower or not times.differ(*names) or times.ratio(*names).ratio <= 1:
            assert names not in pairs
            continue
        mine, other = (operators[name] for name in names)
        part = operator_pairs.LEAST_PART * (latencies[0] - latencies[1])
        seconds, gains = {}, {}
        for each, (share, _) in mine.items():
            there = other.get(each, (0.0, 0))[0]
            seconds[each], gains[each] = (share * latencies[0], there * latencies[1]), share - there
        longer = {each for each, (now, before) in seconds.items() if now > before}
        by_share = {each for each in longer if gains[each] >= operator_pairs.LEAST_POINTS}
        by_time = {each for each in longer if seconds[each][0] - seconds[each][1] >= part}
        explaining = by_share or {each for each in by_time if gains[each] >= operator_pairs.UNEQUAL}
        assert (names in pairs) == bool(explaining), names
        if names not in pairs:
            continue
        text = operator_pairs.sentence(pairs[names], ENGLISH).replace("\u00a0", " ")
        for reason in pairs[names].reasons:
            assert reason.label in explaining
            assert reason.by_time == (not by_share)
            assert (reason.seconds, reason.other_seconds) == pytest.approx(seconds[reason.label])
            assert reason.share - reason.other == pytest.approx(gains[reason.label])
            macs = [side.get(reason.label, (0.0, 0))[1] for side in (mine, other)]
            rates = [count / each / 1e9 for count, each in zip(macs, seconds[reason.label], strict=True) if all(macs)]
            latencies = [record.readings[pairs[names].key] for record in pairs[names][:2]]
            stated = [
                f"at {units.derived(ENGLISH, rate, units.PLAIN, latency)} G MACs per second"
                for rate, latency in zip(rates, latencies, strict=False)
            ]
            assert [each in text for each in stated] == [reason.by_time] * len(stated)
    assert noise or len(pairs) > 1


def test_the_examples_are_those_of_the_committed_run() -> None:
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    block = page.partition(f"<!-- examples: {RUN} -->")[2].partition("<!-- end of examples -->")[0]
    assert [line for line in block.strip().splitlines() if line] == examples()


def test_every_gain_and_loss_of_the_committed_run_is_explained() -> None:
    """In each setting; the first rows have each mode once in each direction."""
    comparison = committed()
    stated = {
        (*place[:2], place[2].removeprefix("latency_"), gain.faster)
        for machine in comparison.machines
        for place, gain in mode_ranking.gains(comparison, machine).items()
        if gain.stated
    }
    found = [
        (each.record.architecture, each.record.mode, each.setting, each.gain.faster)
        for each in mode_kernels.explained(comparison)
    ]
    assert {each[-1] for each in stated} == {True, False}
    assert len(found) == len(set(found))
    assert set(found) == stated
    directions = {(name, mode, faster) for name, mode, _, faster in stated}
    assert {(name, mode, faster) for name, mode, _, faster in found[: len(directions)]} == directions


def test_channels_last_gains_most_where_max_pooling_took_long() -> None:
    """With one thread, of the committed run; its ResNeXts are slower in it with all threads."""
    page = " ".join((ROOT / "docs" / "performance.md").read_text(encoding="utf-8").split())
    assert "gains most where max pooling took long; ResNeXt is slower in it with all threads." in page
    comparison = committed()
    modes = {record.architecture: record for record in comparison.modes if record.mode == "channels_last"}
    one, every = (
        {name: mode_ranking.gain(comparison, record, key) for name, record in modes.items()}
        for key in ("latency_cpu_1thread", "latency_cpu")
    )
    pooling = {
        name: labelled(eager, "cpu_1thread").get("max pooling", (0.0, 0))[0]
        for name in modes
        if (eager := comparison.network(name))
    }
    most = sorted(pooling, key=pooling.__getitem__)[-2:]
    assert sorted(modes, key=lambda name: getattr(one[name], "ratio", 0.0))[-2:] == most
    resnexts = [gain for name, gain in every.items() if "resnext" in name]
    assert len(resnexts) == 2
    assert all(gain and gain.stated and not gain.faster for gain in resnexts)


if __name__ == "__main__":
    print("\n".join(examples()))
