"""The columns of every table of results, in their order: what stages write and others rely on."""

from __future__ import annotations

LEADERBOARD = [
    "dataset", "strategy", "model", "status", "reason", "rows", "prevalence", "average_precision",
    "average_precision_low", "average_precision_high", "roc_auc", "brier", "log_loss", "delta_average_precision",
    "delta_low", "delta_high",
]  # fmt: skip
"""The columns of the contract, before the measured ones."""

MEASURED = ["fit_seconds", "resample_seconds", "predict_seconds", "peak_bytes"]
"""What differs from run to run: in reports/leaderboard.csv alone, never in what evaluate writes."""

EXTRA = ["roc_auc_low", "roc_auc_high", "brier_low", "brier_high", "log_loss_low", "log_loss_high", "folds", "notes"]

DECISIONS = [
    "dataset", "strategy", "model", "policy", "threshold", "tn", "fp", "fn", "tp", "precision", "recall", "specificity",
    "f1", "g_mean", "balanced_accuracy", "mcc", "expected_cost", "accuracy", "accuracy_of_no_positives", "reason",
]  # fmt: skip

CONFUSION = ["tn", "fp", "fn", "tp"]

COUNTED = ["negatives_before", "positives_before", "negatives_after", "positives_after", "synthetic"]
COUNTS = ["strategy", "repeat", "fold", "status", "reason", *COUNTED]
