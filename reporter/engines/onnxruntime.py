"""ONNX Runtime on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from reporter.engines._failures import step
from reporter.engines._onnx_file import INPUT, prepared
from reporter.host import machine
from reporter.model import Engine

ONLY_ERRORS = 3
"""The severity from which ONNX Runtime logs."""


def prepare(
    model: Any, example: Any, *, precision: str = "fp32", cache: str | None = None, calibration: Any = None
) -> Callable[[Any], Any]:
    """Export and load; for int8, quantize the exported model with its own tool, weights per channel."""
    int8 = ("model.onnx", _quantize, calibration) if precision == "int8" else None
    return prepared("onnxruntime", model, example, cache=cache, load=_loaded, int8=int8)


def _loaded(path: Path, folder: Path) -> Callable[[Any], Any]:
    session = step("loading", lambda: _session(path, _options()))
    return lambda images: session.run(None, {INPUT: images})


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


def _quantize(path: Path, images: list[Any], made: Path) -> None:
    """Fuse batch norm into convolutions first. Without VNNI, 8-bit products of the full range overflow on x86."""
    from onnxruntime import GraphOptimizationLevel
    from onnxruntime.quantization import QuantFormat, quantize_static

    features = machine.facts()["features"]
    narrow = "avx2" in features and not {"avx512_vnni", "amx_tile"} & set(features)
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
