"""params.yaml as a frozen, typed model, which is read once and validated as a whole.

The model knows the structure of the parameters. The registries in `counterpoise.samplers` and
`counterpoise.models` know what the name of a sampler or a model means. `python -m counterpoise
check` asks both.
"""

from __future__ import annotations

from counterpoise.core.config.costs import Cost, CostOf, Costs, Thresholds
from counterpoise.core.config.datasets import ColumnOptions, Dataset, File, Rows, Source
from counterpoise.core.config.goals import Goal, Worth, asked
from counterpoise.core.config.loading import InvalidParams, load, parse, read
from counterpoise.core.config.models import AUTO, CPU, CUDA, Choices, Model, Range, Search
from counterpoise.core.config.params import Params
from counterpoise.core.config.splits import (
    AnySplit,
    Grouped,
    Holdout,
    Prequential,
    StratifiedKFold,
    Temporal,
)
from counterpoise.core.config.strategies import (
    NONE,
    PLACEBO,
    REFERENCES,
    SUBSAMPLE,
    Strategy,
    reference,
)
from counterpoise.core.config.values import Label

__all__ = [
    "AUTO",
    "CPU",
    "CUDA",
    "NONE",
    "PLACEBO",
    "REFERENCES",
    "SUBSAMPLE",
    "AnySplit",
    "Choices",
    "ColumnOptions",
    "Cost",
    "CostOf",
    "Costs",
    "Dataset",
    "File",
    "Goal",
    "Grouped",
    "Holdout",
    "InvalidParams",
    "Label",
    "Model",
    "Params",
    "Prequential",
    "Range",
    "Rows",
    "Search",
    "Source",
    "Strategy",
    "StratifiedKFold",
    "Temporal",
    "Thresholds",
    "Worth",
    "asked",
    "load",
    "parse",
    "read",
    "reference",
]
