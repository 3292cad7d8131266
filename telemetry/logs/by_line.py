"""Text of BUSMASTER, of Kvaser's programs and of Microchip's CAN BUS Analyzer, line by line.

Promises:

- Dates are taken as UTC. Without one stamps count from 1970.
- What is neither a frame nor prose that is known is damaged, and costs only itself.
- Kvaser does not say how it writes numbers: they are hexadecimal where all bytes of the first row, and of
  those that came with it, have two digits.

Relies on `python_can`, which makes frames of messages. Facts: SavvyCAN's framefileio.cpp and its examples.
"""

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from telemetry.logs.python_can import OfLines

if TYPE_CHECKING:
    import can

_DAY_S = 86_400
_DATE = re.compile(r" (\d+)[:/](\d+)[:/](\d{4})\s+(\d+):(\d+):(\d+)(?::(\d+))?")
_EXTENDED, _REMOTE, _ERROR, _FD = 4, 1, 0x20, 0x10000  # flags of Kvaser's CSV
_BUSMASTER_FLAGS = {"s": 0, "x": _EXTENDED, "sr": _REMOTE, "xr": _REMOTE | _EXTENDED}


class ByLine(OfLines):
    """A format whose lines are messages."""

    _base = 16  # of numbers; 0: not yet known

    def __init__(self, content: io.BufferedReader) -> None:
        from can import Message

        super().__init__(content)
        self._message = Message
        self._content = content
        self._start_s = self._before_s = 0.0

    @property
    def reader(self) -> Iterator["can.Message"]:
        return self

    def __iter__(self) -> Iterator["can.Message"]:
        return self

    def __next__(self) -> "can.Message":
        while True:
            line = next(self._lines).strip()
            if line and (message := self._parse(line)) is not None:
                return message

    def _parse(self, line: str) -> "can.Message | None":
        """Return the message of a line; None: it is prose. Raises ValueError, IndexError."""
        raise NotImplementedError

    def _frame(
        self, time_s: float, channel: str, id: int, dlc: str, data: list[str], flags: int = 0
    ) -> "can.Message":
        is_remote = bool(flags & _REMOTE)
        payload = [] if is_remote else [int(byte, self._base) for byte in data[: int(dlc)]]
        if len(payload) != int(dlc) and not is_remote:
            raise ValueError(f"{len(payload)} of {dlc} bytes")
        return self._message(
            timestamp=self._start_s + time_s,
            channel=int(channel),
            arbitration_id=id,
            is_extended_id=bool(flags & _EXTENDED) or id > 0x7FF,
            is_remote_frame=is_remote,
            is_error_frame=bool(flags & _ERROR),
            is_fd=bool(flags & _FD),
            dlc=int(dlc),
            data=payload,
            check=True,
        )

    def _take_date(self, line: str) -> None:
        if date := _DATE.search(line):
            day, month, year, hour, minute, second, part = map(int, date.groups("0"))
            moment = datetime(year, month, day, hour, minute, second, part * 1000, UTC)
            self._start_s = moment.timestamp()


class Busmaster(ByLine):
    """`11:49:12:9420 Rx 1 0x023 s 1 40`: the time of day, or since the start, or since the line before."""

    _mode = "SYSTEM"

    def _parse(self, line: str) -> "can.Message | None":
        if line.startswith("***"):
            self._take_date(line)
            if line in ("***HEX***", "***DEC***"):
                self._base = 16 if "HEX" in line else 10
            elif line.endswith(" MODE***"):
                self._mode = line[3:-8]
                self._before_s = self._start_s % _DAY_S if self._mode == "SYSTEM" else 0.0
                self._start_s -= self._before_s
            return None
        time, _, channel, id, kind, dlc, *data = line.split()
        hour, minute, second, part = time.split(":")
        time_s = 3600 * int(hour) + 60 * int(minute) + float(f"{int(second)}.{part}")
        if self._mode == "RELATIVE":
            time_s += self._before_s
        elif self._mode == "SYSTEM" and self._before_s - time_s > _DAY_S / 2:
            self._start_s += _DAY_S
        self._before_s = time_s
        return self._frame(time_s, channel, int(id, self._base), dlc, data, _BUSMASTER_FLAGS[kind])


class Kvaser(ByLine):
    """Rows begin with a digit, and do not say the base of their numbers."""

    _base = 0

    def _parse(self, line: str) -> "can.Message | None":
        if not line[0].isdigit():
            return None
        if not self._base:
            rows = [line, *self._content.peek().decode("latin-1").splitlines()]
            self._base = 16 if all(len(byte) == 2 for row in rows for byte in self._bytes_of(row)) else 10
        return self._parse_row(line)

    def _bytes_of(self, row: str) -> list[str]:
        """Return the bytes of a row as they are written; of one that is damaged none."""
        raise NotImplementedError

    def _parse_row(self, line: str) -> "can.Message":
        raise NotImplementedError


class KvaserText(Kvaser):
    """`0    0CFBFFDB X       8  1B  31  20  EB  B3  FF  D9  FF     100.000139 R`."""

    first_channel = 0
    _ROW = re.compile(
        r"(\d+)\s+([\dA-F]+)\s+(?:([A-Z]+)\s+)?(\d+)((?:\s+[\dA-F]{1,3})*)\s+(\d+\.\d+)\s+[RT]", re.IGNORECASE
    )
    _FAULT = re.compile(r"(\d+)\s.*ErrorFrame\s+(\d+\.\d+)\s")

    def _bytes_of(self, row: str) -> list[str]:
        found = self._ROW.match(row.strip())
        return found[5].split() if found else []

    def _parse_row(self, line: str) -> "can.Message":
        if fault := self._FAULT.match(line):
            return self._frame(float(fault[2]), fault[1], 0, "0", [], _ERROR)
        row = self._ROW.fullmatch(line)
        if row is None:
            raise ValueError(line)
        flags = _EXTENDED * ("X" in (row[3] or "")) | _REMOTE * ("R" in (row[3] or ""))
        return self._frame(float(row[6]), row[1], int(row[2], self._base), row[4], row[5].split(), flags)


class KvaserCsv(Kvaser):
    """`0.18916,1,418381679,4,8,137,152,0,0,5,0,255,255,1,2011-07-21 11:07:12`."""

    def _bytes_of(self, row: str) -> list[str]:
        cells = row.split(",")
        return list(filter(None, cells[5:13])) if row[:1].isdigit() and len(cells) > 14 else []

    def _parse_row(self, line: str) -> "can.Message":
        time, channel, id, flags, dlc, *data = line.split(",")
        if not self._before_s:
            began = datetime.fromisoformat(data[-1]).replace(tzinfo=UTC).timestamp()
            self._start_s = began - int(float(time))
            self._before_s = 1.0
        return self._frame(float(time), channel, int(id, self._base), dlc, data, int(flags, self._base))


class Microchip(ByLine):
    """`166064;RX;0x0000027A;7;0x30;0x30;0x0D;0x8C;0x09;0x15;0x00;`, milliseconds since the log began."""

    def _parse(self, line: str) -> "can.Message | None":
        if not line[0].isdigit():
            self._take_date(line)
            return None
        time, _, id, dlc, *data = line.rstrip(";").split(";")
        self._base = 16 if id.startswith("0x") else 10
        return self._frame(int(time) / 1000, "1", int(id, self._base), dlc, data)
