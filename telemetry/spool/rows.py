"""The rows of a batch's lines: which of them replace others, by series and stamp."""

from collections import Counter

from telemetry.model.read_point import measurement_of, row_key


def count_lines(lines: bytes) -> int:
    """Return how many lines these are; the last one may lack its newline."""
    return lines.count(b"\n") + (not lines.endswith(b"\n"))


def made(lines: bytes) -> Counter[str]:
    """Return how many lines there are of each measurement, as the accounts name them."""
    return Counter(f"points/made/{measurement_of(line)}" for line in lines.splitlines())


def row_keys(lines: bytes) -> set[bytes]:
    return {row_key(line) for line in lines.splitlines()}


def without_rows(lines: bytes, keys: set[bytes]) -> bytes:
    """Return the lines whose key is not one of `keys`."""
    return b"".join(line + b"\n" for line in lines.splitlines() if row_key(line) not in keys)


def without_replaced(lines: bytes, batch: bytes) -> bytes:
    """Return those of these `lines` of a batch that no later line of the batch replaces."""
    last = {row_key(line): line for line in batch.splitlines()}
    return b"".join(line + b"\n" for line in lines.splitlines() if last.get(row_key(line), line) == line)
