"""A strategy's entry: one remedy that changes the training rows."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from counterpoise.core.config.values import Real, Strict

NONE = "none"
"""The key of the strategy that does nothing, against which every other one is weighed."""


class Strategy(Strict):
    """One remedy at the data level: `sampler` defaults to the strategy's key, `params` are
    imbalanced-learn's own."""

    sampler: str | None = None
    ratio: Annotated[Real, Field(gt=0, le=1)] | None = None
    scale: bool = True
    params: dict[str, Any] = Field(default_factory=dict)
