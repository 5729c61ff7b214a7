"""The ledger of kernels: rows once, calls in their order, and its digest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reporter.model.profiles import KernelLedger, LayerKernel, digest, implementation, library_digest

ROWS = st.builds(
    LayerKernel,
    layer=st.sampled_from(["conv1", "layer1.0.conv1", "fc"]),
    operator=st.sampled_from(["aten::mkldnn_convolution", "aten::addmm"]),
    kernel=st.sampled_from(["jit:avx512_core", "gemm", "native"]),
    shapes=st.just("1x3x32x32, 8x3x3x3 -> 1x8x30x30"),
    dtype=st.just("float32"),
    layout=st.sampled_from(["contiguous", "channels_last"]),
    macs=st.integers(0, 10),
)


@given(st.lists(ROWS, max_size=8), st.lists(ROWS, max_size=8), st.lists(ROWS, max_size=8))
def test_calls_are_kept_in_order_and_rows_once(
    first: list[LayerKernel], second: list[LayerKernel], replaced: list[LayerKernel]
) -> None:
    empty = KernelLedger(schema=1, architecture="net", machine="here")
    ledger = empty.with_calls("eager", "cpu", replaced).with_calls("bf16", "cpu", second)
    ledger = ledger.with_calls("eager", "cpu", first)
    again = KernelLedger.model_validate_json(ledger.model_dump_json(by_alias=True))
    assert again.of("eager", "cpu") == tuple(first)
    assert again.of("bf16", "cpu") == tuple(second)
    assert again.of("eager", "cpu_1thread") == ()
    assert sorted(map(hash, again.rows)) == sorted({hash(row) for row in (*first, *second)})


@given(st.lists(ROWS, max_size=4), st.lists(ROWS, max_size=4))
def test_the_digest_is_equal_for_equal_calls_only(first: list[LayerKernel], second: list[LayerKernel]) -> None:
    assert (digest(first) == digest(second)) == (first == second)


@given(st.lists(ROWS, min_size=1, max_size=4), st.sampled_from(["MKL", "OpenBLAS", "ATen"]))
def test_libraries_have_a_digest_of_their_own(rows: list[LayerKernel], library: str) -> None:
    """That of the kernels is the one that ledgers without libraries have."""
    named = [*rows[:-1], rows[-1].model_copy(update={"library": library})]
    assert digest(named) == digest(rows)
    assert library_digest(rows) == ""
    assert library_digest(named) != library_digest([*rows[:-1], rows[-1].model_copy(update={"library": "BLIS"})])
    assert [implementation(named[-1]), implementation(rows[-1])] == [f"{rows[-1].kernel} ({library})", rows[-1].kernel]


def test_calls_of_missing_rows_are_refused() -> None:
    with pytest.raises(ValidationError, match="calls row 0 of 0"):
        KernelLedger(schema=1, architecture="net", machine="here", calls={"eager": {"cpu": (0,)}})
