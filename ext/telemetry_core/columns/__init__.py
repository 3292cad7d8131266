"""Rows into columns: chunks of Arrow's memory, and its C data interface."""
