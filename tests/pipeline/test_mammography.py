"""The mirror's mammography, from its bytes to the published runs, against the committed results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from counterpoise.core import files
from counterpoise.core.paths import REPOSITORY
from tests.helpers.project import Project

STRATEGIES, MODELS = ("none", "random_over", "smote"), ("gradient_boosting", "xgboost")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, mirror: Path) -> Project:
    """A clone in which the grid is smaller; what is left of it has the committed parameters."""
    project = Project.copied(
        tmp_path_factory.mktemp("mammography"), COUNTERPOISE_MIRROR=str(mirror)
    )
    params = project.params
    params["datasets"] = {"mammography": params["datasets"]["mammography"]}
    params["strategies"] = {key: params["strategies"][key] for key in STRATEGIES}
    params["models"] = {key: params["models"][key] for key in MODELS}
    project.params = params
    project.repro()
    return project


def test_the_committed_numbers_come_out_again(project: Project) -> None:
    """Each cell has seeds of its own, so that a smaller grid gives the same numbers.

    On the machine that made the committed results they are the same to the last decimal; another
    processor may round otherwise, which moves a tie now and then.
    """
    ours = project.leaderboard().set_index(["strategy", "model"])
    committed = files.read_csv(REPOSITORY / "reports" / "leaderboard.csv")
    committed = (
        committed[committed["dataset"] == "mammography"]
        .set_index(["strategy", "model"])
        .loc[ours.index]
    )
    for name in ("average_precision", "roc_auc", "brier", "log_loss", "difference"):
        np.testing.assert_allclose(ours[name], committed[name], atol=5e-3, err_msg=name)
    assert ours["rows"].tolist() == [11_183] * len(ours)


def test_the_page_says_how_many_rows_are_alike_and_shows_results_as_is_and_grouped(
    project: Project,
) -> None:
    text = (project.folder / "reports" / "mammography.html").read_text()
    assert "7,849 of 11,183 rows are distinct, 7,848 by their features alone" in text
    assert "the most frequent features occur 3,329 times, with 7 positives among them" in text
    table = text.partition('<table id="as-is-and-grouped"')[2].partition("</table>")[0]
    folder = project.folder / "data" / "evaluations" / "mammography"
    as_is, grouped = (files.read_csv(folder / f"{name}.csv") for name in ("leaderboard", "grouped"))
    assert len(as_is) == len(grouped) == table.count("<tr>") - 1
    for frame in (as_is, grouped):
        for value in frame["average_precision"]:
            assert f"<td>{value:.3f} <small" in table
    assert (as_is["average_precision"] != grouped["average_precision"]).all()


def test_the_runs_are_published(project: Project) -> None:
    names = {name for _, name, status in project.current_runs() if status == "FINISHED"}
    assert names == {
        "comparison",
        *(f"{strategy}/{model}" for strategy in STRATEGIES for model in MODELS),
    }


def test_two_strategies_were_scored_on_the_same_rows_in_the_same_folds(project: Project) -> None:
    folder = project.folder / "data" / "scores" / "mammography"
    places = ["repeat", "fold", "part", "row"]
    for model in MODELS:
        first, *others = (
            files.read_parquet(folder / strategy / f"{model}.parquet")[places]
            for strategy in STRATEGIES
        )
        for other in others:
            assert first.equals(other)


@pytest.mark.parametrize(
    ("strategy", "model", "plain"),
    [
        *(
            (strategy, model, model)
            for strategy in ("random_over", "random_under")
            for model in ("logistic_regression", "gradient_boosting")
        ),
        ("random_over", "xgboost", "xgboost"),
        ("none", "xgboost_weighted", "xgboost"),
    ],
)
def test_recalibration_puts_the_probabilities_of_the_committed_results_right(
    strategy: str, model: str, plain: str
) -> None:
    """Of models that estimate probabilities of the rows they were given; docs/parameters.md says
    which do not."""
    board = files.read_csv(REPOSITORY / "reports" / "leaderboard.csv")
    mine = board[board["dataset"] == "mammography"].set_index(["strategy", "model"])
    cell, none = mine.loc[(strategy, model)], mine.loc[("none", plain)]
    assert cell["log_loss_corrected"] < cell["log_loss"]
    error = "expected_calibration_error"
    assert abs(cell[f"{error}_corrected"] - none[error]) <= 0.01 < abs(cell[error] - none[error])
