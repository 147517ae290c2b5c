"""The columns of every table of results, in their order: what stages write and others rely on."""

from __future__ import annotations

LEADERBOARD = [
    "dataset",
    "strategy",
    "model",
    "status",
    "reason",
    "rows",
    "prevalence",
    "average_precision",
    "average_precision_low",
    "average_precision_high",
    "roc_auc",
    "brier",
    "log_loss",
    "delta_average_precision",
    "delta_low",
    "delta_high",
]
"""The columns of the contract, before the measured ones."""

MEASURED = ["fit_seconds", "resample_seconds", "predict_seconds", "peak_bytes"]
"""What differs from run to run: in reports/leaderboard.csv alone, never in what evaluate writes."""

CALIBRATION = ["calibration_slope", "calibration_intercept", "expected_calibration_error"]
"""Each for the raw scores, and with `_corrected` behind it for the corrected probabilities."""

EXTRA = [
    "roc_auc_low",
    "roc_auc_high",
    "brier_low",
    "brier_high",
    "log_loss_low",
    "log_loss_high",
    "correction",
    "brier_corrected",
    "brier_corrected_low",
    "brier_corrected_high",
    "log_loss_corrected",
    "log_loss_corrected_low",
    "log_loss_corrected_high",
    *(f"{name}{side}" for side in ("", "_corrected") for name in CALIBRATION),
    "level",
    "plain_model",
    "delta_plain",
    "delta_plain_low",
    "delta_plain_high",
    "verdict",
    "p_value",
    "p_adjusted",
    "delta_plain_t_low",
    "delta_plain_t_high",
    "p_value_t",
    "training_rows_before",
    "training_rows",
    "trials",
    "folds",
    "notes",
]
"""`correction` says how the corrected probabilities came about, `level` whether a cell remedies by
data, algorithm or both. `delta_plain` is the difference from doing nothing at all: strategy none
with `plain_model`, this model without weights; its `verdict` (win, tie, loss) goes by `p_adjusted`.
`t` is Nadeau and Bengio's (see `counterpoise.evaluation.significance`). `training_rows` is the mean
over folds of how many rows a strategy hands on."""

DECISIONS = [
    "dataset",
    "strategy",
    "model",
    "policy",
    "threshold",
    "tn",
    "fp",
    "fn",
    "tp",
    "precision",
    "recall",
    "specificity",
    "f1",
    "g_mean",
    "balanced_accuracy",
    "mcc",
    "expected_cost",
    "accuracy",
    "accuracy_of_no_positives",
    "delta_f1",
    "delta_f1_low",
    "delta_f1_high",
    "delta_cost",
    "delta_cost_low",
    "delta_cost_high",
    "reason",
]
"""The differences are from doing nothing at all at the same policy."""

GROUPED = [
    "strategy",
    "model",
    "average_precision",
    "average_precision_low",
    "average_precision_high",
    "delta_plain",
    "delta_plain_low",
    "delta_plain_high",
    "p_adjusted",
    "verdict",
]
"""What of the leaderboard is told of the folds that keep like rows together:
data/evaluations/<dataset>/grouped.csv."""

CONFUSION = ["tn", "fp", "fn", "tp"]

SWEEP = ["strategy", "model", "threshold", *CONFUSION, "expected_cost"]
"""What a cell decides at each of many thresholds on its scores:
data/evaluations/<dataset>/thresholds.csv."""

COUNTED = [
    "negatives_before",
    "positives_before",
    "negatives_after",
    "positives_after",
    "synthetic",
]
COUNTS = ["strategy", "repeat", "fold", "status", "reason", *COUNTED]

RELIABILITY = [
    "strategy",
    "model",
    "side",
    "bin",
    "rows",
    "positives",
    "mean_probability",
    "observed",
    "low",
    "high",
]
HISTOGRAM = ["strategy", "model", "side", "label", "left", "right", "share"]
LEARNING = ["strategy", "model", "series", "step", "mean", "low", "high"]
TRIALS = [
    "strategy",
    "model",
    "repeat",
    "fold",
    "trial",
    "state",
    "value",
    "step",
    "params",
    "reason",
]
