"""What a JBD board says on its line: replies to the requests for registers 0x03, 0x04, 0x05 and 0xAA.

Promises:

- A whole request in the right form gets one reply with the board's readings of that moment.
- An unknown register, and every write, gets an error reply (status 0x80). A damaged request gets no reply.
- Bytes before and between requests are skipped.

Layout: the vendor's "General Protocol V4".
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from firmware_sim.ecus.jbd import JbdBms

START, END = 0xDD, 0x77
READ, WRITE = 0xA5, 0x5A
BASIC_INFO, CELL_VOLTAGES, HARDWARE, TRIPS = 0x03, 0x04, 0x05, 0xAA
STATUS_GOOD, STATUS_ERROR = 0x00, 0x80
MODEL = b"JBD-SP14S004-L14S-60A"

_OVERHEAD = 7  # start, command, register, length, two of checksum, end
_PRODUCTION_DATE = (2024 - 2000) << 9 | 3 << 5 | 11  # 2024-03-11
_SOFTWARE_VERSION = 0x21  # 2.1
_KELVIN_TENTHS = 2731  # 0 degC
_COUNTED_BITS = (10, 8, 9, 0, 1, 4, 5, 6, 7, 2, 3)  # of the protections, in the order of register 0xAA
_LOST = 0  # a sensor whose wire is broken


def checksum(data: bytes) -> int:
    """16 bits: the negated sum of the bytes from register (request) or status (reply) to the last of data."""
    return -sum(data) & 0xFFFF


def request(register: int) -> bytes:
    """The request to read a register."""
    body = bytes((register, 0))
    return bytes((START, READ)) + body + checksum(body).to_bytes(2, "big") + bytes((END,))


def reply(register: int, data: bytes, status: int = STATUS_GOOD) -> bytes:
    """A reply, framed and with its checksum."""
    body = bytes((status, len(data))) + data
    return bytes((START, register)) + body + checksum(body).to_bytes(2, "big") + bytes((END,))


def basic_info(bms: JbdBms) -> bytes:
    """The data of register 0x03."""
    pack = bms.pack
    balance = sum(1 << cell for cell in pack.balanced_cells)
    words = (
        _unsigned(pack.voltage_v, 0.01),
        _signed(pack.current_a, 0.01),
        _unsigned(pack.remaining_ah, 0.01),
        _unsigned(pack.spec.cell_capacity_ah, 0.01),
        _unsigned(pack.cycles, 1.0),
        _PRODUCTION_DATE,
        balance & 0xFFFF,
        balance >> 16,
        bms.protection_bits,
    )
    temperatures = [_LOST if c is None else round(10.0 * c) + _KELVIN_TENTHS for c in bms.temperatures_c()]
    switches = bms.charge_switch | bms.discharge_switch << 1
    soc_pct = min(max(round(pack.soc_pct), 0), 100)
    return (
        b"".join(word.to_bytes(2, "big") for word in words)
        + bytes((_SOFTWARE_VERSION, soc_pct, switches, pack.spec.cells, len(temperatures)))
        + b"".join(tenths.to_bytes(2, "big") for tenths in temperatures)
    )


def cell_voltages(bms: JbdBms) -> bytes:
    """The data of register 0x04."""
    return b"".join(_unsigned(voltage, 0.001).to_bytes(2, "big") for voltage in bms.cell_voltages_v)


def trips(bms: JbdBms) -> bytes:
    """The data of register 0xAA: how often each protection has acted."""
    return b"".join(min(bms.trips[bit], 0xFFFF).to_bytes(2, "big") for bit in _COUNTED_BITS)


_REGISTERS: Mapping[int, Callable[[JbdBms], bytes]] = {
    BASIC_INFO: basic_info,
    CELL_VOLTAGES: cell_voltages,
    TRIPS: trips,
}


@dataclass(frozen=True, slots=True)
class JbdFirmware:
    """How one board differs from others. model: the data of register 0x05."""

    model: bytes = MODEL


class JbdLine:
    """The board's end of the line. Feed it what the master sends; it gives back what the board answers."""

    def __init__(self, bms: JbdBms, firmware: JbdFirmware | None = None) -> None:
        self._bms = bms
        self._firmware = firmware or JbdFirmware()
        self._received = b""

    def feed(self, data: bytes) -> list[bytes]:
        """One reply for each request that is whole by now."""
        self._received += data
        replies = []
        while (found := self._next_request()) is not None:
            command, register = found
            said = self._data(register) if command == READ else None
            replies.append(reply(register, b"", STATUS_ERROR) if said is None else reply(register, said))
        return replies

    def _data(self, register: int) -> bytes | None:
        if register == HARDWARE:
            return self._firmware.model
        known = _REGISTERS.get(register)
        return None if known is None else known(self._bms)

    def forget(self) -> None:
        """Drop a request that is not whole: the line was broken."""
        self._received = b""

    def due(self, until_ns: int) -> list[bytes]:  # noqa: ARG002  # other devices talk by themselves
        """Nothing: the board speaks when it is asked."""
        return []

    def _next_request(self) -> tuple[int, int] | None:
        """Command and register of the next good request; None when more bytes are needed."""
        while (at := self._received.find(START)) >= 0:
            self._received = self._received[at:]
            if len(self._received) < _OVERHEAD:
                return None
            command, register, length = self._received[1], self._received[2], self._received[3]
            if command in (READ, WRITE):
                if len(self._received) < length + _OVERHEAD:
                    return None
                whole = self._received[: length + _OVERHEAD]
                given = int.from_bytes(whole[-3:-1], "big")
                if whole[-1] == END and given == checksum(whole[2:-3]):
                    self._received = self._received[len(whole) :]
                    return command, register
            self._received = self._received[1:]
        self._received = b""
        return None


def _unsigned(value: float, unit: float) -> int:
    return min(max(round(value / unit), 0), 0xFFFF)


def _signed(value: float, unit: float) -> int:
    return min(max(round(value / unit), -0x8000), 0x7FFF) & 0xFFFF
