"""Remedies at the data level: samplers by name, and the space that they work in."""
