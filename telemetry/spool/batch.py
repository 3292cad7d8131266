"""What the spool stores and hands out: encoded batches, as plain values, and the rows of their lines.

A row is named by its series and its stamp: a later one of that name replaces an earlier one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, Flag

from telemetry.model.read_point import measurement_of, row_key, without_fields
from telemetry.spool.compress import decompress

_MAX_LINES_BYTES = 256 * 1024 * 1024  # of one batch; what is larger is damage


class TimeBase(Enum):
    """What the stamps of a batch's lines count from."""

    UNIX = 0
    BOOT = 1  # CLOCK_BOOTTIME of the boot named by `boot_id`: the wall clock was not known yet


class Series(Flag):
    """The series that an ordered batch has rows of. One that is not ordered has no rows of sessions."""

    SESSIONS = 1  # of charging sessions and their phases, which replace earlier rows by design
    OTHERS = 2
    ANY = 3


@dataclass(frozen=True, slots=True)
class EncodedBatch:
    """Line protocol, gzip-compressed once, and what must be known without opening it.

    `ordered`: its rows may replace earlier ones, so it is sent once each batch before it that may hold rows
    of its series is settled. `urgent`: it does not wait for others to be sent with.
    """

    payload: bytes
    points: int  # lines; at least 1
    first_ns: int
    last_ns: int
    ordered: bool = False
    time_base: TimeBase = TimeBase.UNIX
    boot_id: str = ""  # 32 hex digits with TimeBase.BOOT, otherwise empty
    series: Series = Series.ANY  # of an ordered one
    urgent: bool = False

    def __post_init__(self) -> None:
        if self.points < 1:
            raise ValueError("a batch without points")
        if (self.time_base is TimeBase.BOOT) != (len(self.boot_id) == 32):
            raise ValueError("a boot id of 32 hex digits goes with the time base BOOT, and only with it")

    @property
    def holds(self) -> Series:
        """Return which series it may have rows of."""
        return self.series if self.ordered else Series.OTHERS


@dataclass(frozen=True, slots=True)
class Entry:
    """A batch on its way out. `sequence` is the handle for acknowledging or releasing it."""

    sequence: int
    batch: EncodedBatch


def lines_of(batch: EncodedBatch) -> bytes:
    """Return the lines that it holds. Raises DataError if they do not decompress."""
    return decompress(batch.payload, _MAX_LINES_BYTES)


def count_lines(lines: bytes) -> int:
    """Return how many lines these are; the last one may lack its newline."""
    return lines.count(b"\n") + (not lines.endswith(b"\n"))


def made(lines: bytes) -> Counter[str]:
    """Return how many lines there are of each measurement, as the accounts name them."""
    return Counter(f"points/made/{measurement_of(line)}" for line in lines.splitlines())


def lines_by_row(lines: bytes) -> dict[bytes, list[bytes]]:
    """Return the lines in their order, by `row_key`."""
    found: dict[bytes, list[bytes]] = {}
    for line in lines.splitlines():
        found.setdefault(row_key(line), []).append(line)
    return found


def without_rows(lines: bytes, rows: Mapping[bytes, Sequence[bytes]]) -> bytes:
    """Return the lines less what those `rows`, as of `lines_by_row`, replace of them."""
    return b"".join(_left_of(line, rows.get(row_key(line), ())) for line in lines.splitlines())


def without_replaced(lines: bytes, batch: bytes) -> bytes:
    """Return these `lines` of a batch less what later lines of the batch replace of them."""
    rows, left = lines_by_row(batch), b""
    for line in lines.splitlines():
        same = rows.get(row_key(line), [])
        left += _left_of(line, same[len(same) - same[::-1].index(line) :] if line in same else ())
    return left


def _left_of(line: bytes, later: Sequence[bytes]) -> bytes:
    """Return what later lines of its row leave: a row may go out in parts, each with other fields."""
    left = without_fields(line, later) if later else line
    return left + b"\n" if left else b""
