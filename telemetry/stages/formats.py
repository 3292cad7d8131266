"""How rows are written as text."""

from enum import StrEnum


class OutputFormat(StrEnum):
    """Line protocol for a database; csv and ndjson for people and other programs."""

    CSV = "csv"
    LINE_PROTOCOL = "lp"
    NDJSON = "ndjson"
    WIDE_CSV = "wide csv"  # a column a signal


class TimeForm(StrEnum):
    """How csv and ndjson write the time of a row."""

    NS = "ns"  # since 1970, an integer
    ISO = "iso"  # ISO 8601, in UTC, to the nanosecond
    RELATIVE = "relative"  # seconds since the first frame
