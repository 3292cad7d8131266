"""How rows are written as text."""

from enum import StrEnum

from telemetry_core.text.encoder import CSV_HEADER


class OutputFormat(StrEnum):
    """Line protocol for a database; csv and ndjson for people and other programs."""

    CSV = "csv"
    LINE_PROTOCOL = "lp"
    NDJSON = "ndjson"

    @property
    def header(self) -> bytes:
        """What comes before the first row."""
        return CSV_HEADER.encode() + b"\n" if self is OutputFormat.CSV else b""
