"""Battery health: from counted charges to capacity with an interval and reasons, and the cells to look at."""
