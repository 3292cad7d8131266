"""Which column of a log that is a table holds what: by the names in its first line."""

from typing import NamedTuple

# Roles of columns, as the reader knows them.
SKIPPED, SECONDS, MILLISECONDS, ID_HEX, ID, BUS, LENGTH, HEX_BYTES, BASE64_BYTES, EXTENDED, REMOTE, ERROR = (
    range(12)
)


class TableHeader(NamedTuple):
    """A table.

    - `name`: what writes it, for people.
    - `separator`: between columns.
    - `roles`: of the columns, up to the last that matters.
    """

    name: str
    separator: str
    roles: tuple[int, ...]


_TABLES = {
    # What writes these is not known. In all public logs `Flags` is empty, and `Time` counts milliseconds.
    ("parserflags", "ch", "counter", "t/r", "time", "flags", "can id", "len", "data"): TableHeader(
        "tab-separated text with ParserFlags",
        "\t",
        (SKIPPED, BUS, SKIPPED, SKIPPED, MILLISECONDS, SKIPPED, ID_HEX, LENGTH, HEX_BYTES),
    ),
    ("id", "data bytes"): TableHeader("SavvyCAN's CSV of ids and data", ",", (ID_HEX, HEX_BYTES)),
    ("time", "addr", "bus", "data"): TableHeader("Cabana's CSV", ",", (SECONDS, ID, BUS, HEX_BYTES)),
    ("timestamp", "arbitration_id", "extended", "remote", "error", "dlc", "data"): TableHeader(
        "python-can's CSV", ",", (SECONDS, ID_HEX, EXTENDED, REMOTE, ERROR, LENGTH, BASE64_BYTES)
    ),
}


def header_of(line: str) -> TableHeader | None:
    """Return the table that begins with this line; more columns may follow those that matter."""
    for separator in "\t,":
        names = tuple(name.strip().lower() for name in line.split(separator))
        for known, header in _TABLES.items():
            if header.separator == separator and names[: len(known)] == known:
                return header
    return None
