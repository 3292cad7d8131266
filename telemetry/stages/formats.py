"""How rows are written as text."""

from dataclasses import dataclass
from enum import StrEnum


class OutputFormat(StrEnum):
    """Line protocol for a database; csv and ndjson for people and other programs."""

    CSV = "csv"
    LINE_PROTOCOL = "lp"
    NDJSON = "ndjson"
    WIDE_CSV = "wide csv"  # a column a signal


@dataclass(frozen=True, slots=True)
class TextSettings:
    """Rows in one of these formats, and what else csv and ndjson say or leave.

    - raw_text: texts of csv are as they are, also where a spreadsheet takes them for formulas
    - with_owners: each row says its pack, charger and source
    - with_log: and, last of all, which log it is of
    """

    form: OutputFormat
    raw_text: bool = False
    with_owners: bool = False
    with_log: bool = False


class TimeForm(StrEnum):
    """How csv and ndjson write the time of a row."""

    NS = "ns"  # since 1970, an integer
    ISO = "iso"  # ISO 8601, in UTC, to the nanosecond
    RELATIVE = "relative"  # seconds since the first frame
