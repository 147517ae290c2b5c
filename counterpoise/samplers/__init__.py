"""Remedies at the data level: samplers by name, and the feature space that they work in."""
