"""Public tables as they come, read by `counterpoise add` and by an independent script."""
