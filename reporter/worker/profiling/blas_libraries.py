"""The BLAS library that products of matrices ran in, and its version.

MKL reports every call that it executes, so that each product is known to be one of MKL or of torch itself. Other
libraries report nothing: torch names the one that it is built with, and threadpoolctl the version that is loaded.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch

from reporter.model.profiles import ATEN
from reporter.worker.profiling.kernel_names import Capture

MKL, ACCELERATE = "MKL", "Accelerate"
NAMES = {
    "mkl": MKL,
    "open": "OpenBLAS",
    "openblas": "OpenBLAS",
    "accelerate": ACCELERATE,
    "veclib": ACCELERATE,
    "blis": "BLIS",
    "flexi": "FlexiBLAS",
    "flexiblas": "FlexiBLAS",
    "atlas": "ATLAS",
    "nvpl": "NVPL",
    "eigen": "Eigen",
}
"""The names of libraries by BLAS_INFO in torch.__config__, and by threadpoolctl's `internal_api`."""
ANY = ("generic", "")
"""BLAS_INFO where torch is built for the library that is found when it is loaded."""
BLAS_INFO = re.compile(r"\bBLAS_INFO=(\w*)")
MKL_VERSION = re.compile(r"Math Kernel Library Version (\S+?)[ -]Product Build (\d+)")
MKL_CALL = re.compile(rb"MKL_VERBOSE [A-Z]\w*\(")
"""A call that MKL reports: `MKL_VERBOSE SGEMM(T,N,10,1,128,...) 12.34us`, in a line that others may have begun."""
COMPUTED = ("float32", "float64", "complex64", "complex128")
"""The types for which BLAS libraries have products of matrices."""


class BlasLibrary(NamedTuple):
    """A BLAS library; both are empty where they are not known."""

    name: str
    version: str


@cache
def loaded() -> BlasLibrary:
    """The library that torch calls in this process."""
    return found(torch.__config__.show(), torch.backends.mkl.is_available(), _threadpools())


def found(config: str, has_mkl: bool, pools: Iterable[Mapping[str, Any]], root: Path | None = None) -> BlasLibrary:
    """The library by the text of torch.__config__, and by the libraries that threadpoolctl lists.

    `root` is the folder of torch.
    """
    info = BLAS_INFO.search(config)
    built = info[1] if info else "mkl" if has_mkl else ""
    candidates = _of_torch(pools, root or Path(torch.__file__).parent)
    if built in ANY:
        kinds = {str(each.get("internal_api")) for each in candidates}
        built = kinds.pop() if len(kinds) == 1 else ""
    name = NAMES.get(built, built)
    if name == MKL and (version := MKL_VERSION.search(config)):
        return BlasLibrary(MKL, f"{version[1]} build {version[2]}")
    if name == ACCELERATE:
        return BlasLibrary(name, f"macOS {platform.mac_ver()[0]}".strip())
    versions = {str(each.get("version")) for each in candidates if NAMES.get(str(each.get("internal_api"))) == name}
    return BlasLibrary(name, versions.pop() if len(versions) == 1 else "")


def _of_torch(pools: Iterable[Mapping[str, Any]], root: Path) -> list[Mapping[str, Any]]:
    """The BLAS libraries beside torch; without any, those that do not belong to another package, such as NumPy."""
    listed = [each for each in pools if each.get("user_api") == "blas"]
    paths = [(Path(str(each.get("filepath", ""))), each) for each in listed]
    places = (root, root.parent / "torch.libs")
    own = [each for path, each in paths if any(path.is_relative_to(place) for place in places)]
    return own or [each for path, each in paths if not path.is_relative_to(root.parent)]


def _threadpools() -> list[dict[str, Any]]:
    """The libraries with thread pools that are loaded; none where threadpoolctl is not installed."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return []
    return list(threadpool_info())


class Products:
    """Names the library of products of matrices, by what is captured while they run.

    `reported` is whether calls of MKL are captured, by a product of its own: MKL may report to a file instead.
    """

    def __init__(self, capture: Capture) -> None:
        start, factor = capture.position(), torch.ones(16, 16, dtype=torch.float32, device="cpu")
        torch.mm(factor, factor)
        self.reported = bool(MKL_CALL.search(capture.text(start)))

    def library(self, text: bytes, dtype: str) -> str:
        """The library of the products that printed `text`; empty where it is not known."""
        if self.reported:
            return MKL if MKL_CALL.search(text) else ATEN
        return loaded().name if dtype in COMPUTED else ""

    def common(self, text: bytes, count: int) -> str:
        """The library of `count` products, if all ran in the same one; empty where that is not known."""
        calls = len(MKL_CALL.findall(text))
        return (MKL if calls >= count else "" if calls else ATEN) if self.reported else ""
