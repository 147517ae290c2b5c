"""The content of a run as typed items, made from results on disk; independent of MLflow.

`results` reads a dataset's results, and `items` makes the parameters, metrics, tags and files of
one run from them. A number that is not defined makes no metric: the tag `not_defined` names it
and the reason.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import pandas as pd
from PIL.Image import Image as Picture

from counterpoise.core import files, paths
from counterpoise.core.config import CPU, NONE, REFERENCES, Params
from counterpoise.core.outcome import OK
from counterpoise.evaluation import measurements, summary, terminal_answer
from counterpoise.evaluation.columns import CALIBRATION, COUNTED
from counterpoise.evaluation.measurements import Measured
from counterpoise.evaluation.search_trials import best_trials
from counterpoise.evaluation.summary import missing
from counterpoise.tracking import confusion_image
from counterpoise.tracking.runs import COMBINATION, COMPARISON

CELLS = "cells.json"
"""The artifact of the comparison that holds the key of every combination."""

NOTE = "mlflow.note.content"
"""The tag that MLflow shows as a run's description."""


@dataclass(frozen=True)
class Param:
    """A parameter of the run."""

    name: str
    value: str


@dataclass(frozen=True)
class Metric:
    """A number of the results; values of single folds are steps of one metric."""

    name: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class Tag:
    """A text that serves to find or explain runs."""

    name: str
    value: str


@dataclass(frozen=True)
class Artifact:
    """A file of the run."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Image:
    """A picture that MLflow's chart view shows beside those of other runs under the same name."""

    name: str
    picture: Picture


@dataclass(frozen=True)
class TableItem:
    """A table that MLflow's table view compares with those of other runs."""

    name: str
    frame: pd.DataFrame


@dataclass(frozen=True)
class Input:
    """The dataset of a run, as MLflow lists it among the run's inputs.

    Attributes
    ----------
    name : str
        The dataset's key in params.yaml.
    digest : str
        DVC's md5 of the table, equal for equal bytes. MLflow takes at most 36 characters, too few
        for a SHA-256.
    source : str
        The file that the dataset's entry names.
    profile : str
        JSON of its rows, positives and prevalence.
    """

    name: str
    digest: str
    source: str
    profile: str


Item = Param | Metric | Tag | Artifact | Image | TableItem | Input


@dataclass(frozen=True)
class CellResults:
    """One combination's part of a dataset's results."""

    params: Params
    dataset: str
    strategy: str
    model: str
    facts: dict[str, Any]
    board: dict[str, Any]
    """The combination's row of the leaderboard."""
    tables: dict[str, pd.DataFrame]
    """The combination's rows of the other tables, by name."""
    measured: pd.DataFrame
    """Seconds and bytes, a row for each repeat and fold."""

    @property
    def name(self) -> str:
        """The name of the combination.

        Returns
        -------
        str
            `strategy/model`.
        """
        return f"{self.strategy}/{self.model}"

    @property
    def title(self) -> str:
        """The title of its pictures.

        Returns
        -------
        str
        """
        return f"{self.dataset}: {self.strategy} / {self.model}"


@dataclass(frozen=True)
class Results:
    """A dataset's results as `evaluate` wrote them, and the measured seconds and bytes.

    Attributes
    ----------
    facts : dict
        Facts of the dataset.
    tables : dict of str to DataFrame
        A table for each name in `TABLES`.
    measured : Measured
        Seconds and bytes of resampling and fits.
    """

    params: Params
    dataset: str
    facts: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    measured: Measured

    @property
    def rules(self) -> list[str]:
        """The threshold rules.

        Returns
        -------
        list of str
        """
        return list(dict.fromkeys(self.tables["decisions"]["rule"]))

    def cell(self, name: str) -> CellResults:
        """Select the results of one combination.

        Parameters
        ----------
        name : str
            "strategy/model".

        Returns
        -------
        CellResults
        """
        strategy, model = name.split("/")
        mine = {
            name: table[(table["strategy"] == strategy) & (table["model"] == model)]
            for name, table in self.tables.items()
            if name != "counts"  # class counts are by strategy, without a model
        }
        counts = self.tables["counts"]
        board = {str(name): value for name, value in mine.pop("leaderboard").iloc[0].items()}
        mine["counts"] = counts[counts["strategy"] == strategy]
        fits = pd.DataFrame(
            [
                fit
                for fit in self.measured.fits
                if (fit["strategy"], fit["model"]) == (strategy, model)
            ]
        )
        sampled = pd.DataFrame(
            [fold for fold in self.measured.resampled if fold["strategy"] == strategy]
        )
        if not (fits.empty or sampled.empty):
            fits = fits.merge(
                sampled, on=["strategy", "repeat", "fold"], how="left", validate="1:1"
            )
        seconds = (sampled if fits.empty else fits).drop(
            columns=["strategy", "model"], errors="ignore"
        )
        return CellResults(
            self.params, self.dataset, strategy, model, self.facts, board, mine, seconds
        )


TABLES = (
    "leaderboard",
    "decisions",
    "differences",
    "grouped",
    "folds",
    "curves",
    "counts",
    "learning",
    "trials",
)
"""The tables of `evaluate` that runs are made from."""


def results(dataset: str, params: Params) -> Results:
    """Read a dataset's results.

    Parameters
    ----------
    dataset : str
        A key of `params`.
    params : Params
        The parameters that the results were made with.

    Returns
    -------
    Results

    Raises
    ------
    ResultError
        When a file is missing.
    """
    folder = paths.evaluation(dataset)
    tables = {name: files.read_csv(folder / f"{name}.csv") for name in TABLES}
    return Results(
        params,
        dataset,
        files.read_json(folder / "dataset.json"),
        tables,
        measurements.load(dataset),
    )


def fitted(results: Results, name: str, evaluated: int) -> tuple[int, float]:
    """When and how long a combination was fitted.

    Parameters
    ----------
    results : Results
    name : str
        "strategy/model" of a combination, or `COMPARISON`.
    evaluated : int
        When the results were evaluated, in milliseconds since 1970; 0 where it is not known.

    Returns
    -------
    tuple of int and float
        Milliseconds since 1970, and seconds of resampling, fits and predictions. The comparison is
        later than every combination and has the seconds of all.
    """
    made = results.measured.made
    if name != COMPARISON:
        strategy, model = name.split("/")
        fits = [
            f for f in results.measured.fits if (f["strategy"], f["model"]) == (strategy, model)
        ]
        resampled = [f for f in results.measured.resampled if f["strategy"] == strategy and fits]
        return made[name].at if name in made else evaluated, _seconds(fits, resampled)
    last = max((one.at + 1 for one in made.values()), default=0)
    return max(evaluated, last), _seconds(results.measured.fits, results.measured.resampled)


def _seconds(fits: list[dict[str, Any]], resampled: list[dict[str, Any]]) -> float:
    seconds = [f["fit_seconds"] + f["predict_seconds"] for f in fits]
    return float(sum(seconds) + sum(f["resample_seconds"] for f in resampled))


def verdicts(results: Results) -> dict[str, str]:
    """The verdict on each combination.

    Parameters
    ----------
    results : Results

    Returns
    -------
    dict of "strategy/model" to str
        "baseline", "placebo" and "subsample" for these, the status of what has no result.
    """
    found, kinds = {}, {NONE: "baseline"} | {name: name for name in REFERENCES}
    for row in results.tables["leaderboard"].to_dict("records"):
        verdict = kinds.get(row["level"], row["verdict"])
        if row["status"] != OK:
            verdict = row["status"].replace("_", " ")
        if not missing(verdict):
            found[f"{row['strategy']}/{row['model']}"] = str(verdict)
    return found


def dataset_input(results: Results, digest: str) -> Input:
    """Describe the dataset as the input of its runs.

    Parameters
    ----------
    results : Results
    digest : str
        DVC's md5 of the table.

    Returns
    -------
    Input
    """
    facts = {name: results.facts[name] for name in ("rows", "positives", "prevalence")}
    path = results.params.dataset(results.dataset).path
    return Input(results.dataset, digest, str(path), files.canonical(files.rounded(facts)))


def cells(names: Mapping[str, str]) -> Artifact:
    """List the runs that a comparison shows.

    Parameters
    ----------
    names : mapping of "strategy/model" to str
        The key of each run.

    Returns
    -------
    Artifact
        A JSON file.
    """
    return _json(CELLS, dict(names))


def items(results: Results, name: str) -> list[Item]:
    """Make the content of one run, except its dataset and its origin.

    Parameters
    ----------
    results : Results
    name : str
        "strategy/model" of a combination, or `COMPARISON`.

    Returns
    -------
    list of Item
    """
    return list(_comparison(results) if name == COMPARISON else _cell(results.cell(name)))


def _cell(cell: CellResults) -> Iterator[Item]:
    yield from _settings(cell)
    yield from _numbers(cell)
    yield Tag("kind", COMBINATION)
    for name in ("strategy", "model"):
        yield Tag(name, getattr(cell, name))
    for name in ("remedy", "level", "status", "reason"):
        if not missing(cell.board.get(name)):
            yield Tag(name, str(cell.board[name]))
    yield Tag(NOTE, _cell_note(cell))
    if cell.board["status"] == OK:
        yield from _confusion(cell)
        yield TableItem("decisions.json", _decisions(cell))
        yield from _curves(cell)
        yield from _learning(cell)
        yield from _search(cell)


def _settings(cell: CellResults) -> Iterator[Param]:
    params, dataset = cell.params, cell.dataset
    strategy, model = params.strategies[cell.strategy], params.models[cell.model]
    groups: dict[str, dict[str, Any]] = {
        "strategy": {**strategy.model_dump(), "sampler": strategy.sampler or cell.strategy},
        "model": {**model.model_dump(exclude={"strategies"}), "model": model.model or cell.model},
        "split": params.split_of(dataset).model_dump(),
        "thresholds": params.thresholds_of(dataset).model_dump(),
        "costs": params.costs_of(dataset).model_dump(),
        "data": {
            name: cell.facts[name]
            for name in ("rows", "positives", "features")
            if name in cell.facts
        },
    }
    yield Param("seed", str(params.seed))
    yield Param("device", cell.facts.get("devices", {}).get(cell.name, CPU))
    if not missing(cell.board["plain_model"]):
        yield Param("baseline", f"{NONE}/{cell.board['plain_model']}")
    for group, settings in groups.items():
        for name, value in _flat(group, settings):
            yield Param(name, value if isinstance(value, str) else files.canonical(value))


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The leaves of nested settings, under names joined by dots; None has no leaf."""
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}", inner)
    elif value is not None:
        yield name, value


NO_METRIC = {"rows", "folds", "trials", "training_rows", "training_rows_before", "p_adjusted"} | {
    f"{prefix}difference_{end}" for prefix in ("", "f1_", "cost_") for end in ("low", "high")
}
"""Numbers of the results that make no metric: those that are none, are among the class counts, or
depend on the other combinations, as intervals that hold together do."""

SECTIONS = {"recalibrated": ("correction_folds", "recalibration_gain"), "calibration": CALIBRATION}
"""Columns of the leaderboard by the section of MLflow's chart view that they belong to."""


def metric_name(column: str) -> str:
    """Name the metric of a column of the leaderboard.

    MLflow folds metrics into sections by the part of the name before a `/`.

    Parameters
    ----------
    column : str

    Returns
    -------
    str
        `ci/...` for the end of an interval, `recalibrated/...` for recalibrated probabilities,
        `calibration/...` for the calibration of raw scores; others keep their names.
    """
    if column.endswith(("_low", "_high")):
        return f"ci/{column}"
    if column.endswith("_corrected"):
        return f"recalibrated/{column.removesuffix('_corrected')}"
    for section, columns in SECTIONS.items():
        if column in columns:
            return f"{section}/{column.removeprefix('correction_').removeprefix('recalibration_')}"
    return column


def _numbers(cell: CellResults) -> Iterator[Metric]:
    """Results, values of single folds (as steps), class counts, seconds and bytes."""
    board = [
        Metric(metric_name(column), float(value))
        for column, value in cell.board.items()
        if column not in NO_METRIC and _is_number(value)
    ]
    # MLflow lists metrics in this order, and compares runs by the first one: those without a
    # section first, of these prevalence last, which is equal for all
    yield from sorted(board, key=lambda one: ("/" in one.name, one.name == "prevalence"))
    for row in cell.tables["decisions"].to_dict("records"):
        yield from _rows_numbers(str(row["rule"]), row)
    for row in cell.tables["grouped"].to_dict("records"):
        yield from _rows_numbers("grouped", row)
    for column in COUNTED:
        if cell.tables["counts"][column].notna().all():
            yield Metric(f"train/{column}", float(cell.tables["counts"][column].mean()))
    for metric, group in (
        cell.tables["folds"]
        .sort_values(["repeat", "fold"], kind="stable")
        .groupby("metric", sort=False)
    ):
        yield from _steps(f"fold/{metric}", group["value"])
    if cell.board["status"] == OK:
        for column in cell.measured.columns.difference(["repeat", "fold"]):
            values = pd.to_numeric(
                cell.measured.sort_values(["repeat", "fold"], kind="stable")[column]
            )
            if values.notna().all():
                total = values.max() if str(column).endswith("_bytes") else values.sum()
                yield Metric(f"measured/{column}", float(total))
            yield from _steps(f"fold/{column}", values)


def _rows_numbers(section: str, row: Mapping[Any, Any]) -> Iterator[Metric]:
    for name, number in row.items():
        if name not in NO_METRIC and not str(name).endswith("_sum") and _is_number(number):
            yield Metric(f"{section}/{name}", float(number))


def _steps(name: str, values: pd.Series[float]) -> Iterator[Metric]:
    for step, value in enumerate(values):
        if not missing(value):
            yield Metric(name, float(value), step)


COUNTS = ("tn", "fp", "fn", "tp")


def _confusion(cell: CellResults) -> Iterator[Image]:
    """The confusion matrix at every threshold rule."""
    for row in cell.tables["decisions"].to_dict("records"):
        if not any(missing(row[name]) for name in COUNTS):
            tn, fp, fn, tp = (_count(row[name]) for name in COUNTS)
            title = f"{row['rule']}: threshold {float(row['threshold']):.3f}"
            yield Image(
                f"confusion_matrix/{row['rule']}", confusion_image.draw((tn, fp, fn, tp), title)
            )


def _count(value: Any) -> Any:
    """A count; a mean over repeats may have a fraction."""
    return int(value) if float(value).is_integer() else round(float(value), 1)


SHOWN = (
    "rule",
    "threshold",
    *("tp", "fp", "fn", "tn"),
    *("precision", "recall", "f1", "mcc", "expected_cost"),
)
"""Columns of a run's table of decisions."""


def _decisions(cell: CellResults) -> pd.DataFrame:
    """The run's table of decisions; `outcome` first, since MLflow compares one column of runs."""
    table = cell.tables["decisions"][list(SHOWN)]
    outcomes = [_outcome(row) for row in cell.tables["decisions"].to_dict("records")]
    return table.assign(outcome=outcomes)[["rule", "outcome", *SHOWN[1:]]]


def _outcome(row: Mapping[Any, Any]) -> str:
    if any(missing(row[name]) for name in COUNTS):
        return str(row["reason"])
    fp, fn, tp = (_count(row[name]) for name in ("fp", "fn", "tp"))
    rates = ", ".join(f"{name} {_shown(row[name])}" for name in ("precision", "recall"))
    return (
        f"{tp:,} of {_count(fn + tp):,} positives found, {fp:,} false alarms; {rates},"
        f" F1 {_shown(row['f1'])}; threshold {_shown(row['threshold'])};"
        f" cost {_shown(row['expected_cost'])} a row"
    )


AXES = {
    "precision_recall": {"x": "recall", "y": "precision"},
    "roc": {"x": "false_positive_rate", "y": "true_positive_rate"},
}


def _curves(cell: CellResults) -> Iterator[Artifact]:
    curves = cell.tables["curves"]
    for curve, axes in AXES.items():
        yield _csv(
            f"{curve}.csv", curves.loc[curves["curve"] == curve, ["x", "y"]].rename(columns=axes)
        )


def _learning(cell: CellResults) -> Iterator[Metric]:
    """The learning curves: means over folds, as steps of a metric."""
    for row in cell.tables["learning"].to_dict("records"):
        if _is_number(row["mean"]):
            yield Metric(f"learning/{row['series']}", float(row["mean"]), int(row["step"]))


def _search(cell: CellResults) -> Iterator[Artifact]:
    """The trials of the combination's searches, and the best of each."""
    trials = cell.tables["trials"]
    if trials.empty:
        return
    yield _csv("trials.csv", trials.drop(columns=["strategy", "model"]))
    best = [
        {k: v for k, v in one.items() if k not in ("strategy", "model")}
        for one in best_trials(trials)
    ]
    yield _json("best_trials.json", best)


def _comparison(all_of_it: Results) -> Iterator[Item]:
    board, decisions = all_of_it.tables["leaderboard"], all_of_it.tables["decisions"]
    yield Tag("kind", COMPARISON)
    yield Tag("status", OK)
    yield Tag(NOTE, _comparison_note(all_of_it))
    numbers = summary.numbers(board, decisions, all_of_it.facts)
    # as those of combinations are called, beside which the run stands in a list
    names = {"f1_tuned": "tuned/f1", "expected_cost": "cost/expected_cost"}
    for name, number in (*numbers.items(), ("prevalence", all_of_it.facts["prevalence"])):
        yield Metric(names.get(name, name), float(number))
    findings = all_of_it.facts["defects"]["findings"]
    for severity in ("serious", "warning", "note"):
        count = sum(finding["severity"] == severity for finding in findings)
        yield Metric(f"findings/{severity}", count)
    yield _json("findings.json", all_of_it.facts["defects"])
    yield _csv("leaderboard.csv", _ranked(board))
    yield _csv("decisions.csv", decisions)
    page = paths.page(all_of_it.dataset)
    if page.is_file():
        yield Artifact(page.name, page.read_bytes())
    for path in sorted(paths.pictures(all_of_it.dataset).glob("*.png")):  # as `report` drew them
        yield Artifact(path.name, path.read_bytes())


def _ranked(board: pd.DataFrame) -> pd.DataFrame:
    """The leaderboard, the highest average precision first, what people look for on the left."""
    first = [
        name
        for name in ("strategy", "model", "remedy", *HEADLINES, "verdict", "status", "reason")
        if name in board
    ]
    rest = [name for name in board.columns if name not in first]
    return board.sort_values("average_precision", ascending=False, kind="stable")[first + rest]


HEADLINES = [
    f"{name}{end}" for name in ("average_precision", "difference") for end in ("", "_low", "_high")
]


LEGEND = (
    "Steps of `fold/...` are the test folds, repeat after repeat. `train/...` are mean counts of"
    " training rows. Seconds are sums over folds, `measured/peak_bytes` is the largest of them."
)


def _cell_note(cell: CellResults) -> str:
    """A run's description, in Markdown: decisions first, since MLflow folds what is long."""
    board = cell.board
    if board["status"] != OK:
        return f"No result, {str(board['status']).replace('_', ' ')}: {board['reason']}"
    level = f"{float(cell.facts.get('level', 0.95)):.0%}"
    lines = [f"Average precision {_with_interval(board, 'average_precision')}, {level} interval."]
    if board["level"] != NONE and not missing(board["difference"]):
        plain = (
            "the same model" if board["plain_model"] == cell.model else f"`{board['plain_model']}`"
        )
        lines.append(
            f"Difference from the baseline, {plain}: {_shown(board['difference'], '+')}. Its"
            f" interval, which depends on the other remedies, is in the run `{COMPARISON}`."
        )
    if not missing(board.get("correction")):
        lines.append(f"Recalibration of most folds: {board['correction']}.")
    lines += [f"{text}." for text in _not_defined(cell)]
    if not missing(board.get("notes")):
        lines.append(f"Notes: {board['notes']}.")
    decided = [
        f"- **{row['rule']}**: {_outcome(row)}"
        for row in cell.tables["decisions"].to_dict("records")
    ]
    return "\n\n".join(["\n".join(decided), " ".join(lines), LEGEND])


def _not_defined(cell: CellResults) -> Iterator[str]:
    """The reasons of numbers that have no value."""
    for row in cell.tables["decisions"].to_dict("records"):
        if not missing(row.get("reason")):
            yield f"{row['rule']}: {row['reason']}"


def _comparison_note(results: Results) -> str:
    """The answer in Markdown: the advice, the best combinations, and what has no result."""
    tables = results.tables
    first, *more = terminal_answer.answer_lines(
        results.facts, tables["leaderboard"], tables["differences"]
    )
    best, rest = more[: terminal_answer.BEST], more[terminal_answer.BEST :]
    return "\n".join([f"**{first}**", "", *best, "", *(f"- {line}" for line in rest)])


def experiment_note(results: Results) -> str:
    """Describe the experiment.

    Parameters
    ----------
    results : Results

    Returns
    -------
    str
        Markdown: the answer, and where the page is.
    """
    return (
        f"{_comparison_note(results)}\n\nThe run `{COMPARISON}` has the page as an artifact. Runs"
        " with the tag `current` = `true` show the present results."
    )


def _with_interval(row: dict[str, Any] | dict[Any, Any], name: str, sign: str = "") -> str:
    if missing(row[name]):
        return ""
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    interval = "" if missing(low) or missing(high) else f" ({low:{sign}z.3f} to {high:{sign}z.3f})"
    return f"{row[name]:{sign}z.3f}{interval}"


def _shown(value: Any, sign: str = "") -> str:
    return "not defined" if missing(value) else f"{float(value):{sign}z.3f}"


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _json(name: str, content: Any) -> Artifact:
    text = json.dumps(
        files.rounded(content), indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False
    )
    return Artifact(name, f"{text}\n".encode())


def _csv(name: str, frame: pd.DataFrame) -> Artifact:
    return Artifact(name, frame.to_csv(index=False, lineterminator="\n").encode())
