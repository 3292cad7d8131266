"""A time as a user writes it: absolute, or counted from a log's first frame.

Promises: exact to the nanosecond; a text that is not a time is a ValueError that shows one.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = re.compile(r"(\+?)([0-9]{1,10})(?:\.([0-9]{1,9}))?")
# Of the seconds of the time alone: datetime reads that of a minute as one of a second, and drops ns.
_FRACTION = re.compile(
    r"(?:(?<=[^0-9+-][0-9]{2}:[0-9]{2}:[0-9]{2})|(?<=[^0-9+-][0-9]{6}))[.,]([0-9]{1,9})(?![0-9])"
)
_EXAMPLES = "+90 (seconds since the first frame), 1700000000.5 or 2023-11-14T22:13:20Z"
_DATE_LETTERS = len("2023-11-14")  # no time of day has as few
_HIGHEST_NS = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Instant:
    """ns: since 1970, or since the first frame where `is_relative`."""

    ns: int
    is_relative: bool = False

    def resolved(self, origin_ns: int) -> int:
        """Return ns since 1970. origin_ns: of the first frame."""
        return self.ns + origin_ns if self.is_relative else self.ns


def read_instant(text: str) -> Instant:
    """Read `+SECONDS`, seconds since 1970, a date (UTC), or ISO 8601 with a zone. Raises ValueError."""
    match = _SECONDS.fullmatch(text)
    if match is not None:
        ns = int(match[2]) * 10**9 + int((match[3] or "").ljust(9, "0"))
        if ns > _HIGHEST_NS:
            raise ValueError(f"{text!r} is later than 2262")
        return Instant(ns, bool(match[1]))
    fraction = _FRACTION.search(text)
    without = _FRACTION.sub("", text, count=1)
    if len(day := without.removesuffix("Z")) == _DATE_LETTERS:
        without = f"{day}T00:00:00Z"
    try:
        if "." in without or "," in without:
            raise ValueError
        whole = datetime.fromisoformat(without)
    except ValueError:
        raise ValueError(f"{text!r} is not a time like {_EXAMPLES}") from None
    if whole.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; for UTC put a Z after it")
    ns = (whole - _EPOCH) // timedelta(microseconds=1) * 1000
    if fraction is not None:
        ns += int(fraction[1].ljust(9, "0"))
    if abs(ns) > _HIGHEST_NS:
        raise ValueError(f"{text!r} is not between 1678 and 2262")
    return Instant(ns)
