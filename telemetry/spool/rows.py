"""As much of line protocol as it takes to see that a row replaces another: same series, same stamp.

Relies on lines as our encoder writes them: one point a line, a stamp at the end. Any other line is a row of
its own.
"""

import re

_ROW = re.compile(rb"((?:[^\\ ]|\\.)+) .* (-?\d+)", re.DOTALL)


def count_lines(lines: bytes) -> int:
    """How many lines these are; the last one may lack its newline."""
    return lines.count(b"\n") + (not lines.endswith(b"\n"))


def row_key(line: bytes) -> bytes:
    """Measurement, tags and stamp of a line; the line itself if it is not well formed."""
    row = _ROW.fullmatch(line)
    return row[1] + b" " + row[2] if row else line


def row_keys(lines: bytes) -> set[bytes]:
    """The keys of all lines."""
    return {row_key(line) for line in lines.splitlines()}


def without_rows(lines: bytes, keys: set[bytes]) -> bytes:
    """The lines whose key is not one of `keys`."""
    return b"".join(line + b"\n" for line in lines.splitlines() if row_key(line) not in keys)


def without_replaced(lines: bytes, batch: bytes) -> bytes:
    """Those of these `lines` of a batch that no later line of the batch replaces."""
    last = {row_key(line): line for line in batch.splitlines()}
    return b"".join(line + b"\n" for line in lines.splitlines() if last.get(row_key(line), line) == line)
