"""What oneDNN and MKL print while it is captured: an error if some of it is lost."""

from __future__ import annotations

import pytest
import torch
from forked import execute

from reporter.model import ReporterError
from reporter.worker.profiling.kernel_names import Primitive, executed

FULL = """
import resource, sys, torch
sys.dont_write_bytecode = True
from reporter.worker.profiling.kernel_calls import recorded
layer, images = torch.nn.Conv2d(64, 64, 3), torch.zeros(1, 64, 20, 20)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    with torch.inference_mode():
        recorded(layer, lambda: [layer(images) for _ in range(40)])
except OSError as error:
    print(error)
"""


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch is built without oneDNN")
def test_a_full_disk_is_an_error_and_no_other_kernel() -> None:
    """The lines of 40 convolutions take more than the 4096 bytes that a file may have."""
    assert "the disk may be full" in execute(FULL).stdout


def test_an_operator_of_onednn_without_a_primitive_is_an_error() -> None:
    """Unless oneDNN reports nothing at all, as one that is built without its verbose mode."""
    line = b"onednn_verbose,v1,primitive,exec,cpu,convolution,jit:avx2,forward_inference,src,attr,alg,shape,0.1\n"
    names = ["aten::mkldnn_convolution", "aten::relu_"]
    assert executed(line, names, line) == [Primitive("convolution", "jit:avx2")]
    assert executed(b"", names, b"MKL_VERBOSE SGEMM(N,N,1,1) 1us\n") == executed(b"", names[1:], line) == []
    with pytest.raises(ReporterError, match="the kernel of aten::mkldnn_convolution is not known"):
        executed(b"", names, line)
