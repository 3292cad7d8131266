"""Rows into text: line protocol, CSV and NDJSON."""
