"""Frames as lines of text, with all that a frame has: candump's form, and Vector's ASC.

Promises: what `decode` reads of the lines is what it read before: stamps to the nanosecond, channels, kinds.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from telemetry_core.frames.batch import FrameTuple

from telemetry.logs.python_can import FLAG_BRS, FLAG_ESI, FLAG_FD, ID_ERROR, ID_EXTENDED, ID_REMOTE

_NS_PER_S = 1_000_000_000
_ID_MASK = 0x1FFFFFFF
_NO_NAME = re.compile(r"[^A-Za-z0-9_.:@/-]+")
_LONGEST_NAME = 15  # of a network interface of Linux
_MOST_DIGITS = 3  # of the number of a channel
_DLC = {12: 9, 16: 10, 20: 11, 24: 12, 32: 13, 48: 14, 64: 15}  # of CAN FD, by the number of bytes


class Candump:
    """As `candump -L` writes it; names: of the channels, of which damaged ones become such as it has."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names: list[str] = []
        for number, name in enumerate(names):
            fit = _NO_NAME.sub("_", name)[:_LONGEST_NAME]
            self._names.append(f"{fit}-{number}" if fit in self._names else fit)

    def head(self, least_ns: int) -> bytes:  # noqa: ARG002 - candump has none
        """Return what stands before the first frame; least_ns: the earliest stamp."""
        return b""

    def line(self, frame: FrameTuple, data: bytes) -> bytes:
        """Return a frame with these data."""
        id = frame.id & _ID_MASK
        if frame.id & ID_ERROR:
            name = f"{id | ID_ERROR:08X}"
        else:
            name = f"{id:08X}" if frame.id & ID_EXTENDED else f"{id:03X}"
        if frame.id & ID_REMOTE:
            rest = f"#R{len(data) or ''}"
        elif frame.flags & FLAG_FD:
            rest = f"##{bool(frame.flags & FLAG_BRS) | bool(frame.flags & FLAG_ESI) << 1}{data.hex().upper()}"
        else:
            rest = f"#{data.hex().upper()}"
        return f"({_stamp(frame.time_ns)}) {self._names[frame.channel]} {name}{rest}\n".encode("ascii")

    def end(self) -> bytes:
        """Return what stands after the last frame."""
        return b""


class Asc:
    """Vector's text, hexadecimal, with absolute stamps from the date of its header, which is UTC.

    names: of the channels; can0 is 1.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._start_ns = 0

    def head(self, least_ns: int) -> bytes:
        self._start_ns = least_ns - least_ns % 1_000_000
        start = datetime.fromtimestamp(least_ns // _NS_PER_S, UTC)
        milliseconds = least_ns % _NS_PER_S // 1_000_000
        half = "am" if start.hour < 12 else "pm"
        date = f"{start:%a %b %d %I:%M:%S}.{milliseconds:03d} {half} {start:%Y}"
        return (
            f"date {date}\nbase hex  timestamps absolute\nno internal events logged\n"
            f"Begin Triggerblock {date}\n"
        ).encode("ascii")

    def line(self, frame: FrameTuple, data: bytes) -> bytes:
        stamp = _stamp(frame.time_ns - self._start_ns)
        number = self._names[frame.channel].removeprefix("can")
        channel = 1 + (int(number) if number.isdecimal() and len(number) < _MOST_DIGITS else frame.channel)
        if frame.id & ID_ERROR:
            return f"{stamp} {channel}  ErrorFrame\n".encode("ascii")
        id = f"{frame.id & _ID_MASK:X}{'x' if frame.id & ID_EXTENDED else ''}"
        if frame.flags & FLAG_FD:
            count = len(data)
            bits = f"{int(bool(frame.flags & FLAG_BRS))} {int(bool(frame.flags & FLAG_ESI))}"
            head = f"{stamp} CANFD {channel} Rx {id} {bits} {_DLC.get(count, count):x} {count}"
            return f"{head} {data.hex(' ').upper()} 0 0 {_flags(frame.flags):x} 0 0 0 0 0\n".encode("ascii")
        if frame.id & ID_REMOTE:
            return f"{stamp} {channel} {id} Rx r {len(data):x}\n".encode("ascii")
        return f"{stamp} {channel} {id} Rx d {len(data):x} {data.hex(' ').upper()}\n".encode("ascii")

    def end(self) -> bytes:
        return b"End TriggerBlock\n"


FrameText = Candump | Asc


def _flags(flags: int) -> int:
    """Return the column of a CANFD line: bit 12 is FD, 13 the bit rate switch, 14 the error state."""
    return 0x1000 | bool(flags & FLAG_BRS) << 13 | bool(flags & FLAG_ESI) << 14


def _stamp(time_ns: int) -> str:
    seconds, rest = divmod(time_ns, _NS_PER_S)
    return f"{seconds}.{rest:09d}" if rest % 1000 else f"{seconds}.{rest // 1000:06d}"
