"""A results folder from elsewhere: links, FIFOs and devices in it are refused, and nothing outside is touched."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import samples
from nights import summarize

from reporter.compare import baseline_file
from reporter.host import files
from reporter.host.exit_codes import INTERRUPTED
from reporter.model import ReporterError
from reporter.model.readings import MOST_SAMPLES, Reading
from reporter.nightly import outlets, stored_documents
from reporter.report import build
from reporter.store import record_files

PLACES = (
    ".lock", "history.jsonl", "summary.json", "comparison.json", "report.html", "report.ru.md", "figures", "tables",
    "records", "evidence", "records/machine", "records/machine/net.json", "figures/timeline.svg", "tables/overview.csv",
)  # fmt: skip
PRECIOUS = "ssh-ed25519 AAAA\n"


def to_file(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "key")


def to_folder(path: Path, outside: Path) -> None:
    path.symlink_to(outside, target_is_directory=True)


def to_nothing(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "new")


def fifo(path: Path, outside: Path) -> None:
    os.mkfifo(path)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "key").write_text(PRECIOUS)
    return folder


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    record_files.save(folder, samples.record(samples.ROWS[0]))
    return folder


@pytest.mark.parametrize("plant", [to_file, to_folder, to_nothing, fifo])
@pytest.mark.parametrize("place", PLACES)
def test_a_path_that_is_no_file_is_refused_and_nothing_outside_is_touched(
    place: str, plant: Callable[[Path, Path], None], results: Path, outside: Path
) -> None:
    path = results / place
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        path.rename(outside.parent / "moved")
    plant(path, outside)
    for act in (
        lambda: files.lock(results),
        lambda: build.write(results),
        lambda: outlets.read(results),
        lambda: outlets.read(results, INTERRUPTED),
    ):
        with pytest.raises(ReporterError, match="never followed or written to; remove it") as caught:
            act()
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    assert sorted(each.name for each in outside.iterdir()) == ["key"]
    assert (outside / "key").read_text() == PRECIOUS


def test_a_link_planted_during_the_run_is_not_followed(results: Path, outside: Path) -> None:
    (results / "history.jsonl").symlink_to(outside / "key")
    with pytest.raises(ReporterError, match="symbolic link"):
        record_files.append_history(results, [{"architecture": "a"}])
    (results / f".summary.json.{os.getpid()}").symlink_to(outside / "key")
    files.write(results / "summary.json", "{}")
    assert (results / "summary.json").read_text() == "{}"
    assert (outside / "key").read_text() == PRECIOUS


def test_the_folder_itself_may_be_a_link(results: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(results, target_is_directory=True)
    files.lock(link).close()
    files.refuse_links(link)
    assert record_files.load_all(link)[0]


def test_other_folders_inside_are_not_examined(results: Path, outside: Path) -> None:
    (results / "reference").mkdir()
    (results / "reference" / "latest").symlink_to(outside)
    files.lock(results).close()


def test_a_file_beyond_the_limit_is_not_parsed(results: Path) -> None:
    (path,) = record_files.paths(results / "records")
    path.write_bytes(b"[" * (record_files.LARGEST_FILE + 1))
    records, complaints = record_files.load_all(results)
    assert not records
    assert complaints == [f"{path}: not a record: no file of at most 16 MiB"]


def test_a_comparison_beyond_the_limit_is_not_parsed(results: Path) -> None:
    (results / "comparison.json").write_bytes(b"[" * (record_files.LARGEST_FILE + 1))
    with pytest.raises(ReporterError, match="larger than 16 MiB"):
        baseline_file.load(results)


@pytest.mark.parametrize("name", ["summary.json", "comparison.json"])
def test_a_document_beyond_the_limit_is_not_published(name: str, results: Path) -> None:
    summarize(results)
    with (results / name).open("wb") as file:
        file.truncate(stored_documents.LARGEST + 1)
    with pytest.raises(ReporterError, match=f"{name}: larger than 256 MiB; repeat the run"):
        outlets.read(results)


def test_a_reading_has_a_bounded_number_of_samples() -> None:
    about = samples.reading("latency_cpu", 0.1).quantity
    with pytest.raises(ValueError, match="at most 500000 items"):
        Reading(quantity=about, samples=(0.1,) * (MOST_SAMPLES + 1))
