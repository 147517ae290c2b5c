"""Which remedy does better over many datasets: average ranks, tests that take a dataset as one
case, and what they say.

Ranks, because average precisions of different datasets cannot be averaged. Friedman's test asks
whether ranks differ at all, Nemenyi's which average ranks do (Demsar 2006). Its answer on two
remedies depends on which others were ranked beside them, so the verdict on a pair is Wilcoxon's
signed-rank test of that pair alone, with Holm's correction for all pairs (Benavoli, Corani and
Mangili 2016).

References
----------
J. Demsar, Statistical comparisons of classifiers over multiple data sets, Journal of Machine
Learning Research 7, 2006. A. Benavoli, G. Corani, F. Mangili, Should we really use post-hoc tests
based on mean-ranks?, the same 17, 2016.
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
from counterpoise.core.config import NONE
from counterpoise.core.outcome import OK
from counterpoise.evaluation.multiple import holm
from counterpoise.evaluation.summary import signed

ALPHA = 0.05
"""The level of every test here, the one of the published tables."""

MINIMUM = 20
"""Datasets below which nothing is ranked: the tests rest on many cases, and few of them give any
ranks at all by chance."""

FEWEST = 3
"""Remedies below which there is nothing to rank: a pair has its intervals on each dataset."""

ALONE = "algorithm alone"
"""Weights, losses and ensembles on rows as they are, as one remedy beside the strategies."""

BEST = "best model"
"""The comparison in which each remedy has its best model on each dataset."""


class Friedman(NamedTuple):
    """Friedman's chi-squared with its correction for ties, and what Iman and Davenport make of it,
    less conservative."""

    chi_squared: float
    p_value: float
    f: float
    f_p_value: float


@dataclass(frozen=True)
class Pair:
    """One remedy against another one over all datasets.

    Attributes
    ----------
    wins, ties, losses : int
        Datasets on which the first has the higher average precision, the same, the lower. Without a
        result it loses against any result.
    datasets : int
        On which both have a result: those that the median and Wilcoxon's test take.
    median : float
        Of the differences in average precision.
    share : float
        Of the sum of Wilcoxon's ranks, what speaks for the first: 1 where it is ahead everywhere,
        0.5 where it is even.
    nemenyi, wilcoxon, adjusted : float
        P-values: of Nemenyi's test, of Wilcoxon's, and of this with Holm's correction for all
        pairs.
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
    def verdict(self) -> Literal["win", "tie", "loss"] | None:
        """Of the first, by Wilcoxon's test with Holm's correction; None where no dataset has
        results of both."""
        if math.isnan(self.adjusted):
            return None
        return "tie" if self.adjusted >= ALPHA else "win" if self.share > 0.5 else "loss"

    def turned(self) -> Pair:
        """The same seen from the second."""
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
    """Remedies compared over datasets.

    Attributes
    ----------
    name : str
        `BEST`, or the model that each remedy was used with.
    scores, ranks : DataFrame
        Datasets down, remedies across in the order of their average ranks; a score is missing where
        there is no result.
    critical_difference : float
        The least difference of two average ranks that Nemenyi's test calls one.
    pairs : list of Pair
        The better ranked of the two comes first.
    """

    name: str
    scores: pd.DataFrame
    ranks: pd.DataFrame
    friedman: Friedman
    critical_difference: float
    pairs: list[Pair]

    @property
    def average(self) -> pd.Series[float]:
        """The average rank of each remedy, best first."""
        return self.ranks.mean()

    @property
    def missing(self) -> pd.Series[int]:
        """On how many datasets each remedy has no result."""
        return self.scores.isna().sum()

    def pair(self, first: str, second: str) -> Pair:
        """Two remedies, seen from the first of them."""
        return next(
            pair if pair.first == first else pair.turned()
            for pair in self.pairs
            if {pair.first, pair.second} == {first, second}
        )


def with_best_model(board: pd.DataFrame) -> pd.DataFrame:
    """The average precision of each remedy with its best model: datasets down, remedies across.

    A strategy stands for the plain models that it was used with, so that weights do not count for
    it; they are remedies of their own.
    """
    names = np.select(
        [board["level"] == "algorithm", board["level"] == "hybrid"],
        [ALONE, board["strategy"] + ", hybrid"],
        board["strategy"],
    )
    return _table(board, pd.Series(names, board.index))


def with_model(board: pd.DataFrame, model: str) -> pd.DataFrame:
    """The average precision of each remedy with one plain model, or with what is this model but for
    the remedy."""
    mine = board[board["plain_model"] == model]
    names = np.select(
        [mine["level"] == "algorithm", mine["level"] == "hybrid"],
        [mine["model"], mine["strategy"] + " / " + mine["model"]],
        mine["strategy"],
    )
    return _table(mine, pd.Series(names, mine.index))


def _table(board: pd.DataFrame, remedies: pd.Series[str]) -> pd.DataFrame:
    """The highest average precision of each remedy on each dataset; a dataset without any is left
    out."""
    known = board["average_precision"].where(board["status"] == OK)
    table = known.groupby([board["dataset"], remedies], sort=False).max().unstack()
    return (
        table.loc[board["dataset"].unique(), remedies.unique()]
        .dropna(how="all")
        .rename_axis(columns="remedy")
    )


def plain_models(board: pd.DataFrame) -> list[str]:
    """The models that are remedies by themselves for nobody."""
    return [str(model) for model in board.loc[board["level"] == NONE, "model"].unique()]


def ranks_of(scores: pd.DataFrame) -> pd.DataFrame:
    """Ranks within each dataset, 1 the best; equal scores share the mean of their ranks, missing
    ones that of the last."""
    return scores.rank(axis=1, ascending=False, method="average", na_option="bottom")


def friedman(ranks: pd.DataFrame) -> Friedman:
    """Whether ranks differ more than by chance."""
    datasets, remedies = ranks.shape
    if (ranks.max(axis=1) == ranks.min(axis=1)).all():  # everybody is equal everywhere
        return Friedman(0.0, 1.0, 0.0, 1.0)
    from scipy import stats  # half a second of import, as below, that few datasets need not pay

    chi_squared, p_value = map(float, stats.friedmanchisquare(*ranks.to_numpy().T))
    left = datasets * (remedies - 1) - chi_squared
    f = (datasets - 1) * chi_squared / left if left > 0 else math.inf
    return Friedman(
        chi_squared, p_value, f, float(stats.f.sf(f, remedies - 1, (remedies - 1) * (datasets - 1)))
    )


def critical_difference(remedies: int, datasets: int, alpha: float = ALPHA) -> float:
    """The least difference of two average ranks that Nemenyi's test calls one."""
    from scipy import stats

    q = float(stats.studentized_range.ppf(1 - alpha, remedies, np.inf)) / math.sqrt(2)
    return q * math.sqrt(remedies * (remedies + 1) / (6 * datasets))


def signed_rank(differences: pd.Series[float]) -> tuple[float, float]:
    """Wilcoxon's share of ranks above 0 and two-sided p-value; zeros count half for either side
    (Demsar 2006, 3.1.3)."""
    if differences.empty:
        return math.nan, math.nan
    if (differences == 0).all():
        return 0.5, 1.0
    from scipy import stats

    above = stats.wilcoxon(differences, zero_method="zsplit", alternative="greater").statistic
    p_value = stats.wilcoxon(differences, zero_method="zsplit").pvalue
    return float(above) / (len(differences) * (len(differences) + 1) / 2), float(p_value)


def pairs_of(scores: pd.DataFrame, ranks: pd.DataFrame) -> list[Pair]:
    """Every pair of remedies, in the order of the columns."""
    from scikit_posthocs import posthoc_nemenyi_friedman

    nemenyi = posthoc_nemenyi_friedman(ranks.to_numpy())
    names = [str(name) for name in scores.columns]
    found = []
    for (i, first), (j, second) in itertools.combinations(enumerate(names), 2):
        # as far as results are written, so that equal differences are equal
        difference = (scores[first] - scores[second]).dropna().round(files.DECIMALS)
        ahead = ranks[first] - ranks[second]
        counts = int((ahead < 0).sum()), int((ahead == 0).sum()), int((ahead > 0).sum())
        share, p_value = signed_rank(difference)
        found.append(
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
        for one, adjusted in zip(found, holm([one[-1] for one in found]), strict=True)
    ]


def compared(name: str, scores: pd.DataFrame) -> Ranked:
    """Compare remedies over datasets."""
    ranks = ranks_of(scores)
    order = ranks.mean().sort_values(kind="stable").index
    scores, ranks = scores[order], ranks[order]
    size = critical_difference(len(order), len(ranks))
    return Ranked(name, scores, ranks, friedman(ranks), size, pairs_of(scores, ranks))


def why_not(scores: pd.DataFrame) -> str | None:
    """Why a table of scores is not compared; None where it is."""
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
    """The comparisons over the datasets of a leaderboard: with the best model, then with each plain
    one."""
    tables = {
        BEST: with_best_model(board),
        **{model: with_model(board, model) for model in plain_models(board)},
    }
    for name, scores in tables.items():
        if why_not(scores) is None:
            yield compared(name, scores)


def reading(found: Ranked) -> list[str]:
    """What may be said of a comparison over datasets, sentence by sentence."""
    datasets, remedies = found.ranks.shape
    average = found.average
    test = found.friedman
    differ = test.f_p_value < ALPHA
    said = [
        f"Over {datasets} datasets {average.index[0]} has the best average rank,"
        f" {average.iloc[0]:.2f} of {remedies}"
        + (
            f"; doing nothing has {average[NONE]:.2f}."
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
        said += _against_nothing(found)
    gone = found.missing[found.missing > 0]
    if len(gone):
        named = ", ".join(f"{name} on {count}" for name, count in gone.items())
        said.append(
            f"Without a result: {named}. Such a remedy shares the last ranks of that dataset and"
            " loses against each that has a result; Wilcoxon's test leaves the dataset out."
        )
    return said


def _against_nothing(found: Ranked) -> Iterator[str]:
    """The remedies by their verdict against doing nothing."""
    against = [found.pair(str(name), NONE) for name in found.average.index if name != NONE]
    texts = {"win": "better", "loss": "worse", "tie": "not told apart", None: "not compared"}
    sides = {
        told: [pair.first for pair in against if pair.verdict == side]
        for side, told in texts.items()
    }
    told = [f"{side}: {', '.join(names)}" for side, names in sides.items() if names]
    if not sides["better"]:
        told.insert(0, "no remedy is better")
    yield (
        "Against doing nothing, by Wilcoxon's test with Holm's correction for all"
        f" {len(found.pairs)} pairs: {'; '.join(told)}."
    )
    best = found.pair(str(found.average.drop(NONE).index[0]), NONE)
    yield (
        f"The best ranked remedy, {best.first}, has the higher average precision on {best.wins}"
        f" datasets, the lower on {best.losses}{f', the same on {best.ties}' if best.ties else ''};"
        f" the median difference is {signed(best.median)}."
    )


def p_of(value: float) -> str:
    """A p-value in words of two digits."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"
