"""The fits of a dataset's strategies, one strategy after the other, in one pool.

DVC runs one stage after the other, and the last fits of a strategy leave cores idle that could be at the next strategy's.
So a stage that has more to come (`stages.staying`) goes ahead: processes that have nothing left to do fit models of the
strategies that dvc.lock says are next, into the cell store, as if their stages had begun.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import yaml
from joblib.memory import MemorizedFunc
from tqdm import tqdm

from stages import config, paths, staying
from stages.config import Model, Params, seed_for
from stages.data import parts as splits
from stages.data import tables
from stages.data.parts import Fold, Parts
from stages.data.tables import Table
from stages.pool import Killed, Pool
from stages.remedies import cluster, costs, devices, models, resampling, store
from stages.remedies.fit import Fitted, Work
from stages.remedies.learning import Vector
from stages.remedies.outcome import FAILED, OK, attempted

Place = tuple[str, int, int]
"""A cell's model with a repeat and a fold."""

Outcome = tuple[str, str, Fitted | None]
"""Status, reason, and what the fit left behind."""

Job = tuple[Place, str, Work]
"""A fit with the hash of its inputs."""

AHEAD = 2
"""Strategies that are held in memory beside the one that is fitted, at most."""
AHEAD_BYTES = 2**29
"""Of a table and of the next strategy's rows together: larger ones are not held in memory beside what is fitted."""


def works(
    params: Params, dataset: str, strategy: str, table: Table, parts: Parts, made: dict[tuple[int, int], Any],
    stakes: Vector, partitioned: bool = False,
) -> Iterator[tuple[Place, Fold, Work]]:  # fmt: skip
    """Every fit of a strategy on a dataset; what is at stake in a row is told to the models that ask for it alone.

    With `partitioned` one fit goes over all machines of a cluster where the model can.

    A model's seed does not depend on the strategy: two strategies that are compared draw the same random numbers.
    """
    for fold in parts:
        if fold[:2] not in made:
            continue
        rows, synthetic, synthetic_y = made[fold.repeat, fold.fold]
        for key in params.models_of(strategy):
            seed = seed_for(params.seed, dataset, key, "fit", fold.repeat, fold.fold)
            entry = params.models[key]
            work = Work(key, entry, seed, table.X, table.y, table.cardinalities, fold.train, fold.validation, fold.test,
                        rows, synthetic, synthetic_y, (strategy, params.strategies[strategy]),
                        stakes if entry.costs is not None else None, devices.resolved(entry.device),
                        partitioned and models.can_be_partitioned(key, entry))  # fmt: skip
            yield (key, fold.repeat, fold.fold), fold, work


def keyed(jobs: Iterator[tuple[Place, Fold, Work]], environment: str) -> Iterator[Job]:
    """Each fit with the hash of its inputs, among them what `store.environment` says."""
    table, folds = "", dict[tuple[int, int], str]()
    for place, fold, work in jobs:
        table = table or store.inputs(work.X, work.y)
        if fold[:2] not in folds:
            folds[fold[:2]] = store.inputs(*fold[2:], work.rows, work.synthetic, work.synthetic_y)
        yield place, store.key(work, table, folds[fold[:2]], environment), work


@dataclass(frozen=True)
class Plan:
    """What is to be fitted of a strategy.

    Attributes
    ----------
    counts : list of dict
        Class counts of each fold, as `resample` left them.
    refused : (str, str), optional
        Status and reason of every cell where the strategy did not run.
    jobs : list
        All fits, whether the store has them or not.
    stored : set of Place
        Those that it has.
    at : dict of int to Place
        Where the others stand in the pool.
    rows : tuple
        What tells the strategy's rows from others.
    """

    strategy: str
    counts: list[dict[str, Any]]
    refused: tuple[str, str] | None = None
    jobs: list[Job] = field(default_factory=list)
    stored: frozenset[Place] = frozenset()
    at: dict[int, Place] = field(default_factory=dict)
    rows: tuple[Any, ...] = ()

    @property
    def kept(self) -> list[str]:
        """The hashes of what the store has, which may drop it meanwhile."""
        return [key for place, key, _ in self.jobs if place in self.stored]


class Fits:
    """The fits of one dataset.

    Parameters
    ----------
    params : Params
    dataset : str

    Raises
    ------
    CounterpoiseError
        From every method, when a result of an earlier stage is missing or does not fit.
    """

    def __init__(self, params: Params, dataset: str) -> None:
        self.params, self.dataset = params, dataset
        self._read_from = _state(*self._sources)
        self._environment = (
            store.environment()
        )  # of the sources that are loaded, whatever becomes of the files meanwhile
        self._pool: Pool[Job, Outcome] | None = None
        self._ahead: list[str] = []
        self._plans: dict[str, Plan] = {}
        self._spare: tuple[str, Iterator[int]] = "", iter(())

    def close(self) -> None:
        """End the processes, whatever they are at."""
        if self._pool is not None:
            self._pool.close()

    @property
    def current(self) -> bool:
        """Whether what has been read is still what lies on disk."""
        return _state(*self._sources) == self._read_from

    @property
    def _sources(self) -> tuple[Path, ...]:
        name = self.dataset
        lock = paths.REPOSITORY / "requirements.lock"
        return paths.PARAMS, paths.table(name), paths.split(name), paths.costs(name), lock

    @cached_property
    def parts(self) -> Parts:
        """The dataset's folds."""
        return splits.read(paths.split(self.dataset))

    @cached_property
    def _kept(self) -> MemorizedFunc:
        return store.opened()

    @cached_property
    def _table(self) -> Table:
        return tables.read(paths.table(self.dataset))

    @cached_property
    def _stakes(self) -> Vector:
        return costs.read(paths.costs(self.dataset)).stakes

    def plan(self, strategy: str) -> Plan:
        """What is to be fitted of a strategy, known already where the pool has gone ahead to it."""
        folder = paths.resampled(self.dataset, strategy)
        rows = _state(*self._rows(strategy))
        found = self._plans.pop(strategy, None)
        if strategy in self._ahead:
            self._ahead.remove(strategy)
        if self._spare[0] == strategy:
            self._spare = "", iter(())
        if found is not None:
            if found.rows == rows and all(store.has(self._kept, key) for key in found.kept):
                return found
            if self._pool is not None:
                self._pool.forget(found.at)
        counts = resampling.read_counts(folder)
        refused = not_resampled([count for count in counts if count["repeat"] != self.parts.beside])
        if refused is not None:
            return Plan(strategy, counts, refused)
        made = resampling.read_rows(folder, self._table)
        partitioned = self.params.dataset(self.dataset).distributed and cluster.address() is not None
        asked = works(self.params, self.dataset, strategy, self._table, self.parts, made, self._stakes, partitioned)
        jobs = list(keyed(asked, self._environment))
        stored = frozenset(place for place, key, _ in jobs if store.has(self._kept, key))
        fresh = [job for job in jobs if job[0] not in stored]
        at = {}
        if cluster.address() is None and fresh:
            import_models({work.key: work.entry for *_, work in fresh})
            if self._pool is None:
                self._pool = Pool(partial(_one, self._kept), fresh, lasting=staying.control is not None)
                at = dict(enumerate(place for place, *_ in fresh))
            else:
                at = dict(zip(self._pool.add(fresh), (place for place, *_ in fresh), strict=True))
        return Plan(strategy, counts, None, jobs, stored, at, rows)

    def outcomes(self, plan: Plan) -> dict[Place, Outcome]:
        """Fit what the store does not hold, all cores at work."""
        known = {place: _attempt(self._kept, key, work) for place, key, work in plan.jobs if place in plan.stored}
        fresh = [job for job in plan.jobs if job[0] not in plan.stored]
        if not fresh:
            return known
        fitted = self._here(plan) if cluster.address() is None else self._on_cluster(fresh)
        label = f"train {self.dataset} {plan.strategy}"
        made = dict(tqdm(fitted, total=len(fresh), desc=label, unit="fit", disable=None))
        if store.untidy():
            store.tidy()
        return known | made

    def _on_cluster(self, fresh: list[Job]) -> Iterator[tuple[Place, Outcome]]:
        with cluster.connected() as client:
            for place, key, outcome in cluster.outcomes(client, fresh):
                if outcome[2] is not None:
                    store.keep(self._kept, key, outcome[2])
                yield place, outcome

    def _here(self, plan: Plan) -> Iterator[tuple[Place, Outcome]]:
        assert self._pool is not None
        done = self._pool.done({at: place[0] for at, place in plan.at.items()}, spare=self._next)
        if staying.control is not None:  # while all cores are at work
            with suppress(Exception):  # nothing of it is this strategy's
                self._look_ahead(plan.strategy)
        for at, result in done:
            yield plan.at[at], (FAILED, result.reason, None) if isinstance(result, Killed) else result
        self._pool.forget(plan.at)

    @property
    def goes_ahead(self) -> bool:
        """Whether there is anything to do ahead, and somebody to do it."""
        return self._pool is not None and self._pool.processes > 0 and bool(self._ahead or self._plans)

    def go_ahead(self, until: Any) -> None:
        """Fit models of the next strategies until something can be read from a connection."""
        assert self._pool is not None
        self._pool.go_ahead(self._next, until)

    def _look_ahead(self, strategy: str) -> None:
        """Take in which strategies are next, after this one in params.yaml, and plan the first of them."""
        after = list(self.params.strategies)
        next_ones = expected(self.dataset, after[after.index(strategy) + 1 :])
        self._ahead = [name for name in next_ones if name not in self._plans and self._small(name)]
        if self._ahead and not self._plans:
            self._plan_next()

    def _plan_next(self) -> None:
        assert self._pool is not None
        strategy = self._ahead.pop(0)
        with suppress(Exception):  # its own stage will tell what is wrong with it
            plan = self._plans[strategy] = self.plan(strategy)
            self._spare = strategy, self._pool.in_order({at: place[0] for at, place in plan.at.items()})

    def _next(self) -> int | None:
        """The place in the pool of one more fit of the next strategies."""
        while (position := next(self._spare[1], None)) is None and self._ahead and len(self._plans) < AHEAD:
            self._plan_next()
        return position

    def _rows(self, strategy: str) -> list[Path]:
        folder = paths.resampled(self.dataset, strategy)
        return [folder / name for name in (resampling.ROWS, resampling.SYNTHETIC, resampling.COUNTS)]

    def _small(self, strategy: str) -> bool:
        made = sum(path.stat().st_size for path in self._rows(strategy) if path.exists())
        return self._table.X.nbytes + made <= AHEAD_BYTES


def expected(dataset: str, strategies: Iterable[str]) -> list[str]:
    """Those of some strategies that `dvc repro` is going to train, as far as dvc.lock tells.

    Their rows are those of the last `resample`, and they were not trained on these rows with these parameters and models.
    """
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        stages = yaml.load(paths.DVC_LOCK.read_text(encoding="utf-8"), Loader=loader)["stages"]  # noqa: S506 (both are safe)
        asked = yaml.safe_load(paths.PARAMS.read_text(encoding="utf-8"))
        made = {out["path"]: out["md5"] for stage in stages.values() for out in stage.get("outs", [])}

        def fresh(stage: str, strategy: str) -> bool:
            known = stages.get(f"{stage}@{dataset}-{strategy}")
            if known is None:
                return False
            then = known["params"][paths.PARAMS.as_posix()]
            now = {"seed": asked["seed"], f"strategies.{strategy}": asked["strategies"][strategy]}
            return then == now and all(made.get(dep["path"], dep["md5"]) == dep["md5"] for dep in known["deps"])

        return [name for name in strategies if fresh("resample", name) and not fresh("train", name)]
    except (OSError, yaml.YAMLError, LookupError, TypeError, AttributeError):
        return []


def not_resampled(counts: list[dict[str, Any]]) -> tuple[str, str] | None:
    """Status and reason of every cell of a strategy whose sampler did not run in each fold."""
    bad = [count for count in counts if count["status"] != OK]
    if not bad:
        return None
    return bad[0]["status"], f"{bad[0]['reason']} ({first_of(bad, bad[0]['repeat'], bad[0]['fold'])})"


def first_of(bad: list[Any], repeat: int, fold: int) -> str:
    """Where the first of several folds that gave no result lies, and how many follow it."""
    return f"repeat {repeat}, fold {fold}" + (f" and {len(bad) - 1} more" if len(bad) > 1 else "")


def import_models(entries: Mapping[str, Model]) -> None:
    """Import what the models need once, before the processes that fit them are forked."""
    for key, entry in entries.items():
        with suppress(Exception):  # what cannot be imported is told by the cell
            models.make(key, entry, 0)
            models.kind_of(key, entry).ready()


def warm_up() -> None:
    """Import what the models of params.yaml need, and read what the sources of a fit import, which takes a while too."""
    import_models(config.load().models)
    store.environment()


def _state(*files: Path) -> tuple[Any, ...]:
    """What tells a file from what it was before."""
    found = [path.stat() if path.exists() else None for path in files]
    return tuple(told and (told.st_ino, told.st_mtime_ns, told.st_size) for told in found)


def _one(kept: MemorizedFunc, job: Job) -> Outcome:
    return _attempt(kept, *job[1:])


def _attempt(kept: MemorizedFunc, key: str, work: Work) -> Outcome:
    """A model that cannot be fitted is a result with its reason; the other cells go on."""
    return attempted(lambda: kept(key, work))
