"""How far the verdict can be trusted: how often it is wrong where nothing helps, and how often it
finds a real gain.

Scores are drawn from two normal distributions, one for each class, so that the average precision of
a score is known without sampling. Two scores of a row are correlated, as those of two models are
that were fitted on the same rows. Everything after the scores is the project's own: ranking, paired
bootstrap, p-values, Holm's correction.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy import integrate, optimize, stats
from tqdm import tqdm

from counterpoise.core.types import Vector
from counterpoise.data.folds import TEST, TRAIN, Parts
from counterpoise.evaluation import bootstrap, multiple, significance
from counterpoise.evaluation.metrics import Ranking

FOLDS = 5


def average_precision(separation: float, prevalence: float) -> float:
    """The average precision of infinitely many scores that are normal in each class, so far
    apart."""

    def density(t: float) -> float:
        true, false = (
            prevalence * stats.norm.sf(t - separation),
            (1 - prevalence) * stats.norm.sf(t),
        )
        return float(true / (true + false) * stats.norm.pdf(t - separation))

    return float(integrate.quad(density, -8, 8 + separation, limit=200)[0])


def separation(wanted: float, prevalence: float) -> float:
    """How far apart the classes are for a wanted average precision."""
    return float(optimize.brentq(lambda s: average_precision(s, prevalence) - wanted, 0, 12))


def scores(
    random: np.random.Generator,
    y: NDArray[np.int8],
    separations: Sequence[float],
    correlation: float,
) -> Vector:
    """Scores of shape (cells, rows), of which any two are correlated within each class."""
    shared, own = random.normal(size=len(y)), random.normal(size=(len(separations), len(y)))
    return np.asarray(
        np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own + np.outer(separations, y),
        dtype=np.float64,
    )


class Setting(NamedTuple):
    """What is simulated: doing nothing with an average precision, and remedies that all gain so
    much."""

    rows: int
    prevalence: float
    base: float
    gain: float
    remedies: int
    correlation: float
    unrest: float = 0.0
    """How far models of one kind differ by chance of their training: the deviation of the
    separation from fold to fold."""


def judge(setting: Setting, apart: Sequence[float], seed: int) -> pd.DataFrame:
    """One simulated dataset: the difference of each remedy, its interval, its p-values, and the
    interval of the base.

    `apart` is the separation of the classes in the scores of doing nothing, and in those of every
    remedy.
    """
    random = np.random.default_rng(
        [seed, setting.remedies, int(1000 * setting.correlation), int(1000 * setting.gain)]
    )
    y = (np.arange(setting.rows) < round(setting.rows * setting.prevalence)).astype(np.int8)
    made = scores(random, y, [apart[0], *[apart[1]] * setting.remedies], setting.correlation)
    fold = np.empty(setting.rows, np.int64)
    for label in (0, 1):
        mine = np.flatnonzero(y == label)
        fold[random.permutation(mine)] = np.arange(len(mine)) % FOLDS
    if setting.unrest:
        for k in range(FOLDS):
            made[:, (fold == k) & (y == 1)] += random.normal(0, setting.unrest, (len(made), 1))
    codes = np.where(fold[:, None] == np.arange(FOLDS), TEST, TRAIN).astype(np.uint8)
    parts = Parts(codes, tuple((0, k) for k in range(FOLDS)))
    rankings = [[Ranking.of(f.test, y[f.test], one[f.test], len(y)) for f in parts] for one in made]

    def of_all(weights: NDArray[np.float32]) -> Vector:
        return np.array(
            [
                np.mean([ranking.metrics(weights)[0] for ranking in mine], axis=0)
                for mine in rankings
            ]
        )

    value = of_all(np.ones((len(y), 1), np.float32))[:, 0]
    count = significance.draws_for(setting.remedies)
    drawn = np.concatenate(
        [of_all(weights) for weights in bootstrap.draws(parts, y, seed, count)], axis=1
    )
    rows = []
    for k in range(1, len(made)):
        low, high = bootstrap.interval(drawn[k] - drawn[0])
        rows.append(
            {
                "difference": value[k] - value[0],
                "low": low,
                "high": high,
                "p_value": significance.p_value(drawn[k] - drawn[0]),
            }
        )
    frame = pd.DataFrame(rows)
    frame["p_adjusted"] = multiple.holm(list(frame["p_value"]))
    frame["base_low"], frame["base_high"] = bootstrap.interval(drawn[0])
    return frame


def summary(setting: Setting, judged: Sequence[pd.DataFrame]) -> dict[str, float]:
    """Shares of simulated datasets."""
    whole = pd.concat(judged)
    win = [
        bool(((one["p_adjusted"] < 1 - bootstrap.LEVEL) & (one["difference"] > 0)).any())
        for one in judged
    ]
    loss = [
        bool(((one["p_adjusted"] < 1 - bootstrap.LEVEL) & (one["difference"] < 0)).any())
        for one in judged
    ]
    covered = (whole["low"] <= setting.gain) & (setting.gain <= whole["high"])
    # what a fold of this size has on average, which is a little more than infinitely many rows have
    base_covered = (whole["base_low"] <= setting.base) & (setting.base <= whole["base_high"])
    return {
        "any win": float(np.mean(win)),
        "any loss": float(np.mean(loss)),
        "p < .05, unadjusted": float(
            ((whole["p_value"] < 0.05) & (whole["difference"] > 0)).mean()
        ),
        "interval holds the gain": float(covered.mean()),
        "interval holds the base": float(base_covered.mean()),
    }


def settings(rows: int, prevalence: float, base: float) -> list[Setting]:
    nothing = [Setting(rows, prevalence, base, 0.0, many, 0.95) for many in (1, 10)]
    gains = [
        Setting(rows, prevalence, base, 0.05, 1, correlation) for correlation in (0.95, 0.8, 0.5)
    ]
    return [*nothing, *gains, nothing[0]._replace(unrest=0.1)]


def simulated(setting: Setting, repetitions: int, seed: int = 1) -> dict[str, float]:
    """Judge so many simulated datasets, all cores at work."""
    pool = Parallel(n_jobs=-1, return_as="generator", inner_max_num_threads=1, backend="loky")
    apart = [separation(setting.base + gain, setting.prevalence) for gain in (0, setting.gain)]
    jobs = pool(delayed(judge)(setting, apart, 1000 * seed + k) for k in range(repetitions))
    label = ", ".join(f"{name} {value:g}" for name, value in setting._asdict().items())
    return summary(
        setting, list(tqdm(jobs, total=repetitions, desc=label, unit="dataset", disable=None))
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdict", description=__doc__)
    parser.add_argument(
        "--repetitions", type=int, default=1000, help="simulated datasets for each line (1000)"
    )
    parser.add_argument("--rows", type=int, default=5000, help="rows of a dataset (5000)")
    parser.add_argument("--prevalence", type=float, default=0.05, help="share of positives (.05)")
    parser.add_argument(
        "--base", type=float, default=0.5, help="average precision of doing nothing (.5)"
    )
    asked = parser.parse_args()
    lines = [
        {
            "remedies": s.remedies,
            "gain": s.gain,
            "correlation": s.correlation,
            "unrest": s.unrest,
            **simulated(s, asked.repetitions),
        }
        for s in settings(asked.rows, asked.prevalence, asked.base)
    ]
    print(
        f"{asked.repetitions} datasets a line of {asked.rows} rows, {asked.prevalence:.1%}"
        f" positive, base {asked.base:g}"
    )
    print(pd.DataFrame(lines).to_string(index=False, float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
