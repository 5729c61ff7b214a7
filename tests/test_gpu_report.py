"""The report of a machine with a GPU: heading, tables, charts and notes, in both formats and languages."""

from __future__ import annotations

import csv
import re
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import gpu_samples
import pytest
from commands import BLANK

from reporter.model import Record
from reporter.report import accelerator_notes, build
from reporter.report.comparison import compare
from reporter.report.drawing import drawn_charts
from reporter.report.language import language
from reporter.report.output.summary import summary
from reporter.report.page import run_environment
from reporter.store import record_files

CHARTS = (
    *("accuracy_latency_cuda", "macs_latency_cuda", "modes_cuda", "mode_speedups"),
    *("throughput_cuda", "throughput_over_batch"),
)
NOTE = "GPU: NVIDIA A100-SXM4-40GB, driver 570.86.10, CUDA 13.0; fp32 without TF32."
WORDS = {
    "en": {
        "heading": "A made-up processor, 16 CPU threads, 64 GiB, NVIDIA A100-SXM4-40GB",
        "columns": ("Latency, GPU", "Throughput, GPU", "CUDA inference memory", "Batch: Training throughput, GPU"),
        "device": NOTE,
        "memory": "Memory of a device is measured, too",
        "oom": "Training step, GPU; Training throughput, GPU: out of memory: CUDA out of memory. Tried to allocate",
        "fits": "in use; the largest batch that fits: 11",
        "tf32": "tf32 (fp32 whose products have 11 bits of precision)",
        "state": "its clock was limited by its power limit",
        "details": "name: NVIDIA A100-SXM4-40GB, memory (MiB): 40960, power limit (W): 400.0, driver: 570.86.10",
    },
    "ru": {
        "heading": "A made-up processor, 16 потоков процессора, 64 ГиБ, NVIDIA A100-SXM4-40GB",
        "columns": (
            "Задержка, видеокарта",
            "Пропускная способность, видеокарта",
            "Память CUDA при прямом проходе",
            "Батч: Пропускная способность обучения, видеокарта",
        ),
        "device": "Видеокарта: NVIDIA A100-SXM4-40GB, драйвер 570.86.10, CUDA 13.0; fp32 без TF32.",
        "memory": "Память устройства тоже измерена",
        "oom": "Шаг обучения, видеокарта; Пропускная способность обучения, видеокарта: нет памяти: CUDA",
        "fits": "in use; наибольший батч, который помещается: 11",
        "tf32": "tf32 (fp32, в произведениях которых точность 11 бит)",
        "state": "частоту устройства ограничивал его предел мощности",
        "details": "название: NVIDIA A100-SXM4-40GB, память (МиБ): 40960, предел мощности (Вт): 400.0, драйвер: 5",
    },
}
"""What both formats contain in each language; the state of the device only the page, in the title of a cell."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with its reports; charts are specified, and blank."""
    folder = tmp_path_factory.mktemp("gpu")
    record_files.save_all(folder, gpu_samples.measured())
    blank = SimpleNamespace(**vars(drawn_charts.vega) | {"draw": lambda spec, language: BLANK})
    with mock.patch.object(drawn_charts, "vega", blank):
        build.write(folder, ["en", "ru"])
    return folder


@pytest.mark.parametrize("code", WORDS)
def test_a_report_names_the_gpu_and_has_its_figures(code: str, folder: Path) -> None:
    ending, words = language(code).suffix, WORDS[code]
    page, text = ((folder / f"report{ending}{end}").read_text(encoding="utf-8") for end in (".html", ".md"))
    heads = page[page.index("<h1") : page.index("<nav")], text[: text.index("\n## ")]
    assert [str(words["heading"]) in head for head in heads] == [True, True]
    for key in ("device", "memory", "oom", "fits", "tf32", "details"):
        assert [str(words[key]) in report for report in (page, text)] == [True, True], key
    assert [title for title in words["columns"] if title not in page or title not in text] == []
    assert str(words["state"]) in page
    assert [name for name in CHARTS if f'id="figure-{name}"' not in page] == []
    assert [name for name in CHARTS if f"(figures/{name}{ending}.png)" not in text] == []
    assert all((folder / "figures" / f"{name}{ending}.svg").exists() for name in CHARTS)


def rows_of(folder: Path, name: str) -> dict[str, dict[str, str]]:
    """The rows of a CSV file by architecture and mode."""
    rows = csv.DictReader(StringIO((folder / "tables" / f"{name}.csv").read_text(encoding="utf-8-sig")))
    return {" ".join(filter(None, (row["architecture"], row.get("mode")))): row for row in rows}


def test_tables_have_the_values_of_the_gpu(folder: Path) -> None:
    """The best one of a column is marked; a mode is the fastest by its time on the GPU."""
    overview, times, modes = (rows_of(folder, name) for name in ("overview", "latency", "modes"))
    (eager,) = (each for each in gpu_samples.measured() if (each.architecture, each.mode) == ("resnet50", "eager"))
    for key, unit in (("latency_cuda", "s"), ("throughput_cuda", "1/s")):
        assert float(overview["resnet50"][f"{key} [{unit}]"]) == pytest.approx(eager.value(key))
        assert float(times["resnet50"][f"{key} [{unit}]"]) == pytest.approx(eager.value(key))
    assert {name: row["train_throughput_cuda_batch"] for name, row in times.items()} == {
        "alexnet": "1024", "resnet50": "256", "densenet121": "128", "vgg16": "",
    }  # fmt: skip
    assert {name: row["best_throughput_cuda_batch"] for name, row in times.items()} == {
        "alexnet": "256", "resnet50": "256", "densenet121": "256", "vgg16": "64",
    }  # fmt: skip
    memory = rows_of(folder, "peaks")["resnet50"]
    assert float(memory["cuda_inference_bytes [B]"]) == eager.value("cuda_inference_bytes")
    assert float(modes["resnet50 tf32"]["speedup_latency_cuda"]) == pytest.approx(1 / 0.7, rel=0.01)
    text = (folder / "report.md").read_text(encoding="utf-8")
    summary_table = text[text.index("### Summary table") :]
    head = next(line for line in summary_table.splitlines() if line.startswith("|"))
    row = next(line for line in summary_table.splitlines() if "`resnet50`" in line)
    cells = dict(zip(map(str.strip, head.split("|")), map(str.strip, row.split("|")), strict=True))
    assert cells["Latency, GPU, ms"] == "1.711"
    assert re.fullmatch(r"1,7\d\d", cells["Throughput, GPU, images/s"])
    assert "| `resnet50` | **bf16+channels_last** |" in text


def test_the_batch_that_fills_the_gpu_is_in_the_summary() -> None:
    found = {each["architecture"]: each["readings"] for each in summary(compare(gpu_samples.measured()))["records"]}
    assert found["resnet50"]["train_throughput_cuda"]["detail"] == {"batch": 256}
    assert "detail" not in found["resnet50"]["throughput_cuda"]
    lost = found["vgg16"]["train_throughput_cuda"]
    assert (lost["status"], lost["value"], lost.get("detail")) == ("oom", None, None)
    assert lost["reason"].endswith("; the largest batch that fits: 11")


def with_detail(**changed: Any) -> Record:
    """A record of which one time on the GPU has another detail."""
    record = gpu_samples.measured()[0]
    time = record.readings["latency_cuda"]
    return record.model_copy(
        update={"readings": {"latency_cuda": time.model_copy(update={"detail": {**time.detail, **changed}})}}
    )


DEVICE = gpu_samples.IDENTITY
WITHOUT_CUDA = {key: value for key, value in DEVICE.items() if key != "cuda_runtime"}


@pytest.mark.parametrize(
    ("changed", "note"),
    [
        ({}, NOTE),
        ({"precision": gpu_samples.TF32}, NOTE.replace("without", "with")),
        ({"precision": {}}, NOTE.replace("; fp32 without TF32", "")),
        ({"precision": "ieee"}, NOTE.replace("; fp32 without TF32", "")),
        ({"device": DEVICE | {"mig_profile": "3g.20gb"}}, NOTE.replace("40GB,", "40GB, MIG 3g.20gb,")),
        ({"device": WITHOUT_CUDA | {"hip_runtime": "6.4"}}, "GPU: NVIDIA A100-SXM4-40GB, driver 570.86.10, ROCm 6.4."),
        ({"device": {"name": "simulated"}}, "GPU: simulated."),
        ({"device": {"uuid": "GPU-1"}}, None),
        ({"device": "A100"}, None),
    ],
)
def test_the_note_on_a_device_has_what_is_recorded(changed: dict[str, Any], note: str | None) -> None:
    assert accelerator_notes.notes(compare([with_detail(**changed)]), language("en")) == ((note,) if note else ())


def test_each_kind_of_device_has_one_note() -> None:
    """Devices that differ in their UUID only share it; of several machines each note has the name."""
    records = gpu_samples.measured()
    first = with_detail(device=DEVICE | {"uuid": "GPU-2"})
    assert accelerator_notes.notes(compare([first, *records[4:]]), language("en")) == (NOTE,)
    other = with_detail(device=DEVICE | {"name": "Tesla T4"}).model_copy(update={"machine": "other"})
    found = accelerator_notes.notes(compare([other, *records]), language("en"))
    assert sorted(found) == sorted(
        [
            NOTE.replace("GPU:", f"GPU ({gpu_samples.MACHINE}):"),
            NOTE.replace("GPU:", "GPU (other):").replace("NVIDIA A100-SXM4-40GB", "Tesla T4"),
        ]
    )


def test_all_details_of_a_gpu_have_labels() -> None:
    """Those of two GPUs are apart, and what is no list of them is left as it is."""
    assert gpu_samples.DETAILS.keys() <= run_environment.gpu_labels(language("ru")).keys()
    two = run_environment._labeled_gpus([{"name": "A", "driver": "5"}, {"name": "B", "sm": 1}, 7], language("en"))
    assert two == {"gpu_details": "name: A, driver: 5; name: B, sm: 1"}
    assert run_environment._labeled_gpus("none", language("en")) == {}
