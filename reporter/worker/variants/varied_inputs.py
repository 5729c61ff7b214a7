"""Images over which the scores of a model vary, and the calibration of randomly initialized models."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.instancenorm import _InstanceNorm

from reporter.worker.input_format import Form

COUNT = 8
"""Images on which the outputs of execution modes are compared."""
CALIBRATION, CALIBRATION_SEED = 32, 1
"""Number and seed of the images from which int8 takes the ranges of activations; the comparison has others."""
SCALES = (2, 4, 8, 16, 32)
"""Cells per side of the random fields that an image is made of."""
NORMS = (_BatchNorm, _InstanceNorm, nn.GroupNorm, nn.LayerNorm)
SHIFT = 1.0
"""Mean of the outputs of a calibrated layer, in standard deviations.

With a mean of 0, each ReLU cuts off half of the signal, and a randomly initialized network without residual connections
amplifies rounding errors until they exceed the differences between images.
"""
NEGLIGIBLE = 0.1
"""A scale that has one value below this in all its elements, such as a zero-initialized one, is set to 1."""
VARIANCE_FLOOR = 0.01
"""Least running variance of a channel, as a share of the mean over channels: no channel amplifies rounding errors."""
LEAST_DEVIATION, ROUNDINGS = 1e-4, 4
"""A layer whose values deviate less from the means of its channels does not depend on the images, and is left as it is.

As a share of their root mean square, and in units of the relative spacing of their data type. Scaled to a standard
deviation of 1, rounding errors would decide the output of the model: the query that a class token is projected to
before it has attended to an image is the same for all images but for its rounding errors.
"""


def images(
    count: int, size: int | tuple[int, int], seed: int = 0, form: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """Seeded images, count x 3 x height x width, with mean 0 and standard deviation 1 over all of them.

    Each is a sum of smooth random fields of several scales with its own weights, contrast and color, plus noise: a
    network cannot distinguish images of white noise, whose averages over positions are all equal.
    """
    sides = (size, size) if isinstance(size, int) else size
    generator = torch.Generator().manual_seed(seed)
    normal, uniform = (partial(draw, generator=generator) for draw in (torch.randn, torch.rand))
    fields = torch.zeros(count, 3, *sides)
    for cells in SCALES:
        field = interpolate(normal(count, 3, cells, cells), sides, mode="bicubic", align_corners=False)
        fields += uniform(count, 1, 1, 1) * field
    colored = torch.einsum("nij,njhw->nihw", normal(count, 3, 3), fields)
    colored /= colored.std((1, 2, 3), keepdim=True)
    contrast = 0.5 + uniform(count, 1, 1, 1)
    made = contrast * colored + 0.5 * normal(count, 3, 1, 1) + 0.1 * normal(count, 3, *sides)
    made = (made - made.mean()) / made.std()
    return (form or Form())(made)


Changes = dict[str, dict[str, Tensor]]
"""What a calibration changed in each layer, by the name of the layer; a few numbers for each channel."""


def calibrate(network: nn.Module, images: Tensor, pretrained: bool = False) -> Changes:
    """Make the outputs of a randomly initialized model depend on its input, in place; pretrained ones stay unchanged.

    One forward pass in evaluation mode sets each layer in the order of execution: the running statistics of batch norm
    become those of its input, and other layers are scaled to a standard deviation of 1, with the mean of each channel
    at `SHIFT`. Where normalization layers do the scaling, layers without a bias keep their weights. Deterministic;
    leaves the model in evaluation mode, the state of the random generators as it was, and no inference tensors. Returns
    what it changed, for `repeat_calibration`.
    """
    changes: Changes = {}
    if pretrained:
        return changes
    network.eval()
    devices = [images.device] if images.device.type != "cpu" else []
    kept = torch.random.fork_rng(devices, device_type=images.device.type if devices else "cuda")
    with torch.inference_mode(False), torch.no_grad(), kept:
        _restore_scales(network)
        handles = _calibration_hooks(network, changes)
        try:
            network(images)
        finally:
            for handle in handles:
                handle.remove()
    return changes


def repeat_calibration(network: nn.Module, changes: Changes) -> None:
    """Calibrate a model with the same weights again, in place, without running it: all tensors become the same."""
    network.eval()
    layers: dict[str, Any] = dict(network.named_modules())
    with torch.inference_mode(False), torch.no_grad():
        _restore_scales(network)
        for name, changed in changes.items():
            layer = layers[name]
            if "deviation" in changed:
                layer.weight.div_(changed["deviation"].to(layer.weight.device))
            for part in changed.keys() - {"deviation"}:
                getattr(layer, part).copy_(changed[part])


def variation(scores: Tensor) -> float:
    """How much scores, N x classes, vary: standard deviation between inputs, mean over classes, over their range."""
    extent = float(scores.max() - scores.min())
    return float(scores.std(0).mean()) / extent if extent > 0 else 0.0


LEAST_VARIATION = 1e-3
"""Variation below which no output error is reported.

With random weights, in float32, googlenet and bn_inception vary by at most 5e-9 and the other architectures of the
lecture by at least 0.018; calibrated, all of them by at least 0.12.
"""


def _restore_scales(network: nn.Module) -> None:
    """Undo initializations that switch parts of a model off, and set the biases of normalization layers to `SHIFT`.

    Residual branches often end in a scale of zero or nearly zero: no error in such a branch would reach the scores.
    """
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        for name, weight in module.named_parameters(recurse=False):
            if not weight.is_floating_point() or weight.numel() == 0:
                continue
            low, high = float(weight.min()), float(weight.max())
            bias = "bias" in name
            if low != high or abs(low) >= NEGLIGIBLE or (bias and not isinstance(module, NORMS)):
                continue
            if isinstance(module, _ConvNd | nn.Linear):
                weight.copy_(torch.randn(weight.shape, generator=generator))
            else:
                weight.fill_(SHIFT if bias else 1.0)


def _calibration_hooks(network: nn.Module, changes: Changes) -> list[Any]:
    """Hooks that calibrate each layer when it is called for the first time, and note what they change."""
    seen: set[int] = set()
    layers = dict(network.named_modules())
    normalized = any(isinstance(layer, NORMS) for layer in layers.values())
    handles: list[Any] = []
    for name, layer in layers.items():
        notes = _Notes(seen, changes, name)
        if isinstance(getattr(layer, "running_var", None), Tensor):
            handles.append(layer.register_forward_pre_hook(partial(_estimate, notes)))
        elif _has_own_weight(layer) and (layer.bias is not None or not normalized):
            handles.append(layer.register_forward_hook(partial(_rescale, notes), with_kwargs=True))
    return handles


class _Notes(NamedTuple):
    """What the calibration of a model has seen and changed, and the name of one of its layers."""

    seen: set[int]
    changes: Changes
    name: str

    def add(self, **changed: Tensor) -> None:
        self.changes[self.name] = {part: tensor.detach().to("cpu", copy=True) for part, tensor in changed.items()}


def _has_own_weight(layer: Any) -> bool:
    """Whether it is a layer whose weight is a parameter, not computed from others."""
    return isinstance(layer, _ConvNd | nn.Linear) and isinstance(layer._parameters.get("weight"), Tensor)


def _estimate(notes: _Notes, layer: Any, inputs: tuple[Any, ...]) -> None:
    """Set the running statistics of batch norm to those of its input."""
    if id(layer.running_var) in notes.seen or not inputs or inputs[0].dim() < 2:
        return
    notes.seen.add(id(layer.running_var))
    variance, mean = _moments(inputs[0].float())
    if _deviates(variance.mean().sqrt(), inputs[0]):
        layer.running_var.copy_(variance.clamp(min=float(variance.mean()) * VARIANCE_FLOOR))
        layer.running_mean.copy_(mean)
        notes.add(running_var=layer.running_var, running_mean=layer.running_mean)


def _deviates(deviation: Tensor, values: Tensor) -> bool:
    """Whether the standard deviation of values is finite and not due to rounding alone."""
    least = max(LEAST_DEVIATION, ROUNDINGS * torch.finfo(values.dtype).eps)
    return least * float(values.float().square().mean().sqrt()) < float(deviation) < float("inf")


def _moments(values: Tensor) -> tuple[Tensor, Tensor]:
    """Variance and mean of each channel; torch.var_mean takes several times as long."""

    def mean(of: Tensor) -> Tensor:
        return (of.flatten(2).mean(2) if of.dim() > 2 else of).mean(0)

    found = mean(values)
    return mean((values - found.view(-1, *[1] * (values.dim() - 2))).square_()), found


def _rescale(notes: _Notes, layer: Any, inputs: tuple[Any, ...], named: dict[str, Any], output: Any) -> Any:
    """Scale the weights of a layer and shift its biases by its output; returns the output of the scaled layer.

    The output of a layer of torch follows from the one before; only one with a forward of its own is called again.
    """
    if id(layer.weight) in notes.seen:
        return None
    notes.seen.add(id(layer.weight))
    values = output.float()
    channel = values.dim() - 1 if isinstance(layer, nn.Linear) else values.dim() - layer.weight.dim() + 1
    mean = values.mean([axis for axis in range(values.dim()) if axis != channel], keepdim=True)
    deviation = (values - mean).square().mean().sqrt()
    if not _deviates(deviation, output):
        return None
    layer.weight.div_(deviation)
    if layer.bias is not None:
        layer.bias.copy_((layer.bias - mean.flatten()) / deviation + SHIFT)
    notes.add(deviation=deviation, **({} if layer.bias is None else {"bias": layer.bias}))
    if not type(layer).__module__.startswith("torch.nn."):
        return layer.forward(*inputs, **named)
    shifted = values.div_(deviation) if layer.bias is None else values.sub_(mean).div_(deviation).add_(SHIFT)
    return shifted.to(output.dtype)
