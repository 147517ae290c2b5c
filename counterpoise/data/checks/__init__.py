"""Data checks, a file a check."""
