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
CHANNELS, MAPS = 192, (64, 128, 32)
"""Channels of the input of module 3a, and maps of its 1x1, 3x3 and 5x5 (arXiv 1409.4842, Table 1)."""


def measure() -> dict[str, int]:
    """Weights of module 3a (arXiv 1409.4842, Table 1): kernels alone, with its 1x1, and as torchvision builds it."""
    import torch
    from torch.nn import Conv2d, ModuleList
    from torchvision.models import googlenet

    from reporter.worker.counts.receptive_field import weights

    def branches(*shapes: tuple[int, int, int]) -> int:
        with torch.device("meta"):
            return weights(ModuleList(Conv2d(*shape, bias=False) for shape in shapes))

    with torch.device("meta"):
        built = googlenet(weights=None, aux_logits=False, init_weights=False)
    return {
        "kernels": branches(*zip((CHANNELS,) * 3, MAPS, (1, 3, 5), strict=True)),
        "reduced": branches((192, 64, 1), (192, 96, 1), (96, 128, 3), (192, 16, 1), (16, 32, 5), (192, 32, 1)),
        "built": weights(built.inception3a, Conv2d),
    }


def one_kernel() -> int:
    """Weights of one 3x3 convolution with as many maps as the parallel kernels have together."""
    return 3**2 * CHANNELS * sum(MAPS)


def verdict(case: Case) -> Answer:
    """True where GoogLeNet is cheaper at like accuracy; the footnote is for the 1x1 convolutions."""
    _ = case.language._
    one = case.language.number(one_kernel())
    macs, parameters, top1 = (case.values(key, STACKED, PARALLEL) for key in ("macs", "parameters", "imagenet_top1"))
    rows = (
        Row(_("MACs, {networks}").format(networks=f"{STACKED} / {PARALLEL}"), "", _pair(case, macs), case.counted),
        Row(_("Parameters, the same"), "", _pair(case, parameters), case.counted),
        Row(_("ImageNet top-1, the same"), "", _shares(case, top1), "torchvision, IMAGENET1K_V1"),
        Row(_("Weights of module 3a: kernels side by side"), _("few"), case.count("kernels"), case.counted),
        Row(_("One 3×3 with as many maps, {maps}").format(maps=sum(MAPS)), _("many"), one, case.counted),
        Row(_("Module 3a with its 1×1 convolutions, as in the paper"), "", case.count("reduced"), case.counted),
        *_built(case),
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
    footnote = _(
        "The parallel kernels alone are not what saves: for the {maps} maps of its first module they need {kernels} "
        "weights, and one 3×3 needs {one} for as many. The module's 1×1 convolutions bring that down to {reduced}."
    ).format(maps=sum(MAPS), kernels=case.count("kernels"), one=one, reduced=case.count("reduced"))
    if case["kernels"] < HALF * one_kernel():
        return Answer("true", (explanation, near), rows)
    corrected = _("Inception's modules are cheaper than stacked convolutions because of their 1×1 convolutions.")
    return Answer("noted", (explanation, near, footnote), rows, corrected)


def _built(case: Case) -> tuple[Row, ...]:
    """The module of the network that is measured; evidence of earlier versions does not have it."""
    if case.evidence is None or "built" not in case.evidence.numbers:
        return ()
    title = case.language._("The same in the GoogLeNet measured here, 3×3 for the 5×5")
    return (Row(title, "", case.count("built"), case.counted),)


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
        formula=r"192 \cdot 64 + 3^2 \cdot 192 \cdot 128 + 5^2 \cdot 192 \cdot 32 = 3^2 \cdot 192 \cdot 224 = 387072"
        "\n"
        r"192 \cdot (64 + 96 + 16 + 32) + 3^2 \cdot 96 \cdot 128 + 5^2 \cdot 16 \cdot 32 = 163328",
        needs=("macs", "parameters", "imagenet_top1"),
        order=120,
    ),
)
