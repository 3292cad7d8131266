"""Battery health: what rows of a pack say of its charge, its resistance and its cells."""
