"""The BLAS library of matrix products: as MKL reports it call by call, else as torch and loaded libraries name it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from forked import execute
from test_operators import IMAGES, Mixed

from reporter.model.profiles import ATEN, GEMM
from reporter.worker.latency.alternation import Effort
from reporter.worker.profiling import blas_libraries, operator_pass
from reporter.worker.profiling.blas_libraries import BlasLibrary, Products, found
from reporter.worker.profiling.kernel_calls import recorded, recorded_without_layers
from reporter.worker.profiling.kernel_names import verbose
from reporter.worker.profiling.observation import observe
from reporter.worker.profiling.operator_times import profiled
from reporter.worker.torch_state import threads

MKL = """PyTorch built with:
  - Intel(R) oneAPI Math Kernel Library Version 2024.2-Product Build 20240605 for Intel(R) 64 architecture applications
  - Build settings: BLAS_INFO=mkl, BUILD_TYPE=Release"""
EARLIER = "  - Intel(R) Math Kernel Library Version 2019.0.3 Product Build 20190125 for Intel(R) 64 architecture\n"
SETTINGS = "PyTorch built with:\n  - Build settings: BLAS_INFO={}, BUILD_TYPE=Release"
SITE = Path("/env/lib/python3.12/site-packages")


def pool(path: str, version: str | None = "0.3.29", kind: str = "openblas") -> dict[str, Any]:
    return {"user_api": "blas", "internal_api": kind, "filepath": path, "version": version, "num_threads": 2}


NUMPY = pool(f"{SITE}/numpy.libs/libscipy_openblas64_-abc.so", "0.3.27")
OWN = pool(f"{SITE}/torch.libs/libopenblas-def.so.0")
OPENMP = {"user_api": "openmp", "internal_api": "openmp", "filepath": f"{SITE}/torch/lib/libgomp.so.1", "version": None}


@pytest.mark.parametrize(
    ("config", "has_mkl", "pools", "expected"),
    [
        (MKL, True, [NUMPY, OPENMP], ("MKL", "2024.2 build 20240605")),
        (EARLIER, True, [], ("MKL", "2019.0.3 build 20190125")),
        (SETTINGS.format("open"), False, [NUMPY, OWN, OPENMP], ("OpenBLAS", "0.3.29")),
        (SETTINGS.format("open"), False, [NUMPY], ("OpenBLAS", "")),
        (SETTINGS.format("open"), False, [], ("OpenBLAS", "")),
        (SETTINGS.format("generic"), False, [NUMPY, pool("/env/lib/libblis.so.4", "1.0", "blis")], ("BLIS", "1.0")),
        (SETTINGS.format("generic"), False, [], ("", "")),
        (SETTINGS.format("newer"), False, [], ("newer", "")),
        ("", False, [], ("", "")),
    ],
)
def test_the_library_is_that_of_torch(
    config: str, has_mkl: bool, pools: list[dict[str, Any]], expected: tuple[str, str]
) -> None:
    """The OpenBLAS of NumPy, which is loaded in the same process, is another one."""
    assert found(config, has_mkl, pools, SITE / "torch") == expected


def test_the_version_of_accelerate_is_that_of_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas_libraries.platform, "mac_ver", lambda: ("15.1", ("", "", ""), "arm64"))
    assert found(SETTINGS.format("accelerate"), False, [NUMPY], SITE / "torch") == ("Accelerate", "macOS 15.1")


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return Mixed().eval()


CALLS = """
import sys, torch
sys.path.insert(0, sys.argv[1])
from test_operators import IMAGES, Mixed
torch.manual_seed(0)
torch.set_num_threads(1)
network = Mixed().eval()
with torch.inference_mode(), torch.backends.mkl.verbose(torch.backends.mkl.VERBOSE_ON):
    network(IMAGES)
print(torch.__config__.show())
"""


@pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="torch is built without MKL")
def test_products_of_this_torch_ran_in_mkl() -> None:
    """As many as MKL reports in a process without the ledger, and in the version that it reports there."""
    call = partial(network(), IMAGES)
    with torch.inference_mode(), threads(1):
        rows = recorded(call.func, call)  # type: ignore[arg-type]
    printed = execute(CALLS, str(Path(__file__).parent)).stdout.splitlines()
    calls = [line for line in printed if line.startswith("MKL_VERBOSE") and "GEMM" in line.partition("(")[0]]
    products = [row for row in rows if row.kernel == GEMM]
    assert {row.library for row in products} == {"MKL"}
    assert len(products) == len(calls) > 0
    assert {row.library for row in rows if row.kernel != GEMM} == {""}
    [version] = [line for line in printed if "Math Kernel Library Version" in line]
    assert all(part in version for part in blas_libraries.loaded().version.split(" build "))


def test_the_library_of_this_process_is_in_the_rows_and_beside_their_digest() -> None:
    call = partial(network(), IMAGES)
    with torch.inference_mode():
        rows = recorded(call.func, call)  # type: ignore[arg-type]
        operators = profiled(observe(call, Effort(0.02)), rows).operators
    name = blas_libraries.loaded().name
    assert {row.library for row in operators if row.operator == "aten::addmm"} == {name}
    assert {row.library for row in operators if row.kernel != GEMM} == {""}
    detail = operator_pass.ledger_detail("cpu", rows)
    assert detail["libraries"]["versions"] == {name: blas_libraries.loaded().version}
    alone = [row for row in rows if row.kernel != GEMM]
    assert "libraries" not in operator_pass.ledger_detail("cpu", alone)


def test_products_without_a_library_are_torchs_own() -> None:
    """No BLAS library has products of whole numbers."""
    factor = torch.ones(32, 32, dtype=torch.int64)
    [row] = recorded(None, lambda: torch.mm(factor, factor))
    assert (row.operator, row.kernel) == ("aten::mm", GEMM)
    assert row.library == (ATEN if torch.backends.mkl.is_available() else "")
    [row] = recorded_without_layers(lambda: torch.mm(factor, factor))
    assert row.library == (ATEN if torch.backends.mkl.is_available() else "")


def test_without_reports_the_library_is_the_one_that_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As that of torch on Arm, or MKL if it reports to a file; types that BLAS does not have may be torch's own."""
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: False)
    monkeypatch.setattr(blas_libraries, "loaded", lambda: BlasLibrary("OpenBLAS", "0.3.29"))
    with verbose() as capture:
        products = Products(capture)
        printed = capture.text()
    assert not products.reported
    assert [products.library(printed, dtype) for dtype in ("float32", "float64", "bfloat16")] == [
        "OpenBLAS", "OpenBLAS", ""
    ]  # fmt: skip
    assert products.common(printed, 1) == ""
