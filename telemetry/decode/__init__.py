"""Logs and captures into text, tables or a database: the work of `decode`."""
