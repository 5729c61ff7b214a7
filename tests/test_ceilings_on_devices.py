"""Ceilings and stages of a GPU, on simulated devices: each value follows from what the device takes for an operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import profile_samples as profiles
import pytest
import torch
from samples import few
from simulated_device import LAUNCH, Machine
from test_device import ENTRY, KERNELS, SECONDS, Bench

from reporter.charts import roofline
from reporter.metrics import ceilings_cuda
from reporter.metrics.ceilings import NO_INT8, NOT_MEASURED_IN
from reporter.metrics.ceilings_cuda import BANDWIDTH, CEILINGS, MACS, OF_GPU, SHARE
from reporter.model import Quantity, Reading, Record
from reporter.model.settings import PRESETS, Conditions
from reporter.report.comparison import compare
from reporter.report.language import language
from reporter.report.why import rooflines
from reporter.worker import precision
from reporter.worker.latency import alternation
from reporter.worker.profiling import ceiling_rates, operator_pass, stage_times
from reporter.worker.profiling.ceiling_rates import Sizes, Workload, WorkloadGroup
from reporter.worker.subject import Subject

MEASURED = [quantity for prefix, quantity in MACS.items() if prefix not in NOT_MEASURED_IN]
BATCH, SIDE, COPIED = 2, 64, 4096
LARGEST = BATCH * (8 * 8 * 3) ** 2
"""The MACs of the convolution, which are more than those of the product."""


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """One whose ceilings are measured with small shapes, in one round."""
    monkeypatch.setattr(ceiling_rates, "CONVOLUTIONS", ((8, 8, 3),))
    monkeypatch.setattr(ceiling_rates, "ON_GPU", Sizes(BATCH, (SIDE // 4,)))
    monkeypatch.setattr(ceiling_rates, "MOST_COPIED", COPIED)
    monkeypatch.setattr(ceiling_rates.best_rates, "__defaults__", (ceiling_rates.Design(1, 1, 0.0),))
    return Bench(monkeypatch)


def test_the_ceilings_of_a_gpu_are_its_best_rates(bench: Bench) -> None:
    """A call takes what the caller queues one operator in, and the device's seconds for it."""
    found = bench.readings("ceilings_cuda")
    call = LAUNCH + SECONDS
    assert (found["ceiling_macs_int8_cuda"].status, found["ceiling_macs_int8_cuda"].reason) == ("unsupported", NO_INT8)
    for quantity in MEASURED:
        assert found[quantity.key].value == pytest.approx(LARGEST / call, 1e-4)
        assert len(found[quantity.key].detail["shapes"]) == 3  # type: ignore[arg-type]
    assert found["ceiling_bandwidth_cuda"].value == pytest.approx(2 * COPIED / call, 1e-4)
    share, latency = found[SHARE.key], LAUNCH + KERNELS * SECONDS
    macs = Subject(ENTRY, "cpu", Conditions(**PRESETS["quick"])).counts.macs
    intensity = float(str(share.detail["intensity"]))
    ceiling = min(LARGEST / call, intensity * 2 * COPIED / call)
    assert share.detail["latency"] == pytest.approx(latency, 1e-4)
    assert share.value == pytest.approx(macs / latency / ceiling, 1e-3)
    assert share.detail["bound"] == ("compute" if ceiling == LARGEST / call else "memory")
    bench.check_other_device()


def test_a_precision_that_a_gpu_lacks_has_a_reason(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    make = ceiling_rates.multiplying

    def multiplying(dtype: torch.dtype, *more: object) -> Iterator[Workload]:
        if dtype == torch.bfloat16:
            raise RuntimeError("bfloat16 is not supported")
        yield from make(dtype, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(ceiling_rates, "multiplying", multiplying)
    subject = Subject(ENTRY, bench.machine.device("cuda:1"), Conditions(**PRESETS["quick"]))
    with bench.machine:
        found = {reading.quantity.key: reading for reading in ceilings_cuda.measure(subject)}
    del found["ceiling_macs_int8_cuda"]
    missing = found.pop("ceiling_macs_bf16_cuda")
    assert missing.value is None
    assert "bfloat16 is not supported" in (missing.reason or "")
    assert all(reading.measured for reading in found.values())


@pytest.mark.parametrize(("capability", "lacking"), [("7.0", ("bf16", "tf32")), ("8.0", ()), (None, ())], ids=str)
def test_tf32_is_on_in_its_workloads_and_a_gpu_has_the_precisions_of_its_instructions(
    capability: str | None, lacking: tuple[str, ...], bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, set[str]] = {}
    make = ceiling_rates.multiplying

    def noting(dtype: torch.dtype) -> None:
        seen.setdefault(str(dtype), set()).add(torch.backends.cuda.matmul.fp32_precision)

    def multiplying(dtype: torch.dtype, *more: Any) -> Iterator[Workload]:
        for each in make(dtype, *more):
            yield each._replace(call=lambda call=each.call: (noting(dtype), call()))

    monkeypatch.setattr(ceiling_rates, "multiplying", multiplying)
    about = {"name": "simulated", "uuid": "GPU-1"} | ({"capability": capability} if capability else {})
    monkeypatch.setattr(Machine, "identity", lambda self, index: about)
    precision.fix()
    subject = Subject(ENTRY, bench.machine.device("cuda:1"), Conditions(**PRESETS["quick"]))
    with bench.machine:
        found = {reading.quantity.key: reading for reading in ceilings_cuda.measure(subject)}
    for name in ("bf16", "fp16", "tf32"):
        reading = found[f"ceiling_macs_{name}_cuda"]
        reason = f"this GPU has no instructions for {name}" if name in lacking else None
        assert (reading.status, reading.reason) == ("unsupported" if reason else "ok", reason)
    assert seen["torch.float32"] == ({"ieee"} if "tf32" in lacking else {"ieee", "tf32"})
    assert seen["torch.float16"] == {"ieee"}
    assert torch.backends.cuda.matmul.fp32_precision == "ieee"


@pytest.mark.parametrize("missing", [*CEILINGS, None], ids=lambda each: each and each.key)
def test_a_run_measures_them_once(missing: Quantity | None, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no other architecture has measured alone; those of the processor are not those of the GPU."""
    asked: list[list[str]] = []
    rates = ceiling_rates.best_rates

    def best_rates(groups: Mapping[str, WorkloadGroup], **more: Any) -> dict[str, dict[str, float]]:
        asked.append([each.name.partition(" ")[0] for group in groups.values() for each in group.workloads])
        return rates(groups, **more)

    monkeypatch.setattr(ceiling_rates, "best_rates", best_rates)
    subject = Subject(ENTRY, bench.machine.device("cuda:1"), Conditions(**PRESETS["quick"]))
    known = [Reading(quantity=quantity, samples=(1e9,)) for quantity in CEILINGS if quantity != missing]
    subject.ceilings = (profiles.reading("ceiling_macs_cpu", 1.0), *known)
    with bench.machine:
        found = list(ceilings_cuda.measure(subject))
    assert [reading.quantity for reading in found] == [*CEILINGS, SHARE]
    assert all(reading.measured or reading.reason == NO_INT8 for reading in found)
    assert [reading for reading in found[:-1] if reading.samples == (1e9,)] == known
    multiplying = ["convolution", "convolution", "matrix"]
    unmeasured = missing is None or missing not in (*MEASURED, BANDWIDTH)
    assert asked == ([] if unmeasured else [["copy"] if missing == BANDWIDTH else multiplying])


def test_a_stage_lasts_until_the_gpu_is_done_with_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for after each operator here: each is a module of its own."""
    monkeypatch.setattr(stage_times, "perf_counter", bench.machine.look)
    found = bench.readings("stages_cuda")["stages_coverage_cuda"]
    rows = found.detail["stages"]
    assert isinstance(rows, list)
    assert len(rows) > 1
    assert found.value == pytest.approx(KERNELS * (LAUNCH + SECONDS) / (LAUNCH + KERNELS * SECONDS), 1e-4)
    operators = [KERNELS * row["share"] for row in rows]
    assert operators == pytest.approx([round(each) for each in operators], abs=0.001)
    assert sum(operators) == pytest.approx(KERNELS)


def test_stages_of_a_gpu_take_a_fixed_number_of_passes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that wait for it between stages take longer than the others however long they are repeated."""
    for module in (stage_times, alternation):
        monkeypatch.setattr(module, "perf_counter", bench.machine.look)
    monkeypatch.setattr(operator_pass, "SHARE", 50.0)
    passes: list[int] = []

    def alternated(call: Any, observed: Any, *more: Any) -> Any:
        def counted(count: int) -> Any:
            passes.append(count)
            return observed(count)

        return alternation.alternated(call, counted, *more)

    monkeypatch.setattr(stage_times, "alternated", alternated)
    assert bench.readings("stages_cuda")["stages_coverage_cuda"].measured
    assert len(passes) == alternation.UNSETTLED_BRIEF


def test_a_record_with_times_of_a_gpu_alone_has_a_roofline() -> None:
    english, record = language("en"), few()[0]
    share = profiles.reading(SHARE.key, 0.5).model_copy(update={"detail": {"intensity": 50.0, "bound": "compute"}})
    made = [profiles.reading(key, 1e12) for key in OF_GPU] + [profiles.reading("latency_cuda", 0.001, "s"), share]
    kept = {key: reading for key, reading in record.readings.items() if key == "macs"}
    alone: Record = record.model_copy(update={"readings": kept | {each.quantity.key: each for each in made}})
    comparison = compare([alone])
    [line] = [each for each in rooflines.rooflines(comparison, ("cuda",)) if each.precision == "fp32"]
    assert [(point.intensity, point.rate) for point in line.points] == [(50.0, (alone.value("macs") or 0) / 0.001)]
    assert roofline.roofline("cuda")(comparison, english)
