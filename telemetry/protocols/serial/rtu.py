"""Modbus RTU on a serial line: requests, replies and refusals, and which registers a reply holds.

A reply names no register: what it holds follows from the request before it, from any sender. Frames are
found by their length and CRC, since the gaps between them cannot be seen through USB adapters.

Source of the facts: "MODBUS over Serial Line" V1.02 and "MODBUS Application Protocol" V1.1b3.
"""

import struct
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from telemetry_core.serial.crc import crc_16_modbus

from telemetry.framing.checks import Check, crc_16
from telemetry.framing.framing import Heard, PortReader, Shape, Skipped
from telemetry.framing.lengths import field

HOLDING, INPUT = 0x03, 0x04
MOST_REGISTERS = 125  # of one reply
LAST_SLAVE = 247

REFUSAL = 0x80  # added to the function
_READS = bytes((HOLDING, INPUT))
_REQUEST_BYTES = 8
_REFUSAL_BYTES = 5
_ENVELOPE_BYTES = 5  # slave, function, byte count; CRC
_CRC = crc_16()
_TWO_WORDS = struct.Struct(">HH")
_MOST_REQUESTS = 256  # that are known again


class Asked(NamedTuple):
    """A request for registers."""

    slave: int
    function: int
    first: int
    quantity: int


def request(asked: Asked) -> bytes:
    """Return its bytes."""
    head = bytes((asked.slave, asked.function))
    body = head + asked.first.to_bytes(2, "big") + asked.quantity.to_bytes(2, "big")
    return body + crc_16_modbus(body).to_bytes(2, "little")


def shapes(slaves: bytes = bytes(range(1, LAST_SLAVE + 1))) -> tuple[Shape, ...]:
    """Forms of the messages of these slaves, and of requests to them, as far as they read registers."""
    even_bytes = bytes(range(2, 2 * MOST_REGISTERS + 1, 2))
    return (
        Shape(
            start=(slaves, _READS, even_bytes),
            length=field(2, _ENVELOPE_BYTES),
            check=_CRC,
            shortest=_ENVELOPE_BYTES + 2,
            longest=_ENVELOPE_BYTES + 2 * MOST_REGISTERS,
        ),
        Shape.fixed((slaves, _READS), _REQUEST_BYTES, Check(_is_request, _CRC.written)),
        Shape.fixed((slaves, bytes(function | REFUSAL for function in _READS)), _REFUSAL_BYTES, _CRC),
    )


def _is_request(message: bytes) -> bool:
    """Check a request for no more registers than a reply has: the first bytes of some have its CRC."""
    return 1 <= _asked(message).quantity <= MOST_REGISTERS and _CRC.is_good(message)


class RtuReader(PortReader, ABC):
    """Replies as registers; `registers` says what those of one reply mean."""

    def __init__(self) -> None:
        super().__init__()
        self._asked: dict[tuple[int, int], Asked] = {}  # by slave and function: the last request
        self._sent: dict[bytes, Asked] = {}  # what is asked again and again, by its bytes

    @abstractmethod
    def registers(self, asked: Asked, data: bytes) -> Sequence[Heard] | Skipped:
        """Return what the registers that were asked for mean; `data` has two bytes for each."""

    def unasked(self, slave: int, function: int, count: int) -> Asked | None:  # noqa: ARG002 - for those who know
        """Return what a reply without a request answers, where its length alone says so."""
        return None

    def sent(self, request: bytes) -> Sequence[Heard]:
        asked = self._sent.get(request)
        if (
            asked is None
            and len(request) == _REQUEST_BYTES
            and request[1] in _READS
            and _CRC.is_good(request)
        ):
            asked = _asked(request)
            if len(self._sent) < _MOST_REQUESTS:
                self._sent[request] = asked
        if asked is not None:
            self._asked[asked.slave, asked.function] = asked
        return ()

    def read(self, message: bytes) -> Sequence[Heard] | Skipped:
        slave, function = message[0], message[1]
        if function & REFUSAL:
            self._asked.pop((slave, function & ~REFUSAL), None)
            return Skipped.REFUSED
        if len(message) == _REQUEST_BYTES:  # an even number, which no reply has
            self._ask(message)
            return Skipped.ECHO
        asked = self.answered(message)
        return Skipped.OTHER if asked is None else self.registers(asked, message[3:-2])

    def answered(self, reply: bytes) -> Asked | None:
        """Return what a reply answers, once; None: another request, which came too late."""
        slave, function, count = reply[0], reply[1], len(reply[3:-2]) // 2
        asked = self._asked.get((slave, function))
        if asked is None or asked.quantity != count:
            return self.unasked(slave, function, count)
        del self._asked[slave, function]
        return asked

    def _ask(self, message: bytes) -> None:
        asked = _asked(message)
        self._asked[asked.slave, asked.function] = asked


def _asked(message: bytes) -> Asked:
    first, quantity = _TWO_WORDS.unpack_from(message, 2)
    return Asked(message[0], message[1], first, quantity)
