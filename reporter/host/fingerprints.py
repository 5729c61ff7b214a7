"""Fingerprints of inputs other than code: files of a data set, and environment variables."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path

from reporter.model.fields import legible

VARIABLES = (
    # oneDNN, ATen and the BLAS libraries: which instructions and kernels they choose
    *("ONEDNN_*", "DNNL_*", "ATEN_CPU_CAPABILITY", "MKL_*", "OPENBLAS_*", "BLIS_*"),
    # precision, algorithms and memory on GPUs
    *("NVIDIA_TF32_OVERRIDE", "CUBLAS_*", "CUBLASLT_*", "CUDNN_*", "CUDA_LAUNCH_BLOCKING", "CUDA_MODULE_LOADING"),
    *("CUDA_DEVICE_MAX_CONNECTIONS", "MIOPEN_*", "ROCBLAS_*", "HIPBLASLT_*", "HSA_OVERRIDE_GFX_VERSION"),
    # torch
    *("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "TORCH_BLAS_*", "TORCH_LINALG_*", "TORCH_CUDNN_*", "PYTORCH_JIT"),
    *("PYTORCH_*ALLOC_CONF", "PYTORCH_NO_CUDA_MEMORY_CACHING", "PYTORCH_MPS_*", "PYTORCH_TUNABLEOP_*"),
    *("TORCH_COMPILE_DISABLE", "TORCHDYNAMO_*", "TORCHINDUCTOR_*"),
    # threads and where they run
    *("OMP_*", "GOMP_*", "KMP_*"),
    # allocators and other libraries that are loaded first
    *("GLIBC_TUNABLES", "MALLOC_*", "TCMALLOC_*", "MIMALLOC_*", "LD_PRELOAD"),
)
"""Names of variables that change which kernels run, or how fast; set ones are stored with the readings they affect."""
HARMLESS = ("*VERBOSE*", "*JIT_DUMP*", "*JIT_PROFILE*", "*LOG*", "*_NUM_THREADS", "OMP_DISPLAY_*", "KMP_SETTINGS",
            "KMP_VERSION", "KMP_WARNINGS", "KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK",
            "TORCHINDUCTOR_CACHE_DIR")  # fmt: skip
"""Those of them that only print, or set the number of threads or Inductor's folder, which a measurement fixes itself;
and two that scikit-learn sets when it is imported: the process of a user may have imported it or not."""
LONGEST = 500


def variables(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that are set and change what is measured, by name."""
    found = os.environ if environment is None else environment
    names = (name for name in sorted(found) if _matches(name, VARIABLES) and not _matches(name, HARMLESS))
    return {legible(name): legible(found[name])[:LONGEST] for name in names}


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


class Images:
    """The files of a data set in a folder; `fetched` where those that are missing may be put there while measuring.

    `code` is a digest of the code that generates the images of a data set without a folder, or empty.
    """

    def __init__(self, folder: Path | None = None, fetched: bool = False, code: str = "") -> None:
        self.folder, self.fetched, self.code = folder, fetched, code

    @cached_property
    def before(self) -> str | None:
        """The digest of the files, or of the code, before anything is measured."""
        return files(self.folder) if self.folder else self.code or None

    @cached_property
    def used(self) -> str | None:
        """The digest of the files that were read; taken after they were read where they may have been fetched then."""
        return files(self.folder) if self.folder and self.fetched else self.before


def files(folder: Path) -> str | None:
    """A digest of names, sizes and times of change of all files in a folder, hidden ones excepted; None without any."""
    digest, count = hashlib.sha256(), 0
    for line in _lines(str(folder), "", set()):
        digest.update(line)
        count += 1
    return digest.hexdigest()[:12] if count else None


def _lines(folder: str, name: str, above: set[tuple[int, int]]) -> Iterator[bytes]:
    """A line for each file; a link to a folder above, which would never end, is left out."""
    try:
        status = os.stat(folder)
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    here = (status.st_dev, status.st_ino)
    for entry in () if here in above else entries:
        if entry.name.startswith("."):
            continue
        place = f"{name}/{entry.name}"
        try:
            if entry.is_dir():
                yield from _lines(entry.path, place, above | {here})
            else:
                about = entry.stat()
                yield f"{place}\0{about.st_size}\0{about.st_mtime_ns}\0".encode(errors="surrogateescape")
        except OSError as error:
            yield f"{place}\0{error.errno}\0".encode(errors="surrogateescape")
