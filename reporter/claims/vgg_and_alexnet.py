"""Claim about the errors of VGG and AlexNet: official errors, and those of single networks on one crop."""

from __future__ import annotations

from reporter import facts
from reporter.model import Claim
from reporter.report.claim_verdicts import Answer, Case, Row, sentences

ENTRIES_OF_THE_CHART = {"alexnet": "AlexNet, 5 CNNs, supplied data only", "vgg": "7 nets (C,D,E), dense evaluation"}


def verdict(case: Case) -> Answer:
    """By the rows of the timeline; the footnote is for ensembles and for the second place."""
    _, number = case.language._, case.language.number
    alexnet, vgg = (_entry(name) for name in ENTRIES_OF_THE_CHART.values())
    errors = [float(row["top5_error_percent"]) for row in (alexnet, vgg)]
    ratio = errors[0] / errors[1]
    ensembles = all(row["single_or_ensemble"].startswith("ensemble") for row in (alexnet, vgg))
    first = next(row for row in facts.timeline() if row["year"] == vgg["year"] and row["is_winner"] == "yes")
    explanation = _("The official top-5 error of AlexNet is {ratio} times that of VGG.").format(ratio=number(ratio, 2))
    many = _("Both bars are ensembles, AlexNet of five networks and VGG of seven.") if ensembles else None
    second = _("VGG came second in {year}: {winner} won.").format(
        year=vgg["year"], winner=first["team"].partition(" (")[0]
    )
    rows = [
        Row(_("Top-5 error, {name}, official").format(name=name), "", f"{number(error, 3)} %", f"ILSVRC {row['year']}")
        for name, error, row in zip(("AlexNet", "VGG"), errors, (alexnet, vgg), strict=True)
    ]
    rows.append(Row(_("AlexNet's error over VGG's"), _("more than {number}").format(number=2), number(ratio, 2)))
    if not ratio > 2:
        return Answer("false", (explanation,), tuple(rows))
    footnotes = sentences(many, None if first is vgg else second)
    corrected = _("The top-5 error of AlexNet's ensemble of 2012 is {ratio} times that of VGG's of 2014.")
    caveat = corrected.format(ratio=number(ratio, 2)) if footnotes else ""
    return Answer("noted" if footnotes else "true", (explanation, *footnotes), (*rows, *_alike(case)), caveat)


def _alike(case: Case) -> list[Row]:
    """The same for one network on one crop, where the run has both."""
    _, number = case.language._, case.language.number
    alexnet, vgg = (case.value("imagenet_top5", name) for name in ("alexnet", "vgg16"))
    if alexnet is None or vgg is None:
        return []
    errors = [100 * (1 - alexnet), 100 * (1 - vgg)]
    here = f"{number(errors[0], 2)} % / {number(errors[1], 2)} % = {number(errors[0] / errors[1], 2)}"
    return [Row(_("Like for like: alexnet and vgg16, one network, one crop"), "", here, "torchvision, IMAGENET1K_V1")]


def _entry(name: str) -> facts.Row:
    return next(row for row in facts.timeline() if row["entry"] == name)


ENTRIES = (
    Claim(
        "vgg_and_alexnet",
        "On the ImageNet chart, VGG of 2014 is more than twice as good as AlexNet of 2012.",
        verdict,
        formula=r"\frac{\varepsilon_{\mathrm{AlexNet}}}{\varepsilon_{\mathrm{VGG}}} \gt 2",
        needs=("imagenet_top5",),
        order=10,
    ),
)
