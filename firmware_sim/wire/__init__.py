"""Bytes: what a controller knows, as frames and replies."""
