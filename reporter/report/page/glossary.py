"""The glossary of a report: a dozen terms."""

from __future__ import annotations

from reporter.report.language import Language
from reporter.report.sections import Section, Terms


def glossary(language: Language) -> Section:
    _ = language._
    terms = (
        (_("MAC"), _("A multiply-add: one multiplication and one addition.")),
        (_("FLOP"), _("A floating-point operation; one MAC is two of them. Papers often write FLOPs for MACs.")),
        (_("Parameter"), _("A number that training sets: a weight or a bias.")),
        (_("Activation"), _("The output of a layer; the memory for it grows with the image and the batch.")),
        (_("Top-1, top-5"), _("The share of images whose class has the highest score, or one of the five highest.")),
        (_("Crop"), _("The square part of the resized image that the network receives; “10 crops” averages ten.")),
        (_("Latency"), _("The time of one forward pass of one image, or of one batch.")),
        (_("Throughput"), _("Images per second, measured in batches.")),
        (_("Residual connection"), _("The input of a block is added to its output.")),
        (_("Growth rate"), _("The number of channels that each layer of a DenseNet adds.")),
        (_("Cardinality"), _("The number of parallel paths, or groups of channels, in a block of ResNeXt.")),
        (_("Pareto front"), _("The architectures that no other one beats in both accuracy and cost.")),
    )
    return Section("glossary", _("Glossary"), (Terms(terms),))
