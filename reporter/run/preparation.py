"""From settings to a request: everything is checked before anything is written."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import get_args

from reporter.host import accelerators, files
from reporter.host.fingerprints import variables
from reporter.model import GROUPS, Architecture, Claim, FinetuningMethod, Metric, ReporterError
from reporter.model.devices import ACCELERATORS, WITHOUT, accelerator_in, device_type, is_named
from reporter.model.durations import in_seconds
from reporter.model.names import nearest
from reporter.model.settings import UNRECORDED, Settings
from reporter.registry import plugins
from reporter.registry.catalog import collect
from reporter.registry.execution_modes import checked
from reporter.registry.metric_words import CLAIMS, own_words, selects, with_needed
from reporter.registry.selection import check_images, dataset, images, own_checkpoints, sets
from reporter.run import option_notes, preloads
from reporter.run.executors.local import LocalExecutor
from reporter.run.input_sizes import usable
from reporter.run.ledger import NOT_ASKED
from reporter.run.paired.paired_run import timed
from reporter.run.request import Request
from reporter.run.roster import chosen
from reporter.run.slots import Executor
from reporter.run.trials import check_checkpoints, check_networks

OURS = (
    *("records", "evidence", "summary.json", "history.jsonl", "figures", "tables"),
    *("accepted.json", "ratios.jsonl", "against.lock", "against.json"),
)
Choose = Callable[[Sequence[str], Sequence[str], Executor, float], tuple[Architecture, ...]]
Check = Callable[[Sequence[Architecture], Executor, str, float], list[str]]
PATIENCE = 10.0
"""Seconds that building a network or reading its checkpoint may take before a run, where --timeout is shorter."""
FINETUNING_METHODS: tuple[FinetuningMethod, ...] = get_args(FinetuningMethod)
TIMEOUTS = {"quick": 300.0, "standard": 1200.0, "thorough": 7200.0}
"""Seconds for one architecture where --timeout is not given.

They end what hangs, and are chosen, not measured: a standard run of all eighteen architectures of the lecture takes
624 to 1418 s (benchmarks/README.md).
"""


def prepare(
    out: Path | None, settings: Settings, executor: Executor, choose: Choose = chosen, check: Check = check_networks
) -> Request:
    """What is to be measured; ReporterError, with the nearest right value, before anything is written.

    `choose` finds the architectures, and `check` tries those from elsewhere: a nightly run continues without some.
    """
    if out is None:
        raise ReporterError("missing option --out DIR: the folder for records and reports")
    dataset(settings.dataset)
    if isinstance(executor, LocalExecutor):
        check_images(settings.dataset, settings.data_root)
    metrics = choose_metrics(settings.metrics, settings.finetune)
    for module in preloads.modules(metrics):
        executor.preload(module)
    timeout = _timeout(settings)
    architectures = choose(settings.architectures, settings.architecture, executor, max(timeout, PATIENCE))
    check_folder(out)
    devices, gpus, no_cuda = choose_devices(settings.device, executor)
    metrics = with_curves(on_devices(metrics, settings, devices), settings, devices)
    if settings.budget and len(gpus) > 1:
        raise ReporterError(f"--budget: plans for one {_one_of(gpus)}")
    request = _request(out, settings, architectures, metrics, devices)
    if isinstance(executor, LocalExecutor):
        request = replace(request, conditions=usable(request.conditions))
    notices = check(architectures, executor, settings.input_size or "", timeout)
    checkpoints = own_checkpoints(settings.checkpoint, architectures)
    check_checkpoints(checkpoints, architectures, executor, max(timeout, PATIENCE))
    return replace(
        request,
        gpus=gpus,
        no_cuda=no_cuda,
        claims=choose_claims(settings.metrics, architectures),
        checkpoints=checkpoints,
        notices=(*request.notices, *option_notes.without_effect(settings, request), *notices),
        budget=in_seconds(settings.budget) if settings.budget else None,
    )


def prepare_ab(out: Path | None, settings: Settings, *, skips_others: bool = False) -> Request:
    """What is to be timed in turns; ReporterError before anything is written.

    `skips_others`: words of --metrics that name no time are left out, not refused.
    """
    executor = LocalExecutor.chosen(settings)
    devices, gpus, _ = choose_devices(settings.device, executor)
    if len(gpus) > 1:
        raise ReporterError(f"--device: environments are compared on one {_one_of(gpus)}")
    metrics = timed(choose_metrics(settings.metrics), devices)
    if not skips_others:
        _check_words(settings.metrics, metrics, devices)
    architectures = chosen(settings.architectures, settings.architecture, executor, max(_timeout(settings), PATIENCE))
    for side in (out / "a", out / "b") if out else ():
        check_folder(side)
    check_networks(architectures, executor, settings.input_size or "", _timeout(settings))
    request = _request(out or Path(), settings, architectures, metrics, devices)
    return replace(request, conditions=usable(request.conditions))


def _check_words(words: Sequence[str], times: Mapping[str, Metric], devices: Mapping[str, str]) -> None:
    """ReporterError if a word of --metrics selects none of the times that are measured: it would not be compared."""
    for word in words:
        wanted = with_needed([word])
        if not any(selects(metric, [word], wanted, ()) for metric in times.values()):
            where = " and ".join(dict.fromkeys(devices.values()))
            raise ReporterError(f"--metrics: {word!r} names no time that can be interleaved on {where}; remove it")


def _request(
    folder: Path,
    settings: Settings,
    architectures: Sequence[Architecture],
    metrics: Mapping[str, Metric],
    devices: Mapping[str, str],
) -> Request:
    data = images(settings.dataset, settings.data_root)
    reads = any("dataset" in metric.depends for metric in metrics.values())
    found = {"data": data.before if reads else None, "variables": variables() or None}
    return Request(
        folder=folder,
        architectures=architectures,
        metrics=metrics,
        devices=devices,
        conditions=settings.conditions().model_copy(update=found),
        images=data,
        modes=checked(settings.modes),
        batches=settings.batches,
        sizes=settings.sizes,
        settings=settings.model_dump(mode="json", exclude=UNRECORDED),
        presented=settings.presented,
        timeout=_timeout(settings),
        fresh=settings.fresh,
        keep_env=settings.keep_env,
        notices=tuple(option_notes.unset_variables(settings.keep_env) if settings.executor == "local" else ()),
    )


def _timeout(settings: Settings) -> float:
    """Seconds for one architecture."""
    return settings.timeout or TIMEOUTS[settings.preset]


def choose_metrics(names: tuple[str, ...], methods: tuple[str, ...] = ("full",)) -> dict[str, Metric]:
    """The metrics that take the quantities of some groups or keys, or what claims need; all where none is named.

    Of the fine-tuning methods those that are asked for, and those whose keys are named. What is only looked up is part
    of every run.
    """
    catalogue = collect("reporter.metrics", Metric)
    keys = dict.fromkeys(key for metric in catalogue.values() for key in own_words(metric))
    for name in names:
        if name not in (*GROUPS, CLAIMS, *keys):
            right = nearest(name, [*GROUPS, CLAIMS, *keys]) + plugins.complaint_suffix("reporter.metrics")
            raise ReporterError(f"--metrics: unknown metric {name!r}; {right}")
    for method in methods:
        if method not in FINETUNING_METHODS:
            raise ReporterError(f"--finetune: unknown method {method!r}; {nearest(method, FINETUNING_METHODS)}")
    wanted = with_needed(names)
    return {
        metric.name: metric for metric in catalogue.values() if metric.always or selects(metric, names, wanted, methods)
    }


def with_curves(metrics: Mapping[str, Metric], settings: Settings, devices: Mapping[str, str]) -> dict[str, Metric]:
    """The metrics with those of the curves: on the CPU only where points or the key are named, on a GPU with its times.

    A device that is not measured has no row for its curve, unless --metrics names it, with or without its device: then
    the row has the reason, as that of other times. `metrics` has accelerators of another type only if they are named.
    """
    catalogue = collect("reporter.metrics", Metric)
    found = {name: metric for name, metric in metrics.items() if not metric.curve}
    for name, metric in catalogue.items():
        named = is_named(name, settings.metrics)
        asked = named or settings.batches or settings.sizes
        here = metric.device in devices and (asked or (name in metrics and metric.device != "cpu"))
        if metric.curve and (here or (named and name in metrics)):
            found[name] = metric
    return found


def choose_claims(names: tuple[str, ...], architectures: Sequence[Architecture]) -> tuple[Claim, ...]:
    """All claims where they are asked for, or where nothing is and networks of the lecture are measured; else none."""
    lecture = any(architecture.name in sets()["lecture"] for architecture in architectures)
    asked = CLAIMS in names or (not names and lecture)
    return tuple(collect("reporter.claims", Claim).values()) if asked else ()


def on_devices(metrics: Mapping[str, Metric], settings: Settings, devices: Mapping[str, str]) -> dict[str, Metric]:
    """The metrics without those of accelerators of another type, unless a key of theirs is named.

    CUDA's are rows with their reason where no other accelerator is measured.
    """
    found = accelerator_in(devices) or "cuda"
    others = {each for each in ACCELERATORS if each != found}
    return {
        name: metric
        for name, metric in metrics.items()
        if metric.device not in others or {each.key for each in metric.quantities} & set(settings.metrics)
    }


def choose_devices(names: tuple[str, ...], executor: Executor) -> tuple[dict[str, str], tuple[str, ...], str]:
    """A device of each type that is asked for, `any` the fastest; all accelerators; and why there is none of them."""
    asked = _asked_accelerators(names)
    kinds = list(dict.fromkeys(map(device_type, asked)))
    if len(kinds) > 1:
        raise ReporterError(f"--device: {' and '.join(kinds)} are measured in separate runs")
    wanted = bool(asked) or "auto" in names
    unlisted = isinstance(executor, LocalExecutor) and accelerators.are_unlisted()
    listed = executor.gpus(bool(asked)) if wanted or unlisted else ()  # the key of the machine has those on each run
    there = listed if wanted else ()
    kind = kinds[0] if kinds else executor.accelerator
    if kind != executor.accelerator:
        there = ()
    for name, index in asked.items():
        if index >= len(there):
            raise ReporterError(f"--device: {name!r} is not there; torch sees {_sees(kind, there, executor)}")
    chosen = list(dict.fromkeys(asked.values()))
    if there and not chosen:
        chosen = [0]
    if len({there[index] for index in chosen}) > 1:
        unlike = " and ".join(f"{there[index]} ({kind}:{index})" for index in chosen)
        raise ReporterError(f"--device: {unlike} are different GPU models; measure them in separate runs")
    gpus = tuple(f"{kind}:{index}" for index in chosen)
    devices = {"cpu": "cpu"} if {"auto", "cpu"} & set(names) else {}
    if gpus:
        devices[kind] = gpus[0]
    devices["any"] = devices.get(kind, "cpu")
    return devices, gpus, NOT_ASKED if gpus or "auto" not in names else executor.no_cuda


def _asked_accelerators(names: Sequence[str]) -> dict[str, int]:
    """The accelerators among the names of --device, with the index of each."""
    found = {}
    for name in names:
        kind, colon, index = name.partition(":")
        if name in ("auto", "cpu"):
            continue
        if kind not in ACCELERATORS or (colon and not re.fullmatch("[0-9]{1,4}", index)):
            others = [each for each in ACCELERATORS if each[0] == name[:1]]  # "gpus" is as near to "xpu" as to "cpu"
            known = ["auto", "cpu", "cuda", "cuda:1", *others]
            meant = "cuda" if kind.lower() == "gpu" else name
            raise ReporterError(f"--device: unknown device {name!r}; {nearest(meant, known)}")
        found[name] = int(index or 0)
    return found


def _one_of(gpus: Sequence[str]) -> str:
    return f"{device_type(gpus[0]).upper()} device at a time, not {','.join(gpus)}"


def _sees(kind: str, there: Sequence[str], executor: Executor) -> str:
    """What torch has of a type of accelerators, in words."""
    if there:
        return f"{len(there)}: {', '.join(there)}"
    reason = f": {executor.no_cuda}" if kind == "cuda" and executor.no_cuda else ""
    return f"{WITHOUT[kind]}{reason}; use cpu"


def check_folder(folder: Path) -> None:
    """ReporterError if results cannot be written there, or if something else is stored there."""
    try:
        there = next(path for path in (folder, *folder.absolute().parents) if _exists(path))
        if not there.is_dir():
            raise ReporterError(f"--out: {there} is a file; name a folder")
        files.refuse_links(folder)
        stored = [path.name for path in folder.iterdir()] if there == folder else []
        names = [name for name in stored if not name.startswith((".", "reference"))]
        if names and not set(OURS) & set(names):
            raise ReporterError(
                f"--out: {folder} holds something else ({sorted(names)[0]}); name a new or an earlier folder"
            )
        TemporaryFile(dir=there).close()
    except OSError as error:
        why = f"--out: {folder} cannot be used ({error.strerror or error})"
        raise ReporterError(f"{why}; name another folder") from None


def _exists(path: Path) -> bool:
    """Whether there is something at a path; OSError if that is unknown, for which Python 3.14 has False."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
