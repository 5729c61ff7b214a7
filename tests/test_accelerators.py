"""Accelerators of other types than CUDA: which are chosen, what identifies them, and what is measured on them."""

from __future__ import annotations

import json
import platform
import re
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from commands import ROOT
from networks import CONDITIONS, own
from simulated import METRICS, Simulated

from reporter.host import accelerators, gpus
from reporter.metrics import unprofiled
from reporter.model import Metric, ReporterError, UnsupportedError
from reporter.model.devices import ACCELERATORS, WITHOUT, without_device
from reporter.model.modes import Mode
from reporter.model.settings import Settings
from reporter.registry.catalog import collect
from reporter.registry.execution_modes import in_set, kind, obstacle
from reporter.run import preparation
from reporter.run.ledger import NOT_ASKED, Ledger
from reporter.run.paired import paired_run, reference_run
from reporter.run.preparation import choose_devices
from reporter.run.request import Request
from reporter.worker import device
from reporter.worker.device import TorchRuntime
from reporter.worker.latency import memory_forecast


class Seen(Simulated):
    """A machine whose torch sees some accelerators of a type."""

    def gpus(self, asked: bool) -> Any:
        return self.all_slots


def seen(type_: str, *names: str) -> Seen:
    executor = Seen(list(names))  # type: ignore[arg-type]
    executor.accelerator = type_
    return executor


@pytest.mark.parametrize("type_", ["xpu", "mps"])
def test_another_accelerator_is_chosen_as_cuda_is(type_: str) -> None:
    here = seen(type_, "some device")
    first = f"{type_}:0"
    assert choose_devices((type_,), here)[:2] == ({type_: first, "any": first}, (first,))
    assert choose_devices(("auto",), here)[:2] == ({"cpu": "cpu", type_: first, "any": first}, (first,))
    assert choose_devices(("cpu",), here)[:2] == ({"cpu": "cpu", "any": "cpu"}, ())
    with pytest.raises(ReporterError, match=f"--device: '{type_}:1' is not there; torch sees 1: some device"):
        choose_devices((f"{type_}:1",), here)
    with pytest.raises(ReporterError, match=r"'cuda' is not there; torch sees no CUDA device: .*; use cpu"):
        choose_devices(("cuda",), here)
    with pytest.raises(ReporterError, match=f"cuda and {type_} are measured in separate runs"):
        choose_devices(("cuda", type_), here)


def test_one_that_is_not_there_is_one_clear_line() -> None:
    with pytest.raises(ReporterError, match=r"'xpu' is not there; torch sees no XPU: .* built for XPU.*; use cpu"):
        choose_devices(("xpu",), seen("cuda", "H100"))
    with pytest.raises(ReporterError, match=r"'mps' is not there; .* needs macOS on Apple silicon; use cpu"):
        choose_devices(("mps",), seen("cuda"))
    for name in ("xpuu", "mps:one", "gpu", f"cuda:{'9' * 5000}"):
        with pytest.raises(ReporterError, match=f"unknown device '{name}'; "):
            choose_devices((name,), seen("cuda", "H100"))


def test_only_the_accelerator_that_is_measured_has_rows() -> None:
    """Without any, those of CUDA have their reason; a key that is named stays."""
    metrics = collect("reporter.metrics", Metric)

    def of(devices: dict[str, str], *named: str) -> set[str]:
        settings = Settings(metrics=named)
        return {metric.device for metric in preparation.on_devices(metrics, settings, devices).values()}

    assert of({"cpu": "cpu", "any": "cpu"}) == {"none", "cpu", "any", "cuda"}
    assert of({"cpu": "cpu", "xpu": "xpu:0", "any": "xpu:0"}) == {"none", "cpu", "any", "xpu"}
    assert of({"cpu": "cpu", "any": "cpu"}, "latency_mps") == {"none", "cpu", "any", "cuda", "mps"}


@pytest.mark.parametrize(
    ("no_cuda", "others", "mps"),
    [
        ("this machine has no CUDA device", {}, WITHOUT["mps"]),
        (NOT_ASKED, {}, NOT_ASKED),
        (NOT_ASKED, {"cuda": "cuda:0"}, WITHOUT["mps"]),
    ],
    ids=["on a CPU machine", "with --device cpu", "on a machine with CUDA"],
)
def test_a_key_of_another_accelerator_has_its_own_reason(
    no_cuda: str, others: dict[str, str], mps: str, tmp_path: Path
) -> None:
    metrics = {key: METRICS[key] for key in ("latency_cuda", "latency_mps")}
    devices = {"cpu": "cpu", "any": "cpu"} | others
    readings = Ledger(own(), Request(tmp_path, [own()], metrics, devices, CONDITIONS, no_cuda=no_cuda)).record.readings
    assert (readings["latency_mps"].status, readings["latency_mps"].reason) == ("unsupported", mps)
    assert others or readings["latency_cuda"].reason == no_cuda


@pytest.mark.parametrize("type_", ACCELERATORS)
def test_a_reference_is_compared_on_the_accelerator(
    type_: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If --metrics names nothing; also where it is the only device. The hint is a time that can be measured there."""
    sides = [SimpleNamespace(about=None)] * 2
    monkeypatch.setattr(paired_run, "sides", lambda *_, **__: nullcontext(sides))
    alone = {type_: f"{type_}:0", "any": f"{type_}:0"}
    for devices, expected in (
        (alone, {f"latency_{type_}"}),
        (alone | {"cpu": "cpu"}, {f"latency_{type_}", "latency_cpu_1thread"}),
    ):
        request = Request(tmp_path, [own()], METRICS, devices, CONDITIONS)
        assert set(reference_run.prepare(request, Path("reference")).times) == expected
    counts = {"size": METRICS["size"]}
    request = Request(tmp_path, [own()], counts, alone, CONDITIONS, settings={"metrics": ["size"]})
    with pytest.raises(ReporterError, match=f"names no time that can be interleaved; try latency_{type_}$"):
        reference_run.prepare(request, Path("reference"))


PROFILED = ("operators", "stages", "ceilings")


def test_every_accelerator_has_the_keys_of_cuda() -> None:
    metrics = collect("reporter.metrics", Metric)
    keys = {quantity.key for metric in metrics.values() for quantity in metric.quantities}
    times = ("latency", "throughput", "train_step", "train_throughput", "best_throughput")
    for type_ in ("cuda", "xpu", "mps"):
        wanted = {f"{each}_{type_}" for each in times} | {f"{type_}_{each}_bytes" for each in ("inference", "training")}
        assert wanted <= keys
    profiled = {each for each in keys if re.match(r"(operators_coverage|stages_coverage|ceiling)_.*cuda$", each)}
    assert len(profiled) >= 6
    for type_ in ("xpu", "mps"):
        assert {each.replace("_cuda", f"_{type_}") for each in profiled} <= keys


@pytest.mark.parametrize("type_", ["xpu", "mps"])
def test_what_is_not_profiled_has_the_reason(type_: str) -> None:
    """Its operators, stages and ceilings are rows of a run on it, and CUDA's are not."""
    settings = Settings(metrics=PROFILED)
    chosen = preparation.choose_metrics(settings.metrics)
    here = preparation.on_devices(chosen, settings, {"cpu": "cpu", type_: type_, "any": type_})
    found = {metric.name: metric for metric in here.values() if metric.device == type_}
    assert found.keys() == {f"{name}_{type_}" for name in PROFILED}
    assert not [metric.name for metric in here.values() if metric.device == "cuda"]
    for metric in found.values():
        readings = list(metric.measure(own(torch.nn.Identity)))
        assert [reading.quantity for reading in readings] == [*metric.quantities]
        assert {(reading.status, reading.reason) for reading in readings} == {("unsupported", unprofiled.NOT_PROFILED)}


def visible(monkeypatch: pytest.MonkeyPatch, type_: str, count: int = 1) -> None:
    """Torch with some accelerators of a type."""
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device(type_))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: count)


def test_the_identity_of_an_xpu(monkeypatch: pytest.MonkeyPatch) -> None:
    properties = SimpleNamespace(
        name="Intel Arc B580", total_memory=12 << 30, driver_version="1.6.33578", platform_name="Level-Zero",
        max_compute_units=160,
    )  # fmt: skip
    monkeypatch.setattr(torch.xpu, "get_device_properties", lambda index: properties)
    visible(monkeypatch, "xpu", 2)
    found = accelerators.visible_to_torch()
    assert (found.type, found.names) == ("xpu", ["Intel Arc B580"] * 2)
    assert [each["driver"] for each in found.devices] == ["1.6.33578"] * 2
    identity = device.named("xpu:1").identity()
    assert identity["memory_mib"] == 12 << 10
    assert (identity["driver"], identity["compute_units"]) == ("1.6.33578", 160)
    assert "uuid" not in identity, "not known to this version of torch"


def test_the_identity_and_memory_of_mps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 16 << 30)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 1 << 30)
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    visible(monkeypatch, "mps")
    assert accelerators.visible_to_torch().names == ["Apple GPU (arm64)"]
    place = device.named("mps")
    assert place.identity()["memory_mib"] == 16 << 10
    assert place.runtime
    assert (place.runtime.free(0), place.runtime.reserved(0)) == (15 << 30, 1 << 30)
    with pytest.raises(UnsupportedError, match="memory peaks on MPS"):
        TorchRuntime("mps").peaks(0)
    released: list[bool] = []
    space = memory_forecast.space(place)  # a curve needs no peaks
    monkeypatch.setattr(torch.mps, "empty_cache", lambda: released.append(True))
    space.restart_peak()
    assert released
    assert (space.available(), space.peak()) == (15 << 30, 1 << 30)


def test_rocm_is_named_although_torch_calls_it_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    properties = SimpleNamespace(
        name="AMD Instinct MI300X", total_memory=192 << 30, multi_processor_count=304, major=9, minor=4, uuid="abc"
    )
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: properties)
    monkeypatch.setattr(torch.version, "hip", "6.4.43482")
    monkeypatch.setattr(gpus, "installed", list)
    identity = device.named("cuda:0").identity()
    assert identity["hip_runtime"] == "6.4.43482"
    assert "miopen" in identity
    assert not {"cuda_runtime", "cudnn"} & set(identity)
    visible(monkeypatch, "cuda")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert accelerators.visible_to_torch().devices == [identity], "for the facts of the machine, as no driver lists it"


def test_torch_is_asked_where_an_accelerator_is_likely(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpus, "is_driver_there", lambda: False)
    monkeypatch.setattr(accelerators, "version", lambda name: "2.14.1+cpu")
    assert not accelerators.are_likely()
    monkeypatch.setattr(accelerators, "version", lambda name: "2.14.1+xpu")
    assert accelerators.are_likely()
    monkeypatch.setattr(accelerators, "version", lambda name: "2.14.1")
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    assert accelerators.are_likely()


@pytest.mark.parametrize("type_", ["xpu", "mps"])
def test_modes_of_other_accelerators(type_: str) -> None:
    here = kind(type_, ())
    assert in_set("default", here) == ("channels_last", "bf16+channels_last")
    assert obstacle(Mode(precision="tf32"), here, {}) == "tf32 is a precision of CUDA devices"
    assert in_set("default", kind("cuda", ()))[-1] == "tf32"


def test_the_word_of_a_key_without_its_device_names_it_on_every_device() -> None:
    """`--metrics train_step` takes it on the CPU and on the accelerator; a word of a group stays the whole group."""
    metrics = collect("reporter.metrics", Metric)
    for metric in metrics.values():
        for key in (quantity.key for quantity in metric.quantities):
            if word := without_device(key):
                assert metric.name in preparation.choose_metrics((word,)), word
    steps = preparation.choose_metrics(("train_step",))
    assert {key for key in steps if not metrics[key].always} == {
        f"train_step_{each}" for each in ("cpu", "cuda", "xpu", "mps")
    }
    here = preparation.on_devices(steps, Settings(metrics=("train_step",)), {"cpu": "cpu", "any": "cpu"})
    assert {key for key in here if not metrics[key].always} == {"train_step_cpu", "train_step_cuda"}
    chosen = Settings(metrics=("best_throughput",))
    curves = preparation.choose_metrics(chosen.metrics)
    for devices in ({"cpu": "cpu", "any": "cpu"}, {"cpu": "cpu", "cuda": "cuda:0"}, {"cuda": "cuda:0"}):
        found = preparation.with_curves(preparation.on_devices(curves, chosen, devices), chosen, devices)
        assert {key for key in found if not metrics[key].always} == {"best_throughput_cpu", "best_throughput_cuda"}
    assert "memory_cuda" in preparation.choose_metrics(("inference_bytes",))
    assert preparation.choose_metrics(("latency",)).keys() > {"latency_cpu", "throughput_cpu", "train_step_cpu"}


@pytest.mark.parametrize(
    ("word", "right"), [("train_stepp", "train_step"), ("thruput", "throughput"), ("trainstep_cpu", "train_step_cpu")]
)
def test_an_unknown_metric_is_one_line_with_the_nearest(word: str, right: str) -> None:
    with pytest.raises(ReporterError, match=rf"^--metrics: unknown metric '{word}'; did you mean '{right}'\?$"):
        preparation.choose_metrics((word,))


def days_of(record: dict[str, Any]) -> set[str]:
    """The days on which a record was begun and its times were taken."""
    groups = [record, *record.get("modes", {}).values()]
    readings = [reading for group in groups for reading in group["readings"].values()]
    starts = [record["started"], *(origin["started"] for reading in readings for origin in reading.get("origins", ()))]
    return {start[:10] for start in starts}


def test_the_readme_lists_the_devices_of_the_committed_runs() -> None:
    """Each folder is in the row of the processor that it was measured on, with its days; no other device has one."""
    measured: dict[tuple[str, str, bool], dict[str, set[str]]] = {}
    for path in sorted(ROOT.glob("results/*/records/*/*.json")):
        if not path.name.endswith(".kernels.json"):
            record = json.loads(path.read_text(encoding="utf-8"))
            facts = record["machine_facts"]
            assert not facts["gpus"]
            place = ("cpu", re.sub(r"\(R\)| Processor", "", facts["processor"]), "bf16" in facts["native_precisions"])
            measured.setdefault(place, {}).setdefault(path.parents[2].name, set()).update(days_of(record))
    assert {folder for each in measured.values() for folder in each} == {
        path.name for path in (ROOT / "results").glob("reference*")
    }
    table = (
        (ROOT / "README.md").read_text(encoding="utf-8").split("## What has run on which device")[1].split("\n## ")[0]
    )
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("| ")]
    shown: dict[tuple[str, str, bool], dict[str, set[str]]] = {}
    never: list[str] = []
    place = ("", "", False)
    for where, ran, when in rows[2:]:
        if where:  # else it is that of the row before
            name, _, processor = where.partition(": Linux, ")
            place = (name.lower(), processor.partition(",")[0], "without bf16" not in processor)
        days = {f"2026-11-{day}" for day in re.findall(r"\d+", when.removesuffix(" 2026"))}
        for folder in re.findall(r"\(results/([\w-]+)/report\.md\)", ran):
            shown.setdefault(place, {})[folder] = days
        assert bool(days) != (when == "never")
        never += where.lower().split(", ") if when == "never" else []
    assert shown == measured
    assert never == ["cuda", "rocm", "xpu", "mps"]
