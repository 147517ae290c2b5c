"""From published bytes to a typed table, its data checks and its splits."""
