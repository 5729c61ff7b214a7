"""Networks that keep a tensor from their first forward pass: alone, and with all metrics in one process."""

from __future__ import annotations

from functools import partial
from itertools import product
from pathlib import Path

import pytest
import torch
from networks import own, subject
from torch import Tensor, nn

from reporter.model import Metric
from reporter.model.devices import is_accelerator
from reporter.registry.catalog import collect
from reporter.worker import references as own_networks
from reporter.worker.entry import measure

METRICS = {
    name: metric for name, metric in collect("reporter.metrics", Metric).items() if not is_accelerator(metric.device)
}
KINDS = ("attribute", "buffer", "dictionary")
SMALL = {"image_size": 48, "steps": 2, "seeds": 1, "test_images": 10, "seconds": 0.02}


class Grid(nn.Module):
    """Adds a positional grid, which it computes in its first forward pass and keeps."""

    def __init__(self, kind: str, classes: int) -> None:
        super().__init__()
        self.kind = kind
        self.kept: dict[str, Tensor] = {}
        self.register_buffer("stored", None)
        self.plain: Tensor | None = None
        self.body, self.scale, self.head = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 1), nn.Linear(8, classes)

    def grid(self, features: Tensor) -> Tensor:
        return sum(self.grid_kept_as(kind, features) for kind in self.kind.split())

    def grid_kept_as(self, kind: str, features: Tensor) -> Tensor:
        made = {"attribute": self.plain, "buffer": self.stored, "dictionary": self.kept.get("grid")}[kind]
        if made is None:
            sides = [torch.linspace(0, 1, side, device=features.device) for side in features.shape[-2:]]
            made = sides[0][:, None] * sides[1]
            if kind == "attribute":
                self.plain = made
            elif kind == "buffer":
                self.stored = made
            else:
                self.kept["grid"] = made
        return made

    def forward(self, images: Tensor) -> Tensor:
        features = self.body(images)
        return self.head(self.scale(features * (1 + self.grid(features))).mean((2, 3)))


@pytest.mark.usefixtures("brief_ceilings", "brief_profiles")
@pytest.mark.parametrize(
    ("kind", "turned"),
    [
        pytest.param(" ".join(KINDS), True, id="all in reverse"),
        *(pytest.param(*each, marks=pytest.mark.slow) for each in product(KINDS, (False, True))),
    ],
)
def test_all_metrics_in_one_process(kind: str, turned: bool) -> None:
    """Training has another image size than inference, so that the grid of one does not fit the other."""
    caching = subject(own(partial(Grid, kind)), **SMALL)
    for name in sorted(METRICS, reverse=turned):
        for reading in measure(METRICS[name], caching):
            assert reading.measured or reading.status == "unsupported", (name, reading.reason)
    assert caching.network is caching.network


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["latency_cpu", "train_step_cpu", "finetune"])
def test_a_metric_alone(kind: str, name: str) -> None:
    assert all(reading.measured for reading in measure(METRICS[name], subject(own(partial(Grid, kind)), **SMALL)))


def test_a_network_that_was_used_is_not_the_one_that_is_trained() -> None:
    caching = subject(own(partial(Grid, "attribute")))
    with torch.inference_mode():
        used = caching.network
        used(caching.input(1))
    assert not any(weight.is_inference() for weight in used.parameters()), "built under inference mode"
    taken = caching.take("cpu")
    assert taken is not used
    assert taken.plain is None
    assert caching.network not in (used, taken)


class Derived(nn.Module):
    """Has a buffer that is computed from random weights and is in no checkpoint."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.body, self.norm, self.head = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, classes)
        self.register_buffer("scale", self.head.weight.detach().abs().mean(), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.norm(self.body(images)).mean((2, 3))) * self.scale


def test_the_weights_of_a_used_network_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are those that would be drawn, but none is drawn; each tensor is a new one that can be trained."""
    drawing = subject(own(Derived))
    with torch.inference_mode():
        used = drawing.network
        used(drawing.input(1))
    drawn: list[object] = []
    for name in ("kaiming_uniform_", "uniform_"):
        monkeypatch.setattr(nn.init, name, lambda weight, *_, **__: drawn.append(weight))
    taken = drawing.take("cpu", copies=True)
    assert not drawn
    monkeypatch.undo()
    again = drawing.take("cpu")
    for copied, before, fresh in zip(*(_tensors(each) for each in (taken, used, again)), strict=True):
        assert torch.equal(copied, fresh)
        assert copied.data_ptr() != before.data_ptr()
    taken(drawing.input(2)).sum().backward()


def _tensors(network: nn.Module) -> tuple[Tensor, ...]:
    return *network.parameters(), *network.buffers()


def test_weights_are_drawn_where_those_of_the_used_network_do_not_correspond() -> None:
    """A buffer of its first forward pass: the new network has none yet."""
    caching = subject(own(partial(Grid, "buffer")))
    with torch.inference_mode():
        caching.network(caching.input(1))
    taken = caching.take("cpu", copies=True)
    assert taken.stored is None
    for drawn, fresh in zip(taken.parameters(), caching.take("cpu").parameters(), strict=True):
        assert torch.equal(drawn, fresh)


def test_another_number_of_classes_is_tried_on_a_second_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function without a parameter for the classes: which layer is the head shows in a forward pass at 224 px."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    (tmp_path / "net.py").write_text(
        "from test_caching import Grid\n\n\ndef build():\n    return Grid('attribute', 5)\n"
    )
    network = own_networks.load(f"{tmp_path}/net.py:build").build(7)
    assert network.head.out_features == 7
    assert network.plain is None
    network(torch.zeros(1, 3, 48, 48)).sum().backward()
