"""Checkpoints as people save them: wrapped, prefixed, half, pickled whole; and one line for what cannot be used."""

from __future__ import annotations

import argparse
import json
import struct
import sys
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import call
from networks import own, small, subject
from safetensors.torch import load_file, save_file, save_model
from test_output_check import Described
from torch import Tensor, nn

from reporter.model import FinetuningMethod
from reporter.worker import references as own_networks
from reporter.worker.learning.training_steps import learner
from reporter.worker.weights import initial_weights
from reporter.worker.weights.checkpoint_check import checkpoint_error

FIELD = Path(__file__).parent / "data" / "field_cases"
State = dict[str, Tensor]


def prefixed(prefix: str) -> Callable[[State], Any]:
    return lambda state: {prefix + name: tensor for name, tensor in state.items()}


class Wrapper(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.backbone = network


def averaged(state: State) -> State:
    """As AveragedModel saves it, a counter beside the prefixed names."""
    return {"n_averaged": torch.tensor(3), **prefixed("module.")(state)}


SAVED: dict[str, tuple[Callable[[State], Any], str, str]] = {
    "plain": (dict, "", ""),
    "ordered": (OrderedDict, "", ""),
    "half": (lambda s: {n: t.half() if t.is_floating_point() else t for n, t in s.items()}, "", ""),
    "entry": (lambda s: {"state_dict": s, "optimizer": {"state": {0: torch.ones(1)}, "lr": 0.1}}, "state_dict", ""),
    "model": (lambda s: {"model": s, "model_ema": prefixed("x.")(s), "arch": "small"}, "model", ""),
    "ema": (lambda s: {"model_ema": averaged(s), "iteration": 5}, "model_ema", "module."),
    "nested": (lambda s: {"checkpoint": {"model": s, "step": 2}}, "checkpoint.model", ""),
    "named otherwise": (lambda s: {"my_weights": s, "seed": 1}, "my_weights", ""),
    "parallel": (prefixed("module."), "", "module."),
    "compiled": (prefixed("_orig_mod."), "", "_orig_mod."),
    "both": (prefixed("_orig_mod.module."), "", "_orig_mod.module."),
    "turned": (prefixed("module._orig_mod."), "", "module._orig_mod."),
    "lightning": (lambda s: {"state_dict": prefixed("model.")(s), "hparams": {"lr": 1}}, "state_dict", "model."),
    "wrapped": (prefixed("backbone."), "", "backbone."),
    "wrapped parallel": (prefixed("module.encoder.net."), "", "module.encoder.net."),
    "averaged": (averaged, "", "module."),
    "loss beside": (lambda s: {"state_dict": {"criterion.weight": torch.ones(4), **prefixed("model.")(s)}},
                    "state_dict", "model."),
    "part of it": (lambda s: {**prefixed("module.net.student.")(s), "module.net.loss.weight": torch.ones(4),
                              "module.net.teacher.0.0.weight": s["0.0.weight"]}, "", "module.net.student."),
    "extra state": (lambda s: {"model": {**s, "0.0._extra_state": {"scale": 1}}, "step": 2}, "model", ""),
    "numbered": (lambda s: {0: s}, "0", ""),
}  # fmt: skip


def started(path: Path, architecture: object, mode: FinetuningMethod = "full") -> tuple[nn.Module, dict[str, Any]]:
    digest = sha256(path.read_bytes()).hexdigest()
    made = subject(architecture, checkpoint=digest, checkpoint_file=str(path), image_size=32)
    return learner(made, 4, 0, mode)


@pytest.mark.parametrize("form", SAVED)
def test_a_checkpoint_is_taken_and_the_row_says_how(tmp_path: Path, form: str) -> None:
    torch.manual_seed(7)
    source, path = small(4), tmp_path / "mine.pth"
    save, entry, prefix = SAVED[form]
    torch.save(save(source.state_dict()), path)
    network, about = started(path, own())
    torch.testing.assert_close(network[0][0].weight, source[0][0].weight, atol=1e-3, rtol=0)
    entries = about["checkpoint"]
    assert (entries.get("entry", ""), entries.get("prefix_removed", "")) == (entry, prefix)
    assert (f"its entry {entry}" in about["weights"]) == bool(entry)
    assert (f"prefix {prefix} removed" in about["weights"]) == bool(prefix)


@pytest.mark.parametrize(("mode", "learning"), [("full", 4), ("probe", 2)])
def test_a_network_whose_state_has_more_than_tensors_takes_its_own(
    tmp_path: Path, mode: FinetuningMethod, learning: int
) -> None:
    """All weights and biases of its two layers learn, or those of the head alone."""

    def build(classes: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 48, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), Described(48, classes))

    source, path = build(5), tmp_path / "mine.pth"
    torch.save(source.state_dict(), path)
    network, _ = started(path, own(build=build), mode)
    assert torch.equal(network[0].weight, source[0].weight)
    assert sum(weight.requires_grad for weight in network.parameters()) == learning


def test_other_formats_are_read(tmp_path: Path) -> None:
    torch.manual_seed(7)
    state = small(4).state_dict()
    torch.save(state, tmp_path / "legacy.pth", _use_new_zipfile_serialization=False)
    header, blob = {}, b""
    for name, tensor in state.items():
        kind = {torch.float32: "F32", torch.int64: "I64"}[tensor.dtype]
        raw = tensor.numpy().tobytes()
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [len(blob), len(blob) + len(raw)]}
        blob += raw
    text = json.dumps(header).encode()
    (tmp_path / "mine.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + blob)
    for name in ("legacy.pth", "mine.safetensors"):
        assert torch.equal(started(tmp_path / name, own())[0][0][0].weight, state["0.0.weight"])


@pytest.mark.parametrize("name", ["mine.safetensors", "MINE.SAFETENSORS"])
def test_safetensors_are_read_with_any_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """torch.load reads such files since torch 2.13, and only with the suffix in lower case."""
    torch.manual_seed(7)
    state = small(4).state_dict()
    save_file(state, tmp_path / name)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("read by torch.load"))
    assert torch.equal(started(tmp_path / name, own())[0][0][0].weight, state["0.0.weight"])


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem, self.a, self.b = nn.Conv2d(3, 8, 1), nn.Linear(8, 8), nn.Linear(8, 8)
        self.b.weight, self.head = self.a.weight, nn.Linear(8, classes)

    def forward(self, images: Tensor) -> Any:
        return self.head(self.b(self.a(self.stem(images).mean((2, 3)))))


@pytest.mark.parametrize("prefix", ["", "model."])
@pytest.mark.parametrize("left", ["a", "b"])
def test_a_tied_weight_is_in_the_file_once(tmp_path: Path, left: str, prefix: str) -> None:
    source, entry = Tied(4), own(build=Tied)
    save_model(source, str(tmp_path / "mine.safetensors"))
    state = load_file(tmp_path / "mine.safetensors")
    assert len(state) == len(source.state_dict()) - 1
    state = {name: tensor for name, tensor in source.state_dict().items() if name != f"{left}.weight"}
    save_file({**prefixed(prefix)(state), "loss.weight": torch.ones(4)}, tmp_path / "other.safetensors")
    for name in ("mine.safetensors", "other.safetensors"):
        network = started(tmp_path / name, entry)[0]
        assert torch.equal(network.get_submodule(left).weight, source.a.weight)
    save_file({name: state[name] for name in state if not name.endswith("a.weight") and not name.endswith("b.weight")},
              tmp_path / "neither.safetensors")  # fmt: skip
    with pytest.raises(ValueError, match=r"2 of 8 tensors differ, a\.weight first"):
        started(tmp_path / "neither.safetensors", entry)


class Compiled(nn.Module):
    """Its weights are named as those of torch.compile, which imports the compiler."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self._orig_mod = network

    def forward(self, images: Tensor) -> Any:
        return self._orig_mod(images)


@pytest.mark.parametrize("wrap", [nn.DataParallel, Compiled, pytest.param(torch.compile, marks=pytest.mark.slow)])
def test_a_wrapped_network_takes_a_plain_checkpoint(tmp_path: Path, wrap: Callable[[nn.Module], nn.Module]) -> None:
    source = small(4)
    torch.save(source.state_dict(), tmp_path / "mine.pth")
    network, about = started(tmp_path / "mine.pth", own(build=lambda classes: wrap(small(classes))))
    assert torch.equal(next(network.parameters()), source[0][0].weight)
    assert "prefix" not in about["weights"]


def whole(path: Path) -> None:
    torch.save(small(4), path)


def whole_legacy(path: Path) -> None:
    torch.save(Wrapper(small(4)), path, _use_new_zipfile_serialization=False)


def namespace(path: Path) -> None:
    torch.save({"model": small(4).state_dict(), "args": argparse.Namespace(lr=0.1)}, path)


def script(path: Path) -> None:
    torch.jit.save(torch.jit.trace(small(4).eval(), torch.zeros(1, 3, 32, 32)), path)


def torn(path: Path) -> None:
    torch.save(small(4).state_dict(), path)
    path.write_bytes(path.read_bytes()[:2000])


def torn_safetensors(path: Path) -> None:
    save_file(small(4).state_dict(), path)
    path.write_bytes(path.read_bytes()[:-4])


def no_safetensors(path: Path) -> None:
    path.write_bytes(b"")


def narrower(path: Path) -> None:
    state = prefixed("module.")(small(4).state_dict())
    state["module.0.0.weight"] = state["module.0.0.weight"][:5]
    torch.save(state, path)


def quantized(path: Path) -> None:
    state = small(4).state_dict()
    scale = state["0.0.weight"].abs().max() / 127
    torch.save({**state, "0.0.weight": (state["0.0.weight"] / scale).round().char(), "0.0.scale": scale}, path)


def half_of_it(path: Path) -> None:
    torch.save({name: tensor for name, tensor in small(4).state_dict().items() if "0.1" not in name}, path)


def narrower_beside(path: Path) -> None:
    state = prefixed("model.")(small(4).state_dict())
    torch.save({**state, "model.0.0.weight": state["model.0.0.weight"][:5], "loss.weight": torch.ones(4)}, path)


def two_of_it(path: Path) -> None:
    state = small(4).state_dict()
    torch.save({"state_dict": {**prefixed("model.")(state), **prefixed("ema_model.module.")(state)}}, path)


def lists(path: Path) -> None:
    torch.save({"epoch": 3, "losses": [0.1, 0.2]}, path)


WRONG = {
    whole: "cannot be read as tensors: it is a whole pickled network (torch.nn.modules.",
    whole_legacy: "cannot be read as tensors: it ",
    namespace: "cannot be read as tensors: it contains argparse.Namespace, which is not a tensor",
    script: "cannot be read as tensors: it is a TorchScript archive",
    torn: "cannot be read as tensors: ",
    torn_safetensors: "cannot be read as tensors: ",
    no_safetensors: "cannot be read as tensors: ",
    narrower: "does not fit: 1 of 8 tensors differs, 0.0.weight first (8 x 3 x 3 x 3 in the network, 5 x 3",
    quantized: "does not fit: 1 of 8 tensors differs, 0.0.weight first (float32 in the network, int8 in the file)",
    half_of_it: "does not fit: 4 of 8 tensors differ, 0.1.weight first (8 in the network, not in the file",
    narrower_beside: "does not fit: 1 of 8 tensors differs, 0.0.weight first (8 x 3 x 3 x 3 in the network, 5 x 3",
    two_of_it: "several parts of the checkpoint fit, with the prefixes model., ema_model.module.; save one of them",
    lists: "does not hold named tensors alone",
}


@pytest.fixture
def network(tmp_path: Path) -> str:
    path = tmp_path / "mine_small.py"
    text = "from torch import nn\ndef build(classes):\n    body = nn.Sequential(nn.Conv2d(3, 8, 3, bias=False), "
    text += "nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1))\n"
    path.write_text(text + "    return nn.Sequential(body, nn.Flatten(), nn.Linear(8, classes))\n")
    return f"{path}:build"


@pytest.mark.parametrize("make", WRONG, ids=lambda make: make.__name__)
def test_what_is_in_the_way_is_one_line(tmp_path: Path, network: str, make: Callable[[Path], None]) -> None:
    path = tmp_path / ("bad.safetensors" if make.__name__.endswith("safetensors") else "bad.pth")
    make(path)
    line = checkpoint_error(network, path, sha256(path.read_bytes()).hexdigest())
    assert WRONG[make] in line
    assert line.isprintable()
    assert len(line) <= 300


def test_safetensors_without_their_package_name_the_extra(
    tmp_path: Path, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.safetensors"
    save_file(small(4).state_dict(), path)
    digest = sha256(path.read_bytes()).hexdigest()
    assert checkpoint_error(network, path, digest) == ""
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    start = "mine.safetensors cannot be read as tensors: safetensors is not installed; install the extra 'safetensors'"
    assert checkpoint_error(network, path, digest).startswith(start)


def test_what_fits_or_cannot_be_built_is_no_error(tmp_path: Path, network: str) -> None:
    path = tmp_path / "mine.pth"
    torch.save(small(37).state_dict(), path)
    digest = sha256(path.read_bytes()).hexdigest()
    assert checkpoint_error(network, path, digest) == ""
    assert checkpoint_error(f"{tmp_path}/gone.py:build", path, digest) == ""


def test_a_checkpoint_that_cannot_be_used_ends_the_run_before_it_begins(tmp_path: Path, network: str) -> None:
    namespace(tmp_path / "args.pth")
    done = call("--out", tmp_path / "new", "--architecture", network, "--checkpoint",
               f"mine_small={tmp_path / 'args.pth'}")  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert f"--checkpoint mine_small={tmp_path / 'args.pth'}: args.pth cannot be read" in done.stderr
    assert "argparse.Namespace" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_a_field_case_starts_from_a_prefixed_file(tmp_path: Path) -> None:
    entry = own_networks.load(f"{FIELD}/ck_net.py:build")
    state = entry.build(10).state_dict()
    torch.save(prefixed("module.")(state), tmp_path / "parallel.pth")
    network, about = started(tmp_path / "parallel.pth", entry)
    assert torch.equal(network.state_dict()["0.weight"], state["0.weight"])
    assert about["weights"].endswith("…, prefix module. removed")


class Rescaling(nn.Sequential):
    """A network with the attribute by which GoogLeNet and Inception v3 rescale images."""

    def __init__(self, classes: int, transform_input: bool = False) -> None:
        super().__init__(*small(classes))
        self.transform_input = transform_input


@pytest.mark.parametrize(("published", "built"), [(True, False), (False, False), (False, True)])
def test_images_are_rescaled_for_the_published_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published: bool, built: bool
) -> None:
    """As torchvision does where it loads them itself; of other files the report has a note."""
    assert {"1378be20", "0cc3c7bd"} <= set(initial_weights._ported())
    path = tmp_path / "mine.pth"
    torch.save(small(4).state_dict(), path)
    if published:
        monkeypatch.setattr(initial_weights, "_ported", lambda: (sha256(path.read_bytes()).hexdigest()[:8],))
    network, about = started(path, own(build=lambda classes: Rescaling(classes, built)))
    assert network.transform_input == about["checkpoint"]["transform_input"] == (published or built)
    assert "transform_input" not in started(path, own())[1]["checkpoint"]
