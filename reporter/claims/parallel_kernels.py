"""Claim about the cost of parallel kernels: VGG-16 and GoogLeNet, and the weights of one module."""

from __future__ import annotations

from reporter.model import Claim
from reporter.report import units
from reporter.report.claim_verdicts import Answer, Case, Row

STACKED, PARALLEL = "vgg16", "googlenet"
LIKE = 0.03
"""Published top-1 within three points is called like accuracy."""
HALF = 0.5
"""Kernels side by side that need more than this share of one 3x3 are not what makes it cheap."""


def measure() -> dict[str, int]:
    """Weights of module 3a (arXiv 1409.4842, Table 1): kernels alone, with the 1x1 before them, and one 3x3 instead."""
    import torch
    from torch.nn import Conv2d, ModuleList

    from reporter.worker.counts.receptive_field import weights

    def branches(*shapes: tuple[int, int, int]) -> int:
        with torch.device("meta"):
            return weights(ModuleList(Conv2d(*shape, bias=False) for shape in shapes))

    return {
        "kernels": branches((192, 64, 1), (192, 128, 3), (192, 32, 5)),
        "reduced": branches((192, 64, 1), (192, 96, 1), (96, 128, 3), (192, 16, 1), (16, 32, 5), (192, 32, 1)),
        "one_kernel": branches((192, 256, 3)),
    }


def verdict(case: Case) -> Answer:
    """True where GoogLeNet is cheaper at like accuracy; the footnote is for the 1x1 convolutions."""
    _ = case.language._
    macs, parameters, top1 = (case.values(key, STACKED, PARALLEL) for key in ("macs", "parameters", "imagenet_top1"))
    rows = (
        Row(_("MACs, {networks}").format(networks=f"{STACKED} / {PARALLEL}"), "", _pair(case, macs), case.counted),
        Row(_("Parameters, the same"), "", _pair(case, parameters), case.counted),
        Row(_("ImageNet top-1, the same"), "", _shares(case, top1), "torchvision, IMAGENET1K_V1"),
        Row(_("Weights of module 3a: kernels side by side"), _("few"), case.count("kernels"), case.counted),
        Row(_("The same with 1×1 before them, as built"), "", case.count("reduced"), case.counted),
        Row(_("One 3×3 with as many maps"), _("many"), case.count("one_kernel"), case.counted),
    )
    cheaper = macs[1] < macs[0] and parameters[1] < parameters[0]
    near = _("Its published top-1 is {share} %, that of {stacked} is {other} %.").format(
        stacked=STACKED,
        **dict(zip(("other", "share"), (units.share(case.language, each) for each in top1), strict=True)),
    )
    if not cheaper:
        return Answer("false", (_("{parallel} is not cheaper here.").format(parallel=PARALLEL), near), rows)
    explanation = _("{parallel} has {macs} % fewer MACs than {stacked} and {parameters} % fewer parameters.").format(
        parallel=PARALLEL,
        stacked=STACKED,
        macs=units.fewer(case.language, macs[1], macs[0]),
        parameters=units.fewer(case.language, parameters[1], parameters[0]),
    )
    if abs(top1[0] - top1[1]) > LIKE:
        return Answer("doubtful", (explanation, near, _("That is no like accuracy.")), rows)
    alone = case["kernels"] < HALF * case["one_kernel"]
    footnote = _(
        "The parallel kernels alone are not what saves: in its first module they need {kernels} weights where one 3×3 "
        "needs {one}. The 1×1 convolutions before them bring that down to {reduced}."
    ).format(kernels=case.count("kernels"), one=case.count("one_kernel"), reduced=case.count("reduced"))
    if alone:
        return Answer("true", (explanation, near), rows)
    corrected = _("Inception's modules are cheaper than stacked convolutions because of their 1×1 convolutions.")
    return Answer("noted", (explanation, near, footnote), rows, corrected)


def _pair(case: Case, values: list[float]) -> str:
    return " / ".join(units.count(case.language, value) for value in values)


def _shares(case: Case, values: list[float]) -> str:
    return " / ".join(f"{units.share(case.language, value)} %" for value in values)


ENTRIES = (
    Claim(
        "parallel_kernels",
        "Stacking ever more convolutions is expensive; Inception's kernels side by side are cheaper.",
        verdict,
        measure,
        formula=r"192 \cdot 64 + 3^2 \cdot 192 \cdot 128 + 5^2 \cdot 192 \cdot 32 = 387072"
        "\n"
        r"192 \cdot (64 + 96 + 16 + 32) + 3^2 \cdot 96 \cdot 128 + 5^2 \cdot 16 \cdot 32 = 163328",
        needs=("macs", "parameters", "imagenet_top1"),
        order=120,
    ),
)
