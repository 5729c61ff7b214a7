"""Names of operators for readers: what an operator computes, and the library that computes it where that matters."""

from __future__ import annotations

from collections.abc import Mapping

from reporter.report.language import Language

CONVOLUTION, LINEAR = "convolution", "linear layer"
LIBRARIES = {
    "aten::mkldnn_convolution": "oneDNN",
    "aten::_slow_conv2d_forward": "GEMM",
    "aten::thnn_conv2d": "GEMM",
    "aten::slow_conv_dilated2d": "GEMM",
    "aten::slow_conv_transpose2d": "GEMM",
    "aten::_nnpack_spatial_convolution": "NNPACK",
    "aten::_conv_depthwise2d": "depthwise",
    "aten::cudnn_convolution": "cuDNN",
    "aten::mkldnn_linear": "oneDNN",
}
"""The library, or the way, of operators that compute the same."""

KINDS: Mapping[str, tuple[str, ...]] = {
    CONVOLUTION: (
        *("mkldnn_convolution", "_slow_conv2d_forward", "thnn_conv2d", "slow_conv_dilated2d", "_conv_depthwise2d"),
        *("convolution", "_convolution", "conv2d", "cudnn_convolution", "cudnn_convolution_relu"),
        *(
            "mkldnn_convolution_pointwise",
            "_convolution_pointwise",
            "_convolution_pointwise_",
            "convolution_overrideable",
        ),
        *("_nnpack_spatial_convolution", "slow_conv_transpose2d", "conv_transpose2d", "mps_convolution"),
        *("conv", "fusedconv", "nhwcfusedconv", "qlinearconv", "groupconvolution", "nchwcconv"),
    ),
    "max pooling": ("max_pool2d_with_indices", "max_pool2d", "mkldnn_max_pool2d", "quantized_max_pool2d", "maxpool"),
    "average pooling": (
        *("avg_pool2d", "adaptive_avg_pool2d", "_adaptive_avg_pool2d", "mkldnn_adaptive_avg_pool2d", "mean"),
        *("averagepool", "globalaveragepool", "avgpool", "reducemean"),
    ),
    "pooling": ("pooling", "pool"),
    "batch norm": ("native_batch_norm", "batch_norm", "cudnn_batch_norm", "batchnormalization", "batchnorminference"),
    "layer norm": ("native_layer_norm", "layer_norm", "layernormalization", "mvn"),
    "concatenation": ("cat", "concat", "concatenation", "_cat"),
    LINEAR: (
        *("addmm", "mm", "linear", "mkldnn_linear", "_linear_pointwise", "_mkl_linear", "gemm", "fusedgemm"),
        *("fullyconnected", "inner_product"),
    ),
    "matrix product": ("bmm", "baddbmm", "matmul", "fusedmatmul"),
    "ReLU": ("relu", "relu_", "clamp_min", "clamp_min_", "threshold", "threshold_"),
    "ReLU6": ("hardtanh", "hardtanh_", "relu6", "clip", "clamp"),
    "SiLU": ("silu", "silu_", "swish"),
    "Hardswish": ("hardswish", "hardswish_", "hswish"),
    "sigmoid": ("sigmoid", "sigmoid_", "hardsigmoid", "hardsigmoid_", "logistic"),
    "GELU": ("gelu", "gelu_"),
    "softmax": ("softmax", "_softmax", "log_softmax", "_log_softmax"),
    "addition": ("add", "add_", "sum", "eltwise"),
    "multiplication": ("mul", "mul_", "multiply"),
    "local response norm": ("lrn", "local_response_norm", "normalize"),
    "copy": ("copy_", "copy", "clone", "contiguous", "_to_copy", "to", "cast", "convert"),
    "layout conversion": ("reorder", "reorderinput", "reorderoutput", "to_mkldnn", "to_dense", "transpose", "permute"),
    "padding": ("constant_pad_nd", "pad", "reflection_pad2d"),
    "dropout": ("dropout", "dropout_", "native_dropout"),
    "flattening": ("flatten", "view", "reshape", "_unsafe_view", "squeeze", "unsqueeze"),
    "Python interpreter": ("python",),
    "GPU idle time": ("gpu_idle",),
    "quantization": ("quantize_per_tensor", "dequantize", "quantizelinear", "dequantizelinear", "fakequantize"),
}
"""What operators of torch and of engines compute, by their names in lower case without a namespace."""
KIND = {name: kind for kind, names in KINDS.items() for name in names}
OTHERS = frozenset({"aten::clamp", "aten::clamp_", "aten::clip", "aten::clip_", "aten::sum"})
"""Operators of torch that compute something else than those of engines with these names.

torch runs ReLU6 as `hardtanh`. `mean` is not among them: torch runs an average pooling to one pixel as that, and a
record has no shapes by which to recognize another mean.
"""


def kind(operator: str) -> str:
    """What an operator computes, in English; its own name if that is not known."""
    plain = operator.rpartition("::")[2].rpartition(".")[2].lower()
    return operator if operator in OTHERS else KIND.get(plain, operator)


def label(operator: str) -> str:
    """What an operator computes, and the library where torch has several: `convolution (oneDNN)`."""
    library = LIBRARIES.get(operator)
    return f"{kind(operator)} ({library})" if library else kind(operator)


def words(label: str, language: Language) -> str:
    """A label in a language: the name of a library stays as it is."""
    name, bracket, library = label.partition(" (")
    return language._(name) + bracket + library if name in KINDS else label
