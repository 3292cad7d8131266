"""What the header of an ASC log says: when it begins, and how it writes numbers and stamps."""

import re
from datetime import UTC, datetime
from typing import NamedTuple

_DATE = re.compile(r"\s*(?:date|begin\s+triggerblock)\s+\w+\s+(?P<date>\w.*)", re.IGNORECASE)
_BASE = re.compile(
    r"\s*base\s+(?P<base>hex|dec)(?:\s+timestamps\s+(?P<stamps>absolute|relative))?", re.IGNORECASE
)
_MOMENT = re.compile(
    r"(?P<month>[^\W\d]{3})\w*\s+(?P<day>\d{1,2})\s+(?P<hour>\d{1,2}):(?P<minute>\d{2}):(?P<second>\d{2})"
    r"(?:\.(?P<fraction>\d{1,9}))?(?:\s+(?P<half>[ap]m))?\s+(?P<year>\d{4})\s*",
    re.IGNORECASE,
)
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {  # in English, and in German as Vector's tools write them there
    **{name: number for number, name in enumerate(_MONTH_NAMES, 1)},
    "mär": 3,
    "mai": 5,
    "okt": 10,
    "dez": 12,
}
_LAST_YEAR = 2261  # whose ns fit 63 bits


class AscNumbers(NamedTuple):
    """How a log writes numbers, and what its stamps count from."""

    decimal: bool
    relative: bool


def start_of(line: str) -> int | None:
    """Return the moment in a `date` or `Begin TriggerBlock` line, as UTC, in ns.

    -1: its form is unknown. None: the line holds no date.
    """
    found = _DATE.match(line)
    return None if found is None else _moment_ns(found["date"])


def numbers_of(line: str) -> AscNumbers | None:
    """Return what a `base` line says; None for any other line."""
    found = _BASE.match(line)
    if found is None:
        return None
    return AscNumbers(found["base"].lower() == "dec", (found["stamps"] or "").lower() == "relative")


def _moment_ns(text: str) -> int:
    found = _MOMENT.fullmatch(text)
    if found is None or int(found["year"]) > _LAST_YEAR:
        return -1
    hour = int(found["hour"])
    if found["half"]:
        if not 1 <= hour <= 12:
            return -1
        hour = hour % 12 + 12 * (found["half"].lower() == "pm")
    try:
        moment = datetime(
            int(found["year"]),
            _MONTHS.get(found["month"].lower(), 0),
            int(found["day"]),
            hour,
            int(found["minute"]),
            int(found["second"]),
            tzinfo=UTC,
        )
    except ValueError:
        return -1
    return max(int(moment.timestamp()), 0) * 10**9 + int((found["fraction"] or "").ljust(9, "0"))
