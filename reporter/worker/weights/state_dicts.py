"""State dicts of checkpoints: nested in other objects, and with prefixes of wrappers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from torch import Tensor

ENTRIES = ("state_dict", "model_state_dict", "model_state", "model", "network", "net", "module", "weights", "params",
           "state_dict_ema", "model_ema", "ema_state_dict", "ema", "params_ema")  # fmt: skip
"""Under which key of a checkpoint the state dict is found, the weights as trained before their moving average."""
WRAPPERS = ("module", "_orig_mod")
"""What DataParallel and torch.compile add to the names of a network's tensors, at any level."""
COUNTER = "n_averaged"
"""What torch.optim.swa_utils.AveragedModel adds beside them."""
DEEPEST = 4


class Fit(NamedTuple):
    """The tensors that fit a network, by its names, and the prefix that was removed from those of the file."""

    tensors: dict[str, Tensor]
    removed: str
    names: Mapping[str, Tensor]
    """All tensors of the file, by the names that they are compared under."""


def unwrapped(loaded: Any) -> tuple[Mapping[str, Tensor], str] | None:
    """The state dict in what a file holds, and its keys joined by dots; None where there is none."""
    keys: list[str] = []
    while isinstance(loaded, Mapping) and len(keys) <= DEEPEST:
        if _is_state(loaded):
            return {name: tensor for name, tensor in loaded.items() if isinstance(tensor, Tensor)}, ".".join(keys)
        inner = [name for name, part in loaded.items() if isinstance(part, Mapping) and _holds_tensors(part)]
        key = next((name for name in ENTRIES if name in inner), inner[0] if len(inner) == 1 else None)
        if key is None:
            return None
        keys.append(str(key))
        loaded = loaded[key]
    return None


def fit(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> Fit:
    """The tensors of a state dict under the names of a network, prefixes of wrappers removed where that fits more."""
    plain = {plain_name(name): name for name in own}
    best = Fit({}, "", state)
    for names, targets in _renamings(list(state), {name: name for name in own}, plain):
        found = _fit(own, state, names, targets)
        if len(found.tensors) > len(best.tensors):
            best = found
    return best


def parts(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> Iterator[Fit]:
    """The tensors of each part of a state dict that fit a network, whatever is beside the part: a loss, an average."""
    plain = {plain_name(name): name for name in own}
    named: dict[str, dict[str, str]] = {}
    for old in state:
        path = plain_name(old).split(".")
        for place in range(1, len(path)):
            named.setdefault(".".join(path[:place]), {})[old] = ".".join(path[place:])
    for names in named.values():
        found = _fit(own, state, names, plain)
        if found.tensors:
            yield found


def _fit(
    own: Mapping[str, Tensor], state: Mapping[str, Tensor], names: Mapping[str, str], targets: Mapping[str, str]
) -> Fit:
    """The tensors of a state dict under new names that a network has, which `targets` gives its own names."""
    fitting = {
        targets[new]: state[old]
        for old, new in names.items()
        if new in targets and own[targets[new]].shape == state[old].shape and holds(own[targets[new]], state[old])
    }
    removed = ""
    if fitting:
        old, new = next((old, new) for old, new in names.items() if new in targets)
        removed = old.removesuffix(new) if old.endswith(new) else _wrappers(old)
    return Fit(fitting, removed, {targets.get(new, new): state[old] for old, new in names.items()})


def holds(own: Tensor, given: Tensor) -> bool:
    """Whether a tensor of a network holds values of the type of another: integers are no weights until scaled."""
    return given.is_floating_point() or not own.is_floating_point()


def _renamings(
    names: list[str], own: dict[str, str], plain: dict[str, str]
) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Old names with new ones, and the network's names: as they are, without wrappers, without a common prefix."""
    yield {name: name for name in names}, own
    names = [name for name in names if name != COUNTER]
    short = {name: plain_name(name) for name in names}
    yield short, plain
    while short and len({new.split(".")[0] for new in short.values()}) == 1 and all("." in n for n in short.values()):
        short = {old: new.split(".", 1)[1] for old, new in short.items()}
        yield short, plain


def plain_name(name: str) -> str:
    """A tensor's name without the parts that wrappers add; the last part is its own."""
    path, _, last = name.rpartition(".")
    return f"{plain}.{last}" if (plain := without_wrappers(path)) else last


def without_wrappers(module: str) -> str:
    """A module's name without the parts that wrappers add."""
    return ".".join(part for part in module.split(".") if part not in WRAPPERS)


def _wrappers(name: str) -> str:
    return "".join(f"{part}." for part in name.split(".")[:-1] if part in WRAPPERS)


def _is_state(part: Mapping[Any, Any]) -> bool:
    """Whether it has named tensors and nothing else but what modules store beside them (`get_extra_state`)."""
    others = [name for name, value in part.items() if not isinstance(value, Tensor)]
    named = all(isinstance(name, str) for name in part)
    return named and len(others) < len(part) and all(name.endswith("_extra_state") for name in others)


def _holds_tensors(part: Mapping[Any, Any], depth: int = 0) -> bool:
    """Whether there is a state dict in it at some level: an optimizer's state is keyed by numbers."""
    if _is_state(part):
        return True
    inner = [value for key, value in part.items() if key in ENTRIES and isinstance(value, Mapping)]
    return depth < DEEPEST and any(_holds_tensors(value, depth + 1) for value in inner)
