"""One XGBoost over rows that lie in parts on the workers of a Dask cluster, by `xgboost.dask`.

Histograms of the parts are summed at each split, so that it is the model of all rows; only the
bins' borders, made of a sketch of each part, and the order of sums differ from a fit in one place.
"""

from __future__ import annotations

from concurrent.futures import CancelledError
from functools import partial
from typing import Any

import numpy as np
from distributed import Client, default_client
from numpy.typing import NDArray
from xgboost import XGBClassifier
from xgboost.collective import Config
from xgboost.dask import DaskXGBClassifier

from counterpoise.core.types import Matrix
from counterpoise.models.encoder import Encoded

TIMEOUT_SECONDS = 60
"""That a worker waits for another one's part of a sum."""
RESTART_TIMEOUT_SECONDS = 120


class PartitionedXGBClassifier(XGBClassifier):  # type: ignore[misc]
    """XGBClassifier that fits on rows in parts: one part for each worker of Dask's current client.

    Parameters, `scale_pos_weight` and early stopping on `eval_set` mean what they do for
    XGBClassifier.
    """

    def fit(
        self,
        X: Matrix | Encoded,
        y: NDArray[Any],
        *,
        sample_weight: NDArray[Any] | None = None,
        eval_set: list[tuple[Matrix, NDArray[Any]]] | None = None,
        **more: Any,
    ) -> PartitionedXGBClassifier:
        """Fit; `more` is what XGBClassifier's `fit` takes and changes no model, such as `verbose`.

        Raises
        ------
        RuntimeError
            When a worker is lost.
        """
        client: Any = default_client()
        workers = sorted(client.nthreads())
        spread = partial(_in_parts, client, workers)
        # in one part: of several, XGBoost takes the mean of their average precisions
        evaluated = [
            tuple(_in_parts(client, workers[:1], rows) for rows in pair) for pair in eval_set or ()
        ]
        model = DaskXGBClassifier(
            **self.get_params(), coll_cfg=Config(retry=1, timeout=TIMEOUT_SECONDS)
        )
        model.client = client
        try:
            model.fit(
                spread(X.whole() if isinstance(X, Encoded) else X),
                spread(y),
                eval_set=evaluated or None,
                verbose=False,
                sample_weight=None if sample_weight is None else spread(sample_weight),
            )
        except CancelledError as error:  # whose text names keys of this very run
            left = [worker for worker in workers if worker in client.nthreads()]
            # XGBoost on them may wait for the lost one without end, and nothing else stops it
            client.restart_workers(left, timeout=RESTART_TIMEOUT_SECONDS, raise_for_error=False)
            raise RuntimeError("a worker of the Dask cluster was lost during the fit") from error
        self.n_classes_, self._Booster = 2, model.get_booster()
        self._set_evaluation_result(getattr(model, "evals_result_", None))
        return self


def _in_parts(client: Client, workers: list[str], rows: NDArray[Any]) -> Any:
    """A Dask array whose k-th part is on the k-th worker, every time; no part is without rows."""
    import dask.array as da

    parts = []
    for k, worker in enumerate(workers[: len(rows)]):
        part = np.ascontiguousarray(rows[k :: len(workers)])
        (future,) = client.scatter([part], workers=[worker], hash=False)
        parts.append(da.from_delayed(future, part.shape, part.dtype))
    return da.concatenate(parts)
