"""Fits: their keys, the store of their results, and the pool that computes what is missing."""
