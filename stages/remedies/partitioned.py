"""One XGBoost over rows that lie in parts on the workers of a Dask cluster.

Histograms of the parts are summed at each split, so that it is the model of all rows; only the bins' borders, made of a
sketch of each part, and the order of sums differ from a fit in one place.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import numpy as np
from distributed import Client, default_client
from distributed.comm import get_address_host
from numpy.typing import NDArray
from xgboost import XGBClassifier
from xgboost.collective import Config
from xgboost.dask import DaskXGBClassifier

from stages.remedies import shipped
from stages.remedies.encoding import Encoded
from stages.remedies.space import Matrix

ATTEMPTS = 4
"""How often a fit is begun when workers are lost."""
SETTLES = 10
"""Seconds after the loss of a worker in which a fit fails by itself; then it is given up."""
SILENCE = 60
"""Seconds that a worker waits for another's part of a sum; one that waits for a lost worker fits nothing else meanwhile."""
PATIENCE = 120
"""Seconds to wait for a worker when all are lost."""


def over_partitions(estimator: XGBClassifier) -> PartitionedXGBClassifier:
    """The same model, fitted and asked over partitions."""
    return PartitionedXGBClassifier(**estimator.get_params())


class PartitionedXGBClassifier(XGBClassifier):  # type: ignore[misc]
    """XGBClassifier that fits on, and scores, rows in parts: one part for each worker of Dask's current client.

    Parameters, `scale_pos_weight` and early stopping on `eval_set` mean what they do for XGBClassifier. Where a worker is
    lost the fit begins again on those that are left.
    """

    def fit(
        self, X: Matrix | Encoded, y: NDArray[Any], *, sample_weight: NDArray[Any] | None = None,
        eval_set: list[tuple[Matrix, NDArray[Any]]] | None = None, **more: Any,
    ) -> PartitionedXGBClassifier:  # fmt: skip
        """Fit; `more` is what XGBClassifier's `fit` takes and has no part in the model, such as `verbose`."""
        params, matrix = self.get_params(), X.whole() if isinstance(X, Encoded) else X

        async def fitted(client: Client, workers: list[str]) -> DaskXGBClassifier:
            async def spread(rows: NDArray[Any]) -> Any:
                return await _spread(client, workers, [rows[k :: len(workers)] for k in range(len(workers))])

            async def whole(
                rows: NDArray[Any],
            ) -> Any:  # of parts XGBoost would give the mean of their average precisions
                return await _spread(client, workers[:1], [rows])

            model = DaskXGBClassifier(**params, coll_cfg=Config(retry=1, timeout=SILENCE))
            model.client = client
            weights = {} if sample_weight is None else {"sample_weight": await spread(sample_weight)}
            evaluated = [(await whole(rows), await whole(labels)) for rows, labels in eval_set or ()] or None
            await model.fit(await spread(matrix), await spread(y), eval_set=evaluated, verbose=False, **weights)
            return model

        model = _surviving(fitted)
        self.n_classes_, self._Booster = 2, model.get_booster()
        self._set_evaluation_result(getattr(model, "evals_result_", None))
        return self

    def predict(self, X: Matrix, *, output_margin: bool = False, **more: Any) -> NDArray[Any]:
        """What XGBClassifier gives for these rows, in their order; `more` is for it too."""
        if not output_margin:
            return np.asarray(super().predict(X, output_margin=output_margin, **more))
        params, booster = self.get_params(), self.get_booster()

        async def scored(client: Client, workers: list[str]) -> NDArray[Any]:
            model = DaskXGBClassifier(**params)
            model.client, model._Booster, model.n_classes_ = client, booster, 2
            rows = await _spread(client, workers, np.array_split(X, len(workers)))
            return np.asarray(await client.compute(await model.predict(rows, output_margin=True)))

        return np.asarray(_surviving(scored))


async def _spread(client: Client, workers: list[str], parts: list[NDArray[Any]]) -> Any:
    """A Dask array whose k-th part is on the k-th worker; parts without rows are left out."""
    import dask.array as da

    held = []
    for part, worker in zip(parts, workers, strict=True):
        if len(part):
            (future,) = await client.scatter([part], workers=[worker], hash=False)
            held.append(da.from_delayed(future, part.shape, part.dtype))
    return da.concatenate(held)


class _Client(Client):  # type: ignore[misc]
    """Dask's client, which starts XGBoost's tracker beside the scheduler instead of in it; see `shipped.tracking`."""

    tracker: int | None = None

    def run_on_scheduler(self, function: Any, *arguments: Any, **more: Any) -> Any:
        if str(getattr(function, "__module__", "")).startswith("xgboost"):
            return self._track(arguments[0])
        return super().run_on_scheduler(function, *arguments, **more)

    async def _track(self, workers: int) -> dict[str, Any]:
        host = get_address_host(self.scheduler.address)
        told: dict[str, Any] = await self.run_on_scheduler(shipped.ByValue(shipped.tracking), workers, host)
        self.tracker = told.pop(shipped.PROCESS)
        return told

    async def stop_tracker(self) -> None:
        """Workers that wait at the tracker for one that is lost would wait for ever."""
        if self.tracker is not None:
            with suppress(ProcessLookupError):
                await self.run_on_scheduler(os.kill, self.tracker, signal.SIGKILL)
            self.tracker = None


Work = Callable[[Client, list[str]], Awaitable[Any]]


def _surviving(work: Work) -> Any:
    """Do something with all workers that there are; where one is lost on the way, begin again with those that are left.

    The work has a client of its own, and what it has sent is dropped with it.
    """
    with _Client(default_client().scheduler.address) as client:
        return client.sync(_attempts, client, work)


async def _attempts(client: _Client, work: Work) -> Any:
    for attempt in range(1, ATTEMPTS + 1):
        workers = sorted(await client.nthreads())
        task = asyncio.ensure_future(work(client, workers))
        seconds = 0
        while seconds <= SETTLES and not (await asyncio.wait([task], timeout=1))[0]:
            if not set(workers) <= set(await client.nthreads()):
                await client.stop_tracker()
                seconds += 1
        if task.done() and task.exception() is None:
            return task.result()
        await asyncio.sleep(1)  # a broken connection is known before the scheduler knows that a worker is lost
        left = set(workers) & set(await client.nthreads())
        if attempt == ATTEMPTS or len(left) == len(workers):
            return task.result()
        if not task.done():  # XGBoost on the others waits for the lost one, and nothing but their end stops it
            task.cancel()
            with suppress(Exception):
                await client.restart_workers(sorted(left), timeout=PATIENCE, raise_for_error=False)
        await client.stop_tracker()
        with suppress(TimeoutError):
            await client.wait_for_workers(1, timeout=PATIENCE)
    raise AssertionError("the last attempt raises")
