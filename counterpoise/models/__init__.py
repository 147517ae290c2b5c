"""Models by name, how each library is fitted, and remedies at the level of the algorithm."""
