"""Records with operators, stages, ceilings and ledgers of kernels for tests: what ran is made up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reporter.host import files
from reporter.model import Quantity, Reading, Record
from reporter.model.profiles import (
    GEMM,
    KernelLedger,
    LayerKernel,
    LayerTime,
    OperatorTime,
    StageTime,
    digest,
    library_digest,
)
from reporter.model.records import EAGER
from reporter.report.cards import record_structure
from reporter.store import kernel_files, record_files

SETTINGS = ("cpu_1thread", "cpu")
CONVOLUTION, SLOW, POOL, NORM = (
    "aten::mkldnn_convolution",
    "aten::_slow_conv2d_forward",
    "aten::max_pool2d_with_indices",
    "aten::native_batch_norm",
)
ONEDNN, ONE_BY_ONE = "jit:avx512_core", "jit_1x1:avx512_core"
SHARES = {CONVOLUTION: (ONEDNN, 0.7), POOL: ("native", 0.2), NORM: ("native", 0.06), "aten::relu_": ("native", 0.04)}
"""What an architecture spends its time in: the kernel and the share of each operator."""


def quantity(key: str, unit: Any = "1") -> Quantity:
    return Quantity(key=key, title=key, unit=unit, group="profile", better="neither", definition=key)


def reading(key: str, value: float, unit: Any = "1", **fields: Any) -> Reading:
    return Reading(quantity=quantity(key, unit), samples=(value,), **fields)


def calls(
    names: Sequence[str] = ("conv1", "layer1.0.conv1", "layer1.0.conv2", "fc"), library: str = "", **changed: Any
) -> list[LayerKernel]:
    """The ledger of a network: `changed` has the fields that differ in its second layer, `library` is that of `fc`."""
    found = []
    for number, name in enumerate(names):
        row = LayerKernel(
            layer=name,
            operator=CONVOLUTION if name != "fc" else "aten::addmm",
            kernel=ONEDNN if name != "fc" else GEMM,
            shapes=f"1x{64 + number}x56x56, 64x64x3x3 -> 1x64x56x56",
            dtype="float32",
            layout="contiguous",
            macs=115605504,
            library=library if name == "fc" else "",
        )
        found.append(row.model_copy(update=changed) if number == 1 else row)
    return found


def profiled(
    record: Record,
    shares: Mapping[str, tuple[str, float]] = SHARES,
    ledger: Sequence[LayerKernel] | None = None,
    taken: Iterable[str] = SETTINGS,
    version: str = "2024.2",
    **fields: Any,
) -> Record:
    """A record, of any mode, with operators of these shares, stages and ceilings; `fields` are those of coverage.

    `version` is that of the libraries in the ledger.
    """
    found = dict(record.readings)
    rows = calls() if ledger is None else ledger
    count = len(shares)
    found["operators"] = reading("operators", count, detail={"instruction_sets": {"not_exercised": ["amx_tile"]}})
    for setting in taken:
        latency = record.value(f"latency_{setting}") or 0.01
        operators = [
            OperatorTime(operator=name, kernel=kernel, calls=3, seconds=share * latency, share=share)
            for name, (kernel, share) in shares.items()
        ]
        detail = {
            "operators": [each.model_dump() for each in operators],
            "layers": [each.model_dump() for each in layers(rows, latency)],
            "kernels": digest(rows),
            "latency": latency,
            **libraries(rows, version),
        }
        key = f"operators_coverage_{setting}"
        found[key] = reading(key, 0.98, **{"detail": detail, **fields})
        found |= _stages(record, setting, latency)
        if record.mode == EAGER:
            found |= _ceilings(record, setting, latency)
    return record.model_copy(update={"readings": found})


def libraries(rows: Sequence[LayerKernel], version: str) -> dict[str, Any]:
    """What a reading has about the libraries of a ledger; nothing without any."""
    names = {row.library: version for row in rows if row.library}
    return {"libraries": {"digest": library_digest(rows), "versions": names}} if names else {}


def layers(rows: Sequence[LayerKernel], latency: float) -> list[LayerTime]:
    """The layers of a ledger, each half as long as the one before."""
    return [
        LayerTime(
            layer=row.layer,
            operator=row.operator,
            kernel=row.kernel,
            seconds=share * latency,
            share=share,
            library=row.library,
        )
        for row, share in ((row, 0.5 ** (place + 1)) for place, row in enumerate(rows))
    ]


def _stages(record: Record, setting: str, latency: float) -> dict[str, Reading]:
    shares = {"conv1": 0.3, "layer1": 0.5, "fc": 0.2}
    macs = record.value("macs") or 3e9
    rows = [
        StageTime(stage=name, macs=int(macs / 3), macs_share=1 / 3, seconds=share * latency, share=share)
        for name, share in shares.items()
    ]
    key = f"stages_coverage_{setting}"
    return {
        "stages": reading("stages", len(rows)),
        key: reading(key, 1.01, detail={"stages": [row.model_dump() for row in rows]}),
    }


def stage_times(record: Record, setting: str) -> dict[str, Reading]:
    """The times of the stages that the card of a record names, each stage as long as the others."""
    found = record_structure.stages(record)
    whole = sum(stage.macs for stage in found) or 1
    latency, share = record.value(f"latency_{setting}") or 0.01, 1 / len(found)
    rows = [
        StageTime(
            stage=each.name, macs=each.macs, macs_share=each.macs / whole, seconds=share * latency, share=share
        ).model_dump()
        for each in found
    ]
    key = f"stages_coverage_{setting}"
    return {key: reading(key, 1.01, detail={"stages": rows})}


def _ceilings(record: Record, setting: str, latency: float) -> dict[str, Reading]:
    peak, bandwidth = (60e9, 11e9) if setting == "cpu_1thread" else (110e9, 18e9)
    intensity, macs = 12.0, record.value("macs") or 3e9
    bound = "compute" if intensity * bandwidth > peak else "memory"
    share = macs / latency / min(peak, intensity * bandwidth)
    made = (
        reading(f"ceiling_macs_{setting}", peak),
        reading(f"ceiling_macs_bf16_{setting}", 3 * peak),
        reading(f"ceiling_bandwidth_{setting}", bandwidth),
        reading("arithmetic_intensity", intensity),
        reading(f"ceiling_share_{setting}", share, detail={"bound": bound}),
    )
    return {each.quantity.key: each for each in made}


def ledger(record: Record, rows: Sequence[LayerKernel], settings: Iterable[str] = SETTINGS) -> KernelLedger:
    """The ledger of a record with the same calls in all settings."""
    found = KernelLedger(architecture=record.architecture, machine=record.machine)
    for setting in settings:
        found = found.with_calls(record.mode, setting, rows)
    return found


def ledger_of_modes(records: Sequence[Record], architecture: str, rows: Sequence[LayerKernel]) -> KernelLedger:
    """The ledger of an architecture with the same calls in all modes and settings."""
    found, *modes = (each for each in records if each.architecture == architecture)
    made = ledger(found, rows)
    for each in modes:
        for setting in SETTINGS:
            made = made.with_calls(each.mode, setting, rows)
    return made


def saved(folder: Path, records: Sequence[Record], ledgers: Iterable[KernelLedger] = ()) -> Path:
    """A results folder with these records and ledgers."""
    record_files.save_all(folder, records)
    for each in ledgers:
        write(folder, each)
    return folder


def write(folder: Path, made: KernelLedger) -> None:
    """Save a ledger in a results folder."""
    path = kernel_files.kernels_path(record_files.record_path(folder, made.machine, made.architecture))
    files.write(path, files.dumps(made.model_dump(mode="json", by_alias=True)))
