"""A first forward pass of a referenced architecture before it is measured: its inputs and outputs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from reporter.model.attempts import attempt
from reporter.model.image_sizes import COMMON_SIDES, ImageSize, image_size, square
from reporter.worker import outputs
from reporter.worker.counts.building import built, on_meta
from reporter.worker.input_format import form
from reporter.worker.linear_calls import LinearCall, linear_calls
from reporter.worker.lookup import find

IMAGES = 3
CHANNELS = (1, 2, *range(4, 17))


def trial(reference: str, input_size: str = "") -> dict[str, str]:
    """What is wrong with a network before it is measured: an `error`, or a `notice` on what cannot be measured of it.

    Empty where it takes images and returns class scores, and where what is wrong is of no known kind: its rows say.
    One that takes images of `input_size` or of its own size can be measured.
    """
    entry, _ = attempt(partial(find, reference))
    network = None if entry is None else attempt(lambda: on_meta(partial(built, entry, entry.classes)))[0]
    if entry is None or network is None:
        return {}
    if more := _more_inputs(network):
        return {"error": f"its forward takes {more}; a network is called with a batch of images alone"}
    output = _forward(network, image_size(input_size)) if input_size else None
    if output is None:
        output = _forward(network, square(entry.input_size))
    if output is None:
        real, _ = attempt(partial(built, entry, entry.classes))
        output = None if real is None else _forward(real, square(entry.input_size))
        if output is None:
            wrong = _other_images(real or network, entry.input_size)
            return {"error": wrong} if wrong else {}
    answer, calls = output
    _, verdict = attempt(partial(outputs.scores, answer, entry.classes or None, calls))
    return {"notice": f"{verdict.reason}; it is not trained"} if verdict.reason else {}


def _more_inputs(network: nn.Module) -> str:
    """The parameters of a forward that wants more than the images, or none; empty where it takes them alone."""
    signature, _ = attempt(partial(inspect.signature, network.forward))
    if signature is None:
        return ""
    parameters = list(signature.parameters.values())
    several = any(each.kind == each.VAR_POSITIONAL for each in parameters)
    positional = [each.name for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    needed = [
        each.name
        for each in parameters
        if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    if not positional and not several:
        return "no images"
    return ", ".join(needed) if len(needed) > 1 or needed[:1] not in ([], positional[:1]) else ""


def _other_images(network: nn.Module, size: int) -> str:
    """Which images a network takes that does not take those it would be measured with; empty where none are found."""
    for channels in CHANNELS:
        if _forward(network, square(size), channels) is not None:
            return f"it takes {_count(channels)}, the images have 3"
    for side in sorted(COMMON_SIDES, key=lambda side: abs(side - size)):
        if _forward(network, square(side)) is not None:
            return f"tried with {size} px it fails, with {side} px it runs; name an Architecture with input_size={side}"
    for channels in CHANNELS:
        for side in COMMON_SIDES:
            if _forward(network, square(side), channels) is not None:
                return f"it takes {_count(channels)} and {side} px, the images have 3 channels"
    return ""


def _count(channels: int) -> str:
    return f"{channels} channel{'s' if channels > 1 else ''}"


@torch.no_grad()
def _forward(network: nn.Module, size: ImageSize, channels: int = 3) -> tuple[object, list[LinearCall]] | None:
    """What a network returns for a few images, with the calls of its linear layers.

    None where it raises or gives another number of rows.
    """
    device = next((weight.device for weight in network.parameters()), torch.device("cpu"))
    images = form(network)(torch.zeros(IMAGES, channels, *size, device=device))
    run: Callable[[], object] = partial(network.eval(), images)
    with linear_calls(network) as calls:
        output, verdict = attempt(run)
    if verdict.status != "ok":
        return None
    leaves = [tensor for _, tensor in outputs.tensors(output)]
    return None if leaves and not any(map(_per_image, leaves)) else (output, calls)


def _per_image(tensor: Tensor) -> bool:
    return tensor.dim() > 0 and tensor.shape[0] == IMAGES
