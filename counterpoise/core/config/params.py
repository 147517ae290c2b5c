"""The whole of params.yaml: its sections, and what has to hold between them."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, TypeVar

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from counterpoise.core import paths
from counterpoise.core.config.costs import Costs, Thresholds
from counterpoise.core.config.datasets import Dataset
from counterpoise.core.config.models import Model
from counterpoise.core.config.splits import AnySplit, Split
from counterpoise.core.config.strategies import Strategy
from counterpoise.core.config.values import Key, Strict, Whole
from counterpoise.core.errors import unknown

T = TypeVar("T")


class Params(Strict):
    """The whole of params.yaml. Every key has to be there: DVC refuses to run a stage whose
    parameter is missing."""

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
        """Every (strategy, model) of the grid, in the order of params.yaml."""
        return tuple(
            (strategy, model)
            for strategy in self.strategies
            for model, entry in self.models.items()
            if entry.strategies == "all" or strategy in entry.strategies
        )

    def models_of(self, strategy: str) -> list[str]:
        return [model for other, model in self.cells if other == strategy]

    def dataset(self, name: str) -> Dataset:
        return _entry("dataset", "datasets", name, self.datasets)

    def strategy(self, name: str) -> Strategy:
        return _entry("strategy", "strategies", name, self.strategies)

    def split_of(self, dataset: str) -> AnySplit:
        return self.dataset(dataset).split or self.split

    def thresholds_of(self, dataset: str) -> Thresholds:
        return self.dataset(dataset).thresholds or self.thresholds

    def costs_of(self, dataset: str) -> Costs:
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
