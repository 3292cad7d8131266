"""A readable model of the transport stage: J1939 sessions and ISO-TP as a passive listener sees them.

It follows the wire documents and not the compiled stage: one dictionary of sessions, payloads as bytes. It
knows no bound on sessions and takes every id for unknown to the database.
"""

from collections import Counter
from dataclasses import dataclass, field

from telemetry_core.frames.batch import FrameTuple

EXTENDED = 0x80000000
PAYLOAD, BY_PGN = 8, 16
J1939_PACKET_NS, J1939_CONTROL_NS, ISOTP_NS = 750_000_000, 1_250_000_000, 2_000_000_000


@dataclass
class Session:
    """One half-heard message."""

    size: int
    last_ns: int
    limit_ns: int
    pgn: int = 0
    broadcast: bool = False
    packets: dict[int, bytes] = field(default_factory=dict)
    block: int = 0
    frames: int = 0
    done: bool = False
    data: bytes = b""
    sequence: int = 1
    frame_bytes: int = 0

    @property
    def packet_count(self) -> int:
        return -(-self.size // 7)

    @property
    def has_gap(self) -> bool:
        return self.packets.keys() != set(range(1, max(self.packets, default=0) + 1))


class TransportModel:
    """`listen` gives what goes on to the decoder for one frame."""

    def __init__(self, isotp: dict[int, tuple[bool, bool]] | None = None, *, j1939: bool = True) -> None:
        """isotp: by id whether addressing is extended and whether the length is put in front."""
        self._isotp = isotp or {}
        self._listens_j1939 = j1939
        self._sessions: dict[tuple[object, ...], Session] = {}
        self.absorbed: Counter[int] = Counter()
        self.lost: Counter[int] = Counter()
        self.ends: Counter[str] = Counter()

    @property
    def open_frames(self) -> int:
        return sum(session.frames for session in self._sessions.values())

    def listen(self, frame: FrameTuple) -> list[FrameTuple]:
        if frame.id in self._isotp:
            self._expire(frame)
            return self._isotp_frame(frame)
        is_control, is_data = _j1939_kind(frame)
        if not self._listens_j1939 or not (is_control or is_data):
            return [frame]
        self._expire(frame)
        return self._control(frame) if is_control else self._packet(frame)

    def end_sessions(self, channel: int) -> None:
        for key in list(self._sessions):
            if frame_channel(key) == channel:
                self._end(key, "unfinished")

    def _end(self, key: tuple[object, ...], how: str) -> None:
        session = self._sessions.pop(key)
        if not session.done:
            self.ends["lost_packets" if session.broadcast and session.has_gap else how] += 1
            self.lost[frame_channel(key)] += session.frames

    def _expire(self, frame: FrameTuple) -> None:
        for key, session in list(self._sessions.items()):
            if frame_channel(key) == frame.channel and frame.time_ns - session.last_ns > session.limit_ns:
                self._end(key, "timeout")

    def _count(self, key: tuple[object, ...], frame: FrameTuple) -> Session:
        session = self._sessions[key]
        session.last_ns = frame.time_ns
        if session.done:
            self.absorbed[frame.channel] += 1
        else:
            session.frames += 1
        return session

    def _complete(self, key: tuple[object, ...]) -> None:
        session = self._sessions[key]
        self.ends["complete"] += 1
        self.absorbed[frame_channel(key)] += session.frames
        session.frames = 0
        session.done = True

    def _control(self, frame: FrameTuple) -> list[FrameTuple]:
        control, sender, receiver = frame.data[0], frame.id & 0xFF, frame.id >> 8 & 0xFF
        own, other = (frame.channel, sender, receiver), (frame.channel, receiver, sender)
        pgn = int.from_bytes(frame.data[5:8], "little") & 0x3FFFF
        if pgn & 0xFF00 < 0xF000:
            pgn &= 0x3FF00
        if control in (16, 32):
            size = int.from_bytes(frame.data[1:3], "little")
            if not 0 < size <= 1785 or frame.data[3] != -(-size // 7):
                self.ends["malformed"] += 1
                return [frame]
            if own in self._sessions:
                self._end(own, "restarted")
            limit_ns = J1939_PACKET_NS if control == 32 else J1939_CONTROL_NS
            self._sessions[own] = Session(size, frame.time_ns, limit_ns, pgn, control == 32)
            self._count(own, frame)
            return []
        if control in (17, 19) and other in self._sessions:
            session = self._count(other, frame)
            if control == 17:
                session.block, session.limit_ns = frame.data[1], J1939_CONTROL_NS
            else:
                self._end(other, "lost_packets")
            return []
        if control == 255:
            for key in (own, other):
                if key in self._sessions and pgn in (self._sessions[key].pgn, 0x3FFFF):
                    self._count(key, frame)
                    self._end(key, "aborted")
                    return []
        return [frame]

    def _packet(self, frame: FrameTuple) -> list[FrameTuple]:
        key = (frame.channel, frame.id & 0xFF, frame.id >> 8 & 0xFF)
        if key not in self._sessions:
            self.ends["orphans"] += 1
            return [frame]
        session = self._count(key, frame)
        before = session.packets.get(frame.data[0], frame.data[1:])
        if not session.done and before != frame.data[1:]:
            self._end(key, "lost_packets")
            return []
        session.limit_ns = J1939_CONTROL_NS if session.block == 1 else J1939_PACKET_NS
        session.block = max(0, session.block - 1)
        if not session.done and 1 <= frame.data[0] <= session.packet_count:
            session.packets[frame.data[0]] = frame.data[1:]
        if session.done or len(session.packets) < session.packet_count:
            return []
        data = b"".join(session.packets[number] for number in sorted(session.packets))[: session.size]
        receiver = frame.id & 0xFF00 if session.pgn & 0xFF00 < 0xF000 else 0
        self._complete(key)
        id = EXTENDED | 6 << 26 | session.pgn << 8 | receiver | frame.id & 0xFF
        return [frame._replace(id=id, data=data, flags=PAYLOAD | BY_PGN)]

    def _isotp_frame(self, frame: FrameTuple) -> list[FrameTuple]:
        extended, with_length = self._isotp[frame.id]
        key = (frame.channel, frame.id, frame.data[:extended])
        data = frame.data[extended:]
        kind = data[0] >> 4 if data else 16
        is_long = len(frame.data) > 8
        if kind == 0:
            head, size = (2, data[1]) if data[0] & 15 == 0 and is_long else (1, data[0] & 15)
            if size == 0 or head + size > len(data):
                return self._refuse(frame, "malformed")
            if key in self._sessions:
                self._end(key, "restarted")
            self.absorbed[frame.channel] += 1
            self.ends["complete"] += 1
            return [_isotp_payload(frame, data[head : head + size], with_length)]
        if kind == 1:
            if key in self._sessions:
                self._end(key, "restarted")
            head, size = 2, (data[0] & 15) << 8 | data[1] if len(data) > 6 else 0
            if size == 0 and len(data) > 6:
                head, size = 6, int.from_bytes(data[2:6], "big")
            if size <= len(data) - (2 if is_long else 1):
                return self._refuse(frame, "malformed")
            if size > 65534:
                return self._refuse(frame, "too_long")
            self._sessions[key] = Session(
                size, frame.time_ns, ISOTP_NS, data=data[head:], frame_bytes=len(data)
            )
            self._count(key, frame)
            return []
        if kind == 3:
            self.absorbed[frame.channel] += 1
            refused = self._refused(frame, extended) if data[0] == 0x32 else None
            if refused is not None:
                self._end(refused, "aborted")
            return []
        if kind != 2:
            return self._refuse(frame, "malformed")
        if key not in self._sessions:
            return self._refuse(frame, "orphans")
        return self._consecutive(key, frame, data, with_length)

    def _refused(self, frame: FrameTuple, extended: bool) -> tuple[object, ...] | None:
        """Return the session that a flow control's overflow answers."""
        waiting = [
            key
            for key, session in self._sessions.items()
            if isinstance(key[2], bytes)
            and key[0] == frame.channel
            and key[1] != frame.id
            and session.frames == 1
        ]
        paired = [key for key in waiting if _answers(frame, extended, key[1], key[2])]
        found = paired or waiting
        return found[0] if len(found) == 1 else None

    def _consecutive(
        self, key: tuple[object, ...], frame: FrameTuple, data: bytes, with_length: bool
    ) -> list[FrameTuple]:
        session = self._count(key, frame)
        is_repeated = len(data) > 1 and session.data.endswith(data[1:])
        if data[0] & 15 == (session.sequence - 1) & 15 and is_repeated:
            return []
        is_last = len(session.data) + len(data) - 1 >= session.size
        is_cut_off = not is_last and len(data) < session.frame_bytes
        if data[0] & 15 != session.sequence & 15 or len(data) == 1 or is_cut_off:
            self._end(key, "lost_packets")
            return []
        session.data = (session.data + data[1:])[: session.size]
        session.sequence += 1
        if len(session.data) < session.size:
            return []
        self._complete(key)
        del self._sessions[key]
        return [_isotp_payload(frame, session.data, with_length)]

    def _refuse(self, frame: FrameTuple, how: str) -> list[FrameTuple]:
        self.ends[how] += 1
        self.lost[frame.channel] += 1
        return []


def frame_channel(key: tuple[object, ...]) -> int:
    """Return the channel of a session's key."""
    assert isinstance(key[0], int)
    return key[0]


def _j1939_kind(frame: FrameTuple) -> tuple[bool, bool]:
    """Return whether it is a control frame and whether it is a data frame of J1939 transport."""
    is_j1939 = frame.id >> 29 == 4 and frame.id & 0x03000000 == 0 and len(frame.data) == 8
    format_ = frame.id >> 16 & 0xFF
    return is_j1939 and format_ == 0xEC, is_j1939 and format_ == 0xEB


def _answers(frame: FrameTuple, extended: bool, id: object, address: object) -> bool:
    """Return whether the frame comes from the receiver of what is sent with this id and address."""
    assert isinstance(id, int)
    if extended:
        return bytes([frame.id & 0xFF]) == address and frame.data[0] == id & 0xFF
    here, there = id.to_bytes(4, "big"), frame.id.to_bytes(4, "big")
    if frame.id & EXTENDED:
        return there == here[:2] + here[:1:-1]
    return frame.id == id ^ 8


def _isotp_payload(frame: FrameTuple, data: bytes, with_length: bool) -> FrameTuple:
    return frame._replace(data=bytes([len(data) & 0xFF]) * with_length + data, flags=PAYLOAD)
