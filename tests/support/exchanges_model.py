"""A readable model of `exchanges`: all messages of a log are known at once, and each request is searched for.

It follows the command's contract. An answer belongs to a request by what it begins with, when it begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from telemetry.look.exchanges import Exchange
from telemetry.look.pairs import Pair
from telemetry.vehicles.profile import Address

TWO = (0x22, 0x2A, 0x2C, 0x2E)
ONE = (1, 2, 5, 6, 8, 9, 0x10, 0x11, 0x19, 0x1A, 0x21, 0x27, 0x28, 0x2F, 0x30, 0x31, 0x3E, 0x85)
WITHOUT_BIT_7 = (0x10, 0x11, 0x19, 0x28, 0x3E, 0x85)
NONE_EXPECTED = (0x10, 0x11, 0x28, 0x3E, 0x85)
FIVE_SECONDS_NS = 5_000_000_000


@dataclass(eq=False)
class Message:
    """begin, end: places of its first and last frame in the log. is_whole: no frame of it is lost."""

    channel: int
    end: Address
    data: bytes
    begin: int
    last: int
    first_ns: int
    last_ns: int
    is_whole: bool
    asked: "Message | None" = None  # what this answers
    said: list["Message"] = field(default_factory=list)  # answers to this, pending ones too


class ExchangesModel:
    """branches: which of its rules have decided something."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._pairs = pairs
        self.branches = set[str]()

    def rows(self, messages: Sequence[Message]) -> list[Exchange]:
        asking = {pair.request for pair in self._pairs}
        requests = [each for each in messages if each.end in asking and each.is_whole]
        self._requests = requests
        for answer in sorted(
            (each for each in messages if each.end not in asking), key=lambda one: one.begin
        ):
            answer.asked = self._asked(requests, answer)
            if answer.asked is not None and answer.is_whole:
                answer.asked.said.append(answer)
            elif answer.asked is not None:
                self.branches.add("broken off")
        unasked = [
            each for each in messages if each.end not in asking and each.is_whole and each.asked is None
        ]
        rows = list[Exchange]()
        for message in sorted([*requests, *unasked], key=lambda one: one.last):
            rows += self._of_request(message) if message in requests else [self._of_unasked(message)]
        self.branches |= {row.outcome for row in rows}
        return rows

    def _asked(self, requests: list[Message], answer: Message) -> Message | None:
        fits = [each for each in requests if self._fits(each, answer, requests)]
        if len(fits) > 1:
            self.branches.add("newest")
        return max(fits, key=lambda one: one.last, default=None)

    def _fits(self, request: Message, answer: Message, requests: list[Message]) -> bool:
        pair = next((p for p in self._pairs if (p.request, p.answer) == (request.end, answer.end)), None)
        if pair is None or request.channel != answer.channel or request.last > answer.begin:
            return False
        if not repeats(request.data, answer.data):
            return False
        for said in request.said:
            if not is_pending(said.data) and (not pair.is_functional or said.end == answer.end):
                self.branches.add("answered before")
                return False
        for other in requests:
            is_later = request.last < other.last < answer.begin
            if not is_later or (other.channel, other.end) != (request.channel, request.end):
                continue
            if not forbids(other) or forbids(request):
                self.branches.add("overtaken")
                return False
            self.branches.add("not overtaken by what forbids its answer")
        sign_ns = max([request.last_ns, *(said.last_ns for said in request.said if said.last < answer.begin)])
        if answer.first_ns - sign_ns > FIVE_SECONDS_NS:
            self.branches.add("too late")
            return False
        return True

    def _of_request(self, request: Message) -> list[Exchange]:
        rows = list[Exchange]()
        of_pair = [pair for pair in self._pairs if pair.request == request.end]
        silent = "none expected" if forbids(request) else "unanswered"
        for end in dict.fromkeys(said.end for said in request.said):
            said = [each for each in request.said if each.end == end]
            pending = sum(is_pending(each.data) for each in said)
            final = next((each for each in said if not is_pending(each.data)), None)
            if pending:
                self.branches.add("pending")
            if final is None:
                rows.append(row(request, end, b"", silent, pending, None))
                continue
            if any(request.last < other.last < final.last for other in self._of(request)):
                self.branches.add("overtaken while answering")
            outcome = f"negative {final.data[2]:02X}" if final.data[0] == 0x7F else "positive"
            rows.append(row(request, end, final.data, outcome, pending, final.first_ns - request.last_ns))
        if not rows:
            only = None if of_pair[0].is_functional else of_pair[0].answer
            rows.append(row(request, only, b"", silent, 0, None))
        if len(rows) > 1:
            self.branches.add("several units")
        return rows

    def _of(self, request: Message) -> list[Message]:
        return [
            each for each in self._requests if each.end == request.end and each.channel == request.channel
        ]

    def _of_unasked(self, answer: Message) -> Exchange:
        end = next(
            pair.request for pair in self._pairs if pair.answer == answer.end and not pair.is_functional
        )
        return Exchange(answer.last_ns, answer.channel, end, answer.end, b"", answer.data, "unasked")


def row(
    request: Message, end: Address | None, data: bytes, outcome: str, pending: int, latency_ns: int | None
) -> Exchange:
    return Exchange(
        request.last_ns, request.channel, request.end, end, request.data, data, outcome, pending, latency_ns
    )


def forbids(request: Message) -> bool:
    return request.data[0] in NONE_EXPECTED and len(request.data) > 1 and request.data[1] > 0x7F


def is_pending(answer: bytes) -> bool:
    return answer[0] == 0x7F and answer[2] == 0x78


def repeats(request: bytes, answer: bytes) -> bool:
    service = request[0]
    if answer[0] == 0x7F:
        return answer[1] == service
    if answer[0] != service + 0x40:
        return False
    if service in TWO:
        return answer[1:3] == request[1:3]
    if service in WITHOUT_BIT_7:
        return answer[1] % 0x80 == request[1] % 0x80
    return service not in ONE or answer[1] == request[1]
