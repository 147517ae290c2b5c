"""Card precision: of the cards that a bank can look into each day, how many have a fraud that day.

References
----------
Y.-A. Le Borgne, W. Siblini, B. Lebichot, G. Bontempi, "Reproducible machine learning for credit
card fraud detection: practical handbook", Université Libre de Bruxelles, 2022, chapter 4.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def card_precision(
    y: NDArray[np.integer],
    scores: NDArray[np.float64],
    days: NDArray[np.integer],
    cards: NDArray[np.integer],
    top: int = 100,
) -> float:
    """Mean over days of the share of frauds among the `top` cards with the highest scores.

    A card's score of a day is the highest of its payments. A card that was found on one day is
    looked into no more on later ones. Among equal scores the card with the smaller number comes
    first. On a day with fewer than `top` cards the share is still one of `top`, as in the published
    measure. Missing (NaN) where there is no day.

    Parameters
    ----------
    y, scores, days, cards : ndarray of shape (n,)
        Label (0 or 1), score, day and card of each payment.
    top : int
        How many cards can be looked into in a day.
    """
    payments = pd.DataFrame({"day": days, "card": cards, "score": scores, "fraud": y})
    found: set[int] = set()
    shares = []
    for _, today in (
        payments.groupby(["day", "card"], sort=True).max().groupby(level="day", sort=True)
    ):
        fresh = today.droplevel("day")
        fresh = (
            fresh[~fresh.index.isin(found)]
            .sort_values("score", ascending=False, kind="stable")
            .head(top)
        )
        hits = fresh.index[fresh["fraud"] == 1]
        found |= set(hits)
        shares.append(len(hits) / top)
    return float(np.mean(shares)) if shares else float("nan")
