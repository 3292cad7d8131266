"""Recordings as tables of columns, for notebooks and other programs, and as Parquet files."""
