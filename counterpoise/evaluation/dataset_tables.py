"""Tables of a dataset's evaluation, computed from stored scores.

They hold metrics with intervals, decisions, curves and counts. No model is loaded, so a new metric
or threshold never requires a new fit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from tqdm import tqdm

from counterpoise.core import files, paths
from counterpoise.core.config import CPU, NONE, REFERENCES, Params, Thresholds, asked, reference
from counterpoise.core.outcome import OK
from counterpoise.core.seeds import seed_for
from counterpoise.core.types import Cell, Labels, Vector
from counterpoise.data import folds as splits
from counterpoise.data import splitters, tables
from counterpoise.data.folds import Fold, Parts
from counterpoise.data.tables import Table
from counterpoise.engine import parallel, resampling
from counterpoise.engine.cell_store import CellStore
from counterpoise.evaluation import (
    bootstrap,
    cached,
    calibration,
    corrections,
    costs,
    independent,
    levels,
    metrics,
    significance,
)
from counterpoise.evaluation import differences as differing
from counterpoise.evaluation.answers import answers
from counterpoise.evaluation.columns import (
    COUNTED,
    COUNTS,
    CURVES,
    DECISIONS,
    GROUPED,
    HISTOGRAM,
    LEARNING,
    NET_BENEFIT,
    RECALIBRATION,
    RELIABILITY,
    SWEEP,
    TRIALS,
)
from counterpoise.evaluation.costs import CostMatrix
from counterpoise.evaluation.decisions import RULES, Called, decisions, measures
from counterpoise.evaluation.differences import Design, Measure
from counterpoise.evaluation.fold_scores import FoldScores, fold_scores, pooled
from counterpoise.evaluation.leaderboard import (
    CellProperties,
    Measured,
    leaderboard,
    mean_of_folds,
    pairs_of,
)
from counterpoise.evaluation.metrics import METRICS
from counterpoise.evaluation.projection import Projection, project
from counterpoise.evaluation.threshold_sweep import points, sweep
from counterpoise.evaluation.thresholds import Confusion
from counterpoise.models.combinations import cells

GRID = np.linspace(0, 1, 101)
"""x values of the mean curves."""

TAKEN = np.array([0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, *np.arange(0.1, 1.01, 0.1)])
"""Shares of the rows at which the gain is taken."""

BAND = (0.1, 0.9)
"""Quantiles over folds that the band around a mean curve reaches from and to."""

ROWS = "rows"

OTHER_ROWS = "has other validation rows, so other training rows, and other seeds"
OTHER_SEEDS = "has other seeds alone, since the split fixes the validation rows"
"""What a placebo has that the baseline has not, depending on the split."""

AT_ONCE = 16
"""Approximate number of float64 vectors, one value per row of the table, that one combination uses
at once."""

K = TypeVar("K")


def curves(cell: Cell, folds: list[FoldScores], y: Labels) -> pd.DataFrame:
    """Precision-recall, ROC and gain curve of a combination, each the mean of its folds' curves.

    Parameters
    ----------
    cell : tuple of (strategy, model)
        The combination.
    folds : list of FoldScores
        Its scores.
    y : ndarray of shape (n,)
        Labels of the table's rows.

    Returns
    -------
    DataFrame of `CURVES`
        `low` and `high` are the quantiles `BAND` of the folds.
    """
    kinds: list[tuple[str, Callable[[Labels, Vector, Vector], Vector], Vector]] = [
        ("precision_recall", metrics.precision_recall, GRID),
        ("roc", metrics.roc, GRID),
        ("gain", metrics.gain, TAKEN),
    ]
    pieces = []
    for name, curve, grid in kinds:
        each = np.array([curve(y[fold.test], fold.test_scores, grid) for fold in folds])
        low, high = np.quantile(each, BAND, axis=0)
        piece = {"curve": name, "x": grid, "y": each.mean(axis=0), "low": low, "high": high}
        pieces.append(pd.DataFrame({"strategy": cell[0], "model": cell[1], **piece}))
    return pd.concat(pieces)[CURVES]


PREFERENCES = np.array([0.005, 0.01, 0.02, 0.03, 0.05, 0.07, *np.arange(0.1, 0.91, 0.05)])
"""Threshold probabilities at which the net benefit is taken: at p, one positive that is found is
worth (1 - p) / p false alarms."""


def net_benefit(cell: Cell, folds: list[FoldScores], y: Labels) -> pd.DataFrame:
    """Net benefit of a combination's recalibrated probabilities (Vickers and Elkin 2006).

    Parameters
    ----------
    cell, folds, y
        See `curves`.

    Returns
    -------
    DataFrame of `NET_BENEFIT`
        Net benefit per row, in positives found; empty where a fold has no recalibration.
    """
    if any(fold.reason for fold in folds):
        return pd.DataFrame(columns=NET_BENEFIT)
    labels = np.concatenate([y[fold.test] for fold in folds])
    probabilities = np.concatenate([fold.corrected for fold in folds])
    called = probabilities[:, None] >= PREFERENCES
    true = called[labels == 1].sum(axis=0)
    false = called[labels == 0].sum(axis=0)
    benefit = (true - false * PREFERENCES / (1 - PREFERENCES)) / len(labels)
    found = {"preference": PREFERENCES, "net_benefit": benefit}
    return pd.DataFrame({"strategy": cell[0], "model": cell[1], **found})[NET_BENEFIT]


def by_fold(
    grid: list[Cell], parts: Parts, folds: Vector, limits: dict[Cell, list[list[float]]]
) -> pd.DataFrame:
    """Metrics and thresholds of every combination and fold, one value per row.

    Parameters
    ----------
    grid : list of (strategy, model)
        The combinations that have scores.
    parts : Parts
        The split.
    folds : ndarray of shape (combinations, folds, metrics)
        Metrics, see `counterpoise.evaluation.leaderboard.Measured`.
    limits : dict of (strategy, model) to list of list of float
        Threshold of each threshold rule in each fold.

    Returns
    -------
    DataFrame of strategy, model, repeat, fold, metric, value
        Thresholds are named `threshold_<rule>`.
    """
    rows = []
    for at, cell in enumerate(grid):
        for k, (repeat, fold) in enumerate(parts.names):
            values = dict(zip(METRICS, folds[at, k], strict=True))
            values |= {f"threshold_{rule}": limits[cell][p][k] for p, rule in enumerate(RULES)}
            rows += [(*cell, repeat, fold, name, value) for name, value in values.items()]
    return pd.DataFrame(rows, columns=["strategy", "model", "repeat", "fold", "metric", "value"])


def recalibrations(cells: Mapping[Cell, list[FoldScores]], parts: Parts) -> pd.DataFrame:
    """Recalibration chosen in each fold of every combination.

    Parameters
    ----------
    cells : mapping of (strategy, model) to list of FoldScores
        Recalibrated scores.
    parts : Parts
        The split.

    Returns
    -------
    DataFrame of `RECALIBRATION`
    """
    rows = [
        {"strategy": strategy, "model": model, "repeat": repeat, "fold": k, **of.row()}
        for (strategy, model), folds in cells.items()
        for (repeat, k), fold in zip(parts.names, folds, strict=True)
        if (of := fold.recalibration) is not None
    ]
    return pd.DataFrame(rows, columns=RECALIBRATION)


def cell_properties(params: Params, stored: dict[str, Any]) -> dict[Cell, CellProperties]:
    """Properties of every combination that do not depend on its scores.

    Parameters
    ----------
    params : Params
        The configuration.
    stored : dict
        For each strategy the class counts and the status of its models, as `train` wrote them.

    Returns
    -------
    dict of (strategy, model) to CellProperties
        In the order of the configuration.
    """
    baseline_models, searched = levels.plain_of(params.models), levels.searched(params)
    result = {}
    for strategy, model in cells(params):
        status = stored[strategy]["models"][model]
        cell = strategy, params.strategies[strategy], model, params.models[model]
        result[strategy, model] = CellProperties(
            status["status"],
            status["reason"],
            status["notes"],
            levels.level(*cell),
            levels.remedy(*cell),
            levels.candidates(*cell),
            model if cell[1].seed is not None else baseline_models[model],
            searched[model],
        )
    return result


def reliability(cell: Cell, folds: list[FoldScores], y: Labels) -> pd.DataFrame:
    """Reliability diagram of a combination's raw and recalibrated probabilities.

    Parameters
    ----------
    cell, folds, y
        See `curves`. The folds are those of one repeat, so that each row appears once.

    Returns
    -------
    DataFrame of strategy, model, side and `counterpoise.evaluation.calibration.reliability`
        Side is raw or corrected; a side with a missing probability is left out.
    """
    labels, scores, log_odds = pooled(folds, y)
    sides = {"raw": scores, "corrected": corrections.probability(log_odds)}
    return _of_cell(
        cell,
        {
            side: calibration.reliability(labels, p)
            for side, p in sides.items()
            if not np.isnan(p).any()
        },
    )


def histogram(cell: Cell, folds: list[FoldScores], y: Labels) -> pd.DataFrame:
    """Histogram of the raw scores of each class.

    Parameters
    ----------
    cell, folds, y
        See `curves`.

    Returns
    -------
    DataFrame of strategy, model, side and `counterpoise.evaluation.calibration.histogram`
        Side is raw.
    """
    labels, scores, _ = pooled(folds, y)
    return _of_cell(cell, {"raw": calibration.histogram(labels, scores)})


def _of_cell(cell: Cell, by_side: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(
        [
            frame.assign(strategy=cell[0], model=cell[1], side=side)
            for side, frame in by_side.items()
        ],
        ignore_index=True,
    )


def learning(folder: Path, cell: Cell, parts: Parts) -> pd.DataFrame:
    """Learning curve of a combination: mean and range over folds.

    Parameters
    ----------
    folder : Path
        Folder of the dataset's scores.
    cell : tuple of (strategy, model)
        The combination.
    parts : Parts
        The whole split; its grouped repeat is left out.

    Returns
    -------
    DataFrame of strategy, model, series, step, mean, low, high
        Empty where the model records no history.
    """
    path = folder / cell[0] / f"{cell[1]}.history.parquet"
    if not path.is_file():
        return pd.DataFrame(columns=LEARNING)
    stored = files.read_parquet(path)
    stored = stored[stored["repeat"] != parts.beside]
    curves = stored.groupby(["series", "step"], sort=True)["value"]
    frame = curves.agg(mean="mean", low="min", high="max").reset_index()
    return frame.assign(strategy=cell[0], model=cell[1])[LEARNING]


def trials(folder: Path, cell: Cell, parts: Parts) -> pd.DataFrame:
    """Trials of a combination's hyperparameter searches.

    Parameters
    ----------
    folder, cell, parts
        See `learning`.

    Returns
    -------
    DataFrame of `TRIALS`
        One trial per row, `params` as JSON text. Empty where there was no search.
    """
    path = folder / cell[0] / f"{cell[1]}.trials.json"
    rows = [
        {
            **trial,
            "strategy": cell[0],
            "model": cell[1],
            "params": json.dumps(trial["params"], sort_keys=True),
        }
        for trial in (files.read_json(path) if path.is_file() else [])
        if trial["repeat"] != parts.beside
    ]
    return pd.DataFrame(rows, columns=TRIALS)


def rows_of(dataset: str, table: Table, params: Params, fold: Fold) -> Projection:
    """Project the training rows of one fold to two dimensions, for each strategy that ran there.

    Parameters
    ----------
    dataset : str
        Key of the dataset.
    table : Table
        The dataset, with its features.
    params : Params
        The configuration.
    fold : Fold
        The fold.

    Returns
    -------
    Projection
        Sampled rows with their coordinates.
    """
    here = {}
    # only one fold: all folds of all strategies would not fit into memory
    for name, entry in params.strategies.items():
        if reference(name, entry) is not None:  # no remedy
            continue
        rows = resampling.read_rows(paths.resampled(dataset, name), table, fold[:2]).get(fold[:2])
        if rows is not None:
            here[name] = rows
    return project(
        table.X,
        table.y,
        table.cardinalities,
        fold.train,
        here,
        seed_for(params.seed, dataset, "projection"),
    )


def training_rows(strategies: pd.Series[str], counts: pd.DataFrame) -> dict[str, pd.Series[float]]:
    """Number of training rows of each strategy before and after resampling, as a mean over folds.

    Parameters
    ----------
    strategies : Series of str
        Strategy of each row of the leaderboard.
    counts : DataFrame
        Class counts of each strategy and fold.

    Returns
    -------
    dict of str to Series of float
        `training_rows_before` and `training_rows`, aligned with `strategies`. Missing where the
        strategy ran in no fold.
    """

    def mean(when: str) -> pd.Series[float]:
        rows = counts[f"negatives_{when}"].astype("float64") + counts[f"positives_{when}"].astype(
            "float64"
        )
        return strategies.map(rows.groupby(counts["strategy"]).mean())

    return {"training_rows_before": mean("before"), "training_rows": mean("after")}


def of_parts(stored: dict[str, Any], parts: Parts) -> dict[str, Any]:
    """Restrict the results of `train` to some folds.

    Parameters
    ----------
    stored : dict
        Results by strategy, see `cell_properties`.
    parts : Parts
        The folds to keep.

    Returns
    -------
    dict
        A copy of `stored` with the counts and fits of these folds.
    """

    def mine(folds: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [fold for fold in folds if (fold["repeat"], fold["fold"]) in parts.names]

    return {
        strategy: {
            "counts": mine(results["counts"]),
            "models": {
                model: {**status, "folds": mine(status["folds"])}
                for model, status in results["models"].items()
            },
        }
        for strategy, results in stored.items()
    }


def fitted(status: dict[str, Any]) -> set[tuple[int, int]]:
    """Folds in which a model was fitted.

    Parameters
    ----------
    status : dict
        Stored status of the model, with its fits in `folds`.

    Returns
    -------
    set of (repeat, fold)
    """
    return {(fold["repeat"], fold["fold"]) for fold in status["folds"]}


@dataclass(frozen=True)
class OfCell:
    """Results that depend on the scores of one combination only.

    Attributes
    ----------
    right : list of FoldScores
        Scores with recalibrated log odds.
    decided, limits, called
        See `counterpoise.evaluation.decisions.decisions`.
    tables : dict of str to DataFrame
        Tables by name.
    """

    right: list[FoldScores]
    decided: list[dict[str, Any]]
    limits: list[list[float]]
    called: list[Called]
    tables: dict[str, pd.DataFrame]


def recalibrated(
    cell: Cell,
    grid: Mapping[Cell, CellProperties],
    y: Labels,
    stored: dict[str, Any],
    mine: list[FoldScores],
    store: CellStore,
) -> list[FoldScores]:
    """Recalibrate the scores of a combination.

    Parameters
    ----------
    cell : tuple of (strategy, model)
        The combination.
    grid : mapping of (strategy, model) to CellProperties
        See `cell_properties`.
    y : ndarray of shape (n,)
        Labels of the table's rows.
    stored : dict
        Results by strategy, see `cell_properties`.
    mine : list of FoldScores
        Its raw scores.
    store : CellStore
        Cache of what was chosen.

    Returns
    -------
    list of FoldScores
        The scores with recalibrated log odds.
    """
    results = stored[cell[0]]
    folds = results["models"][cell[1]]["folds"]
    return cached.recalibrated(store, mine, grid[cell].candidates, y, results["counts"], folds)


def of_cell(
    cell: Cell,
    grid: Mapping[Cell, CellProperties],
    y: Labels,
    stored: dict[str, Any],
    mine: list[FoldScores],
    store: CellStore,
    dataset: str,
    rules: Thresholds,
    matrix: CostMatrix,
    once: int,
) -> OfCell:
    """Evaluate one combination.

    Parameters
    ----------
    cell, grid, y, stored, mine, store
        See `recalibrated`.
    dataset : str
        Key of the dataset.
    rules : Thresholds
        The threshold rules.
    matrix : CostMatrix
        Misclassification costs of the table's rows.
    once : int
        Number of folds that make up the first repeat.

    Returns
    -------
    OfCell
        Recalibrated scores, decisions and tables.
    """
    mine = recalibrated(cell, grid, y, stored, mine, store)
    decided, limits, called = decisions(dataset, cell, mine, y, rules, matrix)
    tables = {
        "thresholds": sweep(cell, mine, y, at=points(rules), costs=matrix)[SWEEP],
        "curves": curves(cell, mine, y),
        "net_benefit": net_benefit(cell, mine, y),
        "reliability": reliability(cell, mine[:once], y)[RELIABILITY],
        "histograms": histogram(cell, mine, y)[HISTOGRAM],
    }
    return OfCell(mine, decided, limits, called, tables)


def small(rows: int) -> bool:
    """Whether the vectors of as many combinations as there are cores fit into memory.

    Parameters
    ----------
    rows : int
        Rows of the table.

    Returns
    -------
    bool
        True if those of one combination take at most half of `bootstrap.LARGEST` over the number of
        cores.
    """
    return AT_ONCE * 8 * rows <= bootstrap.LARGEST / parallel.cores() / 2


def one_by_one(tasks: Mapping[K, Callable[[], Any]]) -> dict[K, Any]:
    """Run tasks with a progress bar.

    Not in threads: most of the work holds Python's lock, and two threads took a fifth longer.

    Parameters
    ----------
    tasks : mapping of name to callable
        Each is called without arguments.

    Returns
    -------
    dict
        Result of each task by name.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # sums in BLAS depend on the number of threads
        bar = tqdm(tasks.items(), desc="cells", unit="cell", disable=None)
        return {name: task() for name, task in bar}


def families(
    grid: Mapping[Cell, CellProperties], scores: Collection[Cell], same: Collection[Cell]
) -> list[dict[Cell, Cell]]:
    """Comparisons whose intervals hold together: the remedies, and apart from them each reference.

    Parameters
    ----------
    grid : mapping of (strategy, model) to CellProperties
        Every combination.
    scores : collection of (strategy, model)
        The combinations that have scores.
    same : collection of (strategy, model)
        Combinations with the scores of an earlier one.

    Returns
    -------
    list of dict of (strategy, model) to (strategy, model)
        Each combination with its baseline.
    """
    pairs = pairs_of(grid, scores, same)
    found: dict[str, dict[Cell, Cell]] = {name: {} for name in ("", *REFERENCES)}
    for cell, base in pairs.items():
        level = grid[cell].level
        found[level if level in REFERENCES else ""][cell] = base
    return list(found.values())


def same_as(
    grid: Mapping[Cell, CellProperties], scores: Mapping[Cell, list[FoldScores]]
) -> dict[Cell, Cell]:
    """Combinations with the scores of another one: of a baseline, or else of the first remedy.

    Parameters
    ----------
    grid : mapping of (strategy, model) to CellProperties
    scores : mapping of (strategy, model) to list of FoldScores

    Returns
    -------
    dict of (strategy, model) to (strategy, model)
        Without references, which are compared even where chance changes nothing.
    """
    cells = [cell for cell in scores if grid[cell].level not in REFERENCES]
    cells.sort(key=lambda cell: grid[cell].level != NONE)
    return differing.same_scores({cell: scores[cell] for cell in cells})


def of_metrics(cells: Sequence[Cell], measured: Measured) -> list[Measure]:
    """The metrics of the leaderboard, ready to be compared.

    Parameters
    ----------
    cells : sequence of (strategy, model)
    measured : Measured
        Of these combinations.

    Returns
    -------
    list of Measure
    """
    values = mean_of_folds(measured.folds)
    return [
        Measure(name, "", cells, values[:, m], measured.folds[:, :, m], measured.draws[:, :, m])
        for m, name in enumerate(METRICS)
    ]


def with_differences(decided: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """Add the differences in F1 and cost to the table of decisions.

    Parameters
    ----------
    decided : DataFrame
        Rows of `decisions`.
    table : DataFrame of `DIFFERENCES`

    Returns
    -------
    DataFrame of `DECISIONS`
        Missing where there is nothing to compare.
    """
    key = ["strategy", "model", "rule"]
    for measure, prefix in (("f1", "f1"), ("expected_cost", "cost")):
        mine = table[table["measure"] == measure]
        names = {f"difference{end}": f"{prefix}_difference{end}" for end in ("", "_low", "_high")}
        mine = mine[[*key, *names]].rename(columns=names)
        decided = decided.drop(columns=list(names.values()), errors="ignore")
        decided = decided.merge(mine, on=key, how="left", validate="one_to_one")
    return decided[DECISIONS]


def grouped(
    dataset: str,
    params: Params,
    table: Table,
    parts: Parts,
    facts: dict[str, Any],
    stored: dict[str, Any],
    scores: dict[Cell, list[FoldScores]],
    store: CellStore,
) -> pd.DataFrame:
    """Leaderboard of the grouped folds, which keep duplicates or declared groups together.

    Parameters
    ----------
    dataset, params, table, facts, stored, store
        See `evaluate`.
    parts : Parts
        The grouped folds.
    scores : dict of (strategy, model) to list of FoldScores
        Scores of the combinations fitted in every grouped fold.

    Returns
    -------
    DataFrame of `GROUPED`
        Empty where the split has no grouped folds.
    """
    if not len(parts):
        return pd.DataFrame(columns=GROUPED)
    grid, y = cell_properties(params, stored), table.y
    tasks = {
        cell: partial(recalibrated, cell, grid, y, stored, mine, store)
        for cell, mine in scores.items()
    }
    right: dict[Cell, list[FoldScores]] = one_by_one(tasks)
    seed = seed_for(params.seed, dataset, "bootstrap", "grouped")
    units = splitters.groups_of(table)
    measured = cached.measure(store, list(right.values()), parts, y, seed, units)
    calibration = cached.calibrations(store, right, y, alone=not small(len(y)))
    same = same_as(grid, scores)
    design = Design(1, *independent.positives(parts, y, units), params.worth_of(dataset), seed)
    # the leaderboard of grouped folds shows the first of them alone, average precision
    compared = differing.table(
        of_metrics(list(scores), measured)[:1], families(grid, scores, same), design
    )
    return leaderboard(dataset, grid, right, calibration, measured, compared, same, facts)[GROUPED]


class Results(NamedTuple):
    """Results of a dataset's evaluation that depend on its scores.

    Attributes
    ----------
    tables : dict of str to DataFrame
        By name; `counterpoise.evaluation.columns` lists their columns.
    rows : Projection
        The projection of the training rows.
    facts : dict
        What the comparison is based on: positives, repeats, units; and the answers.
    """

    tables: dict[str, pd.DataFrame]
    rows: Projection
    facts: dict[str, Any]


def evaluate(
    dataset: str,
    params: Params,
    table: Table,
    parts: Parts,
    matrix: CostMatrix,
    facts: dict[str, Any],
    stored: dict[str, Any],
    scores: dict[Cell, list[FoldScores]],
    picture: Callable[[], Projection],
    store: CellStore,
) -> Results:
    """Compute the tables of a dataset's evaluation and the projection of its rows.

    Parameters
    ----------
    dataset : str
        Key of the dataset.
    params : Params
        The configuration.
    table : Table
        The dataset, with its features: duplicates are one unit of the bootstrap.
    parts : Parts
        The folds of the comparison.
    matrix : CostMatrix
        Misclassification costs of the table's rows.
    facts : dict
        Facts of the dataset; `rows` and `prevalence` go into the leaderboard.
    stored : dict
        For each strategy the class counts and the status of its models, as `train` wrote them.
    scores : dict of (strategy, model) to list of FoldScores
        Scores of the combinations whose status is ok.
    picture : callable
        Returns the projection of the training rows.
    store : CellStore
        Cache of draws and calibration.

    Returns
    -------
    Results
    """
    grid, y = cell_properties(params, stored), table.y
    # the folds of the first repeat
    once = sum(repeat == parts.names[0][0] for repeat, _ in parts.names)
    rules = params.thresholds_of(dataset)
    tasks: dict[Cell | str, Callable[[], Any]] = {ROWS: picture}
    for cell, mine in scores.items():
        tasks[cell] = partial(
            of_cell, cell, grid, y, stored, mine, store, dataset, rules, matrix, once
        )
    results = one_by_one(tasks)
    of_cells: dict[Cell, OfCell] = {cell: results[cell] for cell in scores}
    rows: Projection = results[ROWS]
    right = {cell: one.right for cell, one in of_cells.items()}
    seed, scheme = seed_for(params.seed, dataset, "bootstrap"), params.split_of(dataset)
    units = independent.units_of(table, scheme)
    measured = cached.measure(store, list(right.values()), parts, y, seed, units)
    decided = pd.DataFrame(
        [row for one in of_cells.values() for row in one.decided], columns=DECISIONS
    )
    decided = decided.astype(dict.fromkeys((f"{name}_sum" for name in Confusion._fields), "Int64"))
    called = {cell: one.called for cell, one in of_cells.items()}
    counts = [
        {"strategy": strategy, **count}
        for strategy in params.strategies
        for count in stored[strategy]["counts"]
    ]

    def of_each(title: str, columns: list[str]) -> pd.DataFrame:
        frames = [one.tables[title] for one in of_cells.values()]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)

    repeats = len({repeat for repeat, _ in parts.names})
    smallest, positives = independent.positives(parts, y, units)
    design = Design(repeats, smallest, positives, params.worth_of(dataset), seed)
    every = [
        *of_metrics(list(scores), measured),
        *measures(decided, called, parts, y, matrix, seed, partial(cached.redrawn, store), units),
    ]
    same = same_as(grid, scores)
    compared = differing.table(every, families(grid, scores, same), design)
    calibration = cached.calibrations(store, right, y, alone=not small(len(y)))
    board = leaderboard(dataset, grid, right, calibration, measured, compared, same, facts)
    if scores:
        by_name = {measure.name: measure for measure in every}
        losses = by_name["log_loss"], by_name["log_loss_corrected"]
        board = differing.with_recalibration_gains(board, *losses, design)
    levels_of = {cell: one.level for cell, one in grid.items() if one.level not in REFERENCES}
    about = {
        "repeats": repeats,
        "fits": len(parts),
        "positives_in_smallest_part": smallest,
        "independent_positives": positives,
        "redrawn": independent.kind_of(table.roles, scheme, units),
        "answers": answers(asked(params.goal_of(dataset)), every, compared, levels_of, design),
    }
    tables = {
        "leaderboard": board.assign(**training_rows(board["strategy"], pd.DataFrame(counts))),
        "decisions": with_differences(decided, compared),
        "differences": compared,
        "thresholds": of_each("thresholds", SWEEP),
        "folds": by_fold(
            list(scores),
            parts,
            measured.folds,
            {cell: one.limits for cell, one in of_cells.items()},
        ),
        "curves": of_each("curves", CURVES),
        "net_benefit": of_each("net_benefit", NET_BENEFIT),
        "recalibration": recalibrations(right, parts),
        "counts": pd.DataFrame(counts).astype(dict.fromkeys(COUNTED, "Int64"))[COUNTS],
        "reliability": of_each("reliability", RELIABILITY),
        "histograms": of_each("histograms", HISTOGRAM),
        ROWS: rows.points,
    }
    return Results(tables, rows, about)


class Evaluation(NamedTuple):
    """Complete evaluation of a dataset.

    Attributes
    ----------
    tables : dict of str to DataFrame
        By name; `counterpoise.evaluation.columns` lists their columns.
    facts : dict
        Facts of the whole dataset, among them split, thresholds, costs and data checks.
    stored : dict
        For each strategy the class counts and the status of its models, as `train` wrote them.
    evaluated : int
        Number of combinations that have scores.
    """

    tables: dict[str, pd.DataFrame]
    facts: dict[str, Any]
    stored: dict[str, Any]
    evaluated: int


def of_dataset(name: str, params: Params, store: CellStore) -> Evaluation:
    """Evaluate a dataset from the results of the earlier stages.

    Parameters
    ----------
    name : str
        Key of the dataset.
    params : Params
        The configuration.
    store : CellStore
        Cache of draws and calibration.

    Returns
    -------
    Evaluation
        Tables and facts, ready to be written.

    Raises
    ------
    ResultError
        If stored scores do not match the split.
    TableError
        If a column makes misclassification costs invalid (`costs.matrix`).
    """
    whole = splits.read(paths.split(name))
    table = tables.read(paths.table(name))
    matrix = costs.matrix(params.costs_of(name), table, f"the costs of datasets.{name}")
    parts, grouped_parts = whole.compared, whole.grouped
    facts = files.read_json(paths.facts(name))
    stored = {
        strategy: files.read_json(paths.scores(name, strategy) / "cells.json")
        for strategy in params.strategies
    }
    scores, scores_grouped = {}, {}
    for strategy, model in cells(params):
        if stored[strategy]["models"][model]["status"] == OK:
            path = paths.scores(name, strategy) / f"{model}.parquet"
            stored_scores = files.read_parquet(path)
            seed = params.strategies[strategy].seed
            scores[strategy, model] = fold_scores(stored_scores, parts.of(seed), str(path))
            if all(
                fold in fitted(stored[strategy]["models"][model]) for fold in grouped_parts.names
            ):
                scores_grouped[strategy, model] = fold_scores(
                    stored_scores, grouped_parts.of(seed), str(path)
                )
    draw = partial(rows_of, name, table, params, next(iter(parts)))
    results, picture, compared = evaluate(
        name, params, table, parts, matrix, facts, of_parts(stored, parts), scores, draw, store
    )
    results["grouped"] = grouped(
        name,
        params,
        table,
        grouped_parts,
        facts,
        of_parts(stored, grouped_parts),
        scores_grouped,
        store,
    )
    for title, collect, columns in (("learning", learning, LEARNING), ("trials", trials, TRIALS)):
        frames = [
            frame for cell in scores if len(frame := collect(paths.scores(name), cell, whole))
        ]
        results[title] = (
            pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)
        )
    tested = np.unique(np.concatenate([fold.test for fold in parts]))
    devices = {
        f"{strategy}/{model}": device
        for strategy, model in cells(params)
        if (device := stored[strategy]["models"][model].get("device", CPU)) != CPU
    }
    about = {
        "dataset": name,
        "split": params.split_of(name).model_dump(),
        "folds": len(parts),
        "thresholds": params.thresholds_of(name).model_dump(),
        "costs": params.costs_of(name).model_dump(),
        "costs_without_a_model": costs.reference(table.y[tested], matrix.of(tested)),
        "draws": bootstrap.DRAWS,
        "level": significance.LEVEL,
        "goal": params.goal_of(name),
        "worth": params.worth_of(name).model_dump(),
        "grouped_folds": len(grouped_parts),
        "placebos": {
            key: OTHER_ROWS if entry.seed in whole.placebos else OTHER_SEEDS
            for key, entry in params.strategies.items()
            if entry.seed is not None
        },
        "grouped_by": "group" if "group" in table.roles else "rows",
        "axes": list(picture.shares),
        "defects": files.read_json(paths.audit(name)),
        "devices": devices,
    }
    return Evaluation(results, facts | compared | about, stored, len(scores))
