"""Pages and charts of what was evaluated."""
