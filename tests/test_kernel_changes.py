"""Changed kernels as exact findings: found by name, none between equal runs, none of another network or machine."""

from __future__ import annotations

import itertools
import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import profile_samples as profiles
import pytest
from click.testing import CliRunner
from commands import WIDE, call
from mode_samples import mode, reference
from nights import Nights, made
from samples import few

from reporter.cli.commands.compare import compare_command
from reporter.compare import baseline_file, folders, kernel_changes, kernel_digests
from reporter.compare.changed_calls import changed_calls
from reporter.compare.differences import Differences, KernelSwap
from reporter.compare.folders import baseline, compare_results, read
from reporter.documents.comparisons import ComparisonDocument
from reporter.model import Record
from reporter.model.profiles import LayerKernel, digest
from reporter.model.settings import Settings
from reporter.nightly import kernel_ledgers
from reporter.nightly.run_folder import Folder
from reporter.report.between_runs import kernel_lines
from reporter.report.between_runs.changes import in_markdown, in_words
from reporter.report.language import language
from reporter.run.preparation import choose_metrics
from reporter.store import kernel_files, record_files

NAMES = ("alexnet", "vgg16", "googlenet")
RENAMED = {"kernel": "ref:any"}


def records(names: Sequence[str] = NAMES) -> list[Record]:
    return [record for record in few() if record.architecture in names]


def folder(place: Path, changed: Sequence[str] = (), fields: dict[str, Any] | None = None, **more: Any) -> Path:
    """A results folder; the second layer of the `changed` architectures has other `fields`."""
    made, ledgers = [], []
    for record in records():
        rows = profiles.calls(**(fields or RENAMED)) if record.architecture in changed else profiles.calls()
        made.append(profiles.profiled(record, ledger=rows, **more))
        ledgers.append(profiles.ledger(record, rows))
    return profiles.saved(place, made, ledgers)


def compared(*places: Path) -> Differences:
    base, new = (read(place, name) for place, name in zip(places, ("BASE", "NEW"), strict=True))
    return compare_results(base, new)


def kernels(found: Differences) -> list[kernel_changes.KernelChange]:
    return [change.kernels for change in found.changes if change.kernels]


def test_equal_kernels_give_no_finding_and_no_ledger_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = [folder(tmp_path / str(number)) for number in range(5)]
    monkeypatch.setattr(kernel_files, "load", lambda *place: pytest.fail("read although the digests are equal"))
    for one, other in itertools.pairwise(places):
        found = compared(one, other)
        assert not found.changed
        assert not found.gaps


def test_a_changed_layer_is_found_by_name(tmp_path: Path) -> None:
    found = compared(folder(tmp_path / "a"), folder(tmp_path / "b", changed=["vgg16"]))
    assert [(change.kind, change.architecture) for change in found.changes] == [("exact", "vgg16")] * 2
    for change, setting in zip(kernels(found), profiles.SETTINGS, strict=True):
        assert change.setting == setting
        [swap] = change.swaps
        assert (swap.base, swap.new, swap.layers) == (profiles.ONEDNN, "ref:any", ("layer1.0.conv1",))
        assert change.compared == 4
        assert change.time == "not resolved"
    assert found.fails("exact")
    assert found.fails("any")
    assert not found.fails("timing")
    text = in_words(found)
    [line] = [line for line in text.splitlines() if "Kernels of vgg16 changed" in line]
    assert "jit:avx512_core → ref:any in layer1.0.conv1" in line
    assert "time, one CPU thread: not resolved" in line
    assert "1 with changed kernels" in text.splitlines()[0]


def test_equal_calls_of_several_settings_are_compared_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: Counter[str] = Counter()
    for module, name in ((kernel_digests, "digest"), (kernel_changes, "changed_calls")):
        whole = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *calls, name=name, of=whole: (counted.update([name]), of(*calls))[1])
    places = folder(tmp_path / "a"), folder(tmp_path / "b", changed=["vgg16"])
    assert len(kernels(compared(*places))) == len(profiles.SETTINGS) == 2
    assert counted == {"digest": 2, "changed_calls": 1}


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"operator": profiles.SLOW}, ("aten::mkldnn_convolution", "aten::_slow_conv2d_forward")),
        ({"layout": "channels_last"}, ("contiguous", "channels_last")),
        ({"dtype": "bfloat16"}, ("float32", "bfloat16")),
    ],
)
def test_another_operator_layout_or_type_is_named_where_the_kernels_have_one_name(
    tmp_path: Path, fields: dict[str, str], names: tuple[str, str]
) -> None:
    found = compared(folder(tmp_path / "a"), folder(tmp_path / "b", changed=["vgg16"], fields=fields))
    [swap] = kernels(found)[0].swaps
    assert all(name in side for name, side in zip(names, (swap.base, swap.new), strict=True))


def in_library(place: Path, library: str, version: str = "2024.2", **changed: Any) -> Path:
    """A results folder whose linear layers ran in a library; the second layer has other fields."""
    rows = profiles.calls(library=library, **changed)
    made = [profiles.profiled(record, ledger=rows, version=version) for record in records()]
    return profiles.saved(place, made, [profiles.ledger(record, rows) for record in records()])


def test_results_without_libraries_are_compared_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = folder(tmp_path / "old"), in_library(tmp_path / "new", "MKL")
    changed = in_library(tmp_path / "changed", "MKL", **RENAMED)
    for sides in (places, places[::-1]):
        found = compared(*sides)
        assert (found.changed, found.gaps) == (False, ())
    [swap] = kernels(compared(places[0], changed))[0].swaps
    assert (swap.base, swap.new, swap.layers) == (profiles.ONEDNN, "ref:any", ("layer1.0.conv1",))
    monkeypatch.setattr(kernel_files, "load", lambda *place: pytest.fail("read although the digests are equal"))
    assert not compared(*places).changed


@pytest.mark.parametrize("other", ["OpenBLAS", "ATen"])
def test_another_library_is_a_changed_kernel(tmp_path: Path, other: str) -> None:
    found = compared(in_library(tmp_path / "a", "MKL"), in_library(tmp_path / "b", other))
    assert {(change.kind, change.architecture) for change in found.changes} == {("exact", name) for name in NAMES}
    for change in kernels(found):
        [swap] = change.swaps
        assert (swap.base, swap.new, swap.layers) == ("gemm (MKL)", f"gemm ({other})", ("fc",))
        assert change.libraries == ()
    assert found.fails("exact")
    assert f"gemm (MKL) → gemm ({other}) in fc" in in_words(found)


def test_another_version_of_a_library_is_beside_a_finding_and_none_itself(tmp_path: Path) -> None:
    base = in_library(tmp_path / "a", "MKL")
    newer = compared(base, in_library(tmp_path / "b", "MKL", "2025.0"))
    assert (newer.changed, newer.gaps) == (False, ())
    found = compared(base, in_library(tmp_path / "c", "MKL", "2025.0", **RENAMED))
    assert {change.libraries for change in kernels(found)} == {("MKL: 2024.2 → 2025.0",)}
    assert "; MKL: 2024.2 → 2025.0" in in_words(found)
    assert (found.changes[0].reason or "").endswith("ref:any; time: not resolved; MKL: 2024.2 → 2025.0")
    done = CliRunner().invoke(compare_command, [str(base), str(tmp_path / "c"), "--json"])
    document = json.loads(done.stdout)
    ComparisonDocument.model_validate(document)
    assert document["changes"][0]["kernels"]["libraries"] == ["MKL: 2024.2 → 2025.0"]


def test_libraries_whose_ledger_is_lost_are_no_finding(tmp_path: Path) -> None:
    """Nor is one whose ledger is of another run: what ran in which library is not known."""
    base, new = in_library(tmp_path / "a", "MKL"), in_library(tmp_path / "b", "OpenBLAS")
    for name in NAMES:
        paths = [kernel_files.kernels_path(record_files.record_path(place, "quiet", name)) for place in (base, new)]
        if name == "vgg16":
            paths[1].unlink()
        else:
            paths[1].write_bytes(paths[0].read_bytes())
    found = compared(base, new)
    assert not found.changed
    assert {(gap.why, gap.architectures) for gap in found.gaps} == {
        ("the libraries differ, but the ledger of NEW is missing or cannot be read", ("vgg16",)),
        ("the libraries differ, but the ledger of NEW does not belong to its record", ("alexnet", "googlenet")),
    }


def test_the_baseline_of_nightly_runs_keeps_the_ledger_with_its_libraries(tmp_path: Path) -> None:
    """Of two ledgers with the same kernels."""
    older, newer = in_library(tmp_path / "a", "MKL"), in_library(tmp_path / "b", "OpenBLAS")
    for place, library in ((older, "MKL"), (newer, "OpenBLAS")):
        kept = tmp_path / f"kept {library}"
        found = record_files.load_all(place)[0]
        record_files.save_all(kept, found)
        kernel_ledgers.save(kept, found, [older, newer])
        ledger = kernel_files.load(record_files.record_path(kept, "quiet", "vgg16"))
        assert ledger is not None
        assert {row.library for row in ledger.of("eager", "cpu")} == {"", library}


def test_another_network_is_no_changed_kernel(tmp_path: Path) -> None:
    shapes = {"shapes": "1x3x9x9, 1x3x3x3 -> 1x1x7x7", "kernel": "ref:any"}
    found = compared(folder(tmp_path / "a"), folder(tmp_path / "b", changed=["vgg16"], fields=shapes))
    assert not kernels(found)
    assert not found.fails("exact")
    assert any("shapes" in gap.why and gap.architectures == ("vgg16",) for gap in found.gaps)


def ledger_alone(place: Path, **changed: Any) -> Path:
    """A results folder of a run with --metrics kernels, which adds to what is there."""
    rows = profiles.calls(**changed)
    found = profiles.reading("kernels_cpu_1thread", len(rows), detail={"kernels": digest(rows)})
    old = {each.architecture: each for each in record_files.load_all(place)[0]} if place.exists() else {}
    made = [old.get(each.architecture, each) for each in records()]
    made = [each.model_copy(update={"readings": each.readings | {"kernels_cpu_1thread": found}}) for each in made]
    return profiles.saved(place, made, [profiles.ledger(each, rows) for each in made])


def test_the_ledger_alone_is_compared_with_that_of_any_run(tmp_path: Path) -> None:
    """A run with --metrics kernels finds what a run with all metrics does; of two digests that of the ledger counts."""
    base = folder(tmp_path / "base")
    same = compared(base, ledger_alone(tmp_path / "same"))
    assert not same.changed
    assert [(gap.why, gap.quantity.key if gap.quantity else "") for gap in same.gaps if gap.quantity] == [
        ("only BASE has it", "kernels_cpu")
    ]
    for place in (tmp_path / "other", folder(tmp_path / "again")):
        changed = compared(base, ledger_alone(place, **RENAMED))
        assert {change.architecture for change in changed.changes} == set(NAMES)
        assert {found.setting for found in kernels(changed)} == {"cpu_1thread"}
        assert [swap.new for swap in kernels(changed)[0].swaps] == ["ref:any"]


def test_the_ledger_alone_is_taken_if_it_is_named() -> None:
    assert "kernels" not in choose_metrics(())
    assert "kernels" not in choose_metrics(("profile",))
    for word in ("kernels", "kernels_cpu_1thread"):
        assert {"kernels"} == {name for name, each in choose_metrics((word,)).items() if not each.always}


def test_kernels_of_two_machines_are_not_compared(tmp_path: Path) -> None:
    base = folder(tmp_path / "a")
    rows = profiles.calls(**RENAMED)
    other = [record.model_copy(update={"machine": "loud"}) for record in records()]
    new = profiles.saved(
        tmp_path / "b",
        [profiles.profiled(record, ledger=rows) for record in other],
        [profiles.ledger(record, rows) for record in other],
    )
    assert not kernels(compared(base, new))


def test_kernels_of_processors_with_other_instructions_are_not_compared(tmp_path: Path) -> None:
    """As of virtual machines whose processors have one name: one of them lacks the instructions for bf16."""

    def place(name: str, kernel: str, precisions: list[str] | None) -> Path:
        rows = profiles.calls(kernel=kernel)
        facts = {} if precisions is None else {"native_precisions": precisions}
        made = [record.model_copy(update={"machine_facts": {**record.machine_facts, **facts}}) for record in records()]
        every = [profiles.profiled(record, ledger=rows) for record in made]
        return profiles.saved(tmp_path / name, every, [profiles.ledger(record, rows) for record in made])

    base = place("a", profiles.ONEDNN, ["bf16"])
    found = compared(base, place("b", "ref:any", []))
    assert not kernels(found)
    assert {(gap.why, len(gap.architectures)) for gap in found.gaps} == {
        ("the processors compute in other precisions (fp32, bf16, then fp32)", len(NAMES))
    }
    assert "процессоры вычисляют" in language("ru").translate(found.gaps[0].why)
    for name, precisions in (("c", ["bf16"]), ("d", None)):
        assert len(kernels(compared(base, place(name, "ref:any", precisions)))) == 2 * len(NAMES)


def test_a_baseline_without_kernels_gives_a_note(tmp_path: Path) -> None:
    base, new = profiles.saved(tmp_path / "a", records()), folder(tmp_path / "b")
    found = compared(base, new)
    assert not found.changed
    assert {(gap.why, gap.quantity.key if gap.quantity else "") for gap in found.gaps} == {
        ("only NEW has it", "kernels_cpu_1thread"),
        ("only NEW has it", "kernels_cpu"),
    }
    assert "Kernels, CPU" in in_words(found)


def test_other_threads_are_other_settings_and_variables_are_named(tmp_path: Path) -> None:
    base = folder(tmp_path / "a")
    threads = folder(tmp_path / "b", changed=NAMES, settings={"threads": 1})
    assert {each.setting for each in kernels(compared(base, threads))} == {"cpu_1thread"}
    capped = folder(tmp_path / "c", changed=NAMES, settings={"variables": {"ONEDNN_MAX_CPU_ISA": "SSE41"}})
    found = compared(base, capped)
    assert {change.architecture for change in found.changes} == set(NAMES)
    assert {change.variables for change in kernels(found)} == {("ONEDNN_MAX_CPU_ISA: not set → SSE41",)}
    assert all(name in in_words(found) for name in NAMES)
    assert "ONEDNN_MAX_CPU_ISA: not set → SSE41" in in_markdown(found).replace("\\", "")


def compiled(place: Path, version: str, *rows: tuple[str, str], factor: float = 0.5) -> Path:
    """A results folder of `compile` with a version of torch; `rows` are operators and kernels without layers."""
    first = profiles.calls()[0].model_copy(update={"layer": "", "macs": 0})
    calls = [first.model_copy(update={"operator": op, "kernel": name}) for op, name in rows]
    modes = [
        profiles.profiled(mode(each, "compile", factor), ledger=calls, settings={"engine": {"torch": version}})
        for each in records(("vgg16",))
    ]
    return profiles.saved(place, [*records(("vgg16",)), *modes], [profiles.ledger(each, calls) for each in modes])


CONVOLUTION = "mkldnn::_convolution_pointwise"
COMPILED = ((CONVOLUTION, profiles.ONEDNN), ("cpp_fused_relu_0", "inductor"), (CONVOLUTION, profiles.ONE_BY_ONE))


def test_kernels_of_an_engine_are_compared_across_its_versions(tmp_path: Path) -> None:
    """The versions are beside the finding; times of two versions are not compared as before."""
    base = compiled(tmp_path / "a", "2.14.1", *COMPILED)
    same = compared(base, compiled(tmp_path / "b", "2.15.0", *COMPILED))
    assert not same.changed
    assert not [gap for gap in same.gaps if "Kernels" in (gap.quantity.title if gap.quantity else "")]
    found = compared(base, compiled(tmp_path / "c", "2.15.0", (CONVOLUTION, "ref:any"), *COMPILED[1:]))
    assert [(change.kind, change.architecture, change.mode) for change in found.changes] == [
        ("exact", "vgg16", "compile")
    ] * 2
    for change in kernels(found):
        [swap] = change.swaps
        assert (swap.base, swap.new, swap.layers) == (profiles.ONEDNN, "ref:any", (CONVOLUTION,))
        assert (change.variables, change.libraries) == ((), ("torch: 2.14.1 → 2.15.0",))
        assert change.compared == 3
    assert found.fails("exact")
    assert "; torch: 2.14.1 → 2.15.0" in in_words(found)


def test_another_number_of_a_generated_kernel_is_no_finding(tmp_path: Path) -> None:
    """Nor is one that another version of torch generates differently: the rest is compared."""
    base = compiled(tmp_path / "a", "2.14.1", *COMPILED)
    renumbered = (COMPILED[0], ("cpp_fused_add_relu_7", "inductor"), COMPILED[2])
    found = compared(base, compiled(tmp_path / "b", "2.15.0", *renumbered))
    assert not found.changed
    assert {gap.why for gap in found.gaps if gap.quantity and "Kernels" in gap.quantity.title} == {
        "the layers differ in their shapes, or only one side has them"
    }
    changed = compared(base, compiled(tmp_path / "c", "2.15.0", *renumbered[:2], (CONVOLUTION, "ref:any")))
    assert {(change.swaps[0].base, change.swaps[0].new, change.compared) for change in kernels(changed)} == {
        (profiles.ONE_BY_ONE, "ref:any", 2)
    }


def test_a_lost_ledger_is_named_and_no_finding(tmp_path: Path) -> None:
    base, new = folder(tmp_path / "a"), folder(tmp_path / "b", changed=["vgg16"])
    kernel_files.kernels_path(record_files.record_path(base, "quiet", "vgg16")).unlink()
    found = compared(base, new)
    assert not found.changed
    assert any("ledger" in gap.why for gap in found.gaps)


def test_a_ledger_that_is_not_the_records_is_named_and_no_finding(tmp_path: Path) -> None:
    """Equal ledgers beside records with different digests: what ran in one of them is not known."""
    base, new = folder(tmp_path / "a"), folder(tmp_path / "b", changed=["vgg16"])
    paths = [kernel_files.kernels_path(record_files.record_path(place, "quiet", "vgg16")) for place in (base, new)]
    before = paths[1].read_bytes()
    paths[1].write_bytes(paths[0].read_bytes())
    found = compared(base, new)
    assert not found.changed
    assert {(gap.why, gap.architectures) for gap in found.gaps} == {
        ("the kernels differ, but the ledger of NEW does not belong to its record", ("vgg16",))
    }
    assert 'No verdict: "Kernels, CPU' in in_words(found).splitlines()[0]
    paths[0].write_bytes(before)
    assert any("the ledger of BASE does not belong" in gap.why for gap in compared(base, new).gaps)


def test_kernels_alone_are_compared_with_a_run_that_has_modes(tmp_path: Path) -> None:
    """A run that takes no times is not one that has lost its modes."""
    every = [*records(), *(mode(each, "bf16", 0.5) for each in records())]
    base = profiles.saved(
        tmp_path / "base",
        [profiles.profiled(each) for each in every],
        [profiles.ledger(each, profiles.calls()) for each in records()],
    )
    counts = [each.model_copy(update={"readings": {}}) for each in records()]
    alone = ledger_alone(profiles.saved(tmp_path / "alone", counts))
    assert not compared(base, alone).changed
    assert not compared(base, alone).fails("any")


def slowed(record: Record, factor: float) -> Record:
    found = {
        key: each.model_copy(update={"samples": tuple(factor * sample for sample in each.samples)})
        for key, each in record.readings.items()
        if key.startswith("latency_cpu")
    }
    return record.model_copy(update={"readings": record.readings | found})


@pytest.mark.parametrize(("factor", "effect"), [(2.0, "slower"), (0.5, "faster"), (1.0, "not resolved")])
def test_the_times_are_beside_the_finding(tmp_path: Path, factor: float, effect: str) -> None:
    rows = {False: profiles.calls(), True: profiles.calls(**RENAMED)}
    sides = []
    for name, is_new in (("a", False), ("b", True)):
        every = [slowed(r, factor) if is_new and r.architecture == "vgg16" else r for r in reference()]
        made = [(record, rows[is_new and record.architecture == "vgg16"]) for record in every]
        found = [profiles.profiled(record, ledger=calls) for record, calls in made]
        sides.append(profiles.saved(tmp_path / name, found, [profiles.ledger(*each) for each in made]))
    found = compared(*sides)
    assert {change.architecture for change in found.changes} == {"vgg16"}
    by_setting = {each.setting: each for each in kernels(found)}
    assert by_setting["cpu_1thread"].time == effect
    assert by_setting["cpu_1thread"].ratio == pytest.approx(factor, rel=0.05)


def steady(record: Record, factor: float = 1.0) -> Record:
    """The record with a latency of four rounds that differ by less than 0.3 %."""
    rounds = (6,) * 4
    samples = tuple(0.01 * factor * (1 + 1e-4 * number) for number in range(sum(rounds)))
    latency = record.readings["latency_cpu_1thread"].model_copy(update={"samples": samples, "rounds": rounds})
    return record.model_copy(update={"readings": record.readings | {"latency_cpu_1thread": latency}})


def beside(factors: Sequence[float], changed: Sequence[str]) -> dict[str, tuple[str, float | None]]:
    """What the times say beside the kernels of `changed`, where the latencies of NAMES changed by these factors."""
    usual, other = profiles.calls(), profiles.calls(**RENAMED)
    rows = dict.fromkeys(NAMES, usual), {name: other if name in changed else usual for name in NAMES}
    by_factor = dict.fromkeys(NAMES, 1.0), dict(zip(NAMES, factors, strict=True))
    sides = [
        [
            profiles.profiled(steady(each, by[each.architecture]), ledger=ran[each.architecture], taken=["cpu_1thread"])
            for each in records()
        ]
        for by, ran in zip(by_factor, rows, strict=True)
    ]

    def ledgers(side: int) -> kernel_changes.Ledgers:
        by_name = {each.architecture: each for each in sides[side]}
        return lambda _, name: profiles.ledger(by_name[name], rows[side][name])

    found = folders.compare(*sides, ledgers=(ledgers(0), ledgers(1)))
    return {each.architecture: (each.kernels.time, each.kernels.ratio) for each in found.changes if each.kernels}


SLOWER, FASTER, UNRESOLVED = "slower", "faster", "not resolved"


@pytest.mark.parametrize(
    ("factors", "effects"),
    [
        pytest.param((5, 5, 5), [SLOWER] * 3, id="all by the same factor"),
        pytest.param((2, 5, 10), [SLOWER] * 3, id="all by other factors"),
        pytest.param((0.5, 0.5, 0.4), [FASTER] * 3, id="all faster"),
        pytest.param((1.1, 1.1, 1.1), [UNRESOLVED] * 3, id="all by less than drift may reach"),
        pytest.param((1.01, 0.99, 1.1), [UNRESOLVED, UNRESOLVED, SLOWER], id="all, of which one is slower"),
        pytest.param((5, 5, 1.01), [SLOWER] * 2, id="most, and the other is as before"),
        pytest.param((1.5, 1.5, 1.5), [UNRESOLVED] * 2, id="most, on a slower machine"),
        pytest.param((0.5, 1.5, 0.5), [UNRESOLVED, SLOWER], id="most, on a faster machine"),
        pytest.param((1.1, 1.1, 1.1), [UNRESOLVED], id="one, with drift"),
        pytest.param((1.5, 1.5, 1.5), [UNRESOLVED], id="one, on a slower machine"),
        pytest.param((1.8, 1.5, 1.5), [SLOWER], id="one that is slower than the machine"),
        pytest.param((0.97, 0.9, 0.9), [UNRESOLVED], id="one that is slower by less than the machine is faster"),
    ],
)
def test_what_most_architectures_share_is_drift_unless_their_kernels_changed(
    factors: tuple[float, float, float], effects: Sequence[str]
) -> None:
    """The ratio is that of the latencies in every case."""
    changed = NAMES[: len(effects)]
    found = beside(factors, changed)
    assert {name: effect for name, (effect, _) in found.items()} == dict(zip(changed, effects, strict=True))
    for name, factor in zip(changed, factors, strict=False):
        assert found[name][1] == pytest.approx(factor, rel=1e-6)


def test_the_document_and_the_exit_code(tmp_path: Path) -> None:
    base, new = folder(tmp_path / "a"), folder(tmp_path / "b", changed=["vgg16"])
    for gate, code in (("exact", 1), ("any", 1), ("never", 0)):
        done = CliRunner().invoke(compare_command, [str(base), str(new), "--json", "--fail-on", gate])
        assert done.exit_code == code
    found = json.loads(done.stdout)
    ComparisonDocument.model_validate(found)
    assert found["counts"]["exact"] == 2
    row = found["changes"][0]
    assert (row["kind"], row["metric"], row["architecture"]) == ("exact", "kernels_cpu_1thread", "vgg16")
    assert "layer1.0.conv1: jit:avx512_core -> ref:any" in row["reason"]
    assert row["kernels"]["swaps"] == [{"base": profiles.ONEDNN, "new": "ref:any", "layers": ["layer1.0.conv1"]}]
    assert row["kernels"]["time"] == "not resolved"


def test_many_layers_with_the_same_names_share_a_line() -> None:
    layers = [f"layer{number}" for number in range(17)]
    base, new = ([row.model_copy(update={"kernel": kernel}) for row in profiles.calls(layers)] for kernel in "ab")
    swaps, compared, other = changed_calls(base, new)
    assert [(len(swap.layers), swap.base, swap.new) for swap in swaps] == [(17, "a", "b")]
    assert (compared, other) == (17, 0)
    found = kernel_changes.KernelChange("cpu", swaps, compared, "slower")
    assert kernel_changes.in_words(found) == "layer0, layer1, layer2 and 14 more: a -> b; time: slower"


@pytest.mark.parametrize(
    ("layers", "words", "sentence"),
    [
        (["a", "b"], "a, b: x -> y", "x → y in 2 layers (a, b)"),
        (["head"] * 3, "head (3 calls): x -> y", "x → y in 3 calls (head)"),
        (["a", "b", "a"], "a, b (3 calls): x -> y", "x → y in 3 calls (a, b)"),
        ([CONVOLUTION] * 20, f"{CONVOLUTION} (20 calls): x -> y", f"x → y in 20 calls ({CONVOLUTION})"),
        ([CONVOLUTION, "aten::mm"], f"{CONVOLUTION}, aten::mm: x -> y", f"x → y in 2 calls ({CONVOLUTION}, aten::mm)"),
        ([CONVOLUTION], f"{CONVOLUTION}: x -> y", f"x → y in {CONVOLUTION}"),
    ],
)
def test_each_layer_is_named_once_with_the_number_of_calls(layers: list[str], words: str, sentence: str) -> None:
    found = kernel_changes.KernelChange("cpu", (KernelSwap("x", "y", tuple(layers)),), len(layers), "slower")
    assert kernel_changes.names_in_words(found) == words
    assert kernel_lines.values([found], language("en")).split(";")[0] == sentence


def test_a_layer_that_runs_twice_is_compared_call_by_call() -> None:
    row: LayerKernel = profiles.calls()[0]
    other = row.model_copy(update={"kernel": "ref:any"})
    swaps, compared, _ = changed_calls([row, row], [row, other])
    assert [swap.layers for swap in swaps] == [(row.layer,)]
    assert compared == 2


TRANSPOSED = profiles.calls(["head"])[0].model_copy(
    update={
        "operator": "aten::addmm",
        "kernel": "gemm",
        "library": "MKL",
        "shapes": "1x128, 128x10 -> 1x10",
        "macs": 1280,
    }
)
AS_IT_IS = TRANSPOSED.model_copy(
    update={
        "operator": "mkldnn::_linear_pointwise",
        "kernel": "brg_matmul:avx512_core",
        "library": "",
        "shapes": "1x128, 10x128 -> 1x10",
    }
)


@pytest.mark.parametrize(
    ("base", "new", "changed", "other"),
    [
        pytest.param([TRANSPOSED], [AS_IT_IS], 1, 0, id="alone"),
        pytest.param([TRANSPOSED] * 2, [TRANSPOSED, AS_IT_IS], 1, 0, id="one of two calls"),
        pytest.param([TRANSPOSED] * 2, [AS_IT_IS], 0, 3, id="fewer calls"),
        pytest.param([TRANSPOSED], [(AS_IT_IS, {"macs": 0})], 0, 2, id="unknown MACs"),
        pytest.param([(TRANSPOSED, {"macs": 0})], [(AS_IT_IS, {"macs": 0})], 0, 2, id="no MACs"),
        pytest.param([TRANSPOSED], [(AS_IT_IS, {"macs": 2560})], 0, 2, id="other MACs"),
        pytest.param([TRANSPOSED], [(AS_IT_IS, {"shapes": "1x64, 20x64 -> 1x20"})], 0, 2, id="another output"),
        pytest.param([TRANSPOSED], [(AS_IT_IS, {"layer": "fc"})], 0, 2, id="another layer"),
        pytest.param([TRANSPOSED], [(AS_IT_IS, {"operator": "aten::addmm"})], 0, 2, id="another definition"),
    ],
)
def test_a_linear_layer_that_runs_in_another_operator_has_other_shapes(
    base: list[Any], new: list[Any], changed: int, other: int
) -> None:
    """An operator may get the weight transposed; a call of the same operator with other shapes is another layer."""
    sides = [
        [each[0].model_copy(update=each[1]) if isinstance(each, tuple) else each for each in side]
        for side in (base, new)
    ]
    swaps, compared, unmatched = changed_calls(*sides)
    named = [("gemm (MKL)", "brg_matmul:avx512_core", ("head",))] * changed
    assert [(swap.base, swap.new, swap.layers) for swap in swaps] == named
    assert 2 * compared + unmatched == len(base) + len(new)
    assert unmatched == other


def test_a_baseline_in_the_folder_of_the_run_keeps_its_ledgers(tmp_path: Path) -> None:
    place = folder(tmp_path / "a")
    before = baseline(Settings(baseline=str(place)), place)
    assert before
    folder(place, changed=["vgg16"])
    found = compare_results(before, read(place, "--out"))
    assert {change.architecture for change in found.changes} == {"vgg16"}


def test_a_comparison_with_kernels_is_read_back(tmp_path: Path) -> None:
    found = compared(folder(tmp_path / "a"), folder(tmp_path / "b", changed=["vgg16"]))
    kept = baseline_file.BaselineComparison("a", "2026-01-01", found)
    baseline_file.save(tmp_path, kept)
    assert baseline_file.load(tmp_path) == kept


def test_nightly_runs_compare_with_the_last_kernels_there_are(tmp_path: Path) -> None:
    """A run that recorded none, as with another --metrics or little time, does not end the comparison."""
    played: dict[str, list[LayerKernel]] = {}

    def write(folder: Path, record: Record) -> None:
        if played:
            profiles.write(folder, profiles.ledger(record, next(iter(played.values())), played))

    nights, vgg16 = Nights(tmp_path, beside=write), made(("vgg16",))

    def night(kernel: str, *taken: str) -> int:
        rows = profiles.calls(kernel=kernel)
        played.clear()
        played.update(dict.fromkeys(taken, rows))
        records = [profiles.profiled(each, ledger=rows, taken=taken) if taken else each for each in vgg16]
        return nights.play(records, architectures="vgg16")

    assert night(profiles.ONEDNN, *profiles.SETTINGS) == 0
    assert night("") == 0
    assert night(profiles.ONEDNN, "cpu") == 0
    assert night("ref:any", *profiles.SETTINGS) == 1
    found = [line for line in nights.lines if "layer1.0.conv1: jit:avx512_core -> ref:any" in line]
    assert {line.partition(" changed")[0] for line in found} == {"- Kernels, CPU, 1 thread", "- Kernels, CPU"}


def test_a_changed_kernel_stays_a_finding_of_nightly_runs_until_it_is_accepted(tmp_path: Path) -> None:
    played: list[LayerKernel] = []
    nights = Nights(tmp_path, beside=lambda folder, each: profiles.write(folder, profiles.ledger(each, played)))

    def night(kernel: str, *precisions: str) -> int:
        played[:] = profiles.calls(kernel=kernel)
        facts = {"native_precisions": list(precisions)}
        records = [record.model_copy(update={"machine_facts": facts}) for record in made(("vgg16",))]
        return nights.play([profiles.profiled(record, ledger=played) for record in records], architectures="vgg16")

    def is_open(compared: bool) -> bool:
        line = nights.lines[0]
        is_named = "jit:avx512_core -> ref:any" in line and "since 2 November" in line
        return is_named and ("(not compared in this run)" in line) != compared

    assert night(profiles.ONEDNN) == 0
    assert night("ref:any") == 1
    assert night("ref:any") == 1
    assert is_open(compared=True)
    assert night("ref:any", "bf16") == 1, "the kernels of another processor are not compared"
    assert is_open(compared=False)
    place = record_files.record_path(Folder(nights.out).base, "quiet", "vgg16")
    kernel_files.kernels_path(place).write_text("{")
    assert night("ref:any") == 1, "nor are those of a ledger that cannot be read"
    assert is_open(compared=False)
    assert nights.accept() == 2
    assert night("ref:any") == 0
    assert night("brg_matmul:avx512_core") == 1
    assert "ref:any -> brg_matmul:avx512_core" in nights.lines[0]
    assert nights.accept() == 2
    assert night(profiles.ONEDNN) == 1, "an acceptance is of one change, not of all later ones"


@pytest.mark.slow
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the other kernels are those of x86")
def test_real_kernels_are_found_by_name_and_equal_ones_are_not(tmp_path: Path) -> None:
    """The same network three times, once with oneDNN limited to SSE 4.1."""
    options = (*WIDE, "--metrics", "operators", "--preset", "quick", "--modes", "eager", "--quiet")
    for name, variables in (("a", {}), ("again", {}), ("capped", {"ONEDNN_MAX_CPU_ISA": "SSE41"})):
        process = call("--out", tmp_path / name, *options, variables=variables)
        assert process.returncode == 0, process.stderr
    same = call("compare", tmp_path / "a", tmp_path / "again", "--fail-on", "exact")
    assert (same.returncode, "Kernels of" in same.stdout) == (0, False), same.stdout
    other = call("compare", tmp_path / "a", tmp_path / "capped", "--fail-on", "exact")
    assert other.returncode == 1, other.stdout
    [line] = [line for line in other.stdout.splitlines() if "Kernels of wide changed" in line]
    assert re.search(r"jit\S*:avx\S* → jit\S*:sse41", line), line
    assert "ONEDNN_MAX_CPU_ISA: not set → SSE41" in line


def test_records_in_no_folder_have_no_ledger() -> None:
    made = [profiles.profiled(record) for record in records()]
    changed = [profiles.profiled(record, ledger=profiles.calls(**RENAMED)) for record in records()]
    found = folders.compare(made, changed)
    assert not found.changes
    assert any("ledger" in gap.why for gap in found.gaps)
