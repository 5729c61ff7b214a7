"""Very many records are read by two processes, with the same result."""

import shutil
import subprocess
from pathlib import Path

import pytest

from reporter.host import read_ahead
from reporter.model import ComparedRecord, Record
from reporter.store import record_files

REFERENCE = Path(__file__).resolve().parents[1] / "results" / "reference"

COPIES = 3


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two results folders of 54 files each, two of which are no records: a torn one and one of another name."""
    made = []
    for name in ("one", "two"):
        folder = tmp_path_factory.mktemp(name)
        for path in record_files.paths(REFERENCE / "records"):
            for number in range(COPIES):
                machine = folder / "records" / f"{path.parent.name}{number}"
                machine.mkdir(parents=True, exist_ok=True)
                text = path.read_text("utf-8").replace(
                    f'"machine": "{path.parent.name}"', f'"machine": "{machine.name}"'
                )
                (machine / path.name).write_text(text, "utf-8")
        files = record_files.paths(folder / "records")
        files[3].write_text("{", "utf-8")
        shutil.copy(files[-1], files[-5])
        made.append(folder)
    return made


@pytest.fixture
def everything_is_much(monkeypatch):
    monkeypatch.setattr(record_files, "MANY_FILES", 1)


def _slowed(monkeypatch):
    """This process waits before each file until the other one has read all: it reads one file, and no more."""
    began = []
    beginning = read_ahead.OtherReader.__init__

    def begin(self, *arguments):
        beginning(self, *arguments)
        began.append(self)

    monkeypatch.setattr(read_ahead.OtherReader, "__init__", begin)
    reading = record_files.load_modes

    def read(path, kind=Record):
        if began:
            began[-1]._thread.join(120)
        return reading(path, kind)

    monkeypatch.setattr(record_files, "load_modes", read)
    return began


@pytest.mark.parametrize("kind", [Record, ComparedRecord])
def test_two_processes_read_what_one_reads(folders, everything_is_much, monkeypatch, kind):
    began = _slowed(monkeypatch)
    found = record_files.load_folders(folders, kind)
    assert began[0].count >= 96, "the other process has not read all but the first files"
    monkeypatch.setattr(record_files, "MANY_FILES", 10_000)
    alone = record_files.load_folders(folders, kind)
    assert len(began) == 1
    assert found == alone
    assert [type(record) for records, _ in found for record in records] == [kind] * sum(len(each) for each, _ in found)
    assert [len(complaints) for _, complaints in found] == [2, 2]


@pytest.mark.parametrize("many", [1, 10_000])
def test_a_folder_is_compared_with_itself(folders, monkeypatch, many):
    monkeypatch.setattr(record_files, "MANY_FILES", many)
    one, same, other = record_files.load_folders([folders[0], folders[0], folders[1]])
    assert one == same == record_files.load_all_modes(folders[0])
    assert other == record_files.load_all_modes(folders[1])


def test_what_readings_share_they_share_however_they_were_read(folders, everything_is_much, monkeypatch):
    _slowed(monkeypatch)
    (records, _), (others, _) = record_files.load_folders(folders)
    here = records[0]
    there = next(each for each in reversed(others) if (each.architecture, each.mode) == (here.architecture, here.mode))
    for key in here.readings.keys() & there.readings.keys():
        mine, received = here.readings[key], there.readings[key]
        assert mine.quantity is received.quantity or mine.quantity != received.quantity
        assert mine.origins is received.origins
    assert any(reading.origins for reading in there.readings.values())


def test_a_process_that_cannot_read_costs_nothing(folders, everything_is_much, monkeypatch):
    alone = record_files.load_folders(folders[:1])
    beginning, began = read_ahead.OtherReader.__init__, []

    def begin(self, module, arguments, files):
        beginning(self, "reporter.no_such_module", arguments, files)
        self._thread.join(60)
        began.append(self)

    monkeypatch.setattr(read_ahead.OtherReader, "__init__", begin)
    assert record_files.load_folders(folders[:1]) == alone
    assert [each.count for each in began] == [0]


@pytest.mark.parametrize("printed", ["site: a line of this environment", "\x00" * 6 + "\x01\x00" * 3, "no"])
@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_the_other_environment_prints_is_no_answer(folders, everything_is_much, monkeypatch, tmp_path, printed):
    """As a `.pth` file or sitecustomize does; the beginning was taken for a length, of which memory was reserved."""
    alone = record_files.load_folders(folders[:1])
    (tmp_path / "sitecustomize.py").write_text(f"print({printed!r}, end='', flush=True)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    began = _slowed(monkeypatch)
    assert record_files.load_folders(folders[:1]) == alone
    assert [each.count for each in began] == [0]


def test_a_process_that_cannot_be_started_costs_nothing(folders, everything_is_much, monkeypatch):
    alone = record_files.load_folders(folders[:1])

    def refused(*arguments, **options):
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refused)
    assert record_files.load_folders(folders[:1]) == alone


def test_an_answer_that_ends_early_counts_whole_parts_only(folders, everything_is_much, monkeypatch):
    alone = record_files.load_folders(folders[:1])
    began = _slowed(monkeypatch)
    receive = read_ahead.OtherReader._receive

    def torn(self, files, count):
        receive(self, files, count)
        self._chunks = self._chunks[:1]

    monkeypatch.setattr(read_ahead.OtherReader, "_receive", torn)
    assert record_files.load_folders(folders[:1]) == alone
    assert began[0].count == read_ahead.CHUNK


def test_no_process_is_left_when_reading_is_interrupted(folders, everything_is_much, monkeypatch):
    started = []
    beginning = read_ahead.OtherReader.__init__

    def begin(self, *arguments):
        beginning(self, *arguments)
        started.append(self)

    def interrupted(path: Path, kind: type[Record]):
        raise KeyboardInterrupt

    monkeypatch.setattr(read_ahead.OtherReader, "__init__", begin)
    monkeypatch.setattr(record_files, "load_modes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        record_files.load_folders(folders)
    assert started[0]._process.poll() is not None
