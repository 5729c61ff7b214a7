"""What each environment of `reporter ab` imported, and whether both can be compared."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from reporter.compare import reference_names
from reporter.compare.environments import About, Import
from reporter.host import machine
from reporter.model import ReporterError

OPTIONS = ("--a", "--b")
IMPORTED = ("torch", "torchvision", "numpy", "timm")
"""The packages whose version and file a side reports, where it has imported them."""
TUNING = ("ATEN_", "CUBLAS_", "CUDA_", "CUDNN_", "DNNL_", "GOMP_", "KMP_", "LD_", "MALLOC_", "MKL_", "NVIDIA_", "OMP_",
          "ONEDNN_", "PYTORCH_", "TORCH")  # fmt: skip
"""The beginnings of environment variables that decide which code runs, or how fast."""


def about() -> About:
    """This process, in which torch and torchvision are imported."""
    loaded = {name: sys.modules[name] for name in IMPORTED if name in sys.modules}
    packages = {
        name: Import(version=str(module.__version__), file=os.path.realpath(str(module.__file__)))
        for name, module in loaded.items()
    }
    return About(
        **machine.about(),
        imports={"python": Import(version=platform.python_version(), file=sys.executable), **packages},
        places=tuple(map(os.path.realpath, (sys.prefix, *sys.path))),
        variables={name: value for name, value in sorted(os.environ.items()) if name.startswith(TUNING)},
        installed=dict(_installed()),
        kernels=machine.kernel_instructions(),
    )


def _installed() -> Iterator[tuple[str, str]]:
    for name in reference_names.NAMED:
        with suppress(metadata.PackageNotFoundError):
            yield name, metadata.version(name)


def check(
    both: Sequence[About], environments: Sequence[Path], options: Sequence[str] = OPTIONS, *, shared: bool = False
) -> None:
    """ReporterError where the two sides cannot be compared; `options` name them.

    `shared`: both may import torch from the same path, as they differ in another package.
    """
    a, b = both
    names = " and ".join(options)
    if a.machine != b.machine:
        raise ReporterError(f"{names} see different machines; both must see the same processors and GPUs")
    files = [side.imports["torch"].file for side in both]
    if not shared and a.places != b.places and files[0] == files[1]:
        raise ReporterError(
            f"{names}: {environments[0]} and {environments[1]} are two environments that import torch from the "
            f"same path, {files[0]}; install torch in each of them, or name one environment twice for an A/A control"
        )
