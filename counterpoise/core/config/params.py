"""The whole of params.yaml: its sections, and the constraints between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from counterpoise.core import paths
from counterpoise.core.config.costs import Costs, Thresholds
from counterpoise.core.config.datasets import Dataset
from counterpoise.core.config.goals import Goal, Worth
from counterpoise.core.config.models import Model
from counterpoise.core.config.splits import AnySplit, Split, StratifiedKFold
from counterpoise.core.config.strategies import NONE, PLACEBO, Strategy
from counterpoise.core.config.values import Key, Strict, Whole
from counterpoise.core.errors import unknown

T = TypeVar("T")


class Params(Strict):
    """The whole of params.yaml.

    Every key is required: DVC refuses to run a stage whose parameter is missing.
    """

    seed: Annotated[Whole, Field(ge=0)]
    datasets: Annotated[dict[Key, Dataset], Field(min_length=1)]
    strategies: Annotated[dict[Key, Strategy], Field(min_length=1)]
    models: Annotated[dict[Key, Model], Field(min_length=1)]
    split: Split
    thresholds: Thresholds
    costs: Costs
    goal: Goal
    worth: Worth

    @model_validator(mode="after")
    def _names_are_free(self) -> Params:
        if "index" in self.datasets:
            raise PydanticCustomError(
                "taken", "datasets.index: this key is taken by reports/index.html; choose another"
            )
        return self

    @model_validator(mode="after")
    def _strategies_exist(self) -> Params:
        for key, model in self.models.items():
            for strategy in () if model.strategies == "all" else model.strategies:
                if strategy not in self.strategies:
                    raise PydanticCustomError(
                        "unknown_strategy",
                        "models.{key}.strategies names {strategy}, which is not among the"
                        " strategies: {known}",
                        {
                            "key": key,
                            "strategy": repr(strategy),
                            "known": ", ".join(self.strategies),
                        },
                    )
        return self

    @model_validator(mode="after")
    def _placebos_are_baselines(self) -> Params:
        """A placebo is the baseline once more: nothing but its seed may differ."""
        seeds: dict[int, str] = {}
        for key, entry in self.strategies.items():
            problem = _placebo_problem(key, entry, seeds)
            if problem:
                raise PydanticCustomError(
                    "placebo", "strategies.{key}: {problem}", {"key": key, "problem": problem}
                )
            if entry.seed is not None:
                seeds[entry.seed] = key
        return self

    @model_validator(mode="after")
    def _searches_are_equal(self) -> Params:
        """The baseline gets the same search budget as every remedy."""
        trials = {
            key: model.search.trials
            for key, model in self.models.items()
            if model.search is not None
        }
        if len(set(trials.values())) > 1:
            raise PydanticCustomError(
                "trials",
                "models: every search needs the same number of trials, or the comparison favours"
                " the longer one; found {found}",
                {"found": ", ".join(f"{key} {n}" for key, n in trials.items())},
            )
        return self

    @model_validator(mode="after")
    def _groups_are_kept_together(self) -> Params:
        """Rows of one group on both sides of a split make results look far better than they are."""
        for name, entry in self.datasets.items():
            split = entry.split or self.split
            apart = split.scheme == "holdout" or (
                isinstance(split, StratifiedKFold) and not split.grouped
            )
            if entry.group is not None and apart:
                raise PydanticCustomError(
                    "group",
                    "datasets.{name}.group: the split {scheme} does not keep groups together; give"
                    " the dataset `split: {grouped}`, or list the column under `drop` instead",
                    {"name": name, "scheme": split.scheme, "grouped": "{scheme: grouped}"},
                )
        return self

    @model_validator(mode="after")
    def _columns_belong_to_a_dataset(self) -> Params:
        named = self.costs.columns_of()
        if named:
            raise PydanticCustomError(
                "costs",
                "costs: the column {column} belongs to one dataset: give it under"
                " datasets.<name>.costs",
                {"column": repr(named[0])},
            )
        return self

    @property
    def placebos(self) -> tuple[int, ...]:
        """The seeds of the placebos.

        Returns
        -------
        tuple of int
            In the order of params.yaml.
        """
        return tuple(entry.seed for entry in self.strategies.values() if entry.seed is not None)

    def dataset(self, name: str) -> Dataset:
        """The entry of a dataset.

        Parameters
        ----------
        name : str
            Its key.

        Returns
        -------
        Dataset

        Raises
        ------
        ConfigurationError
            When there is no such dataset; the message suggests the closest key.
        """
        return _entry("dataset", "datasets", name, self.datasets)

    def strategy(self, name: str) -> Strategy:
        """The entry of a strategy.

        Parameters
        ----------
        name : str
            Its key.

        Returns
        -------
        Strategy

        Raises
        ------
        ConfigurationError
            When there is no such strategy; the message suggests the closest key.
        """
        return _entry("strategy", "strategies", name, self.strategies)

    def split_of(self, dataset: str) -> AnySplit:
        """The split of a dataset: its own, else the top-level entry.

        Parameters
        ----------
        dataset : str
            Its key.

        Returns
        -------
        StratifiedKFold, Holdout, Temporal, Grouped or Prequential

        Raises
        ------
        ConfigurationError
            When there is no such dataset.
        """
        return self.dataset(dataset).split or self.split

    def thresholds_of(self, dataset: str) -> Thresholds:
        """The parameters of the threshold rules of a dataset: its own, else the top-level ones.

        Parameters
        ----------
        dataset : str
            Its key.

        Returns
        -------
        Thresholds

        Raises
        ------
        ConfigurationError
            When there is no such dataset.
        """
        return self.dataset(dataset).thresholds or self.thresholds

    def costs_of(self, dataset: str) -> Costs:
        """The misclassification costs of a dataset: its own, else the top-level entry.

        Parameters
        ----------
        dataset : str
            Its key.

        Returns
        -------
        Costs

        Raises
        ------
        ConfigurationError
            When there is no such dataset.
        """
        return self.dataset(dataset).costs or self.costs

    def goal_of(self, dataset: str) -> Goal:
        """The question that is asked of a dataset: its own, else the top-level one.

        Parameters
        ----------
        dataset : str
            Its key.

        Returns
        -------
        {"ranking", "roc_auc", "probabilities", "cost"}

        Raises
        ------
        ConfigurationError
            When there is no such dataset.
        """
        return self.dataset(dataset).goal or self.goal

    def worth_of(self, dataset: str) -> Worth:
        """The smallest differences worth having on a dataset: its own, else the top-level ones.

        Parameters
        ----------
        dataset : str
            Its key.

        Returns
        -------
        Worth

        Raises
        ------
        ConfigurationError
            When there is no such dataset.
        """
        return self.dataset(dataset).worth or self.worth


def _placebo_problem(key: str, entry: Strategy, seeds: Mapping[int, str]) -> str:
    """What is wrong with a placebo, given the seeds of those before it; empty where nothing is."""
    example = f"{PLACEBO if key == NONE else key}: {{sampler: {NONE}, seed: 1}}"
    sampler, more = entry.sampler or key, sorted(entry.model_fields_set - {"sampler", "seed"})
    if entry.seed is None:
        again = sampler == NONE and key != NONE
        return f"`sampler: {NONE}` makes a placebo, which needs a seed: {example}" if again else ""
    if key == NONE:
        return f"the baseline takes no seed; a placebo has a key of its own: {example}"
    if sampler != NONE:
        return (
            f"a seed makes a placebo, the baseline once more: {example}; found the sampler"
            f" {sampler!r}"
        )
    if more:
        return f"a placebo takes `sampler: {NONE}` and `seed` alone; found {', '.join(more)}"
    if entry.seed in seeds:
        return (
            f"each placebo needs a seed of its own; {entry.seed} is that of {seeds[entry.seed]} too"
        )
    return ""


def _entry(kind: str, section: str, name: str, entries: dict[str, T]) -> T:
    if name not in entries:
        raise unknown(
            f"There is no {kind} {name!r}",
            name,
            entries,
            where=f"{paths.PARAMS}: {section}",
            todo=f"take one of these, or add {name!r} to {section}.",
        )
    return entries[name]
