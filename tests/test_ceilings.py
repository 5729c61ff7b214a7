"""Ceilings: rates recomputed from their calls, bytes counted by hand, and measured once in a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from io import StringIO
from pathlib import Path
from time import sleep

import pytest
import torch
from torch import Tensor, nn

from reporter.cli.progress import Lines
from reporter.host import caches, machine
from reporter.host.job import Job
from reporter.metrics import ceilings as ceilings_metric
from reporter.metrics.ceilings import (
    CEILINGS,
    ENTRIES,
    MACS,
    NO_BF16,
    NO_FP16,
    NO_INT8,
    OF_MACHINE,
    OTHER_PRECISION,
    OTHER_TYPES,
    ceilings,
    measure,
    reached,
)
from reporter.model import Architecture, Reading, Status, UnsupportedError, absent
from reporter.model.settings import PRESETS, Conditions
from reporter.run.ledger import Ledger
from reporter.run.request import Request
from reporter.worker.counts.counting import count
from reporter.worker.latency import timing
from reporter.worker.profiling import ceiling_rates, instruction_sets
from reporter.worker.profiling.ceiling_rates import (
    FEWEST_CALLS,
    Design,
    Sizes,
    Workload,
    WorkloadGroup,
    best_rates,
    copying,
    multiplying,
    traffic,
)
from reporter.worker.subject import Subject


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 8, 3, padding=1)
        self.head = nn.Linear(8 * 4 * 4, 10, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        result: Tensor = self.head(torch.relu_(self.layer(images)).flatten(1))
        return result


SMALL = Architecture(name="small", family="Own", year=None, paper="", input_size=4, build=lambda _: Small())


def subject() -> Subject:
    return Subject(SMALL, "cpu", Conditions(**PRESETS["quick"]))


def test_the_bytes_are_those_of_weights_and_activations() -> None:
    """Images 48, weights 216 and 8, activations 128 four times (written, read and written by relu, read), 1280, 10."""
    found = traffic(Small().to("meta"), torch.empty(1, 3, 4, 4, device="meta"))
    assert (found.bytes, found.dtypes) == (4 * (48 + 224 + 4 * 128 + 1290), {"float32"})


class Attending(Small):
    """Attention of each of 8 rows over all."""

    def forward(self, images: Tensor) -> Tensor:
        rows = self.layer(images).flatten(2)[:, None]
        result: Tensor = self.head(nn.functional.scaled_dot_product_attention(rows, rows, rows).flatten(1))
        return result


def test_the_bytes_of_attention_are_those_of_one_operator() -> None:
    """It reads queries, keys and values, and writes its output and one number for each row: no 8 x 8 matrix."""
    attention = 3 * 128 + 128 + 8
    wanted = 4 * (48 + 224 + 128 + attention + 128 + 1290)
    for device in ("meta", "cpu"):
        assert traffic(Attending().to(device), torch.ones(1, 3, 4, 4, device=device)).bytes == wanted


@pytest.mark.parametrize("batch", [1, 2])
def test_the_macs_of_the_workloads_are_those_that_are_counted(batch: int) -> None:
    for workload in multiplying(torch.float32, Sizes(batch, (64, 128))):
        call = workload.call
        layer = getattr(call, "func")  # noqa: B009  a partial
        if isinstance(layer, nn.Module):
            assert count(layer, call.args[0]).macs == workload.amount  # type: ignore[attr-defined]
        else:
            first, second = call.args  # type: ignore[attr-defined]
            assert first.shape[0] * first.shape[1] * second.shape[1] == workload.amount


@pytest.mark.parametrize(
    ("cached", "memory", "copied"),
    [(0, 64, 2**20), (2**18, 64, 2**20), (2**22, 64, 2**22), (2**30, 64, 2**24), (2**30, None, 2**20)],
)
def test_more_is_copied_than_the_caches_hold(
    cached: int, memory: int | None, copied: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the two buffers is as large as the last-level caches, up to a limit."""
    monkeypatch.setattr(ceiling_rates.machine, "facts", lambda: {"memory_gib": memory})
    monkeypatch.setattr(ceiling_rates.caches, "last_level", lambda: cached)
    monkeypatch.setattr(ceiling_rates, "COPIED", 2**20)
    monkeypatch.setattr(ceiling_rates, "MOST_COPIED", 2**24)
    workload = copying()
    [source] = workload.call.args  # type: ignore[attr-defined]
    assert source.nbytes == copied
    assert workload.amount == 2 * copied


def test_the_last_level_caches_of_the_usable_processors_are_added_up(tmp_path: Path) -> None:
    """A shared cache counts once, those of other processors and smaller ones do not."""
    for number, shared in enumerate(("0-1", "0-1", "2-3", "2-3")):
        for index, (level, kind, size, own) in enumerate(
            (("1", "Data", "48K", str(number)), ("1", "Instruction", "64M", "x"), ("3", "Unified", "32768K", shared))
        ):
            place = tmp_path / f"cpu{number}" / "cache" / f"index{index}"
            place.mkdir(parents=True)
            for name, text in (("level", level), ("type", kind), ("size", size), ("shared_cpu_list", own)):
                (place / name).write_text(f"{text}\n")
    sizes = [caches.last_level(tmp_path, frozenset(each)) for each in ((0,), (0, 1), (1, 2), (0, 1, 2, 3), (7,))]
    assert sizes == [2**25, 2**25, 2**26, 2**26, 0]
    (tmp_path / "cpu0" / "cache" / "index2" / "size").write_text("unknown")
    assert caches.last_level(tmp_path, frozenset((0,))) == 48 * 2**10
    assert caches.last_level(tmp_path / "none", frozenset((0,))) == 0


@pytest.mark.parametrize(("flags", "reason"), [(["avx2"], "has no instructions for"), ([], "it is not known")])
def test_the_reason_for_no_ceiling_in_a_precision_is_what_is_known(
    flags: list[str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On macOS the flags of the processor are not listed."""
    monkeypatch.setattr(instruction_sets, "processor_flags", lambda: frozenset(flags))
    monkeypatch.setattr(ceilings_metric, "groups", lambda _: {})
    found = {each.quantity.key: each for each in ceilings_metric.ceilings(subject())}
    for name in ("bf16", "fp16"):
        for key in (f"ceiling_macs_{name}_cpu", f"ceiling_macs_{name}_cpu_1thread"):
            assert found[key].status == "unsupported"
            assert reason in (found[key].reason or "")
            assert f"instructions for {name}" in (found[key].reason or "")


@pytest.mark.timing
def test_the_best_rate_counts() -> None:
    works = [Workload("slow", lambda: sleep(0.01), 100), Workload("fast", lambda: sleep(0.002), 100)]
    rates = best_rates({"group": WorkloadGroup(works)}, Design(rounds=3, every=3, seconds=0.001))["group"]
    assert rates["slow"] == pytest.approx(10_000, rel=0.2)
    assert 2 * rates["slow"] < rates["fast"] <= 50_000


def test_later_rounds_have_what_is_near_the_best_in_turns_with_other_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disturbance of some blocks changes no ceiling; what is far from the best is not repeated."""
    calls: list[str] = []
    threads: list[int] = []
    now = 0.0
    for module in (ceiling_rates, timing):
        monkeypatch.setattr(module, "perf_counter", lambda: now)

    @contextmanager
    def context(number: int) -> Iterator[None]:
        threads.append(number)
        yield

    def call(name: str, seconds: float) -> Callable[[], object]:
        def timed() -> None:
            nonlocal now
            disturbed = calls.count(name) < 4  # the first two blocks
            calls.append(name)
            now += seconds * (1 + disturbed)

        return timed

    first = [Workload("a", call("a", 0.002), 100), Workload("b", call("b", 0.00205), 100)]
    other = [Workload("far", call("far", 0.01), 100), Workload("c", call("c", 0.002), 100)]
    groups = {"one": WorkloadGroup(first, partial(context, 1)), "all": WorkloadGroup(other, partial(context, 2))}
    rates = best_rates(groups, Design(rounds=4, every=3, seconds=0.0, near=0.5))
    assert threads == [1, 2] * 4
    assert calls.count("far") == 2 * FEWEST_CALLS
    assert calls.count("a") == calls.count("c") == 4 * FEWEST_CALLS
    assert max(rates["one"].values()) == pytest.approx(50_000)
    assert set(rates["one"]) == {"a", "b"}


def known(**values: float) -> tuple[Reading, ...]:
    """Ceilings that a run has measured."""
    quantities = {each.key: each for each in ENTRIES[0].quantities if each.key in OF_MACHINE}
    return tuple(Reading(quantity=each, samples=(values.get(key, 1e9),)) for key, each in quantities.items())


@pytest.mark.parametrize(("bandwidth", "bound"), [(1e15, "compute"), (1.0, "memory")])
def test_the_share_follows_from_the_ceilings_of_the_run(bandwidth: float, bound: str) -> None:
    mine = subject()
    mine.ceilings = known(ceiling_bandwidth_cpu=bandwidth, ceiling_bandwidth_cpu_1thread=bandwidth)
    found = {reading.quantity.key: reading for reading in measure(mine)}
    assert tuple(found[reading.quantity.key] for reading in mine.ceilings) == mine.ceilings
    intensity = found["arithmetic_intensity"]
    macs = 3 * 8 * 9 * 16 + 1280
    assert intensity.samples == (macs / (4 * (48 + 224 + 4 * 128 + 1290)),)
    for key in ("ceiling_share_cpu_1thread", "ceiling_share_cpu"):
        detail = found[key].detail
        ceiling = min(1e9, bandwidth * intensity.samples[0])
        assert (detail["bound"], detail["peak_precision"]) == (bound, "fp32")
        assert detail["ceiling"] == pytest.approx(ceiling)
        assert found[key].samples[0] == pytest.approx(macs / float(str(detail["latency"])) / ceiling)


@pytest.mark.parametrize(
    ("dtype", "peak"), [(torch.bfloat16, 3e9), (torch.float16, 4e9), (torch.float64, None)], ids=str
)
def test_the_share_is_that_of_the_peak_in_the_data_type_of_the_network(dtype: torch.dtype, peak: float | None) -> None:
    mine = Subject(replace(SMALL, build=lambda _: Small().to(dtype)), "cpu", Conditions(**PRESETS["quick"]))
    mine.ceilings = known(ceiling_macs_bf16_cpu=3e9, ceiling_macs_fp16_cpu=4e9, ceiling_bandwidth_cpu=1e15)
    found = {reading.quantity.key: reading for reading in measure(mine)}
    share = found["ceiling_share_cpu"]
    assert share.detail.get("ceiling") == peak
    assert share.detail.get("peak_precision") == {3e9: "bf16", 4e9: "fp16", None: None}[peak]
    assert share.reason == (None if peak else OTHER_PRECISION.format(dtype="float64"))
    assert found["arithmetic_intensity"].measured


class Casting(Small):
    """Computes in autocast, or its head in another data type than that of its weights."""

    def __init__(self, autocast: str = "", values: bool = False) -> None:
        super().__init__()
        self.autocast, self.values = autocast, values

    def forward(self, images: Tensor) -> Tensor:
        if self.values:
            images = images * float(images.isfinite().all())  # which meta tensors do not support
        if self.autocast:
            with torch.autocast(self.autocast, torch.bfloat16):
                return super().forward(images)
        maps = torch.relu_(self.layer(images)).flatten(1)
        return nn.functional.linear(maps.bfloat16(), self.head.weight.bfloat16())


def quantized() -> nn.Module:
    return torch.ao.quantization.quantize_dynamic(Small().eval(), {nn.Linear}, torch.qint8)


OTHER = OTHER_TYPES.format(dtypes="bfloat16, float32", dtype="float32")
OF_BF16 = OTHER_TYPES.format(dtypes="bfloat16", dtype="float32")


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(
    ("build", "intensity", "share"),
    [
        (quantized, "packed weights are not counted: head", "packed weights are not counted: head"),
        (partial(Casting, "cpu"), None, OF_BF16),
        (partial(Casting, "cpu", values=True), None, OF_BF16),
        (Casting, None, OTHER),
    ],
    ids=["packed weights", "autocast", "autocast on values", "another type"],
)
def test_a_network_in_other_types_than_its_weights_has_no_share(
    build: Callable[[], nn.Module], intensity: str | None, share: str
) -> None:
    """Nor an arithmetic intensity where the bytes are not known."""
    mine = Subject(replace(SMALL, build=lambda _: build()), "cpu", Conditions(**PRESETS["quick"]))
    mine.ceilings = known()
    found = {reading.quantity.key: reading for reading in measure(mine)}
    assert found["arithmetic_intensity"].reason == intensity
    for key in ("ceiling_share_cpu_1thread", "ceiling_share_cpu"):
        assert (found[key].status, found[key].reason) == ("unsupported", share)


def test_the_bytes_of_autocast_are_not_counted_where_it_has_no_effect() -> None:
    """With it, each product has factors of two bytes, and they are cast before."""
    made, images = Casting("cpu"), torch.ones(1, 3, 4, 4)
    with pytest.raises(UnsupportedError, match="uses autocast"):
        traffic(made.to("meta"), images.to("meta"))
    weights, maps = 224 + 1280, 128
    casts = 6 * (48 + weights)
    assert traffic(Casting("cpu"), images).bytes == casts + 2 * (48 + weights + 4 * maps + 10)


def test_a_ceiling_that_one_architecture_has_not_measured_is_left_to_the_next(tmp_path: Path) -> None:
    """One that cannot be built fails in all its metrics; what the processor does not support holds for all."""
    other = replace(SMALL, name="other")
    conditions = Conditions(**PRESETS["quick"])
    request = Request(tmp_path, [SMALL, other], {"ceilings": ENTRIES[0]}, {"cpu": "cpu"}, conditions)
    first, second = (Ledger(each, request) for each in request.architectures)
    job = Job(architecture="small", metrics=("ceilings",), device="cpu", conditions=conditions, process="profiling")
    lines = Lines(StringIO())
    statuses: tuple[Status, ...] = ("failed", "oom", "timeout")
    for status in statuses:
        for reading in absent(CEILINGS, status, "the architecture cannot be built"):
            first.keep(reading, job, lines, "")
        assert second.ceilings == ()
    [lacking] = absent([MACS["bf16_", "cpu"]], "unsupported", NO_BF16)
    measured = [each for each in known() if each.quantity != lacking.quantity]
    for reading in (lacking, *measured):
        second.keep(reading, job, lines, "")
    assert list(first.ceilings) == [lacking, *measured]
    assert first.record.readings["ceiling_macs_cpu"].status == "timeout"


def test_the_share_has_the_reason_of_a_missing_ceiling() -> None:
    mine = Subject(replace(SMALL, build=lambda _: Small().bfloat16()), "cpu", Conditions(**PRESETS["quick"]))
    missing = {quantity: Reading(quantity=quantity, status="unsupported", reason=NO_BF16) for quantity in MACS.values()}
    mine.ceilings = tuple(missing.get(each.quantity, each) for each in known())
    found = {reading.quantity.key: reading for reading in measure(mine)}
    assert (found["ceiling_share_cpu"].status, found["ceiling_share_cpu"].reason) == ("unsupported", NO_BF16)
    failed = Reading(quantity=MACS["", "cpu"], status="oom", reason="no memory")
    share = reached(found["ceiling_share_cpu"].quantity, (failed, known()[0]), (1, 1), lambda: 1.0, "")
    assert (share.status, share.reason) == ("oom", "no memory"), "it is not one in another data type"


@pytest.mark.usefixtures("brief_ceilings")
@pytest.mark.parametrize("native", [(), ("bf16",), ("bf16", "fp16")], ids=lambda each: "+".join(each) or "none")
def test_the_peak_in_a_precision_needs_instructions_of_the_processor(
    native: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where torch would emulate it, its peak is not that of the processor; all other ceilings are measured."""
    monkeypatch.setattr(machine, "native_precisions", lambda: list(native))
    dtypes: list[torch.dtype] = []
    make = ceiling_rates.multiplying
    monkeypatch.setattr(ceiling_rates, "multiplying", lambda dtype, *more: dtypes.append(dtype) or make(dtype, *more))  # type: ignore[func-returns-value]
    found = {reading.quantity.key: reading for reading in ceilings(subject())}
    assert found.keys() == OF_MACHINE
    reasons = {"bf16": NO_BF16, "fp16": NO_FP16, "int8": NO_INT8}
    for key, reading in found.items():
        lacking = next((reason for name, reason in reasons.items() if f"_{name}_" in key and name not in native), None)
        assert (reading.status, reading.reason) == (("unsupported", lacking) if lacking else ("ok", None)), key
        assert reading.measured != bool(lacking)
    assert {f"ceiling_macs_{name}_{at}" for name in reasons for at in ("cpu", "cpu_1thread")} <= found.keys()
    also = {"bf16": torch.bfloat16, "fp16": torch.float16}
    assert dtypes == [torch.float32, *(also[each] for each in native)], "nothing more is measured"


@pytest.mark.slow
@pytest.mark.timing
def test_the_ceilings_of_this_machine_are_measured() -> None:
    found = {reading.quantity.key: reading for reading in measure(subject())}
    assert found.keys() == {quantity.key for quantity in ENTRIES[0].quantities}
    shapes = found["ceiling_macs_cpu_1thread"].detail["shapes"]
    assert isinstance(shapes, dict)
    assert found["ceiling_macs_cpu_1thread"].samples == (max(float(str(rate)) for rate in shapes.values()),)
