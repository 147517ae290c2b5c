"""Comparison of remedies over many datasets: average ranks, tests, and sentences about them.

Remedies are ranked, since average precisions of different datasets cannot be averaged. Friedman's
test asks whether ranks differ at all, Nemenyi's test which average ranks differ (Demsar 2006).
Nemenyi's answer on two remedies depends on the others that were ranked. The verdict on a pair
therefore comes from Wilcoxon's signed-rank test of that pair, with Holm's correction for all pairs
(Benavoli, Corani and Mangili 2016).

References
----------
J. Demsar, Statistical comparisons of classifiers over multiple data sets, Journal of Machine
Learning Research 7, 2006.

A. Benavoli, G. Corani, F. Mangili, Should we really use post-hoc tests based on mean-ranks?,
Journal of Machine Learning Research 17, 2016.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from counterpoise.core import files
from counterpoise.core.config import NONE, REFERENCES
from counterpoise.core.outcome import OK
from counterpoise.evaluation.multiple import holm
from counterpoise.evaluation.summary import signed

ALPHA = 0.05
"""Significance level of every test here, as in the published tables."""

MINIMUM = 20
"""Minimum number of datasets to rank on. The tests assume many cases, and ranks over few datasets
are mostly chance."""

FEWEST = 3
"""Minimum number of remedies to rank. For two, each dataset already gives an interval."""

ALONE = "algorithm alone"
"""Weights, losses and ensembles on unchanged rows, as one remedy beside the strategies."""

BEST = "best model"
"""Name of the comparison in which each remedy has its best model on each dataset."""


class Friedman(NamedTuple):
    """Friedman's test, and Iman and Davenport's less conservative version of it.

    Attributes
    ----------
    chi_squared, p_value : float
        Friedman's statistic with its correction for ties.
    f, f_p_value : float
        Iman and Davenport's statistic.
    """

    chi_squared: float
    p_value: float
    f: float
    f_p_value: float


@dataclass(frozen=True)
class Pair:
    """Comparison of two remedies over all datasets.

    Attributes
    ----------
    first, second : str
        Names of the remedies.
    wins, ties, losses : int
        Datasets on which the first has the higher, equal or lower average precision. A remedy
        without a result loses against any result.
    datasets : int
        Datasets on which both have a result; the median and Wilcoxon's test use these.
    median : float
        Median difference in average precision.
    share : float
        Share of Wilcoxon's rank sum in favour of the first: 1 if it is always ahead, 0.5 if even.
    nemenyi, wilcoxon, adjusted : float
        P-values of Nemenyi's test, of Wilcoxon's test, and of the latter with Holm's correction for
        all pairs.
    """

    first: str
    second: str
    wins: int
    ties: int
    losses: int
    datasets: int
    median: float
    share: float
    nemenyi: float
    wilcoxon: float
    adjusted: float

    @property
    def verdict(self) -> Literal["better", "inconclusive", "worse"] | None:
        """Verdict on the first remedy, by Wilcoxon's test with Holm's correction.

        Returns
        -------
        {"better", "inconclusive", "worse"} or None
            None where no dataset has results of both.
        """
        if math.isnan(self.adjusted):
            return None
        if self.adjusted >= ALPHA:
            return "inconclusive"
        return "better" if self.share > 0.5 else "worse"

    def turned(self) -> Pair:
        """The same comparison with first and second exchanged.

        Returns
        -------
        Pair
        """
        return Pair(
            self.second,
            self.first,
            self.losses,
            self.ties,
            self.wins,
            self.datasets,
            -self.median,
            1 - self.share,
            self.nemenyi,
            self.wilcoxon,
            self.adjusted,
        )


@dataclass(frozen=True)
class Ranked:
    """Comparison of remedies over datasets.

    Attributes
    ----------
    name : str
        `BEST`, or the model that each remedy was used with.
    scores, ranks : DataFrame
        One row per dataset, one column per remedy, sorted by average rank. A score is missing where
        there is no result.
    friedman : Friedman
        Test of all remedies together.
    critical_difference : float
        Smallest difference of two average ranks that is significant by Nemenyi's test.
    pairs : list of Pair
        The better ranked remedy of each pair comes first.
    """

    name: str
    scores: pd.DataFrame
    ranks: pd.DataFrame
    friedman: Friedman
    critical_difference: float
    pairs: list[Pair]

    @property
    def average(self) -> pd.Series[float]:
        """Average rank of each remedy.

        Returns
        -------
        Series of float
            Indexed by remedy, best first.
        """
        return self.ranks.mean()

    @property
    def missing(self) -> pd.Series[int]:
        """Number of datasets on which each remedy has no result.

        Returns
        -------
        Series of int
            Indexed by remedy.
        """
        return self.scores.isna().sum()

    def pair(self, first: str, second: str) -> Pair:
        """Comparison of two remedies, from the perspective of the first.

        Parameters
        ----------
        first, second : str
            Names of two different remedies.

        Returns
        -------
        Pair

        Raises
        ------
        StopIteration
            If the two were not compared.
        """
        return next(
            pair if pair.first == first else pair.turned()
            for pair in self.pairs
            if {pair.first, pair.second} == {first, second}
        )


def with_best_model(board: pd.DataFrame) -> pd.DataFrame:
    """Average precision of each remedy with its best model.

    A strategy counts with baseline models only, so that it gets no credit for class weights; these
    form remedies of their own.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of all datasets.

    Returns
    -------
    DataFrame of shape (datasets, remedies)
        Missing where a remedy has no result.
    """
    names = np.select(
        [board["level"] == "algorithm", board["level"] == "hybrid"],
        [ALONE, board["strategy"] + ", hybrid"],
        board["strategy"],
    )
    return _table(board, pd.Series(names, board.index))


def with_model(board: pd.DataFrame, model: str) -> pd.DataFrame:
    """Average precision of each remedy with one model.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of all datasets.
    model : str
        A baseline model. Remedies at the level of the algorithm count if it is their baseline.

    Returns
    -------
    DataFrame of shape (datasets, remedies)
        Missing where a remedy has no result.
    """
    mine = board[board["plain_model"] == model]
    names = np.select(
        [mine["level"] == "algorithm", mine["level"] == "hybrid"],
        [mine["model"], mine["strategy"] + " / " + mine["model"]],
        mine["strategy"],
    )
    return _table(mine, pd.Series(names, mine.index))


def _table(board: pd.DataFrame, remedies: pd.Series[str]) -> pd.DataFrame:
    """Highest average precision of each remedy on each dataset, without datasets that have none.

    References are no remedies.
    """
    real = ~board["level"].isin(REFERENCES)
    board, remedies = board[real], remedies[real]
    known = board["average_precision"].where(board["status"] == OK)
    table = known.groupby([board["dataset"], remedies], sort=False).max().unstack()
    return (
        table.loc[board["dataset"].unique(), remedies.unique()]
        .dropna(how="all")
        .rename_axis(columns="remedy")
    )


def baseline_models(board: pd.DataFrame) -> list[str]:
    """Models that are no remedies.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of all datasets.

    Returns
    -------
    list of str
        In the order of the leaderboard.
    """
    return [str(model) for model in board.loc[board["level"] == NONE, "model"].unique()]


def ranks_of(scores: pd.DataFrame) -> pd.DataFrame:
    """Ranks within each dataset, 1 for the best.

    Parameters
    ----------
    scores : DataFrame of shape (datasets, remedies)
        Average precisions.

    Returns
    -------
    DataFrame of shape (datasets, remedies)
        Equal scores share the mean of their ranks; missing scores share that of the last ranks.
    """
    return scores.rank(axis=1, ascending=False, method="average", na_option="bottom")


def friedman(ranks: pd.DataFrame) -> Friedman:
    """Test whether ranks differ more than by chance.

    Parameters
    ----------
    ranks : DataFrame of shape (datasets, remedies)
        At least three remedies.

    Returns
    -------
    Friedman
        P-values of 1 where all ranks are equal.
    """
    datasets, remedies = ranks.shape
    # all remedies tie on every dataset: the statistic would be 0 / 0
    if (ranks.max(axis=1) == ranks.min(axis=1)).all():
        return Friedman(0.0, 1.0, 0.0, 1.0)
    # here and below: imported late, since it takes half a second and few datasets do not need it
    from scipy import stats

    chi_squared, p_value = map(float, stats.friedmanchisquare(*ranks.to_numpy().T))
    left = datasets * (remedies - 1) - chi_squared
    f = (datasets - 1) * chi_squared / left if left > 0 else math.inf
    return Friedman(
        chi_squared, p_value, f, float(stats.f.sf(f, remedies - 1, (remedies - 1) * (datasets - 1)))
    )


def critical_difference(remedies: int, datasets: int, alpha: float = ALPHA) -> float:
    """Nemenyi's critical difference of average ranks (Demsar 2006).

    Parameters
    ----------
    remedies, datasets : int
        Numbers of remedies and of datasets.
    alpha : float
        Significance level.

    Returns
    -------
    float
        Smallest significant difference, in ranks.
    """
    from scipy import stats

    q = float(stats.studentized_range.ppf(1 - alpha, remedies, np.inf)) / math.sqrt(2)
    return q * math.sqrt(remedies * (remedies + 1) / (6 * datasets))


def signed_rank(differences: pd.Series[float]) -> tuple[float, float]:
    """Wilcoxon's signed-rank test.

    Zero differences count half for either side (Demsar 2006, section 3.1.3).

    Parameters
    ----------
    differences : Series of float
        One per dataset.

    Returns
    -------
    share : float
        Share of the rank sum above 0.
    p_value : float
        Two-sided. Both are NaN without differences; 0.5 and 1 where all are 0.
    """
    if differences.empty:
        return math.nan, math.nan
    if (differences == 0).all():
        return 0.5, 1.0
    from scipy import stats

    above = stats.wilcoxon(differences, zero_method="zsplit", alternative="greater").statistic
    p_value = stats.wilcoxon(differences, zero_method="zsplit").pvalue
    return float(above) / (len(differences) * (len(differences) + 1) / 2), float(p_value)


def pairs_of(scores: pd.DataFrame, ranks: pd.DataFrame) -> list[Pair]:
    """Compare every pair of remedies.

    Parameters
    ----------
    scores, ranks : DataFrame of shape (datasets, remedies)
        Average precisions, and their ranks within datasets.

    Returns
    -------
    list of Pair
        In the order of the columns.
    """
    from scikit_posthocs import posthoc_nemenyi_friedman

    nemenyi = posthoc_nemenyi_friedman(ranks.to_numpy())
    names = [str(name) for name in scores.columns]
    rows = []
    for (i, first), (j, second) in itertools.combinations(enumerate(names), 2):
        # rounded as in the written results, so that equal differences tie in the test
        difference = (scores[first] - scores[second]).dropna().round(files.DECIMALS)
        ahead = ranks[first] - ranks[second]
        counts = int((ahead < 0).sum()), int((ahead == 0).sum()), int((ahead > 0).sum())
        share, p_value = signed_rank(difference)
        rows.append(
            (
                first,
                second,
                *counts,
                len(difference),
                float(difference.median()),
                share,
                float(nemenyi.iloc[i, j]),
                p_value,
            )
        )
    return [
        Pair(*one, adjusted)
        for one, adjusted in zip(rows, holm([one[-1] for one in rows]), strict=True)
    ]


def compared(name: str, scores: pd.DataFrame) -> Ranked:
    """Compare remedies over datasets.

    Parameters
    ----------
    name : str
        Name of the comparison.
    scores : DataFrame of shape (datasets, remedies)
        Average precisions.

    Returns
    -------
    Ranked
        Remedies sorted by average rank.
    """
    ranks = ranks_of(scores)
    order = ranks.mean().sort_values(kind="stable").index
    scores, ranks = scores[order], ranks[order]
    size = critical_difference(len(order), len(ranks))
    return Ranked(name, scores, ranks, friedman(ranks), size, pairs_of(scores, ranks))


def why_not(scores: pd.DataFrame) -> str | None:
    """Reason why a table of scores is not compared.

    Parameters
    ----------
    scores : DataFrame of shape (datasets, remedies)
        Average precisions.

    Returns
    -------
    str or None
        A message; None where there are enough datasets and remedies.
    """
    datasets, remedies = scores.shape
    if datasets < MINIMUM:
        return (
            "Average ranks, tests over datasets and a critical-difference diagram are left out:"
            f" they need {MINIMUM} datasets or more, and here"
            f" {'is 1' if datasets == 1 else f'are {datasets}'}. With so few, ranks are a matter of"
            " which datasets happen to be among them."
        )
    if remedies < FEWEST:
        return (
            f"Average ranks are left out: they need {FEWEST} remedies or more, and here are"
            f" {remedies}."
        )
    return None


def over_datasets(board: pd.DataFrame) -> Iterator[Ranked]:
    """Compare remedies over the datasets of a leaderboard.

    Parameters
    ----------
    board : DataFrame
        Leaderboard of all datasets.

    Yields
    ------
    Ranked
        With the best model, then with each baseline model. Tables too small to compare are left
        out.
    """
    tables = {
        BEST: with_best_model(board),
        **{model: with_model(board, model) for model in baseline_models(board)},
    }
    for name, scores in tables.items():
        if why_not(scores) is None:
            yield compared(name, scores)


def reading(comparison: Ranked) -> list[str]:
    """Describe a comparison over datasets.

    Parameters
    ----------
    comparison : Ranked
        The comparison.

    Returns
    -------
    list of str
        Sentences.
    """
    datasets, remedies = comparison.ranks.shape
    average = comparison.average
    test = comparison.friedman
    differ = test.f_p_value < ALPHA
    sentences = [
        f"Over {datasets} datasets {average.index[0]} has the best average rank,"
        f" {average.iloc[0]:.2f} of {remedies}"
        + (
            f"; the baseline of no remedy has {average[NONE]:.2f}."
            if NONE in average and average.index[0] != NONE
            else "."
        ),
        (
            f"The ranks differ {'more than by chance' if differ else 'no more than by chance'}"
            f" (Friedman: chi-squared {test.chi_squared:.2f}, {p_of(test.p_value)}; Iman and"
            f" Davenport: F {test.f:.2f}, {p_of(test.f_p_value)})."
        ),
    ]
    if NONE in average:
        sentences += _against_baseline(comparison)
    gone = comparison.missing[comparison.missing > 0]
    if len(gone):
        named = ", ".join(f"{name} on {count}" for name, count in gone.items())
        sentences.append(
            f"Without a result: {named}. Such a remedy shares the last ranks of that dataset and"
            " counts as lower than each that has a result. Wilcoxon's test leaves the dataset out."
        )
    return sentences


def _against_baseline(comparison: Ranked) -> Iterator[str]:
    """Sentences about the verdicts against the baseline."""
    against = [
        comparison.pair(str(name), NONE) for name in comparison.average.index if name != NONE
    ]
    remedies = {
        verdict or "not compared": [pair.first for pair in against if pair.verdict == verdict]
        for verdict in ("better", "worse", "inconclusive", None)
    }
    parts = [f"{label}: {', '.join(names)}" for label, names in remedies.items() if names]
    if not remedies["better"]:
        parts.insert(0, "no remedy is better")
    yield (
        "Against the baseline, by Wilcoxon's test with Holm's correction for all"
        f" {len(comparison.pairs)} pairs: {'; '.join(parts)}."
    )
    best = comparison.pair(str(comparison.average.drop(NONE).index[0]), NONE)
    yield (
        f"The best ranked remedy, {best.first}, has the higher average precision on {best.wins}"
        f" datasets, the lower on {best.losses}{f', the same on {best.ties}' if best.ties else ''};"
        f" the median difference is {signed(best.median)}."
    )


def p_of(value: float) -> str:
    """Format a p-value with two significant digits.

    Parameters
    ----------
    value : float
        The p-value.

    Returns
    -------
    str
        Such as "p = 0.042", or "p < 0.001".
    """
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"
