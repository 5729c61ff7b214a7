"""Ledgers without layers, as of compiled models and accelerators: a call more or less is no changed kernel."""

from __future__ import annotations

import pytest

from reporter.compare.changed_calls import changed_calls
from reporter.model.profiles import LayerKernel

Called = tuple[str, str]
COPY = ("aten::clone", "native")
IN_ONEDNN, IN_GEMM = ("aten::mkldnn_convolution", "jit:avx512_core"), ("aten::_slow_conv2d_forward", "gemm")
CONVOLUTION, NORM, RELU, PRODUCT = "aten::cudnn_convolution", "aten::native_batch_norm", "aten::relu", "aten::mm"
PRODUCT_X = (PRODUCT, "gemm_x")
BASE = [
    (CONVOLUTION, "conv_x"),
    (NORM, "bn"),
    (RELU, "relu"),
    (CONVOLUTION, "conv_y"),
    (NORM, "bn"),
    PRODUCT_X,
]
SWITCH = (CONVOLUTION, "nchwToNhwc")


def ledger(calls: list[Called]) -> list[LayerKernel]:
    return [
        LayerKernel(layer="", operator=operator, kernel=kernel, shapes="", dtype="", layout="", macs=0)
        for operator, kernel in calls
    ]


def without(place: int) -> list[Called]:
    return [*BASE[:place], *BASE[place + 1 :]]


def exchanged(place: int, kernel: str, calls: list[Called] = BASE) -> list[Called]:
    return [*calls[:place], (calls[place][0], kernel), *calls[place + 1 :]]


@pytest.mark.parametrize(
    ("new", "swaps", "other"),
    [
        pytest.param(BASE, [], 0, id="equal"),
        pytest.param([SWITCH, *BASE], [], 1, id="one more at the beginning"),
        pytest.param([*BASE[:3], SWITCH, *BASE[3:]], [], 1, id="one more before a convolution"),
        pytest.param([SWITCH, *BASE[:3], SWITCH, *BASE[3:]], [], 2, id="one more before each convolution"),
        pytest.param(without(1), [], 1, id="one less"),
        pytest.param(exchanged(5, "gemm_y"), [("gemm_x", "gemm_y", PRODUCT)], 0, id="another"),
        pytest.param(
            [SWITCH, *exchanged(5, "gemm_y")], [("gemm_x", "gemm_y", PRODUCT)], 1, id="another, and one more before"
        ),
        pytest.param(
            exchanged(3, "conv_z", exchanged(0, "conv_z")),
            [("conv_x", "conv_z", CONVOLUTION), ("conv_y", "conv_z", CONVOLUTION)],
            0,
            id="two others",
        ),
        pytest.param(
            [*BASE[:3], COPY, (CONVOLUTION, "conv_z"), PRODUCT_X],
            [("conv_y", "conv_z", CONVOLUTION)],
            2,
            id="another that moved by one place",
        ),
        pytest.param([*BASE[:2], PRODUCT_X], [], 3, id="another network"),
    ],
)
def test_calls_without_layers_are_matched_by_their_order(
    new: list[Called], swaps: list[tuple[str, str, str]], other: int
) -> None:
    found, compared, unmatched = changed_calls(ledger(BASE), ledger(new))
    assert sorted((swap.base, swap.new, *swap.layers) for swap in found) == swaps
    assert unmatched == other
    assert 2 * compared + unmatched == len(BASE) + len(new)


@pytest.mark.parametrize(
    ("kernel", "changed"),
    [("onednn", False), ("ref:any", True), ("gemm", True), ("native", True)],
)
def test_an_implementation_of_onednn_that_is_not_known_is_no_change(kernel: str, changed: bool) -> None:
    convolution = "mkldnn::_convolution_pointwise"
    sides = [ledger([(convolution, name), *BASE]) for name in ("jit:avx512_core", kernel)]
    for base, new in (sides, reversed(sides)):
        assert bool(changed_calls(base, new)[0]) == changed
    assert changed_calls(ledger([(convolution, "onednn")]), ledger([(convolution, "gemm")]))[0]


def test_a_kernel_that_takes_the_place_of_two_is_matched_with_none() -> None:
    """Which of them it replaces is not known."""
    fused = [("fused", "fused_kernel"), *BASE[2:]]
    assert changed_calls(ledger(BASE), ledger(fused)) == ((), 4, 3)


def test_layers_that_are_named_are_matched_by_name() -> None:
    rows = [row.model_copy(update={"layer": f"layer{place}"}) for place, row in enumerate(ledger(BASE))]
    [swap], compared, unmatched = changed_calls(
        [*rows, *ledger(BASE)], [*reversed(rows), *ledger(exchanged(2, "other"))]
    )
    assert (swap.base, swap.new, swap.layers) == ("relu", "other", (RELU,))
    assert (compared, unmatched) == (2 * len(BASE), 0)


def direct(calls: list[Called], shapes: str = "1x64x8x8, 64x64x3x3 -> 1x64x6x6") -> list[LayerKernel]:
    """Calls in the forward method of the network itself: convolutions have MACs, all have shapes."""
    return [row.model_copy(update={"shapes": shapes, "macs": 100 * ("conv" in row.operator)}) for row in ledger(calls)]


@pytest.mark.parametrize(
    ("base", "new", "swaps", "other"),
    [
        pytest.param([IN_ONEDNN], [IN_GEMM], 1, 0, id="alone"),
        pytest.param([IN_ONEDNN] * 3, [IN_GEMM, IN_ONEDNN, IN_ONEDNN], 1, 0, id="one of three in a row"),
        pytest.param([IN_ONEDNN, BASE[2]] * 2, [IN_ONEDNN, BASE[2], COPY, IN_GEMM, BASE[2]], 1, 1, id="among others"),
        pytest.param([IN_ONEDNN], [IN_GEMM] * 8, 1, 7, id="one of each group"),
        pytest.param([IN_ONEDNN, IN_GEMM], [IN_GEMM, IN_ONEDNN], 0, 0, id="in another order"),
        pytest.param([IN_ONEDNN], [IN_GEMM, IN_ONEDNN], 0, 1, id="one more"),
        pytest.param([BASE[1]], [BASE[2]], 0, 2, id="without MACs"),
    ],
)
def test_another_operator_for_a_call_without_a_layer_is_found_by_its_shapes(
    base: list[Called], new: list[Called], swaps: int, other: int
) -> None:
    found, _, unmatched = changed_calls(direct(base), direct(new))
    assert [(swap.base, swap.new, len(swap.layers)) for swap in found] == [(IN_ONEDNN[1], IN_GEMM[1], 1)] * swaps
    assert unmatched == other


def test_a_convolution_with_other_shapes_is_not_compared() -> None:
    assert changed_calls(direct([IN_ONEDNN]), direct([IN_GEMM], "1x3x8x8, 64x3x3x3 -> 1x64x6x6")) == ((), 0, 2)


def product(operator: str, kernel: str, shapes: str) -> LayerKernel:
    """A linear layer from 128 to 10 features for one image, unless its shapes are others."""
    return ledger([(operator, kernel)])[0].model_copy(update={"shapes": shapes, "macs": 1280})


TRANSPOSED = product("aten::addmm", "gemm", "1x128, 128x10 -> 1x10")
AS_IT_IS = product("mkldnn::_linear_pointwise", "brg_matmul", "1x128, 10x128 -> 1x10")
PACKED = product("mkl::_mkl_linear", "gemm_packed", "1x128, 1982689x1, 10x128 -> 1x10")


@pytest.mark.parametrize(
    ("base", "new", "changed", "other"),
    [
        pytest.param([TRANSPOSED], [AS_IT_IS], 1, 0, id="alone"),
        pytest.param([TRANSPOSED], [PACKED], 1, 0, id="packed"),
        pytest.param([TRANSPOSED] * 2, [AS_IT_IS, TRANSPOSED], 1, 0, id="one of two calls"),
        pytest.param([TRANSPOSED] * 2, [AS_IT_IS], 0, 3, id="fewer calls"),
        pytest.param([TRANSPOSED], [AS_IT_IS.model_copy(update={"macs": 0})], 0, 2, id="unknown MACs"),
        pytest.param([TRANSPOSED], [product("aten::linear", "a", "2x128, 5x128 -> 2x5")], 0, 2, id="another input"),
        pytest.param([TRANSPOSED], [product("aten::linear", "a", "1x128, 5x128 -> 1x5")], 0, 2, id="another output"),
        pytest.param([TRANSPOSED], [product("aten::addmm", "a", "1x128, 10x128 -> 1x10")], 0, 2, id="one operator"),
    ],
)
def test_a_linear_call_without_a_layer_that_runs_in_another_operator_has_other_shapes(
    base: list[LayerKernel], new: list[LayerKernel], changed: int, other: int
) -> None:
    """Its size follows from the MACs and the elements of input and output; the weight may be transposed or packed."""
    found, compared, unmatched = changed_calls(base, new)
    assert [(swap.base, swap.layers) for swap in found] == [("gemm", ("aten::addmm",))] * changed
    assert unmatched == other
    assert 2 * compared + unmatched == len(base) + len(new)


def test_a_call_more_in_a_layer_is_no_changed_kernel() -> None:
    """`relu_` with a copy before it, whose shapes are the same."""
    copied, changed = [COPY, BASE[2]], [COPY, (RELU, "other")]
    base, new, other = (
        [row.model_copy(update={"layer": "relu"}) for row in direct(calls)] for calls in ([BASE[2]], copied, changed)
    )
    assert changed_calls(base, new) == ((), 1, 1)
    [swap], compared, unmatched = changed_calls(base, other)
    assert (swap.base, swap.new, swap.layers, compared, unmatched) == ("relu", "other", ("relu",), 1, 1)


MUL, SIGMOID, ADD = ("aten::mul", "native"), ("aten::sigmoid", "native"), ("aten::add_", "native")
IN_MKL = ("aten::addmm", "gemm")


@pytest.mark.parametrize(
    ("base", "new", "swaps"),
    [
        pytest.param([MUL, SIGMOID], [SIGMOID, MUL], [], id="exchanged"),
        pytest.param([MUL, SIGMOID, ADD], [ADD, SIGMOID, MUL], [], id="reversed"),
        pytest.param(
            [COPY, IN_MKL], [IN_MKL, ADD], [("native (aten::clone)", "native (aten::add_)")], id="around a product"
        ),
        pytest.param([MUL, IN_MKL], [("aten::addmm", "other"), MUL], [("gemm", "other")], id="exchanged and changed"),
        pytest.param([IN_ONEDNN, MUL], [IN_GEMM, MUL], [(IN_ONEDNN[1], IN_GEMM[1])], id="another operator"),
    ],
)
def test_the_calls_of_a_layer_in_another_order_are_matched_by_their_operator(
    base: list[Called], new: list[Called], swaps: list[tuple[str, str]]
) -> None:
    sides = ([row.model_copy(update={"layer": "block"}) for row in direct(calls)] for calls in (base, new))
    found, compared, unmatched = changed_calls(*sides)
    assert [(swap.base, swap.new) for swap in found] == swaps
    assert (compared, unmatched) == (len(base), 0)
