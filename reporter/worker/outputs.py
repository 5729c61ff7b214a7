"""Outputs of a model: all tensors, and which of them are the class scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor

from reporter.model import UnsupportedError
from reporter.worker.linear_calls import LinearCall, storage

NAMES = ("logits", "scores", "out", "output", "outputs", "pred", "preds", "prediction", "predictions", "class_logits",
         "cls_logits", "y_hat", "main")  # fmt: skip
"""Names that class scores have in a dict, a dataclass or a named tuple, most usual first."""
AUXILIARY = ("aux", "side", "deep")
"""How names of further scores begin, those of heads that only help to train."""
DEEPEST = 8
"""Levels of nesting that are searched: an object may refer to itself."""


def tensors(output: Any, name: str = "", depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    """Every tensor in what a network returns, each with its keys and positions joined by dots."""
    if isinstance(output, Tensor):
        yield name, output
        return
    for key, part in _parts(output) if depth < DEEPEST else ():
        yield from tensors(part, f"{name}.{key}" if name else str(key), depth + 1)


def scores(output: Any, classes: int | None = None, calls: Sequence[LinearCall] = ()) -> Tensor:
    """The class scores, N x `classes` (any number where it is None); UnsupportedError where none can be recognized.

    `calls` are those of the linear layers that ran: without a number of classes, they show which tensor the scores are.
    """
    return scores_and_heads(output, classes, calls)[0]


def scores_and_heads(
    output: Any, classes: int | None = None, calls: Sequence[LinearCall] = ()
) -> tuple[Tensor, list[Tensor]]:
    """The class scores, and the other tensors of the same shape: the scores of auxiliary heads, if there are any.

    Where no tensor is N x classes, one of a single dimension has the scores of one image: `squeeze()` removes the
    dimension of a batch of one, too.
    """
    found = _candidates(output, classes)
    if not found:
        wanted = "N x classes" if classes is None else f"N x {classes}"
        raise UnsupportedError(f"the network returns {describe(output)}; none is {wanted}: return the class scores")
    chosen = _chosen(found, is_ordered(output))
    if chosen is None:
        chosen = _computed_last([tensor for _, tensor in found], calls)
    if chosen is None:
        names = ", ".join(repr(name) for name, _ in found)
        widths = {tensor.shape[1] for _, tensor in found}
        same = f"{names} are all N x {min(widths)}" if len(widths) == 1 else f"each of {names} may be the class scores"
        raise UnsupportedError(f"the network returns {describe(output)}; {same}: name the class scores 'logits'")
    main = found[chosen][1]
    others = [tensor for index, (_, tensor) in enumerate(found) if index != chosen]
    return main, [tensor for tensor in others if tensor.shape == main.shape]


def describe(output: Any) -> str:
    """What a network returns in a few words: a dict with the keys features (2 x 8), …."""
    if isinstance(output, Tensor):
        return f"a tensor of {_shape(output)}"
    listed = [f"{name} ({_shape(tensor)})" for name, tensor in tensors(output)]
    kind = type(output).__name__
    if not listed:
        return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind} without a tensor"
    named = "items" if is_ordered(output) else "keys"
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind} with the {named} {', '.join(listed[:8])}"


def is_ordered(output: Any) -> bool:
    """Whether it is a tuple or a list, whose parts have no names."""
    return isinstance(output, tuple | list) and not hasattr(output, "_fields")


def is_ambiguous(output: Any, classes: int | None = None) -> bool:
    """Whether it is a tuple or a list with several tensors that may be the class scores."""
    return is_ordered(output) and len(_candidates(output, classes)) > 1


def has_nan(output: Any) -> bool:
    """Whether any number in what a network returns is NaN."""
    return any(
        bool(tensor.isnan().any()) for _, tensor in tensors(output) if tensor.is_floating_point() or tensor.is_complex()
    )


def _parts(output: Any) -> list[tuple[Any, Any]]:
    """The keys and values of a container; empty for anything else."""
    if isinstance(output, Mapping):
        return list(output.items())
    if isinstance(output, tuple) and hasattr(output, "_fields"):
        return list(zip(output._fields, output, strict=False))
    if isinstance(output, tuple | list):
        return list(enumerate(output))
    if is_dataclass(output):
        return [(each.name, getattr(output, each.name, None)) for each in fields(output)]
    return list(vars(output).items()) if hasattr(output, "__dict__") else []


def _candidates(output: Any, classes: int | None) -> list[tuple[str, Tensor]]:
    """The tensors that may be the class scores, N x classes or 1 x classes, with their names."""
    whole = [*tensors(output)]
    single = [(name, tensor[None]) for name, tensor in whole if tensor.dim() == 1 and len(tensor) > 1]
    return _of_shape(whole, classes) or _of_shape(single, classes)


def _of_shape(named: Sequence[tuple[str, Tensor]], classes: int | None) -> list[tuple[str, Tensor]]:
    return [(name, flat) for name, tensor in named if (flat := _as_scores(tensor, classes)) is not None]


def _as_scores(tensor: Tensor, classes: int | None) -> Tensor | None:
    """A tensor as N x classes, without trailing dimensions of 1; None where it is not of that shape."""
    if not tensor.is_floating_point() or tensor.dim() < 2 or any(size != 1 for size in tensor.shape[2:]):
        return None
    return tensor.flatten(1) if classes is None or tensor.shape[1] == classes else None


def _chosen(found: Sequence[tuple[str, Tensor]], ordered: bool) -> int | None:
    """Which of several candidates the scores are: by name, or the first of a sequence whose candidates are alike."""
    last = [name.rpartition(".")[2].lower() for name, _ in found]
    for name in NAMES:
        if name in last:
            return last.index(name)
    plain = [index for index, name in enumerate(last) if not name.startswith(AUXILIARY)]
    plain = plain or list(range(len(found)))
    alike = ordered and len({found[index][1].shape[1] for index in plain}) == 1
    return plain[0] if len(plain) == 1 or alike else None


def _computed_last(candidates: Sequence[Tensor], calls: Sequence[LinearCall]) -> int | None:
    """The only candidate that a linear layer computed and no linear layer took as its input; None without one."""
    last = {storage(call.output) for call in calls} - {storage(call.input) for call in calls}
    places = [place for place, tensor in enumerate(candidates) if storage(tensor) in last]
    return places[0] if len(places) == 1 else None


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "no dimensions"
