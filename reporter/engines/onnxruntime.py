"""ONNX Runtime on the CPU."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from reporter.engines._failures import step
from reporter.engines._onnx_file import INPUT, prepared
from reporter.engines._profiled import EngineOperator, Profiled
from reporter.host import machine
from reporter.model import Engine

KERNEL_TIME = "_kernel_time"
"""How the names of the rows of a profile end that have the time of a node."""
ONLY_ERRORS = 3
"""The severity from which ONNX Runtime logs."""


def prepare(
    model: Any, example: Any, *, precision: str = "fp32", cache: str | None = None, calibration: Any = None
) -> Callable[[Any], Any]:
    """Export and load; for int8, quantize the exported model with its own tool, weights per channel."""
    int8 = ("model.onnx", _quantize, calibration) if precision == "int8" else None
    return prepared("onnxruntime", model, example, cache=cache, load=_loaded, int8=int8)


def _loaded(path: Path, folder: Path) -> Profiled:
    session = step("loading", lambda: _session(path, _options()))

    def run(images: Any) -> Any:
        return session.run(None, {INPUT: images})

    return Profiled(run, partial(_operators, path))


def _operators(path: Path, images: Any, count: int) -> list[list[EngineOperator]]:
    """The operators of each of some calls of a session that writes a profile."""
    with TemporaryDirectory() as folder:
        options = _options()
        options.enable_profiling, options.profile_file_prefix = True, str(Path(folder, "profile"))
        session = _session(path, options)
        for _ in range(count):
            session.run(None, {INPUT: images})
        rows = json.loads(Path(session.end_profiling()).read_text("utf-8"))
    return _by_call(rows)


def _by_call(rows: list[dict[str, Any]]) -> list[list[EngineOperator]]:
    """The nodes of a profile, by the run of the model in which each began."""
    runs = sorted((row["ts"], row["ts"] + row["dur"]) for row in rows if row.get("name") == "model_run")
    nodes = [row for row in rows if row.get("cat") == "Node" and row["name"].endswith(KERNEL_TIME)]
    return [
        [
            EngineOperator(
                row["name"].removesuffix(KERNEL_TIME), row["args"]["op_name"], row["args"]["provider"], row["dur"] / 1e6
            )
            for row in sorted(nodes, key=lambda row: row["ts"])
            if start <= row["ts"] <= stop
        ]
        for start, stop in runs
    ]


def _session(path: Path, options: Any) -> Any:
    import onnxruntime

    options.log_severity_level = ONLY_ERRORS
    onnxruntime.disable_telemetry_events()
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _options() -> Any:
    """Threads as torch has them; they wait instead of spinning, which would take time from what is called in turns."""
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return options


class _Reader:
    """Batches of images in the order in which the quantizer takes them."""

    def __init__(self, images: list[Any]) -> None:
        self.waiting = iter(images)

    def get_next(self) -> dict[str, Any] | None:
        images = next(self.waiting, None)
        return None if images is None else {INPUT: images.numpy()}


def saturates() -> bool:
    """Whether sums of 8-bit products of the full range saturate: on x86 processors with AVX2 but without VNNI."""
    return "avx2" in machine.facts()["features"] and not machine.has_vnni()


def _quantize(path: Path, images: list[Any], made: Path) -> None:
    """Fuse batch norm into convolutions first; quantize weights to 7 bits where products of 8 saturate."""
    from onnxruntime import GraphOptimizationLevel
    from onnxruntime.quantization import QuantFormat, quantize_static

    narrow = saturates()
    fused = path.with_name("fused.onnx")  # beside the file with the weights, to which it refers
    options = _options()
    options.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(fused)
    _session(path, options)
    quantize_static(fused, made, _Reader(images), quant_format=QuantFormat.QDQ, per_channel=True, reduce_range=narrow)
    fused.unlink()


ENTRIES = (
    Engine(
        name="onnxruntime",
        title="ONNX Runtime",
        prepare=prepare,
        precisions=("int8",),
        converts=("int8",),
        modules=("onnxruntime", "onnx", "onnxscript"),
        extra="onnxruntime",
    ),
)
