"""Metrics, intervals, figures and pages: from stored scores to a verdict."""
