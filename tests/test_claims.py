"""The lecture's claims: what they measure, counted a second way; verdicts that follow the evidence; how it is kept."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
import samples
from commands import copy_of_the_checkout, run
from networks import CONDITIONS

from reporter import facts
from reporter.charts import layer_gradients
from reporter.claims import parallel_kernels
from reporter.cli.progress import Lines
from reporter.model import Claim, Evidence, ReporterError
from reporter.registry.catalog import collect
from reporter.registry.selection import catalog_entries
from reporter.report import build
from reporter.report.claim_verdicts import Answer
from reporter.report.comparison import Comparison, compare
from reporter.report.language import language
from reporter.report.output import formats
from reporter.report.page.claim_sections import SYMBOLS, try_claims
from reporter.run.evidence import gather
from reporter.run.executors.local import LocalExecutor
from reporter.run.preparation import choose_claims, choose_metrics
from reporter.run.request import Outcome, Request
from reporter.store import record_files

CLAIMS = collect("reporter.claims", Claim)
MEASURED = {name: claim for name, claim in CLAIMS.items() if claim.measure}
ENGLISH = language("en")
VERDICTS = {
    "vgg_and_alexnet": "noted",
    "two_small_kernels": "noted",
    "split_kernel": "false",
    "dense_connections": "noted",
    "bottleneck_depth": "false",
    "squeeze": "false",
    "block_weights": "true",
    "label_smoothing": "true",
    "december_2015": "true",
    "first_deep": "doubtful",
    "gradient_flow": "doubtful",
    "parallel_kernels": "noted",
}


@pytest.fixture(scope="module")
def lecture() -> Comparison:
    return compare(samples.with_gradients(samples.lecture()))


@pytest.fixture(scope="module")
def numbers() -> dict[str, dict[str, float]]:
    """What the claims measure, in this process; that takes seconds."""
    return {name: dict(claim.measure()) for name, claim in MEASURED.items()}


def answer(name: str, comparison: Comparison, **changed: float) -> Answer:
    """A claim judged by the samples' evidence, some numbers of it changed."""
    evidence = samples.evidence()
    if changed:
        found = evidence[name]
        evidence[name] = found.model_copy(update={"numbers": {**found.numbers, **changed}})
    (trial,) = try_claims([CLAIMS[name]], evidence, comparison, ENGLISH).trials
    return trial.answer


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_a_claim_says_what_it_claims(claim: Claim) -> None:
    assert claim.statement.endswith(".")
    if claim.formula:
        assert "merror" not in formats.formula.to_mathml(claim.formula)
        assert not re.search(r"<|\\[^A-Za-z]", claim.formula), "Markdown would read it as HTML, or as an escape"


def test_what_is_measured_is_what_the_samples_have(numbers: Mapping[str, dict[str, float]]) -> None:
    """Counts exactly; the four numbers that are no counts by their size."""
    assert set(numbers) == set(samples.NUMBERS)
    rough = {"moved_by_maximum": 1e-9, "moved_by_average": 1.0, "difference": 1e-12, "loss": 1.0}
    for name, found in numbers.items():
        for key, number in found.items():
            expected = samples.NUMBERS[name][key]
            if name == "gradient_flow":
                assert expected / 20 < number < 20 * expected, key
            else:
                assert number == pytest.approx(expected, abs=rough.get(key, 0)), (name, key)
    assert numbers["squeeze"]["moved_by_average"] > 1e-4


@pytest.mark.parametrize("name", CLAIMS)
def test_the_verdicts_on_the_lecture(name: str, lecture: Comparison) -> None:
    found = answer(name, lecture)
    assert found.verdict == VERDICTS[name]
    assert found.rows
    assert all(row.here and (row.source or row.lecture) for row in found.rows)


@pytest.mark.parametrize(
    ("name", "changed", "verdict"),
    [
        ("two_small_kernels", {"window_one": 7}, "false"),
        ("two_small_kernels", {"weights_two": 19}, "false"),
        ("two_small_kernels", {"widening_two": 12000}, "true"),
        ("split_kernel", {"whole": 18}, "true"),
        ("dense_connections", {"connections_3": 299}, "false"),
        ("bottleneck_depth", {"bottlenecks_50": 0}, "true"),
        ("squeeze", {"moved_by_maximum": 0.1}, "doubtful"),
        ("squeeze", {"moved_by_maximum": 0.1, "moved_by_average": 0.0}, "true"),
        ("block_weights", {"resnext": 70145}, "false"),
        ("label_smoothing", {"difference": 1e-3}, "false"),
        ("parallel_kernels", {"kernels": 100000}, "true"),
        ("gradient_flow", {"residual_norm_56": 0.002}, "false"),
        ("gradient_flow", {"plain_norm_20": 900.0}, "doubtful"),
        ("gradient_flow", {"plain_norm_56": 0.0001, "plain_56": 0.0002}, "noted"),
        ("gradient_flow", {"plain_56": 900.0}, "noted"),
    ],
)
def test_a_verdict_follows_what_was_measured(
    name: str, changed: dict[str, float], verdict: str, lecture: Comparison
) -> None:
    assert answer(name, lecture, **changed).verdict == verdict


@pytest.mark.parametrize(
    ("name", "key", "values", "verdict"),
    [
        ("parallel_kernels", "macs", {"googlenet": 20_000_000_000}, "false"),
        ("parallel_kernels", "imagenet_top1", {"googlenet": 0.5}, "doubtful"),
    ],
)
def test_a_verdict_follows_the_records(name: str, key: str, values: dict[str, float], verdict: str) -> None:
    records = {record.architecture: record for record in samples.with_gradients(samples.lecture())}
    for network, value in values.items():
        readings = records[network].readings | {key: samples.reading(key, value)}
        records[network] = records[network].model_copy(update={"readings": readings})
    assert answer(name, compare(list(records.values()))).verdict == verdict


def test_the_claim_on_gradients_has_all_networks_of_the_lecture(lecture: Comparison) -> None:
    found = answer("gradient_flow", lecture)
    here = {}
    for row in found.rows[4:]:
        here |= dict(zip(row.what.split("; "), row.here.split("; "), strict=True))
    assert (here["ResNet-101"], here["Inception v3"], here["AlexNet"]) == ("210", "160", "0.10")
    assert len(here) == len(lecture.networks)
    assert "ResNet-101, with them, has ρ\u00a0=\u00a0210, VGG-19 BN, without, 6.0" in " ".join(found.sentences)
    assert found.rows[1].here == "3.2; 6.8"
    assert "6.8; 4.6" not in str(found.rows)
    even = samples.with_gradients(samples.lecture())
    even = [r.model_copy(update={"readings": r.readings | {"gradient_flow": samples.reading("gradient_flow", 1.0)}})
            for r in even]  # fmt: skip
    less = dict.fromkeys(("plain_norm_56", "plain_56"), 0.0001)
    assert answer("gradient_flow", compare(even), **less).verdict == "true"


def test_the_sentences_on_gradients_follow_from_their_numbers(lecture: Comparison) -> None:
    """ResNet-101 has 210 with skip connections: they reduce the difference at one depth, and do not prevent it."""
    found = answer("gradient_flow", lecture)
    assert found.corrected == (
        "At 56 layers with batch norm, early gradients are 980 times late ones in plain networks, 6.8 with skip "
        "connections, 4.6 with dense links."
    )
    assert "prevent" not in " ".join((*found.sentences, found.corrected))
    grow = "In these networks the gradients do not vanish: they grow toward the first layers."
    assert grow in found.sentences
    assert grow not in answer("gradient_flow", lecture, dense_norm_56=0.9).sentences


def test_each_curve_of_gradients_has_a_sample_of_its_line_beside_its_name(lecture: Comparison) -> None:
    """Up to four curves of a panel have the color of one family."""
    spec = layer_gradients.draw(replace(lecture, evidence=samples.evidence()), ENGLISH)
    assert spec
    for panel in spec["concat"]:
        lines, leaders, keys, _halo, names = panel["layer"]
        shown = {row["name"]: row for row in names["data"]["values"]}
        drawn = {row["name"]: row["color"] for row in lines["data"]["values"]}
        assert {row["name"]: row["color"] for row in keys["data"]["values"]} == drawn
        assert keys["encoding"]["strokeDash"] == lines["encoding"]["strokeDash"]
        assert all((row["y"], row["x2"]) == (shown[row["name"]]["y"], shown[row["name"]]["x"])
                   for row in keys["data"]["values"])  # fmt: skip
        assert {row["name"]: row["y"] for row in leaders["data"]["values"]} == {
            name: [row["y"] for row in lines["data"]["values"] if row["name"] == name][-1] for name in shown
        }
        assert panel["encoding"]["y"]["axis"]["format"] == "~g", "numbers without exponents"


def test_the_caption_of_gradients_names_the_first_panel_only_where_it_is_drawn(lecture: Comparison) -> None:
    """Without evidence, or with evidence that failed, the first panel is that of a family."""
    [chart] = layer_gradients.ENTRIES
    whole = samples.evidence()
    failed = whole | {"gradient_flow": whole["gradient_flow"].model_copy(update={"numbers": {}, "reason": "no time"})}
    records = compare(samples.with_gradients(samples.lecture()))
    assert chart.remark
    for evidence, panel in ((whole, True), (failed, False), ({}, False)):
        made = replace(records, evidence=evidence)
        spec = chart.draw(made, ENGLISH)
        assert spec
        assert (spec["concat"][0]["title"] == f"Networks of {layer_gradients.DEPTH} layers") == panel
        assert ("The first panel compares" in f"{chart.caption} {chart.remark(made, ENGLISH)}") == panel


def _changed(rows: tuple[facts.Row, ...], entry: str, **cells: str) -> tuple[facts.Row, ...]:
    return tuple(row | cells if row["entry"] == entry else row for row in rows)


def test_a_verdict_follows_what_is_published(lecture: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = facts.timeline()
    alexnet, vgg = "AlexNet, 5 CNNs, supplied data only", "7 nets (C,D,E), dense evaluation"
    close = _changed(rows, vgg, top5_error_percent="9.0")
    monkeypatch.setattr(facts, "timeline", lambda: close)
    assert answer("vgg_and_alexnet", lecture).verdict == "false"
    alone = _changed(_changed(rows, alexnet, single_or_ensemble="single"), vgg, is_winner="yes")
    alone = tuple(row | {"is_winner": "no"} if row["team"].startswith("GoogLeNet") else row for row in alone)
    monkeypatch.setattr(facts, "timeline", lambda: alone)
    assert answer("vgg_and_alexnet", lecture).verdict == "true"
    papers = {name: facts.claim(name) for name in ("december_2015", "first_deep")}
    papers["december_2015"] = papers["december_2015"] | {"resnet": facts.Fact("1601.00001v1", "nobody")}
    papers["first_deep"] = papers["first_deep"] | {"highway_layers": facts.Fact(50, "nobody")}
    monkeypatch.setattr(facts, "claim", papers.__getitem__)
    assert answer("december_2015", lecture).verdict == "false"
    assert answer("first_deep", lecture).verdict == "true"


def test_the_first_table_has_the_claims_that_were_tested(lecture: Comparison) -> None:
    """The others are counted, and are in the file; all are shown where none was tested."""
    evidence = {name: each for name, each in samples.evidence().items() if name != "squeeze"}
    made = try_claims(CLAIMS.values(), evidence, lecture, ENGLISH).verdicts
    assert len(made.trials) == len(made.shown.rows) == len(CLAIMS) - 1
    assert "squeeze" not in {trial.name for trial in made.trials}
    assert len(made.table.rows) == len(CLAIMS)
    assert made.shown.notes[0].startswith("1 of 12 claims is not tested")
    whole = try_claims(CLAIMS.values(), samples.evidence(), lecture, ENGLISH).verdicts
    assert (len(whole.shown.rows), whole.shown.notes) == (len(CLAIMS), ())
    alone = try_claims([CLAIMS["squeeze"]], {}, lecture, ENGLISH).verdicts
    assert (len(alone.shown.rows), alone.shown.notes) == (1, ())


def test_missing_evidence_is_no_verdict(lecture: Comparison) -> None:
    """An old folder, a run of few networks, a measurement that failed: each says what is missing."""
    without = {trial.name: trial for trial in try_claims(CLAIMS.values(), {}, lecture, ENGLISH).trials}
    assert {name for name, trial in without.items() if trial.answer.verdict == "open"} == set(MEASURED)
    assert without["squeeze"].answer.sentences[0].startswith("Its evidence was not measured in this run")
    assert without["squeeze"].symbol == SYMBOLS["open"]

    few = compare([record for record in samples.lecture() if record.architecture in ("vgg16", "resnet18")])
    assert answer("parallel_kernels", few).sentences == ("This run has not measured what it takes: MACs of GoogLeNet.",)
    assert "Gradient flow of VGG-16 and ResNet-18" in answer("gradient_flow", few).sentences[0]

    for none in (0.0, math.inf, -1.0):
        lost = answer("gradient_flow", lecture, plain_norm_56=none)
        assert lost.verdict == "open"
        assert lost.sentences == ("Its evidence could not be measured: a ratio is 0 or not finite.",)

    failed = samples.evidence()["squeeze"].model_copy(update={"numbers": {}, "reason": "RuntimeError: <b>no</b> | $"})
    trials = try_claims([CLAIMS["squeeze"]], {"squeeze": failed}, lecture, ENGLISH).trials
    assert trials[0].answer.sentences == ("Its evidence could not be measured: RuntimeError: <b>no</b> | $.",)


def test_reasons_are_shown_as_text(lecture: Comparison) -> None:
    failed = samples.evidence()["squeeze"].model_copy(update={"numbers": {}, "reason": "RuntimeError: <b>no</b> | $"})
    whole = build.build(lecture, ENGLISH, [], [], claims=[CLAIMS["squeeze"]], evidence={"squeeze": failed})
    assert "RuntimeError: &lt;b&gt;no&lt;/b&gt; | $." in formats.to_html(whole)
    assert "RuntimeError: \\<b\\>no\\</b\\> \\| \\$." in formats.to_markdown(whole)


def test_golden_claims(lecture: Comparison, golden: Callable[[str, str], None]) -> None:
    """The whole section in Markdown, from hand-made records and the evidence as it is measured."""
    whole = build.build(lecture, ENGLISH, [], [], claims=CLAIMS.values(), evidence=samples.evidence())
    parts = tuple(section for section in whole.sections if section.name in ("claims", "evidence"))
    golden("claims.md", formats.to_markdown(replace(whole, sections=parts, version="0")))
    section = parts[0]
    table = next(table for table in whole.tables if table.name == "claims")
    assert len(table.rows) == sum(len(trial.answer.rows) for trial in section.blocks[0].trials)
    page = formats.to_html(whole)
    assert page.count('<article class="claim ') == len(CLAIMS)
    assert page.count("<math ") == sum(len(claim.formula.splitlines()) for claim in CLAIMS.values())


def _sides(line: str) -> list[float]:
    """The values on all sides of an equation of products, sums and powers in TeX."""
    plain = line.replace(r"\cdot", "*").replace("^", "**")
    assert re.fullmatch(r"[\d\s*+()=]+", plain), plain
    return [eval(side) for side in plain.split("=")]


@pytest.mark.parametrize("name", ["block_weights", "parallel_kernels"])
def test_the_formulas_add_up_to_what_is_counted(name: str, numbers: Mapping[str, dict[str, float]]) -> None:
    values = [_sides(line) for line in CLAIMS[name].formula.splitlines()]
    assert all(len(sides) > 1 and len(set(sides)) == 1 for sides in values)
    assert {sides[-1] for sides in values} <= set(numbers[name].values())


def test_parallel_kernels_need_as_many_weights_as_one_3x3_with_as_many_maps(
    numbers: Mapping[str, dict[str, float]], lecture: Comparison
) -> None:
    """By hand and on layers; GoogLeNet's module as torchvision builds it has a 3x3 in place of the paper's 5x5."""
    import torch
    from torch import nn
    from torchvision.models import GoogLeNet

    found = numbers["parallel_kernels"]
    assert found["kernels"] == 192 * (64 + 9 * 128 + 25 * 32) == 387_072
    assert found["reduced"] == 192 * (64 + 96 + 16 + 32) + 9 * 96 * 128 + 25 * 16 * 32 == 163_328
    assert found["built"] == 12_288 + 18_432 + 110_592 + 3_072 + 4_608 + 6_144 == 155_136
    one = nn.Conv2d(192, 64 + 128 + 32, 3, bias=False).weight.numel()
    assert parallel_kernels.one_kernel() == one == found["kernels"]
    with torch.device("meta"):
        module = GoogLeNet(init_weights=False).inception3a
    layers = [layer.weight.numel() for layer in module.modules() if isinstance(layer, nn.Conv2d)]
    assert layers == [12_288, 18_432, 110_592, 3_072, 4_608, 6_144]
    rows = {row.what: row.here for row in answer("parallel_kernels", lecture).rows[3:]}
    assert rows == {
        "Weights of module 3a: kernels side by side": "387,072",
        "One 3×3 with as many maps, 224": "387,072",
        "Module 3a with its 1×1 convolutions, as in the paper": "163,328",
        "The same in the GoogLeNet measured here, 3×3 for the 5×5": "155,136",
    }


def test_evidence_of_parallel_kernels_of_earlier_versions_is_judged_alike(lecture: Comparison) -> None:
    """It has no module as built, and one 3x3 with 256 maps, which is not compared."""
    old = samples.evidence()["parallel_kernels"].model_copy(
        update={"numbers": {"kernels": 387_072, "reduced": 163_328, "one_kernel": 442_368}}
    )
    (trial,) = try_claims([CLAIMS["parallel_kernels"]], {"parallel_kernels": old}, lecture, ENGLISH).trials
    new = answer("parallel_kernels", lecture)
    assert trial.answer == replace(new, rows=new.rows[:-1])
    assert "442,368" not in str(trial.answer)


def test_windows_by_arithmetic(numbers: Mapping[str, dict[str, float]]) -> None:
    """The window is 1 and the sum of (k - 1) times the strides before (Araujo et al., Distill 2019)."""
    from torch import nn

    from reporter.worker.counts.receptive_field import receptive_field

    for shapes in ([(3, 1)], [(3, 1), (3, 1)], [(3, 2), (3, 1)], [(5, 1), (3, 2), (3, 1)]):
        window, jump = 1, 1
        for kernel, stride in shapes:
            window, jump = window + (kernel - 1) * jump, jump * stride
        layers = nn.Sequential(*(nn.Conv2d(1, 1, kernel, stride) for kernel, stride in shapes))
        assert receptive_field(layers) == (window, window)
    assert receptive_field(nn.Conv2d(1, 1, (1, 7))) == (1, 7)


def test_dense_connections_by_width(numbers: Mapping[str, dict[str, float]]) -> None:
    """A layer that gets n maps is as wide as the block's input and n - 1 times the growth."""
    import torch
    from torchvision.models import densenet121

    with torch.device("meta"):
        features = densenet121().features
    for block in range(1, 5):
        widths = [layer.norm1.num_features for layer in getattr(features, f"denseblock{block}").children()]
        counted = sum((width - widths[0]) // 32 + 1 for width in widths)
        assert counted == numbers["dense_connections"][f"connections_{block}"]


def test_bottlenecks_by_depth(numbers: Mapping[str, dict[str, float]]) -> None:
    """A ResNet's depth is two and what its blocks have: two convolutions, or three in a bottleneck."""
    found = numbers["bottleneck_depth"]
    for depth in (18, 34, 50, 101, 152):
        assert 2 + 2 * found[f"blocks_{depth}"] + found[f"bottlenecks_{depth}"] == depth


def test_when_evidence_is_measured() -> None:
    """In runs without --metrics that measure networks of the lecture, and where it is asked for."""
    ours, lenet = [catalog_entries()["resnet18"]], [replace(catalog_entries()["resnet18"], name="lenet5")]
    assert choose_claims((), ours) == choose_claims(("size", "claims"), lenet) == tuple(CLAIMS.values())
    assert choose_claims((), lenet) == choose_claims(("size",), ours) == ()
    metrics = choose_metrics(("claims",))
    assert {"gradients", "compute", "size", "published"} <= set(metrics)
    assert not {"finetune", "latency_cpu"} & set(metrics)
    with pytest.raises(ReporterError, match="did you mean 'claims'"):
        choose_metrics(("claim",))


def test_the_newest_evidence_counts_and_torn_files_are_told_of(tmp_path: Path) -> None:
    (old,) = (each for each in samples.evidence().values() if each.claim == "squeeze")
    new = old.model_copy(update={"machine": "a", "started": "2026-02-01T00:00:00+00:00", "numbers": {"x": 1}})
    for each in (old, new):
        record_files.save_evidence(tmp_path, each)
    (tmp_path / "evidence" / "a" / "torn.json").write_text("{")
    found, complaints = record_files.load_all_evidence(tmp_path)
    assert found == {"squeeze": new}
    assert Evidence.model_validate_json(new.model_dump_json(by_alias=True)) == new
    assert len(complaints) == 1
    assert "torn.json: not evidence" in complaints[0]


TINY = """
from reporter.model import Architecture


def build(classes):
    from torch.nn import AdaptiveAvgPool2d, Conv2d, Flatten, Linear, Sequential

    return Sequential(Conv2d(3, 4, 3), AdaptiveAvgPool2d(1), Flatten(), Linear(4, classes))


ENTRIES = (Architecture("tiny", "Tiny", 2026, "none", build, input_size=32),)
"""
FAULTY = """
from reporter.report.claim_verdicts import Answer, Row
from reporter.model import Claim


def raises():
    raise ValueError("it does not like | this <claim>")


def infinite():
    return {"number": float("inf")}


def aborts():
    import os

    os.abort()


def judge(case):
    return Answer("true" if case["number"] == 1 else "false", ("Said.",), (Row("Number", "1", case.count("number")),))


ENTRIES = tuple(
    Claim(name, f"It {name}.", judge, measure)
    for name, measure in {"raises": raises, "infinite": infinite, "aborts": aborts}.items()
)
"""


@pytest.mark.slow
def test_a_claim_is_one_new_file_and_its_faults_are_told(tmp_path: Path) -> None:
    """A claim that works and three that fail, each in its own way: the others go on, and the report says why."""
    root = copy_of_the_checkout(tmp_path / "copy")
    (root / "reporter" / "architectures" / "tiny.py").write_text(TINY)
    (root / "reporter" / "claims" / "faulty.py").write_text(FAULTY)
    fine = FAULTY.replace("raise ValueError", 'return {"number": 1}  #').split("ENTRIES")[0]
    (root / "reporter" / "claims" / "fine.py").write_text(
        fine + 'ENTRIES = (Claim("fine", "It is fine.", judge, raises),)\n'
    )
    done = run("--out", tmp_path / "r", "--architectures", "tiny", "--metrics", "parameters,claims",
               "--preset", "quick", "--weights", "random", root=root)  # fmt: skip
    assert done.returncode == 3, done.stderr
    evidence, _ = record_files.load_all_evidence(tmp_path / "r")
    assert set(evidence) == {*MEASURED, "raises", "infinite", "aborts", "fine"}
    assert evidence["fine"].numbers == {"number": 1}
    assert evidence["raises"].reason == "ValueError: it does not like | this <claim>"
    assert evidence["infinite"].reason == "ValueError: number is inf"
    assert evidence["aborts"].reason == "the worker crashed (SIGABRT)"
    report = (tmp_path / "r" / "report.md").read_text()
    assert "### It is fine.\n\n**✓ true**\n\nSaid." in report
    assert "Its evidence could not be measured: ValueError: it does not like \\| this \\<claim\\>." in report


@pytest.mark.slow
def test_evidence_is_used_again_while_it_is_good(tmp_path: Path) -> None:
    """What is missing, torn, failed or measured by other code is measured, and nothing else; --fresh measures all."""
    outcome, executor, seen = Outcome(), LocalExecutor(), StringIO()
    names = ("split_kernel", "two_small_kernels", "block_weights", "label_smoothing")
    request = Request(tmp_path, (), {}, {}, CONDITIONS, "", claims=tuple(CLAIMS[name] for name in names))

    def measured(asked: Request) -> list[str]:
        seen.truncate(0)
        gather(asked, executor, Lines(seen), outcome)
        return re.findall(r"claim (\w+) its evidence is measured", seen.getvalue())

    assert measured(request) == list(names)
    assert measured(request) == []
    found, _ = record_files.load_all_evidence(tmp_path)
    key = found["split_kernel"].machine
    record_files.evidence_path(tmp_path, key, "split_kernel").write_text("{")
    record_files.save_evidence(
        tmp_path, found["block_weights"].model_copy(update={"reason": "no memory", "numbers": {}})
    )
    record_files.save_evidence(tmp_path, found["label_smoothing"].model_copy(update={"definition": "of another file"}))
    assert measured(request) == ["split_kernel", "block_weights", "label_smoothing"]
    assert measured(replace(request, fresh=True)) == list(names)
    assert (outcome.jobs, outcome.failed) == (3, 0)
