"""A strategy's entry: one remedy that changes the training rows."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from counterpoise.core.config.values import Real, Strict, Whole

NONE = "none"
"""The key of the strategy without a remedy, which makes the baseline of every comparison."""

PLACEBO: Final = "placebo"
"""The level of a placebo in the tables of results, whatever its key is."""

SUBSAMPLE: Final = "subsample"
"""A sampler that keeps a share of the training rows, and the level of its results: points of a
learning curve."""

REFERENCES = (PLACEBO, SUBSAMPLE)
"""Levels that are compared with the baseline and never ranked or counted, since they remedy
nothing."""


class Strategy(Strict):
    """One remedy at the data level.

    Attributes
    ----------
    sampler : str, optional
        A name in `counterpoise.samplers.registry`; by default the strategy's key.
    ratio : float, optional
        Positives over negatives after resampling, above 0 and at most 1.
    scale : bool
        Whether the sampler sees features scaled to unit variance.
    params : dict
        Parameters of imbalanced-learn's sampler.
    seed : int, optional
        Makes the strategy a placebo: the baseline once more, with other validation rows and other
        seeds. It needs `sampler: none`.
    """

    sampler: str | None = None
    ratio: Annotated[Real, Field(gt=0, le=1)] | None = None
    scale: bool = True
    params: dict[str, Any] = Field(default_factory=dict)
    seed: Annotated[Whole, Field(ge=1)] | None = None


def reference(key: str, entry: Strategy) -> Literal["placebo", "subsample"] | None:
    """The level of a strategy that is no remedy.

    Parameters
    ----------
    key : str
        The strategy's key.
    entry : Strategy

    Returns
    -------
    {"placebo", "subsample"} or None
        None for the baseline and every remedy.
    """
    if entry.seed is not None:
        return PLACEBO
    return SUBSAMPLE if (entry.sampler or key) == SUBSAMPLE else None
