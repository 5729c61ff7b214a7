"""Where the time goes: operators with their kernels, stages, and the ledger of the kernel of every layer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from reporter.model.fields import Name
from reporter.model.readings import Model, Number

LEDGER_SCHEMA = 1
GEMM, NATIVE, ONEDNN = "gemm", "native", "onednn"
"""Kernels without a name of their own: a matrix product of a BLAS library, torch's own code, and oneDNN in a compiled
model, if it is not known which of its implementations."""
ATEN = "ATen"
"""The library of matrix products that torch computes itself, without a BLAS library."""

Count = Annotated[int, Field(strict=True, ge=0)]
Share = Annotated[Number, Field(ge=0, le=1)]


class _ProfileRow(Model):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OperatorTime(_ProfileRow):
    """All calls of an operator that ran the same kernel in one inference.

    `operator` is torch's name (`aten::mkldnn_convolution`) or the engine's, `kernel` the implementation: a name of
    oneDNN, `gemm`, `native`, `onednn`, or a CUDA kernel. `python` and `gpu_idle` stand for the time between operators
    and the time in which a GPU runs no kernel. `seconds` are scaled so that all operators sum to the latency that was
    taken unprofiled beside them, on a GPU only if they sum to more; `share` is their part of it. `library` is the BLAS
    library of `gemm`, e.g. `MKL`, or `ATen`; empty where it is not known.
    """

    operator: str
    kernel: str
    calls: Count
    seconds: Annotated[Number, Field(ge=0)]
    share: Share
    library: str = ""


class StageTime(_ProfileRow):
    """A stage of the network: its MACs and its time, each with the share of the whole."""

    stage: str
    macs: Count
    macs_share: Share
    seconds: Annotated[Number, Field(ge=0)]
    share: Share


class LayerTime(_ProfileRow):
    """All calls of an operator in a layer with the same kernel: their seconds and share, as of an operator."""

    layer: str
    operator: str
    kernel: str
    seconds: Annotated[Number, Field(ge=0)]
    share: Share
    library: str = ""


class LayerKernel(_ProfileRow):
    """A call of an operator in a layer: shapes of its input, weight and output, data type, layout and implementation.

    `layer` is the qualified name of the module, `shapes` e.g. `1x64x56x56, 64x64x3x3 -> 1x64x56x56`, `macs` the
    multiply-adds of the call, 0 of an operator without any; `library` as in OperatorTime.
    """

    layer: str
    operator: str
    kernel: str
    shapes: str
    dtype: str
    layout: str
    macs: Count = 0
    library: str = ""


class KernelLedger(Model):
    """The kernels of all layers of an architecture on a machine, distinct rows once.

    `calls` has the rows in the order in which they ran, by mode (`eager`) and setting (`cpu_1thread`, `cpu`, `cuda`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_number: int = Field(LEDGER_SCHEMA, alias="schema", strict=True, ge=1, le=LEDGER_SCHEMA)
    architecture: Name
    machine: Name
    rows: tuple[LayerKernel, ...] = ()
    calls: dict[str, dict[str, tuple[Count, ...]]] = {}

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        """Refuse calls of rows that are not there."""
        most = max((number for each in self.calls.values() for rows in each.values() for number in rows), default=-1)
        if most >= len(self.rows):
            raise ValueError(f"calls row {most} of {len(self.rows)}")
        return self

    def of(self, mode: str, setting: str) -> tuple[LayerKernel, ...]:
        """The calls of a mode and setting in their order; empty where none were recorded."""
        return tuple(self.rows[number] for number in self.numbers(mode, setting))

    def numbers(self, mode: str, setting: str) -> tuple[int, ...]:
        """The rows of these calls by number; equal numbers are equal calls."""
        return self.calls.get(mode, {}).get(setting, ())

    def with_calls(self, mode: str, setting: str, calls: Iterable[LayerKernel]) -> KernelLedger:
        """The ledger with the calls of a mode and setting, in the place of earlier ones; unused rows are dropped."""
        kept: dict[str, Mapping[str, tuple[LayerKernel, ...]]] = {
            name: {each: self.of(name, each) for each in settings} for name, settings in self.calls.items()
        }
        kept[mode] = {**kept.get(mode, {}), setting: tuple(calls)}
        rows = list(dict.fromkeys(row for settings in kept.values() for each in settings.values() for row in each))
        places = {row: number for number, row in enumerate(rows)}
        numbers = {
            name: {each: tuple(places[row] for row in found) for each, found in settings.items()}
            for name, settings in kept.items()
        }
        return self.model_copy(update={"rows": tuple(rows), "calls": numbers})


def implementation(row: OperatorTime | LayerTime | LayerKernel) -> str:
    """The kernel of a row for readers, with its library where one is known: `gemm (MKL)`."""
    return f"{row.kernel} ({row.library})" if row.library else row.kernel


def digest(calls: Iterable[LayerKernel]) -> str:
    """The digest of the calls of one mode and setting: equal if and only if the kernels of all layers are.

    Libraries are left out: ledgers of earlier versions do not have them.
    """
    return _sha256([row.model_dump(exclude={"library"}) for row in calls])


def library_digest(calls: Iterable[LayerKernel]) -> str:
    """The digest of the libraries of the calls in their order; empty if no library is known."""
    libraries = [row.library for row in calls]
    return _sha256(libraries) if any(libraries) else ""


def _sha256(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
