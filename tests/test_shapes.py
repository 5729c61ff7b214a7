"""What is known of the shapes on meta is what torch says of them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from networks import inverted_residuals, own, shifted_windows, subject
from torch.utils._python_dispatch import TorchDispatchMode

from reporter.architectures.torchvision import discover
from reporter.worker.counts.meta_shapes import Shapes, tensors
from reporter.worker.learning.finetuning import loss_of
from reporter.worker.learning.training_steps import exercise
from reporter.worker.lookup import find

SMALL = {"inverted residuals": inverted_residuals, "shifted windows": shifted_windows}
OTHERS = [entry.name for entry in discover() if entry.name != "resnet18"]


class Doubting(TorchDispatchMode):
    """Asks torch again for everything that is known already, and compares."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes = Shapes()
        self.asked = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.shapes(func, args, kwargs or {})
        known, expected = self.shapes(func, args, kwargs or {}), func(*args, **(kwargs or {}))
        self.asked += 1
        assert described(known, args) == described(expected, args), func
        return known


def described(result: Any, args: Any) -> list[tuple[object, ...]]:
    """Everything about tensors on meta, and whose memory they share."""
    owners = [tensor.untyped_storage()._cdata for tensor in tensors(args)]
    return [
        (
            *(tensor.shape, tensor.stride(), tensor.dtype, tensor.device, tensor.storage_offset()),
            tensor.untyped_storage().nbytes(),
            [owner == tensor.untyped_storage()._cdata for owner in owners],
        )
        for tensor in tensors(result)
    ]


@pytest.mark.parametrize("name", ["resnet18", *SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)])
def test_known_shapes_are_those_that_torch_gives(name: str) -> None:
    """Operator by operator, in one inference and one training step."""
    entry = own(SMALL[name]) if name in SMALL else find(name)
    made = subject(entry, batch_size=2, image_size=entry.input_size if name.startswith(("vit", "maxvit")) else 80)
    doubting = Doubting()
    with torch.no_grad(), doubting:
        made.meta(made.input(1, "meta"))
    network, (images, labels), recipe, _ = exercise(made, "meta")
    with doubting:
        loss_of(network(images), labels, recipe).backward()
    assert doubting.asked > 100


def test_numbers_are_known_with_their_types() -> None:
    """1, 1.0 and True are equal, and still make results of different types."""
    shapes, whole = Shapes(), torch.empty(3, dtype=torch.int64, device="meta")
    kinds = [[shapes(torch.ops.aten.mul.Tensor, (whole, number), {}).dtype for number in (1, 1.0, True)] * 2]
    assert kinds == [[torch.int64, torch.float32, torch.int64] * 2]


def test_values_and_shared_memory_are_left_to_torch() -> None:
    shapes, aten = Shapes(), torch.ops.aten
    counted = [shapes(aten.nonzero.default, (torch.tensor(values),), {}).shape[0] for values in ([1, 1], [0, 1])]
    assert counted == [2, 1]
    blank = torch.empty(2, 3, device="meta")
    for func, more in ((aten.view.default, [6]), (aten._unsafe_view.default, [6])):
        for _ in range(2):
            viewed = shapes(func, (blank, more), {})
            assert viewed.untyped_storage()._cdata == blank.untyped_storage()._cdata
    for side in (3, 2):
        assert shapes(aten.t_.default, (blank,), {}) is blank
        assert blank.shape[0] == side


def test_batch_norm_of_values_is_computed() -> None:
    """The shortcut for batch norm is for tensors on meta only."""
    images, normalize = torch.arange(24.0).reshape(2, 3, 2, 2), torch.ops.aten.native_batch_norm.default
    arguments = (images, None, None, None, None, True, 0.1, 1e-5)
    shapes, expected = Shapes(), normalize(*arguments)
    for _ in range(2):
        found = shapes(normalize, arguments, {})
        assert all(map(torch.equal, found, expected))
