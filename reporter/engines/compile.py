"""torch.compile: Inductor, with frozen weights."""

from __future__ import annotations

import os
import shlex
import shutil
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from reporter.engines._environment import variable, without_gpus
from reporter.engines._failures import step
from reporter.host.captured import captured
from reporter.model import Engine

CACHE = "TORCHINDUCTOR_CACHE_DIR"
"""The variable with Inductor's cache folder, which it reads each time."""
SWITCHES = ("TORCH_COMPILE_DISABLE", "TORCHDYNAMO_DISABLE")
"""The variables with which, if one of them is 1, torch.compile does nothing."""
PROFILED = "cpp.enable_kernel_profile"
"""The option with which the profiler lists the kernels that Inductor generates."""
MOST_MODELS = 256
"""Compiled models in one process. Beyond torch's limit of 8 for one function, it would run them in eager mode."""


def prepare(
    model: Any, example: Any, *, precision: str = "fp32", cache: str | None = None, calibration: Any = None
) -> Callable[[Any], Any]:
    """Compile for one shape and for inference only: weights become constants, which oneDNN packs once."""
    import torch

    compiled = torch.compile(model, dynamic=False)

    @torch.inference_mode()
    def call(images: Any) -> Any:
        return compiled(images)

    with _compiling(model, cache, **{"freezing": True, PROFILED: True}):
        step("torch.compile", lambda: [call(example) for _ in range(2)])
    return call


def train(model: Any, *, cache: str | None = None) -> tuple[Any, AbstractContextManager[Any]]:
    """The compiled model, whose weights can be trained, and what surrounds the first step, which compiles it."""
    import torch

    return torch.compile(model, dynamic=False), _compiling(model, cache)


@contextmanager
def _compiling(model: Any, cache: str | None, **options: Any) -> Iterator[None]:
    """The settings with which Inductor compiles a model; `options` are further ones of its own."""
    import torch
    import torch._dynamo.config
    import torch._inductor.config

    inductor = torch._inductor.config.patch({"cpp.cxx": (compiler(),), **options})
    dynamo = torch._dynamo.config.patch(recompile_limit=MOST_MODELS, fail_on_recompile_limit_hit=True)
    folder = cache and os.path.join(cache, f"{torch.get_num_threads()}-threads")  # the code contains their number
    with captured("torch.compile"), variable(CACHE, folder), without_gpus(model), inductor, dynamo:
        yield


def compiler() -> str:
    """The command of a C++ compiler: $CXX, which may have arguments, g++ or clang++; empty where there is none."""
    commands = (os.environ.get("CXX", ""), "g++", "clang++")
    return next((command for command in commands if shutil.which(_program(command))), "")


def _program(command: str) -> str:
    """The program of a command, which Inductor splits as a shell does; empty if this is not possible."""
    try:
        return next(iter(shlex.split(command)), "")
    except ValueError:  # a quotation mark without its other half
        return ""


def unavailable() -> str:
    """Inductor writes C++ code that includes the headers of Python; a variable can disable torch.compile."""
    switch = next((name for name in SWITCHES if os.environ.get(name) == "1"), None)
    if switch:
        return f"torch.compile is disabled by {switch}=1; unset this variable"
    if not compiler():
        return "no C++ compiler found; install g++ or clang++, or set CXX"
    if not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return "Python.h not found; install the headers of Python (on Debian and Ubuntu: python3-dev)"
    return ""


ENTRIES = (
    Engine(
        name="compile",
        title="torch.compile (Inductor)",
        prepare=prepare,
        precisions=("bf16", "fp16"),
        memory_formats=("channels_last",),
        devices=("cpu", "cuda", "xpu"),
        unavailable=unavailable,
        train=train,
    ),
)
