"""Control units that answer requests over ISO-TP, and the tester that asks them where a log is to be made.

Promises: a unit answers one request at a time, waits for flow control, and keeps to what it says. What goes
wrong takes turns with answers that are right. Knows no bus and no clock.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle

from firmware_sim.units import MS_NS, NEVER_NS, S_NS
from firmware_sim.wire.diagnostics import Address, Answer, Known

FAULTS = ("pending", "negative", "wrong-identifier", "broken-off", "wrong-sequence", "second-tester")
_AFTER_NS = 10 * MS_NS  # from a request to its answer, and from frame to frame
_PENDING_EVERY_NS = 400 * MS_NS
_PATIENCE_NS = S_NS  # of a tester, and of a unit that waits for flow control
_TESTER_PRESENT, _REFUSED, _PENDING = 0x3E, 0x7F, 0x78
_UNKNOWN_SERVICE, _OUT_OF_RANGE = 0x11, 0x31

Sent = tuple[int, bytes]  # id and data


@dataclass(frozen=True, slots=True)
class AskedFault:
    """One of FAULTS. number: how often a unit is pending, or the code of a negative answer."""

    kind: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class UnitSpec:
    """A control unit. at: where it is asked, and where it answers then."""

    at: Sequence[tuple[Address, Address]]
    answers: Sequence[Answer]
    faults: Sequence[AskedFault] = field(default=())


class _Node:
    """One end of a conversation: frames that are due at some time, in their order."""

    def __init__(self) -> None:
        self._due = deque[tuple[int, Sent]]()

    @property
    def wake_ns(self) -> int:
        """Return when its next frame is due."""
        return self._due[0][0] if self._due else NEVER_NS

    def run(self, now_ns: int) -> Iterator[Sent]:
        """Yield the frames that are due by now."""
        while self._due and self._due[0][0] <= now_ns:
            yield self._due.popleft()[1]


class ControlUnit(_Node):
    """Answers what its specification knows, and refuses all else."""

    def __init__(self, spec: UnitSpec, known: Known) -> None:
        super().__init__()
        self._spec = spec
        self._known = known
        self._answers = {answer.request: answer for answer in spec.answers}
        faults = [fault for fault in spec.faults if fault.kind != "second-tester"]
        self._turns = cycle([each for fault in faults for each in (None, fault)] or [None])
        self._rest = deque[Sent]()  # waits for flow control
        self._rest_until_ns = 0

    def hear(self, now_ns: int, id: int, data: bytes) -> None:
        """Take a frame of the bus."""
        for asked, answering in self._spec.at:
            body = asked.heard(id, data)
            if not body:
                continue
            if body[0] >> 4 == 0 and 0 < body[0] < len(body) and not self._due:
                self._ask(now_ns + _AFTER_NS, body[1 : body[0] + 1], answering)
            elif body[0] >> 4 == 3 and len(body) > 2 and now_ns < self._rest_until_ns:
                self._go_on(now_ns, body[0] & 0xF, body[1], body[2])

    def _ask(self, at_ns: int, request: bytes, answering: Address) -> None:
        self._rest.clear()
        if request[0] == _TESTER_PRESENT:
            self._say(at_ns, answering.frames(bytes((request[0] + 0x40, 0))) * (request[1:] < b"\x80"))
            return
        answer = self._answers.get(request)
        if answer is None:
            is_known = any(each[0] == request[0] for each in self._answers)
            self._say(at_ns, _refusal(answering, request, _OUT_OF_RANGE if is_known else _UNKNOWN_SERVICE))
            return
        message = answer.bytes(self._known)
        match next(self._turns):
            case AskedFault("pending", number):
                for _ in range(number):
                    self._say(at_ns, _refusal(answering, request, _PENDING))
                    at_ns += _PENDING_EVERY_NS
                self._say(at_ns, answering.frames(message))
            case AskedFault("negative", code):
                self._say(at_ns, _refusal(answering, request, code))
            case AskedFault("wrong-identifier"):
                place = len(request) - 1
                wrong = message[:place] + bytes((message[place] ^ 1,)) + message[place + 1 :]
                self._say(at_ns, answering.frames(wrong))
            case AskedFault("broken-off"):
                self._say(at_ns, answering.frames(message)[:-1])
            case AskedFault("wrong-sequence"):
                *frames, (id, last) = answering.frames(message)
                at = len(answering.head)
                wrong = last[:at] + bytes((last[at] ^ bool(frames),)) + last[at + 1 :]
                self._say(at_ns, [*frames, (id, wrong)])
            case _:
                self._say(at_ns, answering.frames(message))

    def _say(self, at_ns: int, frames: Sequence[Sent]) -> None:
        """Send the first frame, and keep the others for flow control."""
        if frames:
            self._due.append((at_ns, frames[0]))
            self._rest.extend(frames[1:])
            self._rest_until_ns = at_ns + _PATIENCE_NS

    def _go_on(self, now_ns: int, status: int, block: int, apart: int) -> None:
        """Obey flow control: status 0: go on with so many frames (0: all), so far apart; 1: wait."""
        if status == 1:
            self._rest_until_ns = now_ns + _PATIENCE_NS
            return
        apart_ns = apart * MS_NS if apart < 0x80 else (apart - 0xF0) * MS_NS // 10
        count = len(self._rest) if status else min(block or len(self._rest), len(self._rest))
        for n in range(1, count + 1):
            frame = self._rest.popleft()
            if not status:
                self._rest_until_ns = now_ns + n * max(apart_ns, _AFTER_NS) + _PATIENCE_NS
                self._due.append((now_ns + n * max(apart_ns, _AFTER_NS), frame))


def _refusal(answering: Address, request: bytes, code: int) -> list[Sent]:
    return answering.frames(bytes((_REFUSED, request[0], code)))


@dataclass(slots=True)
class _Plan:
    """A request, and when it is worth asking again."""

    due_ns: int
    every_ns: int
    at: tuple[Address, Address]
    request: bytes


class Tester(_Node):
    """Asks units for all that they answer, each as often as it is worth, one after the other."""

    def __init__(self, units: Sequence[UnitSpec], *, begins_ns: int = 0, pace: float = 1.0) -> None:
        """begins_ns: when it comes; pace: how many times as long as is worth it waits."""
        super().__init__()
        self._plans = [
            _Plan(begins_ns, round(pace * answer.every_s * S_NS), unit.at[0], answer.request)
            for unit in units
            for answer in unit.answers
        ]
        self._at: tuple[Address, Address] | None = None  # which unit it waits for
        self._until_ns = begins_ns  # so long it waits, or is silent
        self._missing_bytes = 0

    @property
    def wake_ns(self) -> int:
        next_ns = min([plan.due_ns for plan in self._plans], default=NEVER_NS)
        return min(super().wake_ns, max(next_ns, self._until_ns))

    def run(self, now_ns: int) -> Iterator[Sent]:
        yield from super().run(now_ns)
        if now_ns < self._until_ns:
            return
        self._at = None
        plan = min(self._plans, key=lambda each: each.due_ns, default=None)
        if plan is not None and plan.due_ns <= now_ns:
            plan.due_ns = now_ns + plan.every_ns
            self._at, self._until_ns = plan.at, now_ns + _PATIENCE_NS
            yield from plan.at[0].frames(plan.request)

    def hear(self, now_ns: int, id: int, data: bytes) -> None:
        """Take a frame of the bus."""
        body = self._at[1].heard(id, data) if self._at else None
        if not self._at or not body:
            return
        kind = body[0] >> 4
        self._until_ns = now_ns + _PATIENCE_NS
        if kind == 1:
            self._missing_bytes = int.from_bytes(body[:2]) % 0x1000 - len(body) + 2
            self._due.append((now_ns + MS_NS, self._at[0].frame(b"\x30\x00\x00")))
        elif kind == 2:
            self._missing_bytes -= len(body) - 1
        if (kind == 2 and self._missing_bytes <= 0) or (kind == 0 and body[3:4] != bytes((_PENDING,))):
            self._until_ns = now_ns + MS_NS
