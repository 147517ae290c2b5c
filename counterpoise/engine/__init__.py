"""Fits: their keys, the store of their results, and the workers that compute missing ones."""
