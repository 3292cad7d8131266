"""Used by compiled modules only: Python calls nothing of it."""
