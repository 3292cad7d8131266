"""What testers ask and what is answered, request by request: UDS, KWP 2000 and OBD-II over ISO-TP.

Promises:

- An answer belongs to the newest request that it fits, by its first frame. Each message is in one row.
- A request waits for 5 s after the last sign of life, which is `7F xx 78` or a first frame, or until the next
  request to the same unit. One that forbids its answer (bit 7 of `3E 80`) overtakes none.
- Where makers use one id in several pairs, a message is an answer by its service (bit 6); a unit that was
  never heard to answer has no name.
- Rows come in the order of requests, by their last frames. Memory is that of 5 s.

Relies on the core for ISO-TP, and reads of it where a message begins: an answer's stamp is its last frame's.
"""

from array import array
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from telemetry_core.decode.plan import Plan
from telemetry_core.decode.spec import PlanSpec
from telemetry_core.frames.batch import FrameBatch, FrameTuple
from telemetry_core.rows.schema import Schema
from telemetry_core.transport.stage import Transport

from telemetry.look.pairs import Pair
from telemetry.vehicles.profile import Address

WAIT_NS = 5_000_000_000
_GAP_NS = 2_000_000_000  # between frames of a message, as the core has it
_FIRST, _CONSECUTIVE = 1, 2
_ANSWERED, _REFUSED, _PENDING = 0x40, 0x7F, 0x78
_IDENTIFIER_BYTES = dict.fromkeys(bytes.fromhex("222A2C2E"), 2) | dict.fromkeys(
    bytes.fromhex("0102050608091011191A2127282F30313E85"), 1
)
_SERVICES = {*range(0x01, 0x0B), *range(0x10, 0x3F), *range(0x83, 0x89)}  # of requests
_MAY_FORBID = bytes.fromhex("101119283E85")  # bit 7 of the sub-function: no positive answer, please
_EXPECT_NONE = bytes.fromhex("1011283E85")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One row. request: empty: nobody has asked; answer: empty: none came. latency_ns: None: without both.

    time_ns: of the last frame of the request, or of an answer that nobody has asked for.
    """

    time_ns: int
    channel: int
    request_end: Address | None
    answer_end: Address | None
    request: bytes
    answer: bytes
    outcome: str
    pending: int = 0
    latency_ns: int | None = None


@dataclass(slots=True)
class _Answer:
    """The answer of one unit to a request, so far."""

    pending: int = 0
    latency_ns: int | None = None
    data: bytes = b""


@dataclass(slots=True, eq=False)
class _Asked:
    """A request, and what each unit has said to it. alive_ns: the last sign of life."""

    time_ns: int
    channel: int
    end: Address
    data: bytes
    is_functional: bool
    alive_ns: int
    number: int
    answers: dict[Address, _Answer] = field(default_factory=dict)
    is_overtaken: bool = False

    @property
    def expects_none(self) -> bool:
        return len(self.data) > 1 and self.data[0] in _EXPECT_NONE and self.data[1] >= 0x80

    def waits_for(self, end: Address, data: bytes, ns: int) -> bool:
        """Return whether a message that begins so, at this time, is an answer to it."""
        answer = self.answers.get(end)
        if self.is_overtaken or abs(ns - self.alive_ns) > WAIT_NS or (answer and answer.data):
            return False
        service = self.data[0]
        if data[0] == _REFUSED:
            return data[1:2] == self.data[:1]
        count = _IDENTIFIER_BYTES.get(service, 0)
        return data[0] == service + _ANSWERED & 0xFF and _identifier(service, data, count) == _identifier(
            service, self.data, count
        )


def _identifier(service: int, data: bytes, count: int) -> bytes:
    named = data[1 : 1 + count]
    return bytes((named[0] & 0x7F,)) if named and service in _MAY_FORBID else named


@dataclass(slots=True)
class _Begun:
    """An answer of which frames have come."""

    first_ns: int
    last_ns: int
    asked: _Asked | None


class Exchanges:
    """Follows all channels. `take` the frames; `rows` are what is settled by then."""

    def __init__(self, pairs: Iterable[Pair], *, is_guess: bool = False) -> None:
        """is_guess: ids of pairs may mean anything on this bus; what is no message of diagnostics is none."""
        self._is_guess = is_guess
        self._answers = defaultdict[Address, list[Address]](list)  # by request
        self._requests = defaultdict[Address, list[Address]](list)  # by answer, without functional ones
        self._heard = defaultdict[Address, list[Address]](list)  # by answer: all to which it may be one
        self._functional = set[Address]()
        for pair in pairs:
            self._answers[pair.request].append(pair.answer)
            self._heard[pair.answer].append(pair.request)
            if pair.is_functional:
                self._functional.add(pair.request)
            else:
                self._requests[pair.answer].append(pair.request)
        self._has_address = {end.id: end.unit is not None for end in (*self._answers, *self._heard)}
        self._ids = array("I", sorted(self._has_address))
        self._transport = Transport(Plan(PlanSpec((), ()), Schema(())))
        self._channels = set[int]()
        self._one = FrameBatch(1)
        self._open = defaultdict[tuple[int, Address], list[_Asked]](list)
        self._begun = dict[tuple[int, Address], _Begun]()
        self._partners = dict[tuple[int, Address], Address]()  # who has answered whom
        self._rows = deque[_Asked | Exchange]()
        self._swept_ns = self._count = 0

    def take(self, frames: FrameBatch) -> None:
        """Take the next frames. The batch forgets those of other ids."""
        frames.keep_ids(self._ids)
        for frame in frames:
            self._frame(frame)

    def rows(self, *, is_end: bool = False) -> Iterator[Exchange]:
        """Yield what is settled, once. is_end: nothing comes any more."""
        if is_end:
            self._open.clear()
        waiting = {id(asked) for each in self._open.values() for asked in each}
        while self._rows and id(self._rows[0]) not in waiting:
            row = self._rows.popleft()
            yield from (row,) if isinstance(row, Exchange) else self._settled(row)

    def lost_frames(self) -> int:
        """Return how many frames were of messages that are not whole, so far."""
        return sum(
            self._transport.counts(channel)["lost/incomplete_session"] + self._transport.open_frames(channel)
            for channel in self._channels
        )

    def _frame(self, frame: FrameTuple) -> None:
        has_address = self._has_address[frame.id]
        data = frame.data[has_address:]
        end = Address(frame.id, frame.data[0] if has_address and frame.data else None)
        if not data or (end not in self._answers and end not in self._heard):
            return
        channel, ns = frame.channel, frame.time_ns
        if channel not in self._channels:
            self._channels.add(channel)
            self._transport.bind(
                channel, -1, isotp=[(id, has, False) for id, has in self._has_address.items()]
            )
        if abs(ns - self._swept_ns) > WAIT_NS // 10:
            self._sweep(ns)
        kind = data[0] >> 4
        if kind == _FIRST and len(data) > 6:
            head = data[2:] if data[0] & 0xF or data[1] else data[6:]
            if self._is_answer(end, head):
                self._begun[channel, end] = _Begun(ns, ns, self._asked(channel, end, head, ns))
        elif kind == _CONSECUTIVE and (begun := self._begun.get((channel, end))):
            begun.last_ns = ns
        self._one.clear()
        self._one.append(ns, frame.id, frame.data, channel=channel, flags=frame.flags)
        for message in self._transport.reassemble(self._one):
            if self._is_guess and not self._is_likely(end, message.data):
                continue
            if not self._is_answer(end, message.data):
                self._ask(channel, end, message.data, ns)
                continue
            begun = self._begun.pop((channel, end), None)
            if kind != _CONSECUTIVE or begun is None:
                begun = _Begun(ns, ns, self._asked(channel, end, message.data, ns))
            self._answer(channel, end, message.data, ns, begun)

    def _is_answer(self, end: Address, data: bytes) -> bool:
        return end in self._heard and (end not in self._answers or bool(data[0] & _ANSWERED))

    def _is_likely(self, end: Address, data: bytes) -> bool:
        """Return whether a message has a service that diagnostics have, in the direction of its end."""
        if not data[0] & _ANSWERED:
            return end in self._answers and data[0] in _SERVICES
        service = data[1:2] if data[0] == _REFUSED else bytes((data[0] & ~_ANSWERED,))
        return end in self._heard and not _SERVICES.isdisjoint(service)

    def _asked(self, channel: int, end: Address, data: bytes, ns: int) -> _Asked | None:
        """Return the newest request that a message answers which begins so."""
        fits = [
            asked
            for request in self._heard[end]
            for asked in self._open.get((channel, request), ())
            if asked.waits_for(end, data, ns)
        ]
        return max(fits, key=lambda asked: asked.number, default=None)

    def _ask(self, channel: int, end: Address, data: bytes, ns: int) -> None:
        self._count += 1
        asked = _Asked(ns, channel, end, data, end in self._functional, ns, self._count)
        before = self._open[channel, end]
        for other in before:
            other.is_overtaken |= not asked.expects_none or other.expects_none
        before[:] = [other for other in before if not other.is_overtaken or self._is_answering(other, ns)]
        before.append(asked)
        self._rows.append(asked)

    def _answer(self, channel: int, end: Address, data: bytes, ns: int, begun: _Begun) -> None:
        asked = begun.asked
        if asked is None or asked not in self._open[channel, asked.end]:
            self._rows.append(
                Exchange(ns, channel, self._partner(channel, end, self._requests), end, b"", data, "unasked")
            )
            return
        asked.alive_ns = ns
        self._partners[channel, end] = asked.end
        answer = asked.answers.setdefault(end, _Answer())
        if data[0] == _REFUSED and data[2:3] == bytes((_PENDING,)):
            answer.pending += 1
            return
        answer.data, answer.latency_ns = data, begun.first_ns - asked.time_ns
        if not asked.is_functional:
            self._partners[channel, asked.end] = end
            self._open[channel, asked.end].remove(asked)

    def _partner(
        self, channel: int, end: Address, candidates: dict[Address, list[Address]]
    ) -> Address | None:
        """Return the other end of one: the only one there is, or that which was last heard with it."""
        of_end = candidates.get(end, [])
        return of_end[0] if len(of_end) == 1 else self._partners.get((channel, end))

    def _is_answering(self, asked: _Asked, ns: int) -> bool:
        return any(each.asked is asked and ns - each.last_ns <= _GAP_NS for each in self._begun.values())

    def _sweep(self, ns: int) -> None:
        """Close what waits no longer at this time."""
        self._swept_ns = ns
        for key, each in list(self._open.items()):
            each[:] = [
                asked
                for asked in each
                if self._is_answering(asked, ns)
                or not (asked.is_overtaken or abs(ns - asked.alive_ns) > WAIT_NS)
            ]
            if not each:
                del self._open[key]

    def _settled(self, asked: _Asked) -> Iterator[Exchange]:
        """Yield the row of each unit that has said something, or one of nobody."""
        silent = "none expected" if asked.expects_none else "unanswered"
        nobody = None if asked.is_functional else self._partner(asked.channel, asked.end, self._answers)
        for end, answer in asked.answers.items() or ((nobody, _Answer()),):
            outcome = silent if not answer.data else "positive"
            if answer.data[:1] == bytes((_REFUSED,)):
                outcome = f"negative {answer.data[2:3].hex().upper()}".rstrip()
            yield Exchange(
                asked.time_ns,
                asked.channel,
                asked.end,
                end,
                asked.data,
                answer.data,
                outcome,
                answer.pending,
                answer.latency_ns,
            )
