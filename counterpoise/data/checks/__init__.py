"""Data checks, one file for each."""
