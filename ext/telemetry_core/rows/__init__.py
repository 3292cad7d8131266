"""Rows of values: their schema, batches of them, and the latest of each series."""
