"""How often the verdict is wrong where nothing helps, and how often it finds a real gain, on
simulated scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score

from benchmarks import verdict
from benchmarks.verdict import Setting


def test_the_simulated_scores_have_the_average_precision_that_was_asked_for() -> None:
    y = (np.arange(400_000) < 20_000).astype(np.int8)
    apart = [verdict.separation(wanted, 0.05) for wanted in (0.5, 0.55)]
    made = verdict.scores(np.random.default_rng(0), y, apart, 0.8)
    for one, wanted in zip(made, (0.5, 0.55), strict=True):
        assert average_precision_score(y, one) == pytest.approx(wanted, abs=0.01)
    for label in (0, 1):
        assert np.corrcoef(made[:, y == label])[0, 1] == pytest.approx(0.8, abs=0.01)


def test_a_verdict_that_claims_too_much_would_be_seen() -> None:
    """The summary of made-up judgements, counted by hand."""
    judged = [
        pd.DataFrame(
            {
                "difference": [0.1, -0.1],
                "low": [0.01, -0.2],
                "high": [0.2, 0.01],
                "p_value": [0.01, 0.2],
                "p_adjusted": [0.02, 0.2],
                "base_low": 0.4,
                "base_high": 0.6,
            }
        ),
        pd.DataFrame(
            {
                "difference": [0.1, -0.1],
                "low": [-0.01, -0.2],
                "high": [0.2, -0.01],
                "p_value": [0.03, 0.01],
                "p_adjusted": [0.06, 0.02],
                "base_low": 0.6,
                "base_high": 0.7,
            }
        ),
    ]
    found = verdict.summary(Setting(100, 0.1, 0.5, 0.0, 2, 0.9), judged)
    assert found == {
        "any win": 0.5,
        "any loss": 0.5,
        "p < .05, unadjusted": 0.5,
        "interval holds the gain": 0.5,
        "interval holds the base": 0.5,
    }


pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("setting", "repetitions", "wins"),
    [
        (Setting(5000, 0.05, 0.5, 0.0, 10, 0.95), 120, (0, 0.05)),
        (Setting(5000, 0.05, 0.5, 0.05, 1, 0.95), 60, (0.9, 1)),
        pytest.param(
            Setting(5000, 0.05, 0.5, 0.0, 1, 0.95), 1000, (0, 0.05), marks=pytest.mark.exhaustive
        ),
        pytest.param(
            Setting(5000, 0.05, 0.5, 0.0, 10, 0.95), 1000, (0, 0.05), marks=pytest.mark.exhaustive
        ),
        pytest.param(
            Setting(5000, 0.05, 0.5, 0.05, 1, 0.95), 1000, (0.9, 1), marks=pytest.mark.exhaustive
        ),
    ],
)
def test_the_verdict_is_calibrated(
    setting: Setting, repetitions: int, wins: tuple[float, float]
) -> None:
    """A few repetitions each time, all 1,000 of the documentation by `pytest -m slow`; the seeds
    are fixed."""
    found = verdict.simulated(setting, repetitions)
    assert wins[0] <= found["any win"] <= wins[1]
    assert 0.9 <= found["interval holds the gain"] <= 0.99
    if not setting.gain:
        assert found["any loss"] <= 0.05
