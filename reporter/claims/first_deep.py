"""Claim about the first network of hundreds of layers, compared with the published papers."""

from __future__ import annotations

from reporter.model import Claim
from reporter.report.claim_verdicts import Answer, Case, ClaimVerdict, Row

VERDICTS: dict[int, ClaimVerdict] = {0: "false", 1: "doubtful", 2: "true"}


def verdict(case: Case) -> Answer:
    """ResNet must be the first with hundreds and the first with a thousand; one of the two is half the truth."""
    _, number = case.language._, case.language.number
    entries = sorted((str(case.fact(f"{name}_paper").value), name) for name in ("highway", "resnet"))
    layers = {"highway": _layers(case, "highway_layers"), "resnet": _layers(case, "cifar_layers")}
    firsts = [next((name for _paper, name in entries if layers[name] >= limit), "") for limit in (100, 1000)]
    found = VERDICTS[firsts.count("resnet")]
    deep, shallower = (f"{number(float(case.fact(f'cifar_{key}error').value), 2)} %" for key in ("", "best_"))
    depths = {key: number(_layers(case, f"{key}_layers")) for key in ("imagenet", "cifar", "cifar_best")}
    error = _("CIFAR-10 error with {layers} layers")
    rows = [
        Row(_("Layers on ImageNet"), "", depths["imagenet"], case.fact("imagenet_layers").source),
        Row(_("Layers on CIFAR-10"), "", depths["cifar"], case.fact("cifar_layers").source),
        Row(error.format(layers=depths["cifar"]), "", deep, case.fact("cifar_error").source),
        Row(error.format(layers=depths["cifar_best"]), "", shallower, case.fact("cifar_best_error").source),
        Row(_("First with 100 layers or more"), "ResNet", _title(firsts[0]), _source(case, firsts[0])),
        Row(_("First with 1,000 layers or more"), "ResNet", _title(firsts[1]), _source(case, firsts[1])),
    ]
    explanation = _(
        "On ImageNet, ResNet had {imagenet} layers; the network of {cifar} was trained on CIFAR-10 and did worse there "
        "than the one of {best}: {deep} against {shallower} error."
    ).format(
        imagenet=depths["imagenet"], cifar=depths["cifar"], best=depths["cifar_best"], deep=deep, shallower=shallower
    )
    earlier = _(
        "Networks of hundreds of layers had been trained half a year before, with gates in place of plain shortcuts: "
        "Highway Networks. A thousand was new."
    )
    if found != "doubtful":
        return Answer(found, (explanation,), tuple(rows))
    corrected = _("ResNet was the first with more than a thousand layers; Highway Networks had hundreds before.")
    return Answer(found, (explanation, earlier), tuple(rows), corrected)


def _layers(case: Case, key: str) -> int:
    return int(case.fact(key).value)


def _title(name: str) -> str:
    return {"highway": "Highway Networks", "resnet": "ResNet"}.get(name, "–")


def _source(case: Case, name: str) -> str:
    return case.fact({"highway": "highway_layers", "resnet": "cifar_layers"}[name]).source if name else ""


ENTRIES = (
    Claim(
        "first_deep",
        "ResNet was the first network of hundreds, even thousands, of layers that was trained.",
        verdict,
        formula=r"6n + 2 = 1202 \quad (n = 200)",
        order=100,
    ),
)
