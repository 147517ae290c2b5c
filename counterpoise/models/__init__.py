"""Models by name, adapters to their libraries, and remedies at the level of the algorithm."""
