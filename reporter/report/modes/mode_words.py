"""Words for execution modes: explanations of their parts, and their output errors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reporter.compare.mode_gains import Gain
from reporter.model import Reading, Record
from reporter.model.devices import DEVICE_TITLES
from reporter.model.modes import OutputVerdict
from reporter.model.records import EAGER
from reporter.report import units
from reporter.report.comparison import Comparison
from reporter.report.language import Language
from reporter.report.output_verdicts import decision_of
from reporter.report.table import Cell, plain


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


def error(record: Record, comparison: Comparison, language: Language) -> str:
    """The output error in percent, with the limit where it is wrong: `7.2 > 4.0`; empty where there is none.

    `7.2?` if it is above the limit, too, but cannot be checked.
    """
    verdict, reading, _devices = decision_of(comparison, record)
    if reading is None or reading.value is None:
        return ""
    text, limit = units.rough(language, reading.value, units.PERCENT), reading.detail.get("limit")
    if verdict == "within" or not isinstance(limit, int | float):
        return text
    if verdict == "unchecked":
        return f"{text}?"
    return f"{text} > {units.rough(language, limit, units.PERCENT)}"


def unchecked_errors(records: Iterable[Record], comparison: Comparison, language: Language) -> str:
    """A note on the sign of output errors that cannot be checked; empty if no record has one."""
    if not any(error(record, comparison, language).endswith("?") for record in records):
        return ""
    return language._(
        "?: an output that cannot be checked: the error is above the limit, but eager itself is above its limit or "
        "cannot be compared. Eager is ranked nevertheless; another mode is not, and is never the fastest."
    )


def unstated(found: Gain, language: Language) -> str:
    """Why a gain or loss is not stated; empty if it is."""
    if found.stated:
        return ""
    if found.unconfirmed:
        return language._("noisy, and only one round shows a difference from eager")
    return language._("no difference from eager beyond noise")


def wrong_output(record: Record, comparison: Comparison, language: Language) -> str:
    """Why a mode is not ranked: its output is wrong, or cannot be checked; empty if it is ranked."""
    verdict, reading, devices = decision_of(comparison, record)
    if reading is None or verdict == "within":
        return ""
    if verdict == "unchecked":
        return _of_devices(devices, unchecked(reading, language), language)
    if found := error(record, comparison, language):
        message = language._("wrong output: the error exceeds the limit ({error} % of the range of the scores)")
        return _of_devices(devices, message.format(error=found), language)
    why = language._("wrong output: {reason}").format(reason=_reason(reading, language))
    return _of_devices(devices, why, language)


def wrong_on(devices: Sequence[str], language: Language) -> str:
    """The word for a wrong output, with the devices that it is wrong on where it was checked on several."""
    word = language._("wrong")
    return f"{word} ({_titles(devices, language)})" if devices else word


def _titles(devices: Sequence[str], language: Language) -> str:
    return ", ".join(language._(DEVICE_TITLES.get(device, device)) for device in devices)


def _of_devices(devices: Sequence[str], text: str, language: Language) -> str:
    """A text on an output after the devices that it is about: `GPU: …`; the text alone without any."""
    return f"{_titles(devices, language)}: {text}" if devices else text


def marked(record: Record, comparison: Comparison, language: Language) -> Cell:
    """The name of a mode, with a mark and the reason if its output is wrong or cannot be checked."""
    if record.mode == EAGER or not (why := wrong_output(record, comparison, language)):
        return plain(record.mode)
    verdict, _reading, devices = decision_of(comparison, record)
    mark = f" ({_of_devices(devices, language._('wrong'), language)})" if verdict == "wrong" else "?"
    return Cell(record.mode + mark, record.mode, status=verdict, note=why)


def marked_mode(eager: Record, mode: str, comparison: Comparison, language: Language) -> Cell:
    """The same of a mode by its name, of the architecture and machine of a record."""
    record = next((each for each in comparison.modes_of(eager) if each.mode == mode), None)
    return marked(record, comparison, language) if record else plain(mode)


def unchecked(reading: Reading, language: Language) -> str:
    """Why the output of a mode cannot be checked, given its output error."""
    if reading.measured:
        return language._(
            "its output cannot be checked: eager itself differs from the float64 run by more than the limit"
        )
    return language._("its output cannot be checked: {reason}").format(reason=_reason(reading, language))


def wrong(comparison: Comparison, language: Language) -> list[str]:
    """A line for each mode with the architectures whose output is wrong in it."""
    found: dict[str, list[str]] = {}
    for record, reading, devices in _decided(comparison, "wrong"):
        much = error(record, comparison, language)
        why = _of_devices(devices, f"{much} %" if much else _reason(reading, language), language)
        found.setdefault(record.mode, []).append(f"{record.architecture} ({why})")
    return [f"{mode}: {language.several(names)}" for mode, names in found.items()]


def unchecked_modes(comparison: Comparison, language: Language) -> list[str]:
    """A line for each reason with the pairs whose output cannot be checked for it."""
    found: dict[str, list[str]] = {}
    for record, reading, devices in _decided(comparison, "unchecked"):
        where = ", ".join(filter(None, (record.mode, _titles(devices, language))))
        found.setdefault(unchecked(reading, language), []).append(f"{record.architecture} ({where})")
    return [f"{language.several(names)}: {why}" for why, names in found.items()]


def _decided(comparison: Comparison, wanted: OutputVerdict) -> Iterator[tuple[Record, Reading, Sequence[str]]]:
    """The records of modes with a verdict on their output, the output error that it is based on, and its devices."""
    for record in comparison.modes:
        verdict, reading, devices = decision_of(comparison, record)
        if reading is not None and verdict == wanted:
            yield record, reading, devices


def _reason(reading: Reading, language: Language) -> str:
    """Why the output could not be compared."""
    return language.translate(reading.reason or "")
