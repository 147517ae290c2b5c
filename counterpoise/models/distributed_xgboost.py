"""One XGBoost fitted on rows that are spread over the workers of a Dask cluster (`xgboost.dask`).

XGBoost sums the histograms of the parts at each split, so the model is that of all rows. Two things
differ from a fit in one place: the borders of the bins, which come from a sketch of each part, and
the order of sums.
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
from counterpoise.data.encoder import Encoded

TIMEOUT_SECONDS = 60
"""Time that a worker waits for another worker's part of a sum."""
RESTART_TIMEOUT_SECONDS = 120
"""Time for the remaining workers to restart after one was lost."""


class PartitionedXGBClassifier(XGBClassifier):  # type: ignore[misc]
    """XGBClassifier that fits on rows in parts, one for each worker of Dask's current client.

    Parameters, `scale_pos_weight` and early stopping on `eval_set` have the same meaning as for
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
        """Fit on all workers of the current client.

        Parameters
        ----------
        X : ndarray of shape (n, p) or Encoded
        y : ndarray of shape (n,), 0 and 1
        sample_weight : ndarray of shape (n,), optional
        eval_set : list of (ndarray, ndarray), optional
            Features and labels to evaluate on.
        **more
            Arguments of XGBClassifier's `fit` that do not change the model, such as `verbose`;
            ignored.

        Returns
        -------
        PartitionedXGBClassifier
            The estimator itself.

        Raises
        ------
        RuntimeError
            When a worker is lost.
        """
        client: Any = default_client()
        workers = sorted(client.nthreads())
        spread = partial(_in_parts, client, workers)
        # in one part: XGBoost would take the mean of the parts' average precisions
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
        # the error's text names Dask keys that differ in every run, so it gets another text
        except CancelledError as error:
            left = [worker for worker in workers if worker in client.nthreads()]
            # XGBoost on the others may wait for the lost worker forever; only a restart stops it
            client.restart_workers(left, timeout=RESTART_TIMEOUT_SECONDS, raise_for_error=False)
            raise RuntimeError("a worker of the Dask cluster was lost during the fit") from error
        self.n_classes_, self._Booster = 2, model.get_booster()
        self._set_evaluation_result(getattr(model, "evals_result_", None))
        return self


def _in_parts(client: Client, workers: list[str], rows: NDArray[Any]) -> Any:
    """Spread rows over workers as a Dask array.

    The k-th part is always on the k-th worker, and no part is empty.
    """
    import dask.array as da

    parts = []
    for k, worker in enumerate(workers[: len(rows)]):
        part = np.ascontiguousarray(rows[k :: len(workers)])
        (future,) = client.scatter([part], workers=[worker], hash=False)
        parts.append(da.from_delayed(future, part.shape, part.dtype))
    return da.concatenate(parts)
