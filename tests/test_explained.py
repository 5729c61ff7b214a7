"""Where the time goes: pairs of architectures, modes, rooflines, cards; nothing of it without operators."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from io import StringIO
from typing import Any

import mode_samples
import profile_samples as profiles
import pytest
import samples
from pydantic import JsonValue

from reporter.charts import operator_shares, pair_bars, roofline
from reporter.compare.kernel_changes import no_ledgers
from reporter.compare.rounds import Times
from reporter.model import Reading, Record, Status
from reporter.model.profiles import KernelLedger, OperatorTime
from reporter.report.cards import cards
from reporter.report.comparison import Comparison, compare
from reporter.report.findings import key_findings
from reporter.report.findings.key_findings import findings
from reporter.report.headline_latency import how
from reporter.report.language import Language, language
from reporter.report.modes import mode_kernels
from reporter.report.output import csv_tables, summary
from reporter.report.page import failures
from reporter.report.page.run_environment import environment
from reporter.report.sections import Items, Terms
from reporter.report.units import decimals, is_doubtful
from reporter.report.why import operator_names, operator_pairs, pair_candidates, record_profiles, rooflines
from reporter.stats.intervals import Ratio
from reporter.tables import ceiling_shares, mode_operators, pair_table

ENGLISH, RUSSIAN = language("en"), language("ru")
NAMES = ("googlenet", "resnet18", "resnet50", "vgg16")
POOLING = {
    profiles.POOL: ("native", 0.43),
    profiles.CONVOLUTION: (profiles.ONEDNN, 0.3),
    profiles.SLOW: ("gemm", 0.19),
    profiles.NORM: ("native", 0.08),
}


def records(shares: Mapping[str, Mapping[str, tuple[str, float]]] | None = None) -> list[Record]:
    """Four measured architectures with made-up operators: those of googlenet differ if none are given."""
    different = {"googlenet": POOLING} if shares is None else shares
    found = [record for record in mode_samples.reference() if record.architecture in NAMES]
    return [profiles.profiled(each, shares=different.get(each.architecture, profiles.SHARES)) for each in found]


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return compare(records())


def expected(comparison: Comparison) -> set[tuple[str, str]]:
    """The pairs, computed from the records: fewer MACs, a longer time, and intervals of the ratio that exclude 1."""
    found = set()
    for key in mode_samples.TIMES:
        times = comparison.times(comparison.machines[0], key)
        for few, many in itertools.permutations(comparison.records, 2):
            ratio = times.ratio(few.architecture, many.architecture)
            if few.value("macs") < many.value("macs") and ratio.low > 1:  # type: ignore[operator]
                found.add((few.architecture, many.architecture))
    return found


def test_the_pairs_are_those_of_the_records(comparison: Comparison) -> None:
    pairs = operator_pairs.pairs(comparison)
    with_reasons = {pair for pair in expected(comparison) if pair[0] == "googlenet"}
    assert {(pair.few.architecture, pair.many.architecture) for pair in pairs} == with_reasons
    assert ("googlenet", "resnet18") in with_reasons


def test_a_sentence_is_computed_from_the_records(comparison: Comparison) -> None:
    pair = operator_pairs.of(comparison, "googlenet", "resnet18")
    assert pair
    named = {record.architecture: record for record in comparison.records}
    few, many = named["googlenet"], named["resnet18"]
    assert pair.macs == pytest.approx((few.value("macs") or 0) / (many.value("macs") or 1))
    times = [record.value("latency_cpu_1thread") or 0 for record in (few, many)]
    assert pair.longer == pytest.approx(times[0] / times[1], rel=0.03)
    largest = {operator_names.label(row.operator): row.share for row in record_profiles.operators(few, "cpu_1thread")}
    assert [(reason.label, reason.share) for reason in pair.reasons] == [
        (label, largest[label]) for label in ("max pooling", "convolution (GEMM)")
    ]
    text = operator_pairs.sentence(pair, ENGLISH).replace("\u00a0", " ")
    assert text.startswith(
        f"googlenet has 17 % fewer MACs than resnet18 but takes {pair.longer:.1f} times as long (one CPU thread):"
    )
    assert "it spends 43 % in max pooling (resnet18: 20 %) and 19 % in convolution (GEMM) (resnet18: 0 %)." in text
    assert any(
        "max pooling" in line and line.startswith("Fewer MACs are not always faster")
        for line in findings(comparison, ENGLISH)
    )
    assert "max-пулинг" in operator_pairs.sentence(pair, RUSSIAN)


def test_no_table_or_finding_has_a_ratio_of_1(comparison: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that takes 4 % longer takes 1.04 times as long; one that takes less time is no example."""
    found = tuple(pair._replace(longer=1.04, macs=0.9996) for pair in operator_pairs.pairs(comparison))
    monkeypatch.setattr(operator_pairs, "pairs", lambda _: found)
    table = pair_table.make(comparison, ENGLISH)
    assert table
    at = {column.key: place for place, column in enumerate(table.columns)}
    assert {(row[at["macs_ratio"]].text, row[at["time_ratio"]].text) for row in table.rows} == {("0.9996", "1.04")}
    for ratio, expected in ((1.04, True), (0.97, False)):
        monkeypatch.setattr(Times, "ratio", lambda *_, ratio=ratio: Ratio(ratio, ratio, ratio))
        text = key_findings.not_time(comparison, ENGLISH)
        assert (text is not None) == expected
        assert not expected or "takes 1.04 times as long" in str(text)


def test_equal_operators_give_no_sentence() -> None:
    same = compare(records({}))
    assert expected(same)
    assert operator_pairs.pairs(same) == ()
    assert pair_table.make(same, ENGLISH) is None
    assert pair_bars.draw(same, ENGLISH) is None


def test_a_pair_that_is_reversed_with_all_threads_only_has_a_sentence() -> None:
    """Of vgg16, which has the most MACs, the time with all threads is a thirtieth of what was measured."""
    made = records({"googlenet": POOLING, "resnet50": POOLING})
    [most] = (record for record in made if record.architecture == "vgg16")
    time = most.readings["latency_cpu"]
    most.readings["latency_cpu"] = time.model_copy(update={"samples": tuple(each / 30 for each in time.samples)})
    comparison = compare(made)
    settings = {
        (pair.few.architecture, pair.many.architecture): pair.setting for pair in operator_pairs.pairs(comparison)
    }
    assert settings["googlenet", "resnet18"] == "cpu_1thread", "the first setting in which a pair is reversed"
    assert settings["resnet50", "vgg16"] == "cpu"
    pair = operator_pairs.of(comparison, "resnet50", "vgg16")
    assert pair
    text = operator_pairs.sentence(pair, ENGLISH)
    assert text.startswith("resnet50 has ")
    assert " (all CPU threads): it spends 43" in text
    drawn = pair_bars.draw(comparison, ENGLISH)
    assert drawn
    titles = [panel["title"]["text"] for panel in drawn["vconcat"]]
    assert titles == [how(pair.key, ENGLISH) for pair in operator_pairs.shown(comparison)]
    assert "all CPU threads" in titles
    table = pair_table.make(comparison, ENGLISH)
    assert table
    at = {column.key: place for place, column in enumerate(table.columns)}
    assert table.columns[at["time_ratio"]].title == "Time"
    rows = {(row[0].value, row[1].value): row for row in table.rows}
    assert {names: row[at["threads"]].value for names, row in rows.items()} == {
        names: {"cpu_1thread": "1", "cpu": "all"}[setting] for names, setting in settings.items()
    }
    assert pair_bars.draw(comparison, ENGLISH)


def test_another_kernel_of_the_same_operator_is_a_reason() -> None:
    slow = {**profiles.SHARES, profiles.CONVOLUTION: ("ref:any", 0.7)}
    [reason] = operator_pairs.of(compare(records({"googlenet": slow})), "googlenet", "resnet18").reasons  # type: ignore[union-attr]
    assert reason.label == "convolution (oneDNN) (ref:any)"


ALIKE = {
    profiles.CONVOLUTION: (profiles.ONEDNN, 0.73),
    profiles.POOL: ("native", 0.18),
    profiles.NORM: ("native", 0.055),
    "aten::relu_": ("native", 0.035),
}
"""Nearly the shares of the others, none of which differs by 5 points."""


def test_an_operator_that_takes_longer_at_nearly_the_same_share_is_a_reason() -> None:
    made = compare(records({"googlenet": ALIKE}))
    pair = operator_pairs.of(made, "googlenet", "resnet18")
    assert pair
    few, many = (record.value("latency_cpu_1thread") or 0 for record in (pair.few, pair.many))
    [reason] = pair.reasons
    assert (reason.label, reason.by_time) == ("convolution (oneDNN)", True)
    assert (reason.seconds, reason.other_seconds) == (pytest.approx(0.73 * few), pytest.approx(0.7 * many))
    text = operator_pairs.sentence(pair, ENGLISH).replace("\u00a0", " ")
    numbers = [ENGLISH.number(1e3 * time, decimals(1e3 * time)) for time in (0.73 * few, 0.7 * many)]
    assert f": it spends {numbers[0]} ms in convolution (oneDNN) (resnet18: {numbers[1]} ms)." in text
    assert "свёртка (oneDNN) — " in operator_pairs.sentence(pair, RUSSIAN)
    assert pair_table.make(made, ENGLISH)


def test_the_rate_of_such_an_operator_is_from_the_ledgers_that_belong_to_the_records() -> None:
    """Ledgers of other calls, or none, give no rate."""
    made = compare(records({"googlenet": ALIKE}))
    rows = {"googlenet": profiles.calls(), "resnet18": profiles.calls()}

    def read(machine: str, architecture: str) -> KernelLedger:
        record = next(each for each in made.records if each.architecture == architecture)
        return profiles.ledger(record, rows[architecture])

    pair = operator_pairs.of(replace(made, ledgers=read), "googlenet", "resnet18")
    assert pair
    macs = sum(row.macs for row in profiles.calls() if row.operator == profiles.CONVOLUTION)
    [reason] = pair.reasons
    text = operator_pairs.sentence(pair, ENGLISH).replace("\u00a0", " ")
    for seconds in (reason.seconds, reason.other_seconds):
        rate = macs / seconds / 1e9
        assert f", at {ENGLISH.number(rate, decimals(rate))} G MACs per second" in text
    assert "млрд MAC в секунду" in operator_pairs.sentence(pair, RUSSIAN)
    rows["resnet18"] = profiles.calls(kernel="ref:any")
    assert "MACs per second" not in operator_pairs.sentence(pair, ENGLISH)


def test_a_small_difference_in_time_is_a_percentage() -> None:
    pair = operator_pairs.of(compare(records()), "googlenet", "resnet18")
    assert pair
    english, russian = (operator_pairs.sentence(pair._replace(longer=1.027), each) for each in (ENGLISH, RUSSIAN))
    assert "but takes 2.7 % longer (one CPU thread): it spends" in english.replace("\u00a0", " ")
    assert "на 2,7 % больше (" in russian.replace("\u00a0", " ")


def test_pairs_of_a_gpu_are_explained_where_there_are_no_times_of_a_cpu() -> None:
    found = []
    for record in mode_samples.reference():
        if record.architecture in NAMES:
            kept = {key: each for key, each in record.readings.items() if not key.startswith("latency_")}
            time = record.readings["latency_cpu_1thread"]
            quantity = time.quantity.model_copy(update={"key": "latency_cuda"})
            readings = kept | {"latency_cuda": time.model_copy(update={"quantity": quantity})}
            shares = POOLING if record.architecture == "googlenet" else profiles.SHARES
            made = record.model_copy(update={"readings": readings})
            found.append(profiles.profiled(made, shares=shares, taken=["cuda"]))
    comparison = compare(found)
    pair = operator_pairs.of(comparison, "googlenet", "resnet18")
    assert pair
    assert "times as long (GPU): it spends 43" in operator_pairs.sentence(pair, ENGLISH)
    assert [line for line in findings(comparison, ENGLISH) if "max pooling" in line]
    table = pair_table.make(comparison, ENGLISH)
    assert table
    assert "Time, GPU" in [column.title for column in table.columns]
    assert pair_bars.draw(comparison, ENGLISH)


def test_the_table_has_all_pairs(comparison: Comparison) -> None:
    table = pair_table.make(comparison, ENGLISH)
    assert table
    rows = list(csv.DictReader(StringIO(csv_tables.to_csv(table).lstrip("\ufeff"))))
    assert len(rows) == len(operator_pairs.pairs(comparison))
    row = next(row for row in rows if row["other"] == "resnet18")
    assert (row["architecture"], row["operator_1"], float(row["share_1"])) == ("googlenet", "max pooling", 0.43)
    pairs = operator_pairs.pairs(comparison)
    assert [row["sentence"] for row in rows] == [operator_pairs.sentence(pair, ENGLISH) for pair in pairs]


@pytest.mark.parametrize(
    ("code", "words"), [("en", "2 more pairs are not drawn"), ("ru", "Ещё 2 пары не показаны")], ids=str
)
def test_the_caption_has_the_number_of_pairs_that_are_not_drawn(
    code: str, words: str, comparison: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    [chart] = pair_bars.ENTRIES
    pairs = operator_pairs.pairs(comparison)
    monkeypatch.setattr(operator_pairs, "pairs", lambda _: (*pairs[:1], *pairs[:1], *pairs[:1]))
    assert chart.remark
    assert len(operator_pairs.shown(comparison)) == 1
    assert words in chart.remark(comparison, language(code))
    monkeypatch.setattr(operator_pairs, "pairs", lambda _: pairs[:1])
    assert chart.remark(comparison, language(code)) == ""


@pytest.mark.parametrize(("tried", "noted"), [(0, True), (20_000, False)])
def test_the_table_has_a_note_if_not_all_pairs_were_examined(
    tried: int, noted: bool, comparison: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert operator_pairs.pairs(comparison)
    monkeypatch.setattr(pair_candidates, "TRIED", tried)
    for code, words in (("en", "that differ most were examined"), ("ru", "проверены только пары")):
        table = pair_table.make(comparison, language(code))
        assert table
        assert any(words in note for note in table.notes) == noted


def test_the_sentences_of_very_many_pairs_read_no_ledgers(
    comparison: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair_table, "RATED", 1)
    pair = operator_pairs.pairs(comparison)[0]._replace(ledgers=lambda machine, name: pytest.fail("read"))
    assert [each.ledgers for each in pair_table._with_rates([pair] * 3)] == [pair.ledgers, no_ledgers, no_ledgers]


def test_a_mode_names_the_operators_that_changed_kernel_and_their_gain() -> None:
    every: list[Record] = []
    for eager in records():
        faster = {**profiles.SHARES, profiles.CONVOLUTION: ("brgconv:avx512_core", 0.7)}
        modes = [mode_samples.mode(eager, "channels_last", 0.5), mode_samples.mode(eager, "bf16", 1.0)]
        every += [eager, *(profiles.profiled(mode, shares=faster) for mode in modes)]
    comparison = compare(every)
    explained = list(mode_kernels.explained(comparison))
    assert {each.record.mode for each in explained} == {"channels_last"}, "a mode that gains nothing has no explanation"
    found = {(each.record.architecture, each.setting): each for each in explained}
    assert found.keys() == set(itertools.product(NAMES, profiles.SETTINGS))
    assert [each.setting for each in explained] == sorted((each.setting for each in explained), reverse=True)
    rows = {row.kind: row for row in found["resnet18", "cpu_1thread"].operators}
    latency = next(r.value("latency_cpu_1thread") for r in every if r.architecture == "resnet18") or 0
    convolution = rows["convolution"]
    assert convolution.changed
    assert convolution.kernels == ("brgconv:avx512_core",)
    assert convolution.before - convolution.now == pytest.approx(0.35 * latency)
    table = mode_operators.make(comparison, ENGLISH)
    assert table
    assert any(cell.text == "brgconv:avx512_core" for row in table.rows for cell in row)
    assert table.notes[-1].startswith("Times (one CPU thread and all CPU threads) of all operators sum to the latency")
    assert "eager are scaled" in table.notes[-1]


def test_operators_of_a_mode_have_the_threads_of_its_speedup_which_is_marked_if_noisy() -> None:
    """The mode of vgg16 gains nothing with one thread; its rows are of all threads, those of the others of both."""
    made: list[Record] = []
    for eager in records():
        mode = profiles.profiled(mode_samples.mode(eager, "channels_last", 0.5), shares=POOLING)
        if eager.architecture == "vgg16":
            one, every = "speedup_latency_cpu_1thread", "speedup_latency_cpu"
            update: dict[str, Any] = {"rounds": (1, 1, 1), "origins": (), "detail": {}}
            mode.readings[one] = mode.readings[one].model_copy(update=update | {"samples": (1.0, 1.0, 1.0)})
            mode.readings[every] = mode.readings[every].model_copy(update=update | {"samples": (1.6, 2.0, 2.5)})
        made += [eager, mode]
    table = mode_operators.make(compare(made), ENGLISH)
    assert table
    at = {column.key: place for place, column in enumerate(table.columns)}
    found = {(row[0].value, row[at["threads"]].text, row[at["speedup"]].text[-2:] == " ≈") for row in table.rows}
    others = itertools.product((name for name in NAMES if name != "vgg16"), ("1", "all"), (False,))
    assert found == {("vgg16", "all", True), *others}
    russian = mode_operators.make(compare(made), RUSSIAN)
    assert russian
    threads = {(row[at["threads"]].text, row[at["threads"]].value) for row in russian.rows}
    assert (russian.columns[at["threads"]].title, threads) == ("Потоки", {("все", "all"), ("1", "1")})


def test_a_mode_that_gains_with_one_thread_and_loses_with_all_has_the_operators_of_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both rows of vgg16 come before the second rows of modes that gain twice, which are left out first."""
    made: list[Record] = []
    for eager in records():
        mode = profiles.profiled(mode_samples.mode(eager, "channels_last", 0.5))
        if eager.architecture == "vgg16":
            every = mode.readings["speedup_latency_cpu"]
            slower = every.model_copy(update={"samples": tuple(0.8 for _ in every.samples)})
            mode.readings["speedup_latency_cpu"] = slower
        made += [eager, mode]
    comparison = compare(made)
    found = [(each.record.architecture, each.setting, each.gain.faster) for each in mode_kernels.explained(comparison)]
    others = [name for name in NAMES if name != "vgg16"]
    assert set(found[:5]) == {("vgg16", "cpu", False), *((name, "cpu_1thread", True) for name in NAMES)}
    assert set(found[5:]) == {(name, "cpu", True) for name in others}
    [loss] = (each for each in mode_kernels.explained(comparison) if not each.gain.faster)
    assert loss.operators
    assert all(row.before < row.now for row in loss.operators)
    table = mode_operators.make(comparison, ENGLISH)
    assert table
    at = {column.key: place for place, column in enumerate(table.columns)}
    rows = [row for row in table.rows if row[0].value == "vgg16"]
    gained = {row[at["threads"]].value: float(row[at["gained"]].value or 0) > 0 for row in rows}
    assert gained == {"1": True, "all": False}
    monkeypatch.setattr(mode_kernels, "MOST", 5)
    assert len(list(mode_kernels.explained(comparison))) == 5
    assert {each.record.architecture for each in mode_kernels.explained(comparison)} == set(NAMES)


def test_the_roofline_is_that_of_the_ceilings(comparison: Comparison) -> None:
    fp32, bf16 = ("cpu_1thread", "fp32"), ("cpu_1thread", "bf16")
    found = {(each.setting, each.precision): each for each in rooflines.rooflines(comparison)}
    assert fp32 in found
    assert bf16 not in found, "no architecture was measured in bf16"
    assert found[fp32].ridge == pytest.approx(60e9 / 11e9)
    point = next(each for each in found[fp32].points if each.record.architecture == "vgg16")
    assert point.rate == pytest.approx(
        (point.record.value("macs") or 0) / (point.record.value("latency_cpu_1thread") or 1)
    )
    assert roofline.roofline("cpu_1thread")(comparison, ENGLISH)
    assert roofline.roofline("cuda")(comparison, ENGLISH) is None
    modes = [profiles.profiled(mode_samples.mode(each, "bf16", 0.5)) for each in comparison.records]
    both = {(each.setting, each.precision) for each in rooflines.rooflines(compare([*records(), *modes]))}
    assert {fp32, bf16} <= both
    table = ceiling_shares.make(comparison, ENGLISH)
    assert table
    assert len(table.rows) == len(NAMES)


def without_peak_in_bf16(record: Record) -> Record:
    """A record of a processor without the instructions for bf16."""
    found = dict(record.readings)
    for key in (key for key in found if key.startswith("ceiling_macs_bf16_")):
        found[key] = Reading(quantity=found[key].quantity, status="unsupported", reason="no instructions for bf16")
    return record.model_copy(update={"readings": found})


@pytest.mark.parametrize("has_bf16", [True, False])
def test_each_mode_has_a_point_of_a_roofline_or_the_table_of_ceilings_has_the_reason_why_not(has_bf16: bool) -> None:
    every = [each if has_bf16 else without_peak_in_bf16(each) for each in records()]
    named = {"openvino": 0.9, "bf16": 0.5, "bf16+channels_last": 0.4, "int8+onnxruntime": 0.3, "fp16+torchscript": 0.6}
    made = [*every, *(mode_samples.mode(each, mode, factor) for each in every for mode, factor in named.items())]
    comparison = compare(made)
    points = {each.record.mode for line in rooflines.rooflines(comparison) for each in line.points}
    table, russian = (ceiling_shares.make(comparison, each) for each in (ENGLISH, RUSSIAN))
    assert table
    assert russian
    *_, rule, reason = table.notes
    assert rule.endswith(
        "They have eager and, for float32 models, the fastest mode in each other precision with a ceiling whose "
        "output is within its limit."
    )
    precisions = {"fp16", "int8"} if has_bf16 else {"bf16", "fp16", "int8"}
    without = {mode for mode in named if precisions & set(mode.split("+"))}
    assert points | without == {"eager", *named} - ({"openvino", "bf16"} if has_bf16 else {"openvino"})
    assert not points & without
    listed = ENGLISH.listing(sorted(precisions))
    machine = comparison.machines[0]
    assert reason == f"{machine}: no ceiling was measured for {listed}; modes in such a precision have no points."
    assert len(russian.notes) == len(table.notes)
    assert russian.notes[-1].startswith(f"{machine}: предел не измерялся для ")
    alone = ceiling_shares.make(compare(every), ENGLISH)
    assert alone
    assert not [note for note in alone.notes if "roofline charts" in note or "no ceiling" in note]


def test_a_machine_without_a_peak_is_named_beside_one_that_has_it() -> None:
    """And a peak in a setting in which the mode was not timed is none for it."""
    has, lacks = records(), [without_peak_in_bf16(each) for each in records()]
    lacks = [each.model_copy(update={"machine": "other"}) for each in lacks]
    modes = [mode_samples.mode(each, "bf16", 0.5) for each in (*has, *lacks)]
    assert rooflines.without_peak(compare([*has, *lacks, *modes])) == {"other": ["bf16"]}
    untimed = [
        each.model_copy(update={"readings": {k: r for k, r in each.readings.items() if k != "latency_cpu_1thread"}})
        for each in (mode_samples.mode(each, "bf16", 0.5) for each in has)
    ]
    alone = [
        each.model_copy(update={"readings": {k: r for k, r in each.readings.items() if k != "ceiling_macs_bf16_cpu"}})
        for each in has
    ]
    assert rooflines.without_peak(compare([*alone, *untimed])) == {alone[0].machine: ["bf16"]}
    assert rooflines.without_peak(compare([*has, *untimed])) == {}


def test_the_share_of_the_ceiling_follows_from_the_latency_that_the_report_prints() -> None:
    """The machine was twice as slow when operators were profiled: the record has half the share."""
    key, disturbed = "ceiling_share_cpu_1thread", []
    for record in records():
        half = profiles.reading(key, (record.value(key) or 0) / 2, detail={"bound": "memory"})
        disturbed.append(record.model_copy(update={"readings": record.readings | {key: half}}))
    comparison = compare(disturbed)
    table = ceiling_shares.make(comparison, ENGLISH)
    assert table
    at = [column.key for column in table.columns].index(key)
    [line] = rooflines.rooflines(comparison, ("cpu_1thread",))
    shares = {point.record.architecture: line.share(point) for point in line.points}
    assert {row[0].value: row[at].value for row in table.rows} == shares
    assert {row[at + 1].value for row in table.rows} == {"compute"}
    for record in comparison.records:
        latency = record.value("latency_cpu_1thread") or 1
        assert shares[record.architecture] == pytest.approx((record.value("macs") or 0) / latency / 60e9)


@pytest.mark.parametrize(
    ("factor", "share", "is_fp32"),
    [(1.0, "failed", True), (1.0, None, True), (0.5, "failed", False), (0.5, None, False), (None, "oom", False)],
)
def test_an_architecture_without_a_share_of_the_ceiling_has_a_point_if_its_weights_are_float32(
    factor: float | None, share: Status | None, is_fp32: bool
) -> None:
    key = "ceiling_share_cpu"
    record = records()[0]
    readings = {name: each for name, each in record.readings.items() if name not in (key, "weights_bytes")}
    if share:
        readings[key] = Reading(quantity=record.readings[key].quantity, status=share, reason="out of memory")
    if factor:
        weights = record.readings["weights_bytes"]
        readings["weights_bytes"] = weights.model_copy(update={"samples": (factor * weights.samples[0],)})
    found = list(rooflines.rooflines(compare([record.model_copy(update={"readings": readings})]), ("cpu",)))
    assert [line.precision for line in found] == ["fp32"] * is_fp32


def test_a_latency_is_below_the_ceilings_that_were_measured_under_its_conditions() -> None:
    """Two runs of other architectures in one folder, the first with fewer threads."""
    made = []
    for record in records():
        found = dict(record.readings)
        if record.architecture == "resnet18":
            for key in ("ceiling_macs_cpu", "ceiling_bandwidth_cpu", "latency_cpu"):
                slower = tuple(each * (10 if key == "latency_cpu" else 0.1) for each in found[key].samples)
                found[key] = found[key].model_copy(update={"samples": slower, "settings": {"threads": 1}})
        if record.architecture == "vgg16":
            found["latency_cpu"] = found["latency_cpu"].model_copy(update={"settings": SSE41})
        made.append(record.model_copy(update={"readings": found}))
    comparison, key = compare(made), "ceiling_share_cpu"
    lines = list(rooflines.rooflines(comparison, ("cpu",)))
    assert {line.conditions: {each.record.architecture for each in line.points} for line in lines} == {
        "": {"googlenet", "resnet50"},
        "--threads 1": {"resnet18"},
    }
    assert {line.conditions: line.peak for line in lines} == {"": pytest.approx(110e9), "--threads 1": 11e9}
    titles = {roofline._title(line, comparison, ENGLISH) for line in lines}
    assert titles == {"fp32, all CPU threads", "fp32, all CPU threads, --threads 1"}
    table = ceiling_shares.make(comparison, ENGLISH)
    assert table
    at = [column.key for column in table.columns].index(key)
    shares = {row[0].value: row[at].value for row in table.rows}
    assert shares == {record.architecture: pytest.approx(record.value(key)) for record in records()}
    assert [note for note in table.notes if "all CPU threads, --threads 1: 11" in note]


def test_a_network_in_bfloat16_is_below_the_peak_of_bfloat16_and_one_in_float64_below_none() -> None:
    """Their modes are left out: eager is bfloat16 itself, and what a mode of float64 moves is not known."""
    key, made = "ceiling_share_cpu_1thread", []
    for record in records():
        found = dict(record.readings)
        if record.architecture == "vgg16":
            detail = {**found[key].detail, "peak_precision": "bf16"}
            found[key] = found[key].model_copy(update={"detail": detail})
        if record.architecture == "resnet50":
            reason = "the peak MAC rate is measured in float32 and bfloat16, and the network computes in float64"
            found[key] = Reading(quantity=found[key].quantity, status="unsupported", reason=reason)
        eager = record.model_copy(update={"readings": found})
        made += [eager, profiles.profiled(mode_samples.mode(eager, "bf16", 0.5))]
    comparison = compare(made)
    lines = {line.precision: line for line in rooflines.rooflines(comparison, ("cpu_1thread",))}
    points = {name: {each.record.architecture: each for each in line.points} for name, line in lines.items()}
    assert points.keys() == {"fp32", "bf16"}
    assert points["fp32"].keys() == {"googlenet", "resnet18"}
    assert {name: each.record.mode for name, each in points["bf16"].items()} == {
        "googlenet": "bf16",
        "resnet18": "bf16",
        "vgg16": "eager",
    }
    assert [points["bf16"][name].intensity for name in ("resnet18", "vgg16")] == [24.0, 12.0]
    table = ceiling_shares.make(comparison, ENGLISH)
    assert table
    at = [column.key for column in table.columns].index(key)
    rows = {row[0].value: (row[at].value, row[at + 1].value) for row in table.rows}
    peaks, bandwidth = {"vgg16": 3 * 60e9, "resnet18": 60e9}, 11e9
    for record in comparison.records:
        if peak := peaks.get(record.architecture):
            rate = (record.value("macs") or 0) / (record.value("latency_cpu_1thread") or 1)
            share, bound = rows[record.architecture]
            assert share == pytest.approx(rate / min(peak, 12.0 * bandwidth))
            assert bound == ("memory" if record.architecture == "vgg16" else "compute")
    assert rows["resnet50"][0] is None
    assert roofline.roofline("cpu_1thread")(comparison, ENGLISH)


def test_sums_beyond_five_percent_are_listed_also_of_records_without_a_note() -> None:
    """Records of 0.2.0 note sums beyond 10 % only; the note is derived from the value."""
    sums = {"alexnet": 0.949, "vgg16": 1.053, "resnet18": 1.05}
    key = "stages_coverage_cpu_1thread"
    made = [samples.record(row) for row in samples.ROWS if row[0] in sums]
    for place, each in enumerate(made):
        found = dict(each.readings) | {key: profiles.reading(key, sums[each.architecture])}
        made[place] = each.model_copy(update={"readings": found})
    mode = mode_samples.mode(made[0], "channels_last", 0.5)
    readings = dict(mode.readings) | {key: profiles.reading(key, 1.2, reason="the parts sum to 1.20 of the latency")}
    comparison = compare([*made, mode.model_copy(update={"readings": readings})])
    blocks = failures.failed(comparison, (), ENGLISH).blocks
    lines = [line for block in blocks if isinstance(block, Items) for line in block.items]
    title = comparison.quantities[key].title
    found_names = next(line for line in lines if line.startswith(f"{title}: ")).removeprefix(f"{title}: ")
    assert sorted(found_names.split(", ")) == ["alexnet 0.949", "vgg16 1.053"]
    assert f"{title} (channels_last): {made[0].architecture} 1.200" in lines
    rows = {row["architecture"]: row["readings"][key]["reason"] for row in summary.summary(comparison)["records"]}
    assert {name for name, reason in rows.items() if reason} == {"alexnet", "vgg16"}


def slowed(record: Record) -> Record:
    """The same record, profiled when the machine was twice as slow."""
    found = dict(record.readings)
    for key in (key for key in found if "_coverage_" in key):
        detail: dict[str, Any] = dict(found[key].detail)
        for name in detail.keys() & {"operators", "layers", "stages"}:
            detail[name] = [{**row, "seconds": 2 * row["seconds"]} for row in detail[name]]
        found[key] = found[key].model_copy(update={"detail": detail})
    return record.model_copy(update={"readings": found})


def test_seconds_of_operators_and_stages_are_shares_of_the_latency_that_the_report_prints() -> None:
    """The machine was twice as slow when operators were profiled; summary.json has what was recorded."""
    eager = records()
    slow = [slowed(each) for each in eager]
    faster = {**profiles.SHARES, profiles.CONVOLUTION: ("brgconv:avx512_core", 0.7)}
    modes = [profiles.profiled(mode_samples.mode(each, "channels_last", 0.5), shares=faster) for each in eager]
    for before, now in zip(eager, slow, strict=True):
        assert record_profiles.recorded_operators(before, "cpu") != record_profiles.recorded_operators(now, "cpu")
        assert summary.profile(before) != summary.profile(now)
        seconds = sum(row.seconds for row in record_profiles.operators(now, "cpu"))
        assert seconds == pytest.approx(now.value("latency_cpu"))
        assert cards.card(now, "card", ENGLISH) == cards.card(before, "card", ENGLISH)
    tables = [mode_operators.make(compare([*some, *modes]), ENGLISH) for some in (eager, slow)]
    assert tables[0]
    assert tables[0] == tables[1]


SSE41 = {"variables": {"ONEDNN_MAX_CPU_ISA": "SSE41"}}


def retimed(record: Record, settings: dict[str, JsonValue] = SSE41) -> Record:
    """A record whose latencies were measured again, under other conditions than its operators."""
    found = dict(record.readings)
    for key in (key for key in found if key.startswith("latency_")):
        found[key] = found[key].model_copy(update={"settings": found[key].settings | settings})
    return record.model_copy(update={"readings": found})


def seconds_of(record: Record) -> list[float]:
    """The seconds of all operators, stages and layers of a record."""
    return [
        sum(row.seconds for row in record_profiles.operators(record, "cpu")),
        sum(row.seconds for row in record_profiles.stages(record, "cpu")),
        sum(row.seconds for row in record_profiles.layers(record, "cpu")),
    ]


def test_shares_are_not_of_a_latency_that_was_measured_under_other_conditions() -> None:
    eager = [slowed(each) for each in records()]
    for record in eager:
        recorded, timed = (seconds_of(each) for each in (retimed(record), record))
        assert recorded == pytest.approx([2 * each for each in timed])
    comparison = compare([retimed(each) for each in eager])
    assert operator_pairs.pairs(comparison) == ()
    faster = {**profiles.SHARES, profiles.CONVOLUTION: ("brgconv:avx512_core", 0.7)}
    modes = [profiles.profiled(mode_samples.mode(each, "channels_last", 0.5), shares=faster) for each in eager]
    assert list(mode_kernels.explained(compare([*eager, *modes])))
    assert not list(mode_kernels.explained(compare([*eager, *map(retimed, modes)])))
    drawn = [str(operator_shares._times(each, "cpu", ENGLISH)) for each in (eager, comparison.records)]
    assert ["vgg16" in each for each in drawn] == [True, False]


def test_operators_gain_what_the_speedup_says() -> None:
    """The mode was timed alone when the machine was twice as slow, so that alone it is no faster than eager."""
    key, made = "latency_cpu_1thread", []
    for eager in records({}):
        mode = mode_samples.mode(eager, "channels_last", 0.5)
        slow = mode.readings[key].model_copy(update={"samples": tuple(2 * each for each in mode.readings[key].samples)})
        made += [eager, profiles.profiled(mode.model_copy(update={"readings": mode.readings | {key: slow}}))]
    found = list(mode_kernels.explained(compare(made)))
    assert [each.setting for each in found] == ["cpu_1thread"] * len(NAMES) + ["cpu"] * len(NAMES)
    for each in found:
        assert [row.before / row.now for row in each.operators] == pytest.approx([2.0] * len(each.operators))
        [pooling] = [row for row in each.operators if row.kind == "max pooling"]
        assert pooling.now == pytest.approx(0.2 * (each.record.value(f"latency_{each.setting}") or 0))


@pytest.mark.parametrize(("status", "error"), [("ok", 0.5), ("unsupported", None), ("failed", None)])
def test_a_mode_whose_output_is_not_within_its_limit_is_no_point_of_the_roofline(
    status: Status, error: float | None
) -> None:
    """Wrong, unchecked, or not comparable: the next fastest mode of the precision takes its place, if there is one."""
    eager = records()
    fields = {"status": status, "reason": "the scores hardly vary", "samples": () if error is None else (error,)}
    modes = []
    for each in eager:
        for name, factor in (("bf16", 0.5), ("bf16+channels_last", 0.4)):
            mode = profiles.profiled(mode_samples.mode(each, name, factor))
            bad = each.architecture == "vgg16" or (each.architecture, name) == ("resnet18", "bf16+channels_last")
            output = mode.readings["output_error"].model_copy(update=fields)
            changed = {"readings": mode.readings | {"output_error": output}}
            modes.append(mode.model_copy(update=changed) if bad else mode)
    found = {(each.setting, each.precision): each for each in rooflines.rooflines(compare([*eager, *modes]))}
    points = {each.record.architecture: each.record.mode for each in found["cpu_1thread", "bf16"].points}
    assert points == {"googlenet": "bf16+channels_last", "resnet50": "bf16+channels_last", "resnet18": "bf16"}
    assert {each.record.architecture for each in found["cpu_1thread", "fp32"].points} == set(NAMES)


def noisy(record: Record, *keys: str) -> Record:
    """The same record; rounds of these times are far apart."""
    found = {}
    for key in keys:
        value = record.value(key) or 0.0
        rounds = {"samples": (0.8 * value, value, 1.3 * value), "rounds": (1, 1, 1), "origins": (), "detail": {}}
        found[key] = record.readings[key].model_copy(update=rounds)
        assert is_doubtful(found[key])
    return record.model_copy(update={"readings": record.readings | found})


def significant(text: str) -> int:
    """How many digits a number has, without zeros at its ends."""
    return len("".join(filter(str.isdigit, text)).strip("0"))


def test_parts_of_a_doubtful_latency_have_its_sign_and_two_digits() -> None:
    """On cards, and in the sentence on a pair."""
    record = profiles.profiled(noisy(records()[0], "latency_cpu_1thread"), ledger=profiles.calls())
    record = record.model_copy(update={"readings": record.readings | profiles.stage_times(record, "cpu_1thread")})
    card = cards.card(record, "card", ENGLISH)
    times = [cost.time.text for cost in card.costs if cost.time] + [each.time.text for each in card.costliest]
    assert len(times) > len(card.costliest) > 0
    assert all(text.startswith("≈ ") and text.endswith(" ms") and significant(text) <= 2 for text in times)
    pair = operator_pairs.of(compare(records({"googlenet": ALIKE})), "googlenet", "resnet18")
    assert pair
    text = operator_pairs.reasons(pair._replace(few=noisy(pair.few, pair.key)), ENGLISH).replace("\u00a0", " ")
    first, other = re.findall(r"(≈ )?([\d.]+) ms", text)
    assert (first[0], other[0]) == ("≈ ", "")
    assert significant(first[1]) <= 2


def test_the_operators_of_a_mode_have_the_sign_of_its_latency() -> None:
    made: list[Record] = []
    for eager in records():
        mode = noisy(mode_samples.mode(eager, "channels_last", 0.5), "latency_cpu")
        made += [eager, profiles.profiled(mode, shares=POOLING)]
    found = compare(made)
    table = mode_operators.make(found, ENGLISH)
    assert table
    at = {column.key: place for place, column in enumerate(table.columns)}
    keys = {"1": "latency_cpu_1thread", "all": "latency_cpu"}
    doubtful = {(each.architecture, threads): any(is_doubtful(each.readings[name]) for name in (key, f"speedup_{key}"))
                for each in found.modes for threads, key in keys.items()}  # fmt: skip
    assert set(doubtful.values()) == {True, False}
    for row in table.rows:
        expected = doubtful[str(row[0].value), str(row[at["threads"]].value)]
        for text in (row[at[key]].text for key in ("seconds_before", "seconds_now", "gained")):
            assert text.endswith(" ≈") == (expected and text != "0"), "no time is exact"
            assert not expected or significant(text) <= 2


def test_a_card_has_the_five_costliest_layers() -> None:
    names = ["conv1", "", "layer1.0.conv1", "layer1.0.conv2", "layer1.1.conv1", "fc"]
    record = profiles.profiled(records()[0], ledger=profiles.calls(names))
    card = cards.card(record, "card", ENGLISH)
    assert [each.name for each in card.costliest] == [name or "forward" for name in names[:5]]
    assert {each.operator for each in card.costliest} == {"convolution (oneDNN)"}
    assert {each.kernel for each in card.costliest} == {profiles.ONEDNN}
    assert [each.time.share for each in card.costliest] == ["50 %", "25 %", "13 %", "6.3 %", "3.1 %"]


@pytest.mark.parametrize("setting", ["cpu_1thread", "cpu"])
def test_a_card_has_the_times_of_stages_without_those_of_operators(setting: str) -> None:
    """As after a run with --metrics stages."""
    record = mode_samples.reference()[0]
    card = cards.card(
        record.model_copy(update={"readings": record.readings | profiles.stage_times(record, setting)}), "card", ENGLISH
    )
    assert card.costs
    assert all(cost.time for cost in card.costs)
    assert card.conditions == how(f"latency_{setting}", ENGLISH)
    assert card.costliest == ()
    assert cards.card(record, "card", ENGLISH).conditions == ""


def test_a_product_of_matrices_is_named_with_its_library() -> None:
    """On cards, in the table of modes, and in the tooltips of charts."""
    rows = profiles.calls(["fc"], library="MKL")
    card = cards.card(profiles.profiled(records()[0], ledger=rows), "card", ENGLISH)
    assert [each.kernel for each in card.costliest] == ["gemm (MKL)"]
    product = OperatorTime(operator="aten::addmm", kernel="gemm", calls=1, seconds=0.01, share=1.0, library="MKL")
    [part] = record_profiles.parts([product]).values()
    assert (part.label, part.kernels) == ("linear layer", ("gemm (MKL)",))
    assert list(record_profiles.parts([product], by_kernel=True)) == ["linear layer (gemm, MKL)"]
    for library, differs in (("", False), ("MKL", False), ("OpenBLAS", True)):
        [gain] = mode_kernels.changed([product], [product.model_copy(update={"seconds": 0.02, "library": library})])
        assert gain.kernels_before == ("gemm (MKL)",)
        assert gain.changed == differs


def test_a_card_has_the_time_of_each_stage() -> None:
    record = records()[0]
    rows = profiles.stage_times(record, "cpu_1thread")
    made = record.model_copy(update={"readings": record.readings | rows})
    card = cards.card(made, "card", ENGLISH)
    assert len(card.costs) > 1
    assert all(cost.time for cost in card.costs)
    assert sum(cost.time.percent for cost in card.costs if cost.time) == pytest.approx(100)


def test_without_operators_there_is_nothing() -> None:
    old = compare([record for record in mode_samples.reference() if record.architecture in NAMES])
    assert operator_pairs.pairs(old) == ()
    for make in (pair_table.make, mode_operators.make, ceiling_shares.make):
        assert make(old, ENGLISH) is None
    drawn: Sequence[object] = [
        pair_bars.draw(old, ENGLISH),
        operator_shares.shares(("cpu_1thread", "cpu"))(old, ENGLISH),
        roofline.roofline("cpu")(old, ENGLISH),
    ]
    assert drawn == [None] * 3
    card = cards.card(old.records[0], "card", ENGLISH)
    assert (card.costliest, [cost for cost in card.costs if cost.time]) == ((), [])


def test_a_latency_that_failed_is_not_behind_its_bar() -> None:
    """Its operators have shares nevertheless; the chart said that it takes 0 s."""
    key, (first, *others) = "latency_cpu_1thread", records()
    failed = Reading(quantity=first.readings[key].quantity, status="failed", reason="no space left on device")
    changed = first.model_copy(update={"readings": first.readings | {key: failed}})
    spec = operator_shares.shares(("cpu_1thread", "cpu"))(compare([changed, *others]), ENGLISH)
    assert spec
    rows = [row for layer in spec["vconcat"][0]["layer"] for row in layer["data"]["values"]]
    assert {row["name"] for row in rows if "text" in row} == {record.architecture for record in others}
    assert {row["name"] for row in rows if "operator" in row} == {record.architecture for record in (first, *others)}


def test_operators_are_drawn_in_each_setting_with_its_name() -> None:
    """In the first setting of each network; one that has another only, or a machine of such, has a panel for it."""
    one, every, both, *_ = [each for each in mode_samples.reference() if each.architecture in NAMES]
    slow = {"aten::upsample_nearest2d": ("", 0.6), "aten::max_pool2d": ("", 0.4)}
    found = [profiles.profiled(one, taken=("cpu_1thread",)), profiles.profiled(every, taken=("cpu",), shares=slow)]
    found.append(profiles.profiled(both, taken=("cpu_1thread", "cpu")))
    draw = operator_shares.shares(("cpu_1thread", "cpu"))

    def panels(records: list[Record], tongue: Language = ENGLISH) -> dict[str, list[str]]:
        spec = draw(compare(records), tongue)
        assert spec
        ranges = [panel["layer"][0]["encoding"]["color"]["scale"] for panel in spec["vconcat"]]
        assert all(each == ranges[0] for each in ranges), "a color is the same operator in all panels"
        return {panel["title"]: sorted(panel["encoding"]["y"]["sort"]) for panel in spec["vconcat"]}

    first, second, third = (each.architecture for each in found)
    assert panels(found) == {"one CPU thread": sorted([first, third]), "all CPU threads": [second]}
    assert list(panels(found, RUSSIAN)) == ["один поток процессора", "все потоки процессора"]
    elsewhere = found[1].model_copy(update={"machine": "other", "started": "2000-01-01T00:00:00+00:00"})
    machine = found[0].machine
    assert panels([found[0], elsewhere]) == {
        f"{machine}, one CPU thread": [first],
        "other, all CPU threads": [second],
    }


def test_names_of_operators() -> None:
    assert operator_names.label("aten::mkldnn_convolution") == "convolution (oneDNN)"
    assert operator_names.label("aten::_slow_conv2d_forward") == "convolution (GEMM)"
    assert operator_names.kind("Conv") == operator_names.kind("aten::convolution") == "convolution"
    assert operator_names.label("custom::thing") == "custom::thing"
    assert operator_names.words("convolution (oneDNN)", RUSSIAN) == "свёртка (oneDNN)"
    kinds = {
        "matrix product": ("aten::bmm", "aten::baddbmm", "MatMul"),  # as in attention
        "linear layer": ("aten::addmm", "aten::mm", "Gemm", "FullyConnected"),
        "ReLU6": ("aten::hardtanh_", "Clip", "Clamp"),
        "addition": ("aten::add_", "Sum"),
        "average pooling": ("aten::mean", "ReduceMean"),
        "aten::clamp": ("aten::clamp",),
        "aten::sum": ("aten::sum",),
    }
    assert {kind: {operator_names.kind(each) for each in names} for kind, names in kinds.items()} == {
        kind: {kind} for kind in kinds
    }


def test_the_instruction_sets_that_no_kernel_used_are_named() -> None:
    """What one architecture or mode names, another need not; a record without kernels says nothing."""

    def with_sets(record: Record, used: list[str], unused: list[str]) -> Record:
        detail = {"instruction_sets": {"exercised": used, "not_exercised": unused, "not_available": ["sve"]}}
        listed = profiles.reading("operators", 3).model_copy(update={"detail": detail})
        return record.model_copy(update={"readings": record.readings | {"operators": listed}})

    first, second, third = samples.few()[:3]
    mode = with_sets(third, ["avx512_core_bf16"], ["sse41", "avx", "avx512_core"]).model_copy(
        update={"mode": "bf16+channels_last"}
    )
    records = [
        with_sets(first, ["avx512_core", "avx"], ["sse41", "avx512_core_bf16"]),
        with_sets(second, ["avx512_core"], ["sse41", "avx", "avx512_core_bf16"]),
        third,
        mode,
    ]
    [facts, *_] = environment(compare(records), ENGLISH).blocks
    assert isinstance(facts, Terms)
    found = dict(facts.terms)
    assert found["Instruction sets in names of kernels"] == "avx, avx512_core, avx512_core_bf16"
    assert found["Instruction sets in no name of a kernel"] == "sse41"
    [unknown, *_] = environment(compare([*records[1:], with_sets(first, [], [])]), ENGLISH).blocks
    assert isinstance(unknown, Terms)
    assert "Instruction sets in no name of a kernel" not in dict(unknown.terms), "a library may have used any"
    [plain, *_] = environment(compare([third]), ENGLISH).blocks
    assert isinstance(plain, Terms)
    assert not [name for name, _ in plain.terms if "kernel" in name]
