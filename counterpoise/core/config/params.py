"""The whole of params.yaml: its sections, and the constraints between them."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, TypeVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from counterpoise.core import paths
from counterpoise.core.config.costs import Costs, Thresholds
from counterpoise.core.config.datasets import Dataset
from counterpoise.core.config.models import Model
from counterpoise.core.config.splits import AnySplit, Split, StratifiedKFold
from counterpoise.core.config.strategies import Strategy
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

    @cached_property
    def cells(self) -> tuple[tuple[str, str], ...]:
        """Every combination of a strategy and a model that is compared.

        Returns
        -------
        tuple of (str, str)
            The keys of strategy and model, in the order of params.yaml.
        """
        return tuple(
            (strategy, model)
            for strategy in self.strategies
            for model, entry in self.models.items()
            if entry.strategies == "all" or strategy in entry.strategies
        )

    def models_of(self, strategy: str) -> list[str]:
        """The models that are combined with a strategy.

        Parameters
        ----------
        strategy : str
            Its key.

        Returns
        -------
        list of str
            Keys of models, in the order of params.yaml.
        """
        return [model for other, model in self.cells if other == strategy]

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
