"""How far a verdict can be trusted: how often it is wrong, how often it finds a real difference.

    python -m benchmarks.verdict simulated              scores whose average precision is known
    python -m benchmarks.verdict fit --learner xgboost  fits on tables of a population; resumable
    python -m benchmarks.verdict judge                  every rule on these fits

`fit` reads data/fraud_simulator.parquet, which `python -m benchmarks.fraud_simulator.simulator`
makes.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from benchmarks.verdict import real_fits, rules, simulated
from benchmarks.verdict.simulated import Setting

COMPARISONS: dict[str, list[tuple[int, int]]] = {
    "placebo": [(1, 0)],
    "three that change nothing": [(1, 0), (2, 0), (3, 0)],
    "undersampling against itself": [(5, 4)],
    "undersampling": [(4, 0)],
}
"""Positions in `real_fits.VERSIONS` of the combinations that are compared."""

SETTINGS = [
    *(Setting(positives, unrest=unrest) for positives in (20, 50, 250) for unrest in (0.0, 0.1)),
    *(Setting(positives, remedies=10) for positives in (20, 50, 250)),
    *(Setting(250, repeats=repeats) for repeats in (1, 5)),
    Setting(250, shared=0.5),
    *(Setting(positives, gain=gain) for positives, gain in ((50, 0.1), (250, 0.05), (1000, 0.05))),
]

Line = dict[str, Any]


def shares(judged: Sequence[rules.Judged], true: Sequence[float]) -> Line:
    """How often some comparison has a verdict, and how often all intervals hold the truth."""
    held = [
        bool(((one.low <= value) & (value <= one.high)).all())
        for one, value in zip(judged, true, strict=True)
        if not np.isnan(value)
    ]
    return {
        "better or worse": float(np.mean([one.different.any() for one in judged])),
        "covered": float(np.mean(held)) if held else np.nan,
        "with a true value": len(held),
    }


def _simulated(setting: Setting, apart: list[float], seed: int) -> dict[str, rules.Judged]:
    table = simulated.table(setting, apart, seed)
    pairs = [(k, 0) for k in range(1, setting.remedies + 1)]
    return {rule: rules.judge(table, pairs, rule, seed) for rule in rules.RULES}


def simulate(tables: int) -> pd.DataFrame:
    """Every rule on simulated tables of every setting."""
    lines = []
    pool = Parallel(n_jobs=-1, return_as="generator", inner_max_num_threads=1)
    for setting in SETTINGS:
        apart = simulated.separations(setting)
        jobs = pool(delayed(_simulated)(setting, apart, k) for k in range(tables))
        label = f"{setting.positives} positives, gain {setting.gain:g}"
        judged = list(tqdm(jobs, total=tables, desc=label, unit="table", disable=None))
        for rule in rules.RULES:
            found = shares([one[rule] for one in judged], [setting.gain] * tables)
            lines.append({**setting._asdict(), "rule": rule, **found})
    return pd.DataFrame(lines)


def _measured(path: Path) -> tuple[rules.Table, float]:
    table, true = real_fits.read(path)
    return table, true.get("random_under", np.nan) - true.get("none", np.nan)


def _fits(folder: Path) -> dict[str, list[Path]]:
    """The finished tables of each learner."""
    learners = sorted(one for one in folder.iterdir() if one.is_dir())
    return {one.name: sorted(one.glob("[0-9]*[0-9].npz")) for one in learners}


def judge(folder: Path) -> pd.DataFrame:
    """Every rule on the fits that are there."""
    lines = []
    for learner, files in _fits(folder).items():
        pool = Parallel(n_jobs=-1, return_as="generator", inner_max_num_threads=1)
        jobs = pool(delayed(_measured)(path) for path in files)
        tables = list(tqdm(jobs, total=len(files), desc=learner, unit="table", disable=None))
        for comparison, pairs in COMPARISONS.items():
            true = [gap if comparison == "undersampling" else 0.0 for _, gap in tables]
            ratio = float(np.nanmedian([rules.spread_ratio(one, pairs[0]) for one, _ in tables]))
            for rule in rules.RULES:
                judged = [rules.judge(one, pairs, rule, k) for k, (one, _) in enumerate(tables)]
                line = {"learner": learner, "comparison": comparison, "rule": rule}
                found = {"tables": len(tables), "q": ratio, **shares(judged, true)}
                lines.append({**line, **found})
    return pd.DataFrame(lines)


def shared(folder: Path) -> pd.DataFrame:
    """How much of the chance of training all fits on one table have in common.

    The variance of the true difference of undersampling has a part between tables, which no split
    of one table shows, and a part between fits on the same table, which repeats and folds do show.
    """
    lines = []
    for learner, files in _fits(folder).items():
        found = [real_fits.further_differences(path) for path in files]
        fits = np.array([one for one in found if one is not None])
        if len(fits) < 2:
            continue
        of_fits = fits.var(axis=1, ddof=1).mean()
        of_tables = max(fits.mean(axis=1).var(ddof=1) - of_fits / fits.shape[1], 0.0)
        lines.append(
            {
                "learner": learner,
                "tables": len(fits),
                "difference": fits.mean(),
                "sd between fits": of_fits**0.5,
                "sd between tables": of_tables**0.5,
                "share of tables": of_tables / (of_tables + of_fits),
            }
        )
    return pd.DataFrame(lines)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.verdict",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=["simulated", "fit", "judge"])
    parser.add_argument("--tables", type=int, default=300, help="tables of each setting (300)")
    parser.add_argument("--learner", choices=real_fits.LEARNERS, help="for fit; all by default")
    parser.add_argument(
        "--true", type=int, default=100, help="tables with further fits for the true value (100)"
    )
    parser.add_argument(
        "--population", type=Path, default=Path("data/fraud_simulator.parquet"), help="for fit"
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("data/verdict_fits"), help="where fits are kept"
    )
    asked = parser.parse_args()
    if asked.what == "fit":
        for learner in [asked.learner] if asked.learner else real_fits.LEARNERS:
            real_fits.run(asked.population, asked.folder, learner, asked.tables, asked.true)
        return
    if asked.what == "simulated":
        shown = [simulate(asked.tables)]
    else:
        shown = [judge(asked.folder), shared(asked.folder)]
    for lines in shown:
        print(lines.to_string(index=False, float_format="{:.3f}".format), end="\n\n")


if __name__ == "__main__":
    main()
