"""Weights of the process that profiles: large ones repeat their first values, and the kernels are the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from reporter.model import Architecture
from reporter.model.settings import PRESETS, Conditions
from reporter.worker.profiling.operator_pass import profilers
from reporter.worker.subject import Subject
from reporter.worker.weights.repeated_draws import DRAWN, RepeatedDraws

DRAWS: list[Callable[[Tensor], Tensor]] = [
    lambda tensor: tensor.normal_(1.0, 0.1),
    lambda tensor: tensor.uniform_(-0.5, to=0.25),
    lambda tensor: nn.init.kaiming_normal_(tensor.view(-1, 8)),
]


def drawn(draw: Callable[[Tensor], Tensor], tensor: Tensor, *, repeated: bool) -> Tensor:
    torch.manual_seed(0)
    if repeated:
        with RepeatedDraws():
            draw(tensor)
    else:
        draw(tensor)
    return tensor


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize("count", [DRAWN + 8, 2 * DRAWN, 5 * DRAWN + 24])
def test_a_large_tensor_repeats_its_first_values(draw: Callable[[Tensor], Tensor], count: int) -> None:
    found = drawn(draw, torch.empty(count), repeated=True)
    first = found[:DRAWN]
    assert torch.equal(found, first.repeat(6)[:count])
    assert len(first.unique()) > 0.9 * DRAWN
    after = torch.get_rng_state()
    usual = drawn(draw, torch.empty(count), repeated=False)
    assert found.mean().item() == pytest.approx(usual.mean().item(), abs=0.02 * usual.std().item())
    assert found.std().item() == pytest.approx(usual.std().item(), rel=0.01)
    drawn(draw, torch.empty(DRAWN), repeated=False)
    assert torch.equal(after, torch.get_rng_state()), "no more values were drawn than are repeated"


@pytest.mark.parametrize("draw", DRAWS)
def test_other_tensors_are_drawn_as_usual(draw: Callable[[Tensor], Tensor]) -> None:
    assert torch.equal(drawn(draw, torch.empty(DRAWN), repeated=True), drawn(draw, torch.empty(DRAWN), repeated=False))
    assert drawn(draw, torch.empty(2 * DRAWN, device="meta"), repeated=True).is_meta


def test_a_tensor_with_gaps_is_drawn_as_usual() -> None:
    usual, found = (drawn(DRAWS[0], torch.zeros(2, 2 * DRAWN).T, repeated=repeated) for repeated in (False, True))
    assert torch.equal(usual, found)


def test_the_process_that_profiles_repeats_values_and_runs_the_same_kernels() -> None:
    def make(_: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(32), nn.Flatten(), nn.Linear(8192, 10))

    architecture = Architecture(name="own", family="Own", year=None, paper="", input_size=64, build=make)
    conditions = Conditions(**PRESETS["quick"])
    repeated, usual = (Subject(architecture, "cpu", conditions) for _ in range(2))
    ledger = profilers(repeated).of("cpu").rows
    weights = repeated.network.get_parameter("4.weight").flatten()
    assert torch.equal(weights[:8192], weights[DRAWN:][:8192])
    before = usual.network.get_parameter("4.weight").flatten()
    assert not torch.equal(before[:8192], before[DRAWN:][:8192])
    assert profilers(usual).of("cpu").rows == ledger
    assert torch.equal(usual.network.get_parameter("4.weight").flatten(), before), "what was built is not built again"
