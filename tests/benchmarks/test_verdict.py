"""The fits that rules for a verdict are judged on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.verdict.real_fits import (
    POSITIVES,
    ROWS,
    Population,
    further_differences,
    judge_later,
    read,
)


@pytest.mark.slow
def test_scores_keep_their_order_and_the_true_values_are_of_the_same_procedure(
    tmp_path: Path,
) -> None:
    """Scores of rows that are told apart easily need more than single precision."""
    random = np.random.default_rng(0)

    def drawn(rows: int, positives: int) -> tuple[np.ndarray, np.ndarray]:
        y = np.repeat(np.array([1, 0], np.int8), [positives, rows - positives])
        far = random.lognormal(1, 1, rows) * y
        return random.normal(0, 1, (rows, 3)) + far[:, None], y

    whole = Population(*drawn(2 * ROWS, 2 * POSITIVES), *drawn(ROWS, POSITIVES))
    path = tmp_path / "logistic_regression" / "0000.npz"
    judge_later(whole, "logistic_regression", 0, True, path)
    with np.load(path) as stored:
        scores = stored["scores"][4, 0]
    assert len(np.unique(scores)) > len(np.unique(scores.astype(np.float32)))
    table, true = read(path)
    assert table.folds[0].mean() == pytest.approx(true["none"], abs=0.1)
    assert table.folds[4].mean() == pytest.approx(true["random_under"], abs=0.1)
    gaps = further_differences(path)
    assert gaps is not None
    assert gaps.mean() == pytest.approx(true["random_under"] - true["none"])
