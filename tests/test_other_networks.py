"""The kernels of networks unlike those of the lecture: transposed, recurrent, attending, without convolutions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from test_operators import IMAGES, Mixed
from torch import Tensor, nn
from torch.utils._python_dispatch import _get_current_dispatch_mode

from reporter.metrics.operators import ENTRIES
from reporter.model import Architecture
from reporter.model.profiles import GEMM, NATIVE, digest
from reporter.model.settings import PRESETS, Conditions
from reporter.worker.counts.counting import count
from reporter.worker.latency.alternation import Effort
from reporter.worker.profiling.instruction_sets import instruction_sets, processor_flags
from reporter.worker.profiling.kernel_calls import implementations, recorded
from reporter.worker.profiling.kernel_names import Primitive
from reporter.worker.profiling.operator_events import events, multiplies, operators, timed
from reporter.worker.profiling.operator_pass import Profiler
from reporter.worker.subject import Subject


class Transposed(nn.Module):
    """Convolutions that torch multiplies in several ways: transposed, grouped, depthwise, dilated, in one and three
    dimensions."""

    def __init__(self) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(3, 3, 3, padding=1, groups=3)
        self.dilated = nn.Conv2d(3, 8, 3, padding=2, dilation=2)
        self.up = nn.ConvTranspose2d(8, 8, 3, stride=2, groups=2)
        self.solid = nn.Conv3d(1, 4, 3)
        self.up3 = nn.ConvTranspose3d(4, 2, 2)
        self.row = nn.Conv1d(7, 4, 3)
        self.head = nn.Linear(4, 10)

    def forward(self, images: Tensor) -> Tensor:
        features = self.up3(self.solid(self.up(self.dilated(self.depthwise(images)))[:, None]))
        result: Tensor = self.head(self.row(features[:, 0, :, :, 0]).mean(2))
        return result


class Recurrent(nn.Module):
    """Reads an image row by row."""

    def __init__(self, layer: type[nn.RNNBase]) -> None:
        super().__init__()
        self.rows = layer(96, 16, num_layers=2, bidirectional=True, batch_first=True)  # type: ignore[call-arg]
        self.head = nn.Linear(32, 10)

    def forward(self, images: Tensor) -> Tensor:
        result: Tensor = self.head(self.rows(images.permute(0, 2, 1, 3).flatten(2))[0][:, -1])
        return result


class Attending(nn.Module):
    """Attention by the function, which is one operator, and in torch's own layers, which take a fast path."""

    def __init__(self) -> None:
        super().__init__()
        self.queries = nn.Linear(96, 48)
        self.encoder = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.head = nn.Linear(16, 10)

    def forward(self, images: Tensor) -> Tensor:
        query, key, value = self.queries(images.permute(0, 2, 1, 3).flatten(2)).chunk(3, 2)
        features = nn.functional.scaled_dot_product_attention(query[:, None], key[:, None], value[:, None])[:, 0]
        result: Tensor = self.head(self.encoder(features).mean(1))
        return result


class Channels(nn.Module):
    """Linear layers without a convolution, over images whose last dimension is not the innermost."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(3, 8)
        self.head = nn.Bilinear(8, 8, 10)

    def forward(self, images: Tensor) -> Tensor:
        features = self.mix(images.flatten(2).transpose(1, 2)).mean(1)
        result: Tensor = self.head(features, features)
        return result


class Doubled(torch.autograd.Function):
    """A function with a gradient of its own."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor) -> Tensor:
        return 2 * nn.functional.conv2d(images, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        raise NotImplementedError


class Custom(nn.Module):
    """Calls a custom function, a layer twice, and one that is scripted."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3, 3, 3))
        self.shared = nn.Conv2d(4, 4, 3, padding=1)
        self.up = nn.Upsample(scale_factor=2, mode="bilinear")
        self.head = nn.Linear(4, 10)

    def forward(self, images: Tensor) -> Tensor:
        features = self.shared(self.shared(Doubled.apply(images, self.weight)))  # type: ignore[no-untyped-call]
        result: Tensor = self.head(self.up(features).mean((2, 3)))
        return result


OTHERS: dict[str, Callable[[], nn.Module]] = {
    "transposed": Transposed,
    "LSTM": partial(Recurrent, nn.LSTM),
    "GRU": partial(Recurrent, nn.GRU),
    "attention": Attending,
    "linear": Channels,
    "custom": Custom,
}


@pytest.mark.parametrize("build", OTHERS.values(), ids=OTHERS)
def test_other_networks_have_all_macs_named_and_run_what_they_run_without_the_ledger(
    build: Callable[[], nn.Module],
) -> None:
    network = build().eval()
    images = IMAGES[:, :, :8, :] if isinstance(network, Recurrent) else IMAGES
    with torch.inference_mode():
        network(images)
        rows = recorded(network, partial(network, images))
        with torch.autograd.profiler.profile() as found:
            network(images)
    macs = sum(row.macs for row in rows)
    assert macs == count(network, images).macs > 0
    assert sum(row.macs for row in rows if row.kernel != NATIVE) >= 0.95 * macs
    roots = list(operators(events(found.kineto_results)))
    assert [row.operator for row in rows] == [p.event.name for root in roots for p in timed(root) if p.computes]


def test_the_ledger_has_the_inference_alone() -> None:
    """Not the images, whatever is measured first: the kernels of a run with one metric are those of any other."""
    architecture = Architecture(
        name="mixed", family="Own", year=None, paper="", input_size=32, classes=10, build=lambda _: Mixed()
    )
    subject = Subject(architecture, "cpu", Conditions(**PRESETS["quick"]))
    with torch.inference_mode():
        expected = digest(recorded(subject.network, partial(subject.network, subject.input(1))))
    for metric in ENTRIES:
        if metric.device == "cpu":
            fresh_subject = Subject(architecture, "cpu", Conditions(**PRESETS["quick"]))
            found = next(iter(metric.measure(fresh_subject)))
            assert found.detail["kernels"] == expected, metric.name


def test_resampling_is_no_product() -> None:
    """Its name contains `linear`; counted as one, it would take a name of oneDNN from a layer that has one."""
    found = {name: multiplies(f"aten::{name}") for name in ("linear", "mkldnn_convolution", "upsample_bilinear2d")}
    assert found == {"linear": True, "mkldnn_convolution": True, "upsample_bilinear2d": False}


class Undispatched(nn.Module):
    """Fails while operators are dispatched to Python, as code that asks for the data of a tensor may."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 48, 3, groups=3)

    def forward(self, images: Tensor) -> Tensor:
        if _get_current_dispatch_mode() is not None:
            raise RuntimeError("not under a dispatch mode")
        result: Tensor = self.layer(images).mean((2, 3))
        return result


def test_a_network_that_cannot_run_with_layers_is_recorded_without() -> None:
    network = Undispatched().eval()
    found = Profiler(partial(network, IMAGES), network, Effort(0.01, 1)).rows
    assert [(row.layer, row.operator) for row in found] == [("", "aten::mkldnn_convolution"), ("", "aten::mean")]
    assert found[0].kernel not in ("", NATIVE, GEMM)


CONVOLUTION, LINEAR, PRODUCT = "mkldnn::_convolution_pointwise", "mkldnn::_linear_pointwise", "mkl::_mkl_linear"


@pytest.mark.parametrize(
    ("operators", "ran", "known"),
    [
        ([CONVOLUTION, LINEAR], [("convolution", "a"), ("inner_product", "b")], {0: "a", 1: "b"}),
        ([CONVOLUTION, PRODUCT], [("convolution", "a")], {0: "a"}),
        ([CONVOLUTION, "aten::mean", "aten::mm"], [("convolution", "a"), ("pooling", "p"), ("matmul", "b")],
         {0: "a", 2: "b"}),
        ([CONVOLUTION, CONVOLUTION, LINEAR], [("convolution", "a"), ("convolution", "b")], {0: "a", 1: "b"}),
        ([CONVOLUTION, LINEAR, LINEAR], [("convolution", "a"), *[("matmul", name) for name in "bcd"]], {0: "a"}),
        ([CONVOLUTION, CONVOLUTION, LINEAR], [("convolution", "a")] * 5, {0: "a", 1: "a"}),
        ([CONVOLUTION, CONVOLUTION], [("convolution", "a")], {}),
        ([CONVOLUTION], [], {}),
    ],
)  # fmt: skip
def test_primitives_of_a_compiled_model_belong_to_operators_of_their_kind(
    operators: list[str], ran: list[tuple[str, str]], known: dict[int, str]
) -> None:
    """Of as many in all, or else of convolutions and of products each; without a match, all have to be the same."""
    assert implementations(operators, [Primitive(*each) for each in ran]) == known


def test_instruction_sets_have_the_names_of_onednn() -> None:
    flags = frozenset(("sse4_1", "avx", "avx2", "avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_bf16"))
    found = instruction_sets(["brgemm_avx512_f32", "jit_avx512_I8", "brgconv:avx512_core_bf16"], flags)
    assert found["exercised"] == ["avx512_core", "avx512_core_bf16"]
    assert found["not_exercised"] == ["sse41", "avx", "avx2"]
    vnni = frozenset((*flags, "avx512_vnni"))
    assert "avx512_core_vnni" in instruction_sets(["brgemm_avx512_f32"], vnni)["not_exercised"]
    assert "avx512_core_vnni" not in instruction_sets(["brgconv_avx512_1x1_I8"], vnni)["not_exercised"], "it may have"
    kinds = instruction_sets(["brgconv_avx512_1x1_f32", "jit_avx2_dw_FP32", "brgconv_avx512_amx_1x1_BF16"], flags)
    assert kinds["exercised"] == ["avx2", "avx512_core", "avx512_core_amx"], "the kind of convolution is no part of it"
    arm = instruction_sets(["jit:sve_256", "gemm"], frozenset(("asimd", "sve")))
    assert arm == {"exercised": ["sve"], "not_exercised": ["asimd"], "not_available": []}
    acl = instruction_sets(["indirect_gemm:acl", "gemm:acl"], frozenset(("asimd",)))
    assert acl == {"exercised": [], "not_exercised": [], "not_available": ["sve"]}, "it chooses them and names none"
    amx = frozenset((*flags, "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16"))
    for name in ("brgconv:avx10_1_512_amx", "brgconv:avx512_core_amx"):
        found = instruction_sets([name, "brg_matmul:avx10_1_512"], amx)
        assert found["exercised"] == ["avx512_core_amx", "avx512_core_fp16"]
        assert "avx512_core_amx" not in found["not_exercised"]
    unknown = instruction_sets(["jit:asimd"], frozenset())
    assert unknown == {"exercised": ["asimd"], "not_exercised": [], "not_available": []}


def test_the_features_of_an_arm_processor_are_read(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text("processor : 0\nFeatures\t: fp asimd sve\n")
    assert processor_flags(path) == {"fp", "asimd", "sve"}


def test_a_transposed_convolution_of_onednn_is_not_taken_for_the_copies_in_it() -> None:
    """It is no operator of its own; in bf16, copies of its weights are."""
    network = nn.Sequential(nn.ConvTranspose2d(32, 32, 2, stride=2)).bfloat16().eval()
    images = torch.randn(1, 32, 16, 16).bfloat16()
    with torch.inference_mode():
        [row] = recorded(network, partial(network, images))
    assert row.operator in ("aten::_convolution", "aten::slow_conv_transpose2d")
    assert row.macs == 16 * 16 * 32 * 32 * 4
    assert row.kernel != NATIVE
