"""Where datasets come from, how each becomes a typed table, and how its rows are split."""
