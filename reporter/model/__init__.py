"""The data model: what is compared, measured and stored. Imports only `reporter.stats`.

Extension files and plug-ins import these names from here.
"""

from reporter.model.architecture import Architecture, FinetuningMethod
from reporter.model.extensions import Chart, Claim, Dataset, Engine, Inference, Metric, absent, exact
from reporter.model.origins import Origin
from reporter.model.readings import (
    DISTURBING,
    EFFORT,
    FOREIGN_LOAD,
    GROUPS,
    NOISY_SPREAD,
    SCHEMA,
    WITHIN,
    Better,
    Group,
    LostRound,
    Number,
    Quantity,
    Reading,
    ReporterError,
    Status,
    UnsupportedError,
    Verdict,
)
from reporter.model.records import ComparedRecord, Evidence, Record

__all__ = [
    "DISTURBING",
    "EFFORT",
    "FOREIGN_LOAD",
    "GROUPS",
    "NOISY_SPREAD",
    "SCHEMA",
    "WITHIN",
    "Architecture",
    "Better",
    "Chart",
    "Claim",
    "ComparedRecord",
    "Dataset",
    "Engine",
    "Evidence",
    "FinetuningMethod",
    "Group",
    "Inference",
    "LostRound",
    "Metric",
    "Number",
    "Origin",
    "Quantity",
    "Reading",
    "Record",
    "ReporterError",
    "Status",
    "UnsupportedError",
    "Verdict",
    "absent",
    "exact",
]
