"""A bus to listen to, frame by frame as candump writes them, and transport sessions to put on it."""

from collections.abc import Iterable, Iterator, Sequence

from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import BusSpec, PlanSpec
from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.rows.schema import Schema
from telemetry_core.transport.stage import Transport

EXTENDED = 0x80000000
SECOND_NS = 1_000_000_000
PAYLOAD, BY_PGN = 8, 16
NO_BUS = PlanSpec((), (BusSpec("", ()),))

BCS = (
    "1CEC56F4#1009000200001100",
    "1CECF456#110201FFFF001100",
    "1CEB56F4#01FE0E5A0E51414D",
    "1CEB56F4#022B00FFFFFFFFFF",
    "1CECF456#13090002FF001100",
)
BCS_PAYLOAD = ("181156F4", "FE0E5A0E51414D2B00")


class Wire:
    """A transport stage that hears one channel; what goes on, as candump would write it."""

    def __init__(
        self,
        *,
        isotp: Sequence[tuple[int, bool, bool]] = (),
        spec: PlanSpec = NO_BUS,
        j1939: bool = True,
        least_wait_ns: int = 0,
    ) -> None:
        self.plan = Plan(spec, Schema(spec.records))
        self.transport = Transport(self.plan)
        self.transport.bind(0, 0, j1939=j1939, isotp=isotp, least_wait_ns=least_wait_ns)
        self.time_ns = 1_700_000_000 * SECOND_NS

    def hear(self, *texts: str, after_ns: int = 1_000_000) -> list[tuple[str, str]]:
        out = []
        for text in texts:
            self.time_ns += after_ns
            batch = FrameBatch(1)
            id, _, data = text.partition("#")
            batch.append(self.time_ns, id_of(id), bytes.fromhex(data))
            out += [text_of(frame) for frame in self.transport.reassemble(batch)]
        return out

    def hear_at_once(self, texts: Iterable[str]) -> list[tuple[str, str]]:
        """Hear the same in one batch, 1 us apart."""
        batch = FrameBatch(100)
        for text in texts:
            self.time_ns += 1000
            id, _, data = text.partition("#")
            batch.append(self.time_ns, id_of(id), bytes.fromhex(data))
        return [text_of(frame) for frame in self.transport.reassemble(batch)]

    def payloads(self, *texts: str, after_ns: int = 1_000_000) -> list[tuple[str, str]]:
        """Return what comes out and is not simply one of the frames that were heard."""
        heard = {tuple(text.upper().split("#")) for text in texts}
        return [out for out in self.hear(*texts, after_ns=after_ns) if out not in heard]

    @property
    def ends(self) -> dict[str, int]:
        return {name: count for name, count in self.transport.session_counts(0).items() if count}

    @property
    def counts(self) -> tuple[int, int]:
        counts = self.transport.counts(0)
        return counts["absorbed"], counts["lost/incomplete_session"]


def id_of(text: str) -> int:
    """Return the id as the core has it: with bit 31 for one of 29 bits."""
    return int(text, 16) | (EXTENDED if len(text) == 8 else 0)


def text_of(frame: FrameTuple) -> tuple[str, str]:
    """Id and data as candump writes them."""
    id = f"{frame.id & 0x1FFFFFFF:08X}" if frame.id & EXTENDED else f"{frame.id:03X}"
    return id, frame.data.hex().upper()


def bam(sender: int, payload: bytes, pgn: int = 0xFECA) -> list[str]:
    """Return the frames of a broadcast session."""
    packets = -(-len(payload) // 7)
    size = len(payload).to_bytes(2, "little")
    announce = bytes([32, *size, packets, 255]) + pgn.to_bytes(3, "little")
    frames = [f"1CECFF{sender:02X}#{announce.hex()}"]
    for number in range(packets):
        part = payload[7 * number : 7 * number + 7].ljust(7, b"\xff")
        frames.append(f"1CEBFF{sender:02X}#{number + 1:02X}{part.hex()}")
    return frames


def requested(
    sender: int, receiver: int, payload: bytes, pgn: int = 0x1100, *, block: int = 255
) -> list[str]:
    """Return a session that is asked for, `block` packets at a time, and acknowledged."""
    size, pgn_bytes = len(payload).to_bytes(2, "little"), pgn.to_bytes(3, "little")
    packets = -(-len(payload) // 7)
    there, back = f"{receiver:02X}{sender:02X}", f"{sender:02X}{receiver:02X}"
    frames = [f"1CEC{there}#{(bytes([16, *size, packets, 255]) + pgn_bytes).hex()}"]
    for number in range(packets):
        if number % block == 0:
            granted = bytes([17, min(block, packets - number), number + 1, 255, 255])
            frames.append(f"1CEC{back}#{(granted + pgn_bytes).hex()}")
        part = payload[7 * number : 7 * number + 7].ljust(7, b"\xff")
        frames.append(f"1CEB{there}#{number + 1:02X}{part.hex()}")
    return [*frames, f"1CEC{back}#{(bytes([19, *size, packets, 255]) + pgn_bytes).hex()}"]


def isotp(id: str, payload: bytes, *, frame_bytes: int = 8, address: bytes = b"") -> list[str]:
    """Return an ISO-TP message of several frames, with any extended `address` in front of each."""
    head = (0x1000 | len(payload)).to_bytes(2, "big")
    room = frame_bytes - len(address)
    parts = [head + payload[: room - 2]]
    for number, begin in enumerate(range(room - 2, len(payload), room - 1), start=1):
        parts.append(bytes([0x20 | number % 16]) + payload[begin : begin + room - 1])
    return [f"{id}#{(address + part).ljust(frame_bytes, bytes([0xAA])).hex()}" for part in parts]


def interleavings(sequences: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """Yield every order in which the sequences can mix."""
    if not any(sequences):
        yield []
    for index, sequence in enumerate(sequences):
        if sequence:
            rest = [*sequences[:index], sequence[1:], *sequences[index + 1 :]]
            for tail in interleavings(rest):
                yield [sequence[0], *tail]
