"""One XGBoost over rows that lie in parts on the workers of a Dask cluster, by `xgboost.dask`.

Histograms of the parts are summed at each split, so that it is the model of all rows; only the bins' borders, made of a
sketch of each part, and the order of sums differ from a fit in one place.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from distributed import Client, default_client
from numpy.typing import NDArray
from xgboost import XGBClassifier
from xgboost.collective import Config
from xgboost.dask import DaskXGBClassifier

from stages.remedies.encoding import Encoded
from stages.remedies.space import Matrix

TIMEOUT_SECONDS = 60
"""That a worker waits for another one's part of a sum."""


class PartitionedXGBClassifier(XGBClassifier):  # type: ignore[misc]
    """XGBClassifier that fits on rows in parts: one part for each worker of Dask's current client.

    Parameters, `scale_pos_weight` and early stopping on `eval_set` mean what they do for XGBClassifier.
    """

    def fit(
        self, X: Matrix | Encoded, y: NDArray[Any], *, sample_weight: NDArray[Any] | None = None,
        eval_set: list[tuple[Matrix, NDArray[Any]]] | None = None, **more: Any,
    ) -> PartitionedXGBClassifier:  # fmt: skip
        """Fit; `more` is what XGBClassifier's `fit` takes and has no part in the model, such as `verbose`.

        Raises
        ------
        Exception
            Whatever Dask or XGBoost raises when a worker is lost.
        """
        client: Any = default_client()
        workers = sorted(client.nthreads())
        spread = partial(_in_parts, client, workers)
        # in one part: XGBoost would take the mean of the parts' average precisions for that of all rows
        evaluated = [tuple(_in_parts(client, workers[:1], rows) for rows in pair) for pair in eval_set or ()]
        model = DaskXGBClassifier(**self.get_params(), coll_cfg=Config(retry=1, timeout=TIMEOUT_SECONDS))
        model.client = client
        model.fit(
            spread(X.whole() if isinstance(X, Encoded) else X), spread(y), eval_set=evaluated or None, verbose=False,
            sample_weight=None if sample_weight is None else spread(sample_weight),
        )  # fmt: skip
        self.n_classes_, self._Booster = 2, model.get_booster()
        self._set_evaluation_result(getattr(model, "evals_result_", None))
        return self


def _in_parts(client: Client, workers: list[str], rows: NDArray[Any]) -> Any:
    """A Dask array whose k-th part is on the k-th worker, every time; parts without rows are left out."""
    import dask.array as da

    parts = []
    for k, worker in enumerate(workers[: len(rows)]):
        part = np.ascontiguousarray(rows[k :: len(workers)])
        (future,) = client.scatter([part], workers=[worker], hash=False)
        parts.append(da.from_delayed(future, part.shape, part.dtype))
    return da.concatenate(parts)
