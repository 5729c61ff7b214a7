"""Export of a model to an ONNX file, which is kept and used again for the same model, and its use by an engine."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from reporter.engines._environment import without_gpus
from reporter.engines._failures import step
from reporter.engines._outputs import flat
from reporter.engines._profiled import Profiled
from reporter.host.captured import captured

INPUT = "images"
Load = Callable[[Path, Path], Profiled]


def prepared(
    name: str,
    model: Any,
    example: Any,
    *,
    cache: str | None,
    load: Load,
    int8: tuple[str, Callable[[Path, list[Any], Path], None], Any] | None = None,
) -> Callable[[Any], Any]:
    """Export a model and load it: `load(path, folder)` returns a function from one array to the arrays of the output.

    `int8` quantizes the exported model before: the name of the file, the quantizer (exported file, batches of images,
    file to make), and the calibration images or None.
    """
    import torch

    with captured(name), workplace(cache) as folder:
        path, restored = exported(model, example, folder)
        if int8:
            file, quantize, calibration = int8
            images = batches(example, calibration)
            quantized = folder / f"{name}-int8-{digest_of(model, example, *images)}" / file
            path = stored("quantization", quantized, partial(quantize, path, images))
        run = load(path, folder)

        def call(images: Any) -> Any:
            return restored([torch.as_tensor(each) for each in run(images.detach().contiguous().numpy())])

        step("the first call", partial(call, example))
    operators = run.operators
    return Profiled(call, lambda images, count: operators(images.detach().contiguous().numpy(), count))


def batches(example: Any, given: Any = None) -> list[Any]:
    """Batches like `example` of the images that are given; without any, `example` alone."""
    size = len(example)
    found = example if given is None else given.to(example.dtype)
    return [found[start : start + size].contiguous() for start in range(0, len(found) - size + 1, size)]


@contextmanager
def workplace(cache: str | None) -> Iterator[Path]:
    """The folder of the cache, or a temporary one."""
    if cache is None:
        with TemporaryDirectory() as folder:
            yield Path(folder)
    else:
        Path(cache).mkdir(parents=True, exist_ok=True)
        yield Path(cache)


def exported(model: Any, example: Any, cache: Path) -> tuple[Path, Callable[[Sequence[Any]], Any]]:
    """The file of a model, and a function that restores the structure of its output from a list of tensors."""
    module, restored = flat(model, example)
    folder = cache / digest_of(model, example)
    return stored("export to ONNX", folder / "model.onnx", partial(_export, module, example)), restored


def stored(name: str, path: Path, save: Callable[[Path], Any]) -> Path:
    """A file in a folder of its own, made where it is missing; never a part of one where this process was killed."""
    if not path.exists():
        path.parent.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=path.parent.parent) as partial_folder:
            made = Path(partial_folder) / path.parent.name
            made.mkdir()
            step(name, partial(save, made / path.name))
            os.replace(made, path.parent)
    return path


def digest_of(model: Any, example: Any, *more: Any) -> str:
    """A digest of what an export depends on: the model with its weights, the form of the images, and torch.

    Other values of its state than tensors are described by `repr`, as the data types of quantized layers.
    """
    import torch
    from torch.utils import _pytree as pytree

    digest = hashlib.blake2b(digest_size=8)
    form = (tuple(example.shape), example.dtype, torch.__version__, type(model).__qualname__)
    digest.update(repr((form, model)).encode())
    state = {**dict(model.named_buffers()), **model.state_dict()}  # which lacks buffers that are not persistent
    for name, value in [*state.items(), *((str(place), each) for place, each in enumerate(more))]:
        for each in pytree.tree_leaves(value):
            if isinstance(each, torch.Tensor):
                digest.update(f"{name} {tuple(each.shape)} {each.dtype}".encode())
                digest.update(_bytes(each))
            else:
                digest.update(f"{name} {each!r}".encode())
    return digest.hexdigest()


def _bytes(tensor: Any) -> Any:
    """The bytes of a tensor; of a quantized one those of its integers and of what they stand for."""
    import torch

    dense = tensor.detach().cpu().contiguous()
    if dense.is_quantized:
        return _bytes(dense.int_repr()).tobytes() + _bytes(dense.dequantize()).tobytes()
    return dense.reshape(-1).view(torch.uint8).numpy()


def _export(module: Any, example: Any, path: Path) -> None:
    import torch

    try:
        with torch.no_grad(), without_gpus(module):
            torch.onnx.export(module, (example,), path, dynamo=True, verbose=False, input_names=[INPUT])
    except torch.onnx.OnnxExporterError as error:
        raise error.__cause__ or error from None  # its own message is advice on how to report bugs
