"""The output of a model as a tuple of tensors, for engines that return no dictionaries and nested structures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reporter.model.readings import UnsupportedError

CONSTANTS = (type(None), bool, int, float, str)
"""Types of what a model may return beside tensors; it is taken to be the same for all images."""


def flat(model: Any, example: Any) -> tuple[Any, Callable[[Sequence[Any]], Any]]:
    """A module that returns the tensors of the output in their order, and a function that restores the structure."""
    import torch
    from torch.utils import _pytree as pytree

    with torch.no_grad():
        leaves, structure = pytree.tree_flatten(model(example))
    places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]
    others = [None if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
    unknown = next((leaf for leaf in others if not isinstance(leaf, CONSTANTS)), None)
    if unknown is not None or not places:
        kind = "no tensor" if unknown is None else type(unknown).__name__
        raise UnsupportedError(f"the model returns {kind}; engines need tensors, in tuples, lists or dictionaries")

    class Flat(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.training = False
            self.model = model

        def forward(self, images: Any) -> tuple[Any, ...]:
            found = pytree.tree_leaves(self.model(images))
            return tuple(found[place] for place in places)

    def restored(tensors: Sequence[Any]) -> Any:
        filled = list(others)
        for place, tensor in zip(places, tensors, strict=True):
            filled[place] = tensor
        return pytree.tree_unflatten(filled, structure)

    single = places == [0] and structure.is_leaf()
    return Flat(), (lambda tensors: tensors[0]) if single else restored
