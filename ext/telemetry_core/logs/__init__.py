"""Readers of log formats, bytes in and frames out."""
