"""Physics: cells, the pack that they form, and the road that loads it."""
