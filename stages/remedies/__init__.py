"""Samplers, models and thresholds: from a name in params.yaml to what it means."""
