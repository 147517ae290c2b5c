"""imbalanced-learn's cleaning samplers: the same rows, in a fraction of the time."""
