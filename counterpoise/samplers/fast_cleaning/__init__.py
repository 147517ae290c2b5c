"""Faster versions of imbalanced-learn's cleaning samplers, which keep the same rows."""
