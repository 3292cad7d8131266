"""Finds the lines of a batch that a server refuses, and gets all others stored.

Promises:
- Every line ends either accepted or in one letter.
- Lines that an answer names are taken out. The rest is sent at once, unless the answer says that it is
  stored.
- Pieces are halved only when no line is named. Then 64 requests are the most, and what is left is one letter,
  `not_isolated`.

Pure: it asks for one piece after another to be sent, and receives the answers. Relies on writes being
idempotent: what the server has stored of a refused piece is sent again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from telemetry.model.read_point import read_point, type_of
from telemetry.sinks.verdict import Acknowledged, FieldConflict, RefusalReport, Rejected, Split

MAX_REQUESTS = 64  # once an answer named no line


class Reason(StrEnum):
    """Why lines became a dead letter."""

    MALFORMED = "malformed"  # by the server's own word
    TYPE_CONFLICT = "type_conflict"
    BEYOND_RETENTION = "beyond_retention"
    DROPPED = "dropped"  # all of a piece, no reason given
    REFUSED = "refused"  # a single line, nothing named
    TOO_LARGE = "too_large"  # a single line
    NOT_ISOLATED = "not_isolated"  # its good lines may be in the database too
    UNREADABLE = "unreadable"  # the batch itself is damaged
    REQUEST_REFUSED = "request_refused"  # the batch as a whole, by an answer that speaks of no line


@dataclass(frozen=True, slots=True)
class DeadLines:
    """Lines that the server will never take, and its words."""

    lines: tuple[bytes, ...]
    reason: Reason
    words: str


class Isolation:
    """The lines of one refused batch. The whole is the first piece: begin with the answer to it."""

    def __init__(self, lines: Sequence[bytes], *, in_order: bool) -> None:
        """Begin with all lines. in_order: earlier ones are sent first, since later ones replace them."""
        self._in_order = in_order
        self._pieces: list[tuple[bytes, ...]] = []
        self._current = tuple(lines)
        self._requests_left: int | None = None  # None: everything was named so far
        self._words = ""  # of the latest answer that named nothing
        self.accepted = 0
        self.dead: list[DeadLines] = []

    @property
    def piece(self) -> tuple[bytes, ...]:
        """Return the lines to send next; empty once every line has ended."""
        return self._current

    @property
    def all_refused_unnamed(self) -> bool:
        """Return whether every line is dead though the server has named none and accepted none."""
        unnamed = all(dead.reason in (Reason.REFUSED, Reason.NOT_ISOLATED) for dead in self.dead)
        return not self._current and self.accepted == 0 and unnamed

    def answered(self, verdict: Acknowledged | Rejected | Split) -> None:
        """Take the answer to the piece."""
        if self._requests_left is not None:
            self._requests_left -= 1
        match verdict:
            case Acknowledged():
                self.accepted += len(self._current)
                self._current = ()
            case Split(words):
                self._divide(Reason.TOO_LARGE, words)
            case Rejected(refusal):
                self._take_out(refusal)
        if self._requests_left == 0 and (self._current or self._pieces):
            self.give_up(Reason.NOT_ISOLATED, self._words)
        if not self._current and self._pieces:
            self._next_piece()

    def give_up(self, reason: Reason, words: str) -> None:
        """Make one letter of everything that was not accepted."""
        left = self._current + tuple(line for piece in self._pieces for line in piece)
        self._bury(left, reason, words)
        self._current = ()
        self._pieces.clear()

    def _take_out(self, refusal: RefusalReport) -> None:
        named, reason = _named(self._current, refusal)
        if named:
            self._bury([self._current[index] for index in sorted(named)], reason, refusal.words)
            self._current = tuple(line for index, line in enumerate(self._current) if index not in named)
            if refusal.others_stored and len(named) == len(refusal.line_numbers):  # all of them are ours
                self.accepted += len(self._current)
                self._current = ()
            return
        if self._requests_left is None:
            self._requests_left = MAX_REQUESTS - 1  # this one was the first
        self._words = refusal.words
        self._divide(Reason.REFUSED, refusal.words)

    def _divide(self, reason_of_one: Reason, words: str) -> None:
        piece, self._current = self._current, ()
        if len(piece) == 1:
            self._bury(piece, reason_of_one, words)
            return
        middle = _middle(piece)
        self._pieces[:0] = [piece[:middle], piece[middle:]]

    def _next_piece(self) -> None:
        """Take the first piece; the largest where requests are counted, so that the last leaves little."""
        sizes = [len(piece) for piece in self._pieces]
        is_first = self._in_order or self._requests_left is None
        self._current = self._pieces.pop(0 if is_first else sizes.index(max(sizes)))

    def _bury(self, lines: Sequence[bytes], reason: Reason, words: str) -> None:
        self.dead.append(DeadLines(tuple(lines), reason, words))


def _middle(lines: Sequence[bytes]) -> int:
    """Return where to cut into two parts of about the same number of bytes."""
    half = sum(map(len, lines)) / 2
    size = 0
    for index, line in enumerate(lines[:-1]):
        size += len(line)
        if size >= half:
            return index + 1
    return len(lines) - 1


def _named(lines: Sequence[bytes], refusal: RefusalReport) -> tuple[set[int], Reason]:
    """Return the indices of the lines that the refusal names, and why they are refused."""
    if refusal.quoted:
        return _quoted(lines, refusal.quoted), Reason.MALFORMED
    if refusal.line_numbers:
        return {number - 1 for number in refusal.line_numbers if number <= len(lines)}, Reason.MALFORMED
    if refusal.conflict is not None:
        reason = Reason.TYPE_CONFLICT
    else:
        reason = Reason.BEYOND_RETENTION if refusal.beyond_retention else Reason.DROPPED
    if refusal.dropped == len(lines):
        return set(range(len(lines))), reason
    if refusal.conflict is not None:
        return _conflicting(lines, refusal.conflict), reason
    if refusal.beyond_retention:
        return _oldest(lines, refusal.dropped), reason
    return set(), reason


def _quoted(lines: Sequence[bytes], quoted: Sequence[str]) -> set[int]:
    """Return the lines with which a quotation begins: a line with an open quote swallows those after it."""
    by_text: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        by_text.setdefault(line.decode("utf-8", "replace"), []).append(index)
    found: set[int] = set()
    for text in quoted:
        for candidate in _beginnings(text):
            if candidate in by_text:
                found.update(by_text[candidate])
                break
    return found


def _beginnings(quotation: str) -> Iterator[str]:
    """Yield candidates for the quoted line: up to a newline, or a mark that ends a quotation."""
    yield quotation.partition("\n")[0]
    at = -1
    while (at := quotation.find("': ", at + 1)) >= 0:
        yield quotation[:at]


def _conflicting(lines: Sequence[bytes], conflict: FieldConflict) -> set[int]:
    """Return the lines that have the field with the refused type; without any, all that have the field."""
    measurements, fields = _spellings(conflict.measurement), _spellings(conflict.field)
    of_type: set[int] = set()
    of_field: set[int] = set()
    for index, line in enumerate(lines):
        point = read_point(line)
        if point is None or (conflict.measurement and point.measurement not in measurements):
            continue
        for name, value in point.fields.items():
            if name in fields:
                of_field.add(index)
                if type_of(value) == conflict.refused_type:
                    of_type.add(index)
    return of_type or of_field


def _spellings(name: str) -> set[str]:
    """Return how servers quote a name: InfluxDB 2 escapes quotes and backslashes, 1.x does not."""
    return {name, name.replace('\\"', '"').replace("\\\\", "\\")}


def _oldest(lines: Sequence[bytes], count: int) -> set[int]:
    """Return the `count` lines with the oldest stamps: a retention policy drops by age alone."""
    points = ((index, read_point(line)) for index, line in enumerate(lines))
    stamps = sorted((point.time_ns, index) for index, point in points if point is not None)
    return {index for _, index in stamps[:count]}
