"""From stored scores to metrics, intervals, thresholds, decisions and verdicts."""
