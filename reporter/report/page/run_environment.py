"""The section on the environment: machines, versions and settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from reporter.model import Record
from reporter.report import run_days
from reporter.report.comparison import Comparison
from reporter.report.language import Language
from reporter.report.modes.engine_packages import packages
from reporter.report.sections import Content, Section, Terms, Text


def environment(comparison: Comparison, language: Language) -> Section:
    """Machines, versions and settings, as the newest record of each machine has them; the packages of engines, too.

    Several runs may have filled a folder: the days are those of all, the settings those of the last one.
    """
    _ = language._
    blocks: list[Content] = []
    for machine in comparison.machines:
        record = max(comparison.of(machine), key=lambda each: each.started)
        modes = [each for each in comparison.modes if each.machine == machine]
        measured = run_days.dates([*comparison.of(machine), *modes], language)
        facts: dict[str, object] = {_("Machine"): machine, _("Measured"): measured}
        described = record.machine_facts | _labeled_gpus(record.machine_facts.get("gpu_details"), language)
        facts |= {**_labeled(described, machine_labels(language)), **record.environment}
        facts |= {name: versions for name, versions in packages(modes).items() if name not in record.environment}
        facts |= _instruction_sets([*comparison.of(machine), *modes], language)
        blocks.append(Terms(_pairs(facts, language)))
    settings = _pairs(_labeled(comparison.newest.settings, setting_labels(language)), language)
    if settings:
        several = run_days.has_several([*comparison.records, *comparison.modes])
        blocks += [Text(_("Settings of the last run:") if several else _("Settings of the run:")), Terms(settings)]
    return Section("environment", _("The environment"), tuple(blocks))


def _instruction_sets(records: Iterable[Record], language: Language) -> dict[str, object]:
    """The instruction sets that kernels of a machine are named after, and those that it has and none is.

    Only those that no record has among its kernels: one whose libraries choose instructions themselves has none of
    either, see worker/profiling/instruction_sets.py.
    """
    listed = list(_listed_sets(records))
    named = {name for sets in listed for name in _names(sets, "exercised")}
    others = [_names(sets, "not_exercised") for sets in listed]
    unnamed = [name for name in (others[0] if others else ()) if all(name in each for each in others)]
    _ = language._
    return {
        _("Instruction sets in names of kernels"): sorted(named),
        _("Instruction sets in no name of a kernel"): unnamed,
    }


def _listed_sets(records: Iterable[Record]) -> Iterator[Mapping[str, object]]:
    for record in records:
        if (reading := record.readings.get("operators")) and reading.measured:
            sets = reading.detail.get("instruction_sets")
            if isinstance(sets, dict):
                yield sets


def _names(sets: Mapping[str, object], key: str) -> list[str]:
    names = sets.get(key)
    return [str(name) for name in names] if isinstance(names, list) else []


def machine_labels(language: Language) -> dict[str, str]:
    """What the facts of a machine are called."""
    _ = language._
    return {
        "system": _("Operating system"),
        "architecture": _("Processor architecture"),
        "processor": _("Processor"),
        "features": _("Instruction sets"),
        "threads": _("CPU threads"),
        "cpu_quota": _("CPU quota of the control group"),
        "memory_gib": _("Memory, GiB"),
        "gpus": _("GPUs"),
        "gpu_details": _("GPU details"),
        "native_precisions": _("Native precisions"),
        "gpu_precisions": _("Native precisions of the GPUs"),
    }


def gpu_labels(language: Language) -> dict[str, str]:
    """What the details of a GPU are called, the name first."""
    _ = language._
    return {
        "name": _("name"),
        "memory_mib": _("memory (MiB)"),
        "mig_profile": _("MIG profile"),
        "power_limit_w": _("power limit (W)"),
        "driver": _("driver"),
        "uuid": "UUID",
        "gpu_uuid": _("UUID of the whole GPU"),
    }


def setting_labels(language: Language) -> dict[str, str]:
    """What the settings of a run are called."""
    _ = language._
    return {
        "architectures": _("Architectures"),
        "architecture": _("Models of the user"),
        "metrics": _("Metrics"),
        "preset": _("Preset"),
        "device": _("Device"),
        "dataset": _("Data set"),
        "data_root": _("Folder of the data sets"),
        "weights": _("Weights"),
        "checkpoint": _("Checkpoints"),
        "finetune": _("Fine-tuning modes"),
        "modes": _("Execution modes"),
        "input_size": _("Input, pixels"),
        "threads": _("CPU threads"),
        "batches": _("Batch sizes"),
        "sizes": _("Image sizes"),
        "steps": _("Steps"),
        "seeds": _("Seeds"),
        "first_seed": _("First seed"),
        "lang": _("Languages"),
        "edition": _("Edition"),
        "title": _("Title"),
        "course": _("Course"),
        "author": _("Author"),
        "license": _("License"),
        "timeout": _("Time limit for one architecture, s"),
        "budget": _("Time budget"),
        "fresh": _("Everything measured again"),
        "baseline": _("Baseline"),
        "fail_on": _("Exit code 1 for"),
        "against": _("Pinned environment"),
        "executor": _("Executor"),
        "keep_env": _("Environment variables passed on"),
    }


def _labeled(facts: Mapping[str, object], labels: Mapping[str, str]) -> dict[str, object]:
    """Facts by their labels; without one, the key."""
    return {labels.get(key, key.replace("_", " ")): value for key, value in facts.items()}


def _labeled_gpus(details: object, language: Language) -> dict[str, object]:
    """The details of GPUs by their labels, one GPU after the other; nothing where there are none."""
    labels = gpu_labels(language)
    gpus = [gpu for gpu in details if isinstance(gpu, dict)] if isinstance(details, list) else []
    ordered = ({key: gpu[key] for key in (*(key for key in labels if key in gpu), *gpu)} for gpu in gpus)
    texts = [_flat(_labeled(gpu, labels), language) for gpu in ordered]
    return {"gpu_details": "; ".join(texts)} if texts else {}


def _pairs(facts: Mapping[str, object], language: Language) -> tuple[tuple[str, str], ...]:
    entries = {key: _flat(value, language) for key, value in facts.items()}
    return tuple((key, value) for key, value in entries.items() if value)


def _flat(value: object, language: Language) -> str:
    """A fact in one line; empty where there is none."""
    if isinstance(value, bool):
        return language._("yes") if value else language._("no")
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_flat(part, language)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_flat(part, language) for part in value)
    return "" if value is None else str(value)
