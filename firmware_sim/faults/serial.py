"""Spoils what a serial device says, as the faults of a scenario require.

Promises: the same faults, seed and messages give the same bytes. An unspoiled message goes out byte for byte.
"""

import random
from collections.abc import Iterable, Iterator

from firmware_sim.faults.kinds import (
    ChecksumError,
    ErrorReply,
    Fault,
    Garbage,
    HexMessages,
    LostBytes,
    Silence,
    Unplug,
)
from firmware_sim.wire.jbd import STATUS_ERROR, reply
from firmware_sim.wire.vedirect import hex_message

_NS_PER_S = 1_000_000_000
_ASYNCHRONOUS = 0xA  # a HEX message that nobody asked for: register 0xEDDB, the charger's temperature
_TEMPERATURE = bytes.fromhex("DBED00")
_NOISE_BYTES = (1, 24)
# Where a byte of the check is in a message: from its end, and of a JK's frame, after which an acknowledgement
# comes, from its beginning.
_CHECK_AT = {"jbd": -2, "seplos_v2": -2, "pylontech": -2, "ant_new": -3, "jk_55aa": 299}


class SerialFaults:
    """The faults on one line."""

    def __init__(self, name: str, faults: Iterable[Fault], seed: int) -> None:
        """Prepare the faults of a line, `KIND[:ADDRESS][+…]`; those on other devices are left out."""
        kinds = [part.partition(":")[0] for part in name.split("+")]
        self._check_at = _CHECK_AT.get(kinds[0], -1)
        self._faults = [fault for fault in faults if any(_concerns(fault, kind) for kind in kinds)]
        self._draw = random.Random(f"{seed}/{name}")
        self._noise_ns = 0  # noise has been made until then

    def unplugged(self, now_ns: int) -> bool:
        """Whether the port is away."""
        return any(isinstance(fault, Unplug) and fault.window.active(now_ns) for fault in self._faults)

    def spoil(self, message: bytes, now_ns: int) -> bytes:
        """What is left of a message of the device; empty: nothing."""
        for fault in self._faults:
            if fault.window.active(now_ns):
                message = self._spoil(message, fault)
        return message

    def noise(self, now_ns: int) -> Iterator[bytes]:
        """Bytes that nobody meant to send, since the last call."""
        passed_s = (now_ns - self._noise_ns) / _NS_PER_S
        self._noise_ns = max(now_ns, self._noise_ns)
        for fault in self._faults:
            if isinstance(fault, Garbage) and fault.window.active(now_ns) and passed_s > 0.0:
                count = fault.per_s * passed_s
                whole = int(count) + (self._draw.random() < count % 1.0)
                for _ in range(whole):
                    yield self._draw.randbytes(self._draw.randint(*_NOISE_BYTES))

    def _spoil(self, message: bytes, fault: Fault) -> bytes:
        match fault:
            case Silence():
                return b""
            case LostBytes(share=share):
                return bytes(byte for byte in message if self._draw.random() >= share)
            case ChecksumError(share=share) if message and self._draw.random() < share:
                return self._with_wrong_sum(message)
            case ErrorReply(share=share) if message and self._draw.random() < share:
                return reply(message[1], b"", STATUS_ERROR)
            case HexMessages(share=share) if message and self._draw.random() < share:
                at = self._draw.choice(
                    (*range(1, len(message) - 1), len(message))
                )  # never before the checksum
                value = self._draw.randrange(2000, 4000).to_bytes(2, "little")
                return message[:at] + hex_message(_ASYNCHRONOUS, _TEMPERATURE + value) + message[at:]
            case _:
                return message

    def _with_wrong_sum(self, message: bytes) -> bytes:
        """A byte of the checksum is another one."""
        at = self._check_at % len(message)
        wrong = message[at] ^ self._draw.randrange(1, 256)
        return message[:at] + bytes((wrong,)) + message[at + 1 :]


def _concerns(fault: Fault, name: str) -> bool:
    match fault:
        case ErrorReply():
            return name == "jbd"
        case HexMessages():
            return name == "vedirect"
        case ChecksumError() | Silence() | Garbage() | LostBytes() | Unplug():
            return fault.on == name
        case _:
            return False
