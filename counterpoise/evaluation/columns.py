"""Columns of every results table, in order: what the stages write and other code reads."""

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
    "difference",
    "difference_low",
    "difference_high",
    "p_adjusted",
    "verdict",
]
"""The first columns of the published format."""

MEASURED = ["fit_seconds", "resample_seconds", "predict_seconds", "peak_bytes"]
"""Measurements, which differ from run to run: no results, so that no table in reports/ has them."""

CALIBRATION = ["calibration_slope", "calibration_intercept", "expected_calibration_error"]
"""Each column exists for the raw scores and, with the suffix `_corrected`, for the recalibrated
probabilities."""

EXTRA = [
    "roc_auc_low",
    "roc_auc_high",
    "brier_low",
    "brier_high",
    "log_loss_low",
    "log_loss_high",
    "correction",
    "correction_folds",
    "brier_corrected",
    "brier_corrected_low",
    "brier_corrected_high",
    "log_loss_corrected",
    "log_loss_corrected_low",
    "log_loss_corrected_high",
    "recalibration_gain",
    "recalibration_gain_low",
    "recalibration_gain_high",
    *(f"{name}{side}" for side in ("", "_corrected") for name in CALIBRATION),
    "level",
    "remedy",
    "plain_model",
    "same_as",
    "training_rows_before",
    "training_rows",
    "trials",
    "folds",
    "notes",
]
"""`difference` is that in average precision from the baseline: strategy none with `plain_model`,
the same model without weights. Its interval holds for all comparisons together, and the
`verdict` follows from it (`counterpoise.evaluation.significance`). `correction` is the
recalibration chosen in most folds, `correction_folds` their number; `recalibration_gain` is raw
minus recalibrated log loss. `level` says whether a combination remedies by data, algorithm or
both, or is a placebo, and `remedy` names the remedy in the field's words. `same_as` names the
combination with the same scores, which is not compared again. `training_rows` is the number of rows
after resampling, as a mean over folds."""

DIFFERENCES = [
    "strategy",
    "model",
    "plain_model",
    "measure",
    "rule",
    "difference",
    "difference_low",
    "difference_high",
    "p_adjusted",
    "verdict",
    "standard_error",
    "row_error",
    "training_error",
    "degrees_of_freedom",
    "fits",
    "probability_better",
    "expected_regret",
    "repeats_needed",
    "positives_needed",
]
"""Differences of every combination from its baseline in every measure:
data/evaluations/<dataset>/differences.csv. `rule` is the threshold rule of f1 and expected_cost.
The standard error has two parts, of the tested rows and of training."""

DECISIONS = [
    "dataset",
    "strategy",
    "model",
    "rule",
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
    *(f"{name}_difference{end}" for name in ("f1", "cost") for end in ("", "_low", "_high")),
    "decisions_changed",
    "tn_sum",
    "fp_sum",
    "fn_sum",
    "tp_sum",
    "reason",
]
"""`tn`, `fp`, `fn`, `tp` are counts of one pass over the tested rows, the mean of the repeats, and
`tn_sum` and so on their sums over all folds and repeats. `decisions_changed` is the
share of the rows that are not decided alike in all repeats. The differences are from the baseline
at the same threshold rule."""

RECALIBRATION = [
    "strategy",
    "model",
    "repeat",
    "fold",
    "chosen",
    "positives",
    "log_loss_none",
    "log_loss_formula",
    "log_loss_sigmoid",
    "log_loss_isotonic",
    "gain",
    "reason",
]
"""The recalibration chosen in each fold: data/evaluations/<dataset>/recalibration.csv. `positives`
and the log losses of the candidates are of the validation rows, `gain` is raw minus recalibrated
log loss of the test rows."""

GROUPED = [
    "strategy",
    "model",
    "average_precision",
    "average_precision_low",
    "average_precision_high",
    "difference",
    "difference_low",
    "difference_high",
    "p_adjusted",
    "verdict",
]
"""Columns of the leaderboard reported for grouped folds, which keep duplicates or declared groups
together: data/evaluations/<dataset>/grouped.csv."""

CURVES = ["strategy", "model", "curve", "x", "y", "low", "high"]
"""Mean curves: precision_recall, roc and gain. `low` and `high` bound four of five folds."""

NET_BENEFIT = ["strategy", "model", "preference", "net_benefit"]

CONFUSION = ["tn", "fp", "fn", "tp"]

SWEEP = ["strategy", "model", "threshold", *CONFUSION, "expected_cost"]
"""Decisions of a combination at each of many thresholds on its scores:
data/evaluations/<dataset>/thresholds.csv."""

COUNTED = [
    "negatives_before",
    "positives_before",
    "negatives_after",
    "positives_after",
    "synthetic",
]
"""Class counts of one fold before and after resampling."""
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
