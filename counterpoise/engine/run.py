"""All fits of a dataset in one pool, longest first.

Results that the cell store has are taken from it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from counterpoise.core import paths
from counterpoise.core.config import Params
from counterpoise.core.outcome import FAILED, OK, attempted
from counterpoise.core.revision import origin
from counterpoise.core.seeds import seed_for
from counterpoise.core.types import Index, Labels, Matrix, Vector
from counterpoise.data.folds import Fold, Parts
from counterpoise.data.tables import Table, in_file
from counterpoise.engine import cell_keys, dask_cluster, devices, parallel, resampling
from counterpoise.engine.cell_store import CellStore, StoredObject
from counterpoise.engine.fit import FitJob, FitResult, fit, searches_ratio
from counterpoise.engine.parallel import Killed
from counterpoise.models import registry as models
from counterpoise.models.combinations import models_of

HELD_BYTES = 2**30
"""Size up to which the resampled rows of all strategies are held at once.

Beyond it they are read strategy by strategy.
"""


class FitId(NamedTuple):
    """The identifier of a fit: one model on one fold, after one strategy."""

    strategy: str
    model: str
    repeat: int
    fold: int


class PlannedFit(NamedTuple):
    """A fit to be made.

    Attributes
    ----------
    id : FitId
    key : str
        Its key in the cell store.
    rows : int
        The number of rows that it is fitted on.
    """

    id: FitId
    key: str
    rows: int


class FitOutcome(NamedTuple):
    """A fit's status and result.

    Attributes
    ----------
    status, reason : str
        One of `counterpoise.core.outcome`; the reason is "" for status ok.
    result : FitResult or None
    made : dict
        The result's origin (`counterpoise.core.revision.Origin`).
    """

    status: str
    reason: str
    result: FitResult | None
    made: dict[str, Any]


class DatasetFits:
    """The fits of one dataset.

    Parameters
    ----------
    params : Params
    dataset : str
        Its key in params.yaml.
    table : Table
    parts : Parts
    costs : ndarray of shape (n, 2)
        Misclassification costs of each row (`CostMatrix.cost_margins`).
    counts : mapping of str to list of dict
        The class counts that `resample` wrote, for each strategy that ran in every fold.
    folder : Path
        Holds files that the workers share; see `counterpoise.engine.parallel.scratch`.
    partitioned : bool
        Whether one fit runs over all machines of a cluster, where the model supports it.

    Attributes
    ----------
    jobs : list of PlannedFit
        All fits, one for each strategy, model and fold.
    folds : dict of str to dict of (int, int) to Fold
        By strategy, repeat and fold. All strategies but placebos share theirs.
    """

    def __init__(
        self,
        params: Params,
        dataset: str,
        table: Table,
        parts: Parts,
        costs: Vector,
        counts: Mapping[str, list[dict[str, Any]]],
        folder: Path,
        *,
        partitioned: bool = False,
    ) -> None:
        self.params, self.dataset, self.table, self.costs = params, dataset, table, costs
        self.folder, self.partitioned = folder, partitioned
        hashed = cell_keys.of_table(table)
        by_seed = {
            seed: {fold[:2]: fold for fold in parts.of(seed)} for seed in (None, *parts.placebos)
        }
        self.folds: dict[str, dict[tuple[int, int], Fold]] = {
            strategy: by_seed.get(entry.seed, by_seed[None])
            for strategy, entry in params.strategies.items()
        }
        of_folds = {
            seed: {name: cell_keys.of_arrays(*fold[2:]) for name, fold in folds.items()}
            for seed, folds in by_seed.items()
        }
        of_costs = (
            cell_keys.of_arrays(costs) if any(params.models[m].costs for m in params.models) else ""
        )
        self.jobs: list[PlannedFit] = []
        for strategy, made in counts.items():
            mine = of_folds.get(params.strategies[strategy].seed, of_folds[None])
            combined = models_of(params, strategy)
            for count in made:
                place = count["repeat"], count["fold"]
                for model in combined if count["digest"] is not None else ():
                    entry, fit_id = params.models[model], FitId(strategy, model, *place)
                    key = cell_keys.of_fit(
                        hashed,
                        mine[place],
                        count["digest"],
                        of_costs if entry.costs else "",
                        (model, entry),
                        self._seed(fit_id),
                        devices.resolved(entry.device),
                        self._searched(fit_id),
                        self._split_up(fit_id),
                    )
                    self.jobs.append(
                        PlannedFit(fit_id, key, count["negatives_after"] + count["positives_after"])
                    )

    def outcomes(self, store: CellStore) -> tuple[dict[FitId, FitOutcome], int]:
        """Take every fit from the store, or make it.

        Parameters
        ----------
        store : CellStore
            New results are added to it.

        Returns
        -------
        outcomes : dict of FitId to FitOutcome
        fresh : int
            The number of fits made here.

        Raises
        ------
        ClusterError
            When the cluster that is named cannot be used.
        StorageError
            When the disk is full.
        """
        # jobs with equal rows share a key: a sampler that changes no row has the baseline's fits
        by_key = {job.key: job for job in self.jobs}
        outcomes: dict[str, FitOutcome] = {}
        held = store.contains(by_key)
        store.fetch(held)
        for key in held:
            if (stored := store.get(key)) is not None:
                outcomes[key] = FitOutcome(OK, "", fitted_of(stored), stored.facts["made"])
        fresh = [job for key, job in by_key.items() if key not in outcomes]
        if fresh:
            made = asdict(origin())
            seconds: dict[str, float] = {}
            done = self._attempts(fresh, seconds)
            bar = tqdm(
                done,
                total=len(fresh),
                desc=f"{self.dataset}: models fitted",
                unit="fit",
                disable=None,
            )
            for (job, _), outcome in bar:
                made |= {"at": int(time.time() * 1000)}
                if isinstance(outcome, Killed):
                    outcomes[job.key] = FitOutcome(FAILED, outcome.reason, None, dict(made))
                    continue
                status, reason, result, took = outcome
                seconds[job.id.model] = took / job.rows
                outcomes[job.key] = FitOutcome(status, reason, result, dict(made))
                if result is not None:
                    store.put(job.key, stored_of(result, made))
        return {job.id: outcomes[job.key] for job in self.jobs}, len(fresh)

    def _attempts(
        self, fresh: Sequence[PlannedFit], seconds: Mapping[str, float]
    ) -> Iterator[tuple[tuple[PlannedFit, FitJob], Any]]:
        """Yield fits with their results as they are done, here or on the cluster that is named."""
        if dask_cluster.address() is None:
            alone = self.table.X.nbytes > parallel.LARGE_BYTES
            yield from parallel.side_by_side(
                _attempt, self._longest_first(fresh, seconds), alone=alone
            )
            return
        split_up = [job for job in fresh if self._split_up(job.id)]
        if whole := [job for job in fresh if not self._split_up(job.id)]:
            yield from dask_cluster.side_by_side(_attempt, self._longest_first(whole, seconds))
        if split_up:
            # each of these fits takes all workers, so they run one after the other
            with dask_cluster.connected():
                for pair in self._longest_first(split_up, seconds):
                    yield pair, _attempt(pair)

    def _longest_first(
        self, fresh: Sequence[PlannedFit], seconds: Mapping[str, float]
    ) -> Iterator[tuple[PlannedFit, FitJob]]:
        """Yield jobs with their input, so that no core is left with a long fit at the end.

        The first fit of each model shows its time per row; `seconds` is filled meanwhile.
        """
        by_strategy: dict[str, list[PlannedFit]] = {}
        for job in fresh:
            by_strategy.setdefault(job.id.strategy, []).append(job)
        width = self.table.X.itemsize * self.table.X.shape[1]
        of_folds = {(job.id.strategy, *job.id[2:]): job.rows for job in fresh}
        together = sum(of_folds.values()) * width <= HELD_BYTES
        for strategies in [list(by_strategy)] if together else [[name] for name in by_strategy]:
            rows = {
                (strategy, *place): made if together else self._in_file((strategy, *place), made)
                for strategy in strategies
                for place, made in resampling.read_rows(
                    paths.resampled(self.dataset, strategy), self.table
                ).items()
            }
            jobs = [job for strategy in strategies for job in by_strategy[strategy]]
            for job in longest_first(jobs, seconds):
                yield job, self._fit_job(job, rows[job.id.strategy, job.id.repeat, job.id.fold])

    def _in_file(
        self, name: tuple[Any, ...], made: tuple[Index, Matrix, Labels]
    ) -> tuple[Index, Matrix, Labels]:
        """Move the synthetic rows into a memory map that this process shares with its workers.

        Otherwise this process would hold a copy of its own.
        """
        rows, X, y = made
        return (
            (rows, in_file(X, self.folder / f"{'-'.join(map(str, name))}.npy"), y)
            if X.size
            else made
        )

    def _fit_job(self, job: PlannedFit, made: tuple[Index, Matrix, Labels]) -> FitJob:
        fit_id, entry = job.id, self.params.models[job.id.model]
        fold = self.folds[fit_id.strategy][fit_id[2:]]
        strategy = fit_id.strategy, self.params.strategies[fit_id.strategy]
        return FitJob(
            fit_id.model,
            entry,
            self._seed(fit_id),
            self.table.X,
            self.table.y,
            self.table.cardinalities,
            fold.train,
            fold.validation,
            fold.test,
            *made,
            strategy=strategy,
            cost_margins=self.costs if entry.costs is not None else None,
            device=devices.resolved(entry.device),
            distributed=self._split_up(fit_id),
        )

    def _seed(self, fit_id: FitId) -> int:
        """The seed of a fit, the same for all strategies but placebos."""
        # without the strategy: strategies that are compared use the same random numbers
        purpose = self.dataset, fit_id.model, "fit", fit_id.repeat, fit_id.fold
        placebo = self.params.strategies[fit_id.strategy].seed
        return seed_for(
            self.params.seed, *purpose, *(() if placebo is None else ("placebo", placebo))
        )

    def _split_up(self, fit_id: FitId) -> bool:
        return self.partitioned and models.can_be_partitioned(
            fit_id.model, self.params.models[fit_id.model]
        )

    def _searched(self, fit_id: FitId) -> Any:
        strategy = fit_id.strategy, self.params.strategies[fit_id.strategy]
        return strategy if searches_ratio(self.params.models[fit_id.model], strategy) else None


def longest_first(jobs: Iterable[PlannedFit], seconds: Mapping[str, float]) -> Iterator[PlannedFit]:
    """Yield jobs in the order of their start: one of each model, then the longest first.

    Parameters
    ----------
    jobs : iterable of PlannedFit
    seconds : mapping of str to float
        By model, the seconds per row of its last fit. It is filled while the jobs run.

    Yields
    ------
    PlannedFit
    """
    waiting: dict[str, list[PlannedFit]] = {}
    for job in sorted(jobs, key=lambda job: job.rows):
        waiting.setdefault(job.id.model, []).append(job)
    begun = set(seconds)
    while waiting:
        model = max(
            waiting,
            key=lambda name: (
                name not in begun,
                seconds.get(name, float("inf")) * waiting[name][-1].rows,
            ),
        )
        begun.add(model)
        yield waiting[model].pop()
        if not waiting[model]:
            del waiting[model]


def _attempt(job: tuple[PlannedFit, FitJob]) -> tuple[str, str, FitResult | None, float]:
    """Make a fit; where a model cannot be fitted, return the reason and let the others go on."""
    start = time.perf_counter()
    return *attempted(partial(fit, job[1])), time.perf_counter() - start


SERIES = "history."
"""Prefix of the learning curve's arrays in the cell store."""


def stored_of(result: FitResult, made: Mapping[str, Any]) -> StoredObject:
    """Convert a fit to an object of the cell store.

    Parameters
    ----------
    result : FitResult
    made : mapping of str
        The origin of the fit.

    Returns
    -------
    StoredObject
    """
    history = {SERIES + name: np.asarray(values) for name, values in result.history.items()}
    facts = {
        name: getattr(result, name)
        for name in ("facts", "notes", "trials", "fit_seconds", "predict_seconds", "peak_bytes")
    }
    arrays = {"test": result.test, "validation": result.validation, **history}
    return StoredObject(arrays, {**facts, "history": list(result.history), "made": dict(made)})


def fitted_of(stored: StoredObject) -> FitResult:
    """Convert an object of the cell store back to a fit.

    Parameters
    ----------
    stored : StoredObject
        Made by `stored_of`.

    Returns
    -------
    FitResult
    """
    facts, arrays = stored.facts, stored.arrays
    history = {name: arrays[SERIES + name].tolist() for name in facts["history"]}
    return FitResult(
        arrays["test"],
        arrays["validation"],
        facts["facts"],
        tuple(facts["notes"]),
        history,
        facts["trials"],
        facts["fit_seconds"],
        facts["predict_seconds"],
        facts["peak_bytes"],
    )
