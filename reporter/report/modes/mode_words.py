"""Words for execution modes: explanations of their parts, and their output errors."""

from __future__ import annotations

from collections.abc import Iterable

from reporter.model import Record
from reporter.model.modes import OUTPUT_ERROR, is_wrong
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.language import Language


def explained(modes: Iterable[str], language: Language) -> str:
    """A note that explains the parts of the modes that occur; parts without an explanation are left out."""
    _ = language._
    words = {
        "eager": _("eager (as torch runs a model by default: fp32, contiguous)"),
        "channels_last": _("channels_last (the channels of a pixel are adjacent in memory)"),
        "bf16": _("bf16 (16-bit numbers with the range of fp32 and 8 bits of precision)"),
        "fp16": _("fp16 (16-bit numbers with 11 bits of precision and a small range)"),
        "amp": _("amp (autocast: 16 bits where it is safe, else fp32)"),
        "tf32": _("tf32 (fp32 whose products have 11 bits of precision)"),
        "int8": _("int8 (8-bit integers, with scales calibrated on images)"),
        "compile": _("compile (torch.compile: kernels generated for the model)"),
        "torchscript": _("torchscript (a frozen TorchScript graph)"),
        "onnxruntime": _("onnxruntime (ONNX Runtime)"),
        "openvino": _("openvino (OpenVINO)"),
    }
    parts = {part for mode in modes for part in mode.split("+")}
    known = [text for part, text in words.items() if part in parts]
    return _("Modes: {explained}.").format(explained=", ".join(known)) if known else ""


def error(record: Record, language: Language) -> str:
    """The output error in percent, with the limit where the mode exceeds it: `7.2 > 4.0`; empty where there is none."""
    reading = record.readings.get(OUTPUT_ERROR.key)
    if reading is None or reading.value is None:
        return ""
    text, limit = units.rough(language, reading.value, units.PERCENT), reading.detail.get("limit")
    if not is_wrong(record) or not isinstance(limit, int | float):
        return text
    return f"{text} > {units.rough(language, limit, units.PERCENT)}"


def wrong_output(record: Record, language: Language) -> str:
    """Why the output of a mode is wrong; empty if it is not."""
    if not is_wrong(record):
        return ""
    if found := error(record, language):
        message = language._("wrong output: the error exceeds the limit ({error} % of the range of the scores)")
        return message.format(error=found)
    return language._("wrong output: {reason}").format(reason=_reason(record, language))


def wrong(comparison: Comparison, language: Language) -> list[str]:
    """A line for each mode with the architectures whose output is wrong in it."""
    found: dict[str, list[str]] = {}
    for record in filter(is_wrong, comparison.modes):
        much = error(record, language)
        why = f"{much} %" if much else _reason(record, language)
        found.setdefault(record.mode, []).append(f"{record.architecture} ({why})")
    return [f"{mode}: {language.several(names)}" for mode, names in found.items()]


def _reason(record: Record, language: Language) -> str:
    """Why the output could not be compared."""
    return language.translate(record.readings[OUTPUT_ERROR.key].reason or "")
