"""J1939 transport between two nodes: a sender and a receiver of messages longer than 8 bytes.

State machines: control frames and the time go in, frames come out. Times are ns; a deadline is due at
`wake_ns`. Time-outs and retries are those of J1939-21, as the Linux kernel has them.
"""

from firmware_sim.units import MS_NS, NEVER_NS
from firmware_sim.wire.j1939 import (
    CONTROL_PGN,
    DATA_PGN,
    MAX_BYTES,
    PACKET_BYTES,
    AbortReason,
    Control,
    abort,
    cts,
    data_packet,
    end_of_message,
    packet_count,
    rts,
)

T1_NS, T2_NS, T3_NS, T4_NS = 750 * MS_NS, 1250 * MS_NS, 1250 * MS_NS, 1050 * MS_NS
_MAX_REQUESTS = 3  # for the same packet, the first one counted
_CONTROL_BYTES = 8


class MessageSender:
    """Sends one message at a time."""

    def __init__(self, gap_ns: int = 10 * MS_NS, floor_ns: int = 0) -> None:
        """`gap_ns`: between two packets; `floor_ns`: no time-out is shorter than this."""
        self.pgn: int | None = None  # of the message on its way
        self.sent: int | None = None  # the PGN of a message that was just acknowledged; taken by its reader
        self.wake_ns = NEVER_NS
        self._gap_ns = gap_ns
        self._floor_ns = floor_ns
        self._payload = b""
        self._announced_ns = 0
        self._next = self._last = 0  # packets of the present block
        self._sending = False

    def in_vain(self, now_ns: int, after_ns: int) -> bool:
        """Return whether a message was announced so long ago, and none of its packets has been asked for."""
        return self.pgn is not None and self._last == 0 and now_ns - self._announced_ns >= after_ns - MS_NS

    def begin(self, pgn: int, payload: bytes, now_ns: int, *, packets: int | None = None) -> bytes:
        """Announce a message in place of any other; the RTS. `packets`: a wrong number, as a fault."""
        self.pgn = pgn
        self._payload = payload
        self._announced_ns = now_ns
        self._next = self._last = 0
        self._sending = False
        self._expect(now_ns, T3_NS)
        return rts(pgn, len(payload), packets)

    def cancel(self) -> None:
        """Forget what is on its way."""
        self.pgn = None
        self._sending = False
        self.wake_ns = NEVER_NS

    def hear(self, control: bytes, now_ns: int) -> None:
        """Take a control frame of the receiver; others than those of the message on its way are left out."""
        if len(control) < _CONTROL_BYTES or self.pgn is None or _pgn(control) != self.pgn:
            return
        match control[0]:
            case Control.CTS if control[1] == 0:
                self._sending = False
                self._expect(now_ns, T4_NS)
            case Control.CTS if 1 <= control[2] <= packet_count(len(self._payload)):
                self._next = control[2]
                self._last = min(self._next + control[1] - 1, packet_count(len(self._payload)))
                self._sending = True
                self.wake_ns = now_ns + self._gap_ns // 4
            case Control.END_OF_MESSAGE:
                self.sent = self.pgn
                self.cancel()
            case Control.ABORT:
                self.cancel()
            case _:
                pass

    def run(self, now_ns: int) -> list[tuple[int, bytes]]:
        """Return what is due: PGN and payload of each frame."""
        out: list[tuple[int, bytes]] = []
        if now_ns < self.wake_ns or self.pgn is None:
            return out
        if self._sending:
            while self._sending and self.wake_ns <= now_ns:  # more than one on a machine that is late
                out.append((DATA_PGN, data_packet(self._next, self._payload)))
                self._next += 1
                self.wake_ns += self._gap_ns
                self._sending = self._next <= self._last
            if not self._sending:
                self._expect(now_ns, T3_NS)
        else:
            out.append((CONTROL_PGN, abort(self.pgn, AbortReason.TIMEOUT)))
            self.cancel()
        return out

    def _expect(self, now_ns: int, limit_ns: int) -> None:
        self.wake_ns = now_ns + max(limit_ns, self._floor_ns)


class Receiver:
    """Receives one message at a time, from one sender."""

    def __init__(self, reply_ns: int = 2 * MS_NS, floor_ns: int = 0) -> None:
        """`reply_ns`: until a control frame is answered; `floor_ns`: no time-out is shorter than this."""
        self.wake_ns = NEVER_NS
        self.unanswered: dict[int, int] = {}  # by PGN: so many announcements find no answer, as a fault
        self.refused: dict[int, int] = {}  # by PGN: so many are answered with Abort, as a fault
        self._reply_ns = reply_ns
        self._floor_ns = floor_ns
        self._pgn: int | None = None
        self._size = 0
        self._packets: dict[int, bytes] = {}
        self._wanted = 0  # the last packet of the block asked for
        self._requests = 0
        self._replies: list[tuple[int, bytes]] = []
        self._deadline_ns = NEVER_NS

    def hear_control(self, control: bytes, now_ns: int) -> None:
        """Take a control frame of the sender."""
        if len(control) < _CONTROL_BYTES:
            return
        pgn = _pgn(control)
        if control[0] == Control.RTS:
            size, packets = int.from_bytes(control[1:3], "little"), control[3]
            self._forget()
            if _take(self.unanswered, pgn):
                return
            if _take(self.refused, pgn):
                self._reply(now_ns, abort(pgn, AbortReason.RESOURCES))
                return
            if not PACKET_BYTES + 2 <= size <= MAX_BYTES or packets != packet_count(size):
                self._reply(now_ns, abort(pgn, AbortReason.OTHER))
                return
            self._pgn, self._size = pgn, size
            self._packets.clear()
            self._requests = 1
            self._ask(now_ns, 1)
        elif control[0] == Control.ABORT and pgn == self._pgn:
            self._forget()

    def hear_data(self, data: bytes, now_ns: int) -> tuple[int, bytes] | None:
        """Take a packet. Return PGN and payload of the message that it completes."""
        if self._pgn is None or len(data) < 2:
            return None
        number = data[0]
        count = packet_count(self._size)
        if not 1 <= number <= count:
            return None
        self._packets[number] = data[1:].ljust(PACKET_BYTES, b"\xff")
        self._expect(now_ns, T1_NS)
        if len(self._packets) == count:
            payload = b"".join(self._packets[at] for at in range(1, count + 1))[: self._size]
            message = (self._pgn, payload)
            pgn, size = self._pgn, self._size
            self._forget()
            self._reply(now_ns, end_of_message(pgn, size))
            return message
        if number == self._wanted:
            self._ask_again(now_ns)
        return None

    def run(self, now_ns: int) -> list[bytes]:
        """Return the control frames that are due."""
        if now_ns < self.wake_ns:
            return []
        if now_ns >= self._deadline_ns and self._pgn is not None:
            self._ask_again(now_ns)
        due = [reply for at_ns, reply in self._replies if at_ns <= now_ns]
        self._replies = [reply for reply in self._replies if reply[0] > now_ns]
        self._set_wake()
        return due

    def _ask(self, now_ns: int, first: int) -> None:
        pgn = self._pgn
        assert pgn is not None  # noqa: S101  # asked for a message on its way alone
        count = packet_count(self._size)
        self._wanted = count
        self._expect(now_ns, T2_NS)
        self._reply(now_ns, cts(pgn, count - first + 1, first))

    def _ask_again(self, now_ns: int) -> None:
        """Ask for the packets from the first missing one on, or give up."""
        pgn = self._pgn
        assert pgn is not None  # noqa: S101  # asked for a message on its way alone
        self._requests += 1
        if self._requests > _MAX_REQUESTS:
            self._forget()
            self._reply(now_ns, abort(pgn, AbortReason.RETRANSMIT_LIMIT))
            return
        count = packet_count(self._size)
        first = next(number for number in range(1, count + 1) if number not in self._packets)
        self._ask(now_ns, first)

    def _expect(self, now_ns: int, limit_ns: int) -> None:
        self._deadline_ns = now_ns + max(limit_ns, self._floor_ns)
        self._set_wake()

    def _reply(self, now_ns: int, control: bytes) -> None:
        self._replies.append((now_ns + self._reply_ns, control))
        self._set_wake()

    def _forget(self) -> None:
        self._pgn = None
        self._deadline_ns = NEVER_NS
        self._set_wake()

    def _set_wake(self) -> None:
        self.wake_ns = min([self._deadline_ns, *(at_ns for at_ns, _ in self._replies)])


def _pgn(control: bytes) -> int:
    return int.from_bytes(control[5:8], "little") & 0x3FF00


def _take(left: dict[int, int], pgn: int) -> bool:
    """Take one, and return whether one was left."""
    count = left.get(pgn, 0)
    left[pgn] = max(count - 1, 0)
    return count > 0
