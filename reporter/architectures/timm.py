"""Architectures of timm, `timm:NAME` and `timm:NAME.TAG`, an optional dependency; they are listed by a worker."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache, partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from reporter import facts
from reporter.model import Architecture, ReporterError

if TYPE_CHECKING:
    from torch import nn

PREFIX = "timm:"
MISSING = "timm is not installed; install it: pip install 'timm>=1.0'"
UNPUBLISHED = "timm does not ship weights in its package"
TAG, LICENSE = "weights_tag", "weights_license"
"""What is published of a network: the tag of its weights and their license, as timm names them."""
About = tuple[str, str, int, str, str]
"""What timm gives for a network: its name, the module that builds it, the side of its input images, the tag of its
weights (its default without a tag in the name) and their license; the last two may be empty."""

_SLOWLY = (
    *("vgg", "nfnet", "convnext", "edgenext", "mambaout", "metaformer", "mlp_mixer", "rdnet", "sequencer"),
    *(
        "beit",
        "cait",
        "coat",
        "convit",
        "crossvit",
        "csatv2",
        "davit",
        "deepseek_vit",
        "deit",
        "eva",
        "focalnet",
        "gcvit",
    ),
    *(
        "gemma4_vit",
        "hiera*",
        "maxxvit",
        "mvitv2",
        "naflexvit",
        "nest",
        "pit",
        "pvt_v2",
        "qwen3_vit",
        "swin_transformer*",
    ),
    *("tnt", "twins", "vision_transformer*", "vitamin", "volo", "xcit"),
)
"""Globs of timm's modules with networks that have no batch norm: they learn at a tenth of the usual rate."""


@cache
def require() -> str:
    """The version of timm; ReporterError, with what to install, where there is none. Does not import it."""
    try:
        return version("timm")
    except PackageNotFoundError:
        raise ReporterError(MISSING) from None


def build(name: str, classes: int) -> nn.Module:
    """One of timm's networks with random weights; those that only give features get a head, too."""
    import timm

    network: nn.Module = timm.create_model(name, pretrained=False, num_classes=classes)
    return network


@cache
def model_list() -> tuple[About, ...]:
    """All of timm's networks that take one image of three channels, as high as it is wide; imports timm.

    Those with the tag of published weights in their name follow the others.
    """
    import timm

    found = (about(name) for name in (*timm.list_models(), *timm.list_pretrained()))
    return tuple(dict.fromkeys(each for each in found if each))


def about(name: str) -> About | None:
    """What timm gives for a name with or without a tag; None where it takes no square image; imports timm.

    The side is `input_size` of its configuration, as timm's benchmark.py takes it by default. `test_input_size`, which
    some weights name besides, is larger and would make a network look more expensive than the others.
    """
    import timm

    model, _, tag = name.partition(".")
    if not timm.is_model(model):
        return None
    try:
        config = timm.get_pretrained_cfg(name)
    except RuntimeError:  # an unknown tag
        return None
    if config is None or config.input_size[0] != 3 or config.input_size[1] != config.input_size[2]:
        return None
    module = timm.models.model_entrypoint(model).__module__.rpartition(".")[2]
    license_name = config.license if config.has_weights else None
    return name, module, config.input_size[1], tag or config.tag or "", license_name or ""


def described(name: str, module: str, side: int, tag: str = "", license_name: str = "") -> Architecture:
    """The entry of one network, from what timm gives for it; imports no torch.

    The family is timm's module, called as we call it where that is the same word. timm does not name the year of a
    network.
    """
    slow = any(fnmatchcase(module, glob) for glob in _SLOWLY)
    return Architecture(
        name=PREFIX + name,
        family=_families().get(module, module),
        year=None,
        paper="",
        variant=f"timm {require()}, timm.models.{module}",
        build=partial(build, name),
        input_size=side,
        learning_rate=1e-4 if slow else 1e-3,
        published={key: value for key, value in ((TAG, tag), (LICENSE, license_name)) if value},
        unpublished=UNPUBLISHED,
        made_of=f"timm {require()}",
    )


def find(name: str) -> Architecture:
    """A network by its name with the prefix, for a worker; imports timm."""
    require()
    found = about(name.removeprefix(PREFIX))
    if found is None:
        raise ReporterError(f"timm has no architecture {name.removeprefix(PREFIX)!r}")
    return described(*found)


@cache
def _families() -> dict[str, str]:
    return {row["family"].lower(): row["family"] for row in facts.families()}
