"""Spoils what a serial device says, as the faults of a scenario require.

Promises: the same faults, seed and messages give the same bytes. An unspoiled message goes out byte for byte.
"""

import random
from collections.abc import Iterable, Iterator

from firmware_sim.faults import kinds
from firmware_sim.faults.kinds import Fault, PlacedFault
from firmware_sim.units import S_NS
from firmware_sim.wire.jbd import STATUS_ERROR, reply
from firmware_sim.wire.vedirect import hex_message

_ASYNCHRONOUS = 0xA  # a HEX message that nobody asked for: register 0xEDDB, the charger's temperature
_TEMPERATURE = bytes.fromhex("DBED00")
_NOISE_BYTES = (1, 24)
# Where a byte of the check is in a message: from its end, and of a JK's frame, after which an acknowledgement
# comes, from its beginning.
_CHECK_AT = {"jbd": -2, "seplos_v2": -2, "pylontech": -2, "ant_new": -3, "jk_55aa": 299, "dlt645": -2}


class SerialFaults:
    """The faults on one device."""

    def __init__(self, name: str, faults: Iterable[Fault], seed: int, *, line: str = "") -> None:
        """Prepare the faults of a device, `KIND[:ADDRESS]`, on the line of that name; others are left out."""
        kind = name.partition(":")[0]
        self._check_at = _CHECK_AT.get(kind, -1)
        self._faults = [
            fault
            for fault in faults
            if _concerns(fault, {name, kind, line})
            and not (isinstance(fault, kinds.LostBytes) and fault.on == line)
        ]
        self._draw = random.Random(f"{seed}/{line}/{name}" if line else f"{seed}/{name}")

    def spoil(self, message: bytes, now_ns: int) -> bytes:
        """Return what is left of a message of the device; empty: nothing."""
        for fault in self._faults:
            if fault.window.active(now_ns):
                message = self._spoil(message, fault)
        return message

    def late_ns(self, now_ns: int) -> int:
        """Return by how much the next answer of the device is late."""
        late_s = sum(
            fault.late_s
            for fault in self._faults
            if isinstance(fault, kinds.LateAnswer)
            and fault.window.active(now_ns)
            and self._draw.random() < fault.share
        )
        return round(late_s * S_NS)

    def _spoil(self, message: bytes, fault: Fault) -> bytes:
        match fault:
            case kinds.Silence():
                return b""
            case kinds.LostBytes(share=share):
                return bytes(byte for byte in message if self._draw.random() >= share)
            case kinds.ChecksumError(share=share) if message and self._draw.random() < share:
                return self._with_wrong_sum(message)
            case kinds.ErrorReply(share=share) if message and self._draw.random() < share:
                return reply(message[1], b"", STATUS_ERROR)
            case kinds.HexMessage(share=share) if message and self._draw.random() < share:
                at = self._draw.choice(
                    (*range(1, len(message) - 1), len(message))
                )  # never before the checksum
                value = self._draw.randrange(2000, 4000).to_bytes(2, "little")
                return message[:at] + hex_message(_ASYNCHRONOUS, _TEMPERATURE + value) + message[at:]
            case kinds.Collision(share=share) if message and self._draw.random() < share:
                first = self._draw.randrange(len(message))
                other = self._draw.randbytes(self._draw.randint(1, len(message) - first))
                return message[:first] + other + message[first + len(other) :]
            case _:
                return message

    def _with_wrong_sum(self, message: bytes) -> bytes:
        """Return the message with another byte in its checksum."""
        at = self._check_at % len(message)
        wrong = message[at] ^ self._draw.randrange(1, 256)
        return message[:at] + bytes((wrong,)) + message[at + 1 :]


class LineFaults:
    """The faults on a line: those on itself, and those on the port of any of its devices."""

    def __init__(self, name: str, devices: Iterable[str], faults: Iterable[Fault], seed: int) -> None:
        """name: of the line; devices: `KIND[:ADDRESS]` of each."""
        names = {name, *devices, *(device.partition(":")[0] for device in devices)}
        concerned = [fault for fault in faults if _concerns(fault, names)]
        self._unplugs = [fault for fault in concerned if isinstance(fault, kinds.Unplug)]
        self._garbage = [fault for fault in concerned if isinstance(fault, kinds.Garbage)]
        self._losses = [
            fault for fault in concerned if isinstance(fault, kinds.LostBytes) and fault.on == name
        ]
        self._swaps = [
            fault for fault in concerned if isinstance(fault, kinds.SwappedPorts) and fault.on == name
        ]
        self._draw = random.Random(f"{seed}/{name}")
        self._noise_ns = 0  # noise has been made until then

    def unplugged(self, now_ns: int) -> bool:
        """Return whether the port is away."""
        return any(fault.window.active(now_ns) for fault in self._unplugs)

    def lose(self, data: bytes, now_ns: int) -> bytes:
        """Return what is left of bytes on the line, of any sender."""
        for fault in self._losses:
            if fault.window.active(now_ns):
                data = bytes(byte for byte in data if self._draw.random() >= fault.share)
        return data

    def swapped_with(self, now_ns: int) -> str:
        """Return the line whose port this one has now; empty: its own."""
        return next((fault.other for fault in self._swaps if fault.window.active(now_ns)), "")

    def noise(self, now_ns: int) -> Iterator[bytes]:
        """Yield bytes that nobody meant to send, since the last call."""
        passed_s = (now_ns - self._noise_ns) / S_NS
        self._noise_ns = max(now_ns, self._noise_ns)
        for fault in self._garbage:
            if fault.window.active(now_ns) and passed_s > 0.0:
                count = fault.per_s * passed_s
                whole = int(count) + (self._draw.random() < count % 1.0)
                for _ in range(whole):
                    yield self._draw.randbytes(self._draw.randint(*_NOISE_BYTES))


def _concerns(fault: Fault, names: set[str]) -> bool:
    match fault:
        case kinds.ErrorReply():
            return "jbd" in names
        case kinds.HexMessage():
            return "vedirect" in names
        case PlacedFault():
            return fault.on in names
        case _:
            return False
