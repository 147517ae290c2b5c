"""Counterpoise: which remedy for class imbalance works on your data, by how much, how sure we are, and what it costs."""
