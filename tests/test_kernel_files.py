"""Files of kernel ledgers beside the records."""

from __future__ import annotations

from pathlib import Path

import pytest
import samples

from reporter.model import ReporterError
from reporter.model.profiles import KernelLedger, LayerKernel
from reporter.store import kernel_files, record_files


def test_a_results_folder_has_a_ledger_beside_each_record(tmp_path: Path) -> None:
    row = LayerKernel(layer="a", operator="o", kernel="k", shapes="", dtype="", layout="")
    for name in ("own", "own.kernels", "own.kernels.kernels"):
        record = samples.few()[0].model_copy(update={"architecture": name})
        record_files.save(tmp_path, record)
        assert kernel_files.save(tmp_path, record, "eager", {"cpu": [row]}) == ""
    found, complaints = record_files.load_all_modes(tmp_path)
    assert complaints == []
    assert {record.architecture for record in found} == {"own", "own.kernels", "own.kernels.kernels"}
    for record in found:
        path = record_files.record_path(tmp_path, record.machine, record.architecture)
        ledger = kernel_files.load(path)
        assert isinstance(ledger, KernelLedger)
        assert ledger.architecture == record.architecture
        assert ledger.of("eager", "cpu") == (row,)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 9}', '{"schema": 1, "architecture": "a"}'])
def test_a_torn_ledger_is_one_line_and_written_again(tmp_path: Path, content: str) -> None:
    row = LayerKernel(layer="a", operator="o", kernel="k", shapes="", dtype="", layout="")
    record = samples.few()[0].model_copy(update={"architecture": "own"})
    path = record_files.record_path(tmp_path, record.machine, "own")
    record_files.save(tmp_path, record)
    kernel_files.kernels_path(path).write_text(content)
    with pytest.raises(ReporterError, match=r"own\.kernels\.json: not a ledger of kernels"):
        kernel_files.load(path)
    assert len(record_files.load_all_modes(tmp_path)[0]) == 1
    complaint = kernel_files.save(tmp_path, record, "eager", {"cpu": [row]})
    assert len(complaint.splitlines()) == 1
    ledger = kernel_files.load(path)
    assert ledger is not None
    assert ledger.of("eager", "cpu") == (row,)
