"""What a protocol says of its messages: the forms that they have on the line, and who reads them.

A line may carry messages of several forms: replies, requests that an adapter echoes, acknowledgements. Each
is a `Shape`. What a whole, good message means is the business of a `PortReader`, which the protocol makes for
each port: it remembers what a meaning depends on, such as the request before it.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from telemetry.errors import printable
from telemetry.framing.checks import Check, unchecked
from telemetry.framing.lengths import Length, fixed
from telemetry.framing.secrets import Secret

ANY = bytes(range(256))
NO_ADDRESS = -1
LONGEST_IDENTITY = 64  # letters


@dataclass(frozen=True, slots=True)
class Shape:
    """One form of message.

    start: for each of the first bytes, one at least, the values that it may have. length: of the whole
    message. check: judges a message without its `end`. shortest, longest: bytes; what claims to be
    shorter or longer is no message.
    """

    start: Sequence[bytes]
    length: Length
    check: Check
    longest: int
    shortest: int
    end: bytes = b""
    beginnings: re.Pattern[bytes] = field(init=False)  # matches where such a message may begin

    def __post_init__(self) -> None:
        if not self.start or not 0 < self.shortest <= self.longest:
            raise ValueError("a message has a start, and its shortest length is at most its longest")
        object.__setattr__(self, "beginnings", re.compile(pattern(self.start), re.DOTALL))

    @classmethod
    def fixed(cls, start: Sequence[bytes], byte_count: int, check: Check, end: bytes = b"") -> "Shape":
        """Return a form of which every message has so many bytes."""
        return cls(start, fixed(byte_count), check, byte_count, byte_count, end)

    @property
    def is_checked(self) -> bool:
        """Return whether messages of this form prove that they are some."""
        return self.check is not unchecked

    def has(self, message: bytes) -> bool:
        """Return whether it is a good message of this form."""
        is_whole = self.length(message, 0) == len(message) and message.endswith(self.end)
        inner = message[: len(message) - len(self.end)]
        return bool(is_whole and self.beginnings.match(message) and self.check.is_good(inner))

    def with_check(self, message: bytes) -> bytes:
        """Return a message of this form with the check that its other bytes need."""
        size = len(message) - len(self.end)
        return self.check.written(message[:size]) + message[size:]


def literal(start: bytes) -> tuple[bytes, ...]:
    """Return the start of messages that begin with these bytes."""
    return tuple(bytes([byte]) for byte in start)


def pattern(start: Sequence[bytes]) -> bytes:
    """Return a regular expression of such a start, or of as much of it as the bytes at hand can have."""
    rest = b""
    for values in reversed(start):
        rest = _one_of(values) + (b"(?:\\Z|%b)" % rest if rest else b"")
    return rest


def rarest(starts: Sequence[Sequence[bytes]]) -> tuple[bytes, int]:
    """Return a regular expression of the place in whole starts that has the fewest values, and its offset.

    It fits where a start may be, up to that place. So one search skips all bytes but those few.
    """
    columns = list(zip(*starts, strict=False))  # as long as the shortest start
    values = [bytes(set().union(*column)) for column in columns]
    offset = min(range(len(values)), key=lambda place: len(values[place]))
    before = b"|".join(b"".join(map(_one_of, start[: offset + 1])) for start in starts)
    return b"%b(?<=%b)" % (_one_of(values[offset]), before), offset


def longest_literal(start: Sequence[bytes]) -> tuple[bytes, int]:
    """Return bytes in a row of which such a start has one value each, and their offset.

    It is the run with the most bytes that are not zero, since zeros are everywhere.
    """
    runs = [(b"", 0)]
    for offset, values in enumerate(start):
        literal, begin = runs[-1]
        runs.append((literal + values[:1], begin) if len(set(values)) == 1 else (b"", offset + 1))
    return max(runs, key=lambda run: len(run[0]) - run[0].count(0))


def _one_of(values: bytes) -> bytes:
    """Return a regular expression of one byte."""
    return b"." if len(set(values)) == len(ANY) else b"[%b]" % b"".join(rb"\x%02x" % byte for byte in values)


@lru_cache(maxsize=64)  # a device says the same again and again
def _printable(letters: bytes) -> str:
    text = letters.partition(b"\x00")[0].decode("ascii", "replace")
    return printable(text, " ").strip()


class Heard(NamedTuple):
    """What a message says: the payload of a frame, the id of its kind, and the device that it is of."""

    id: int
    data: bytes
    address: int = NO_ADDRESS


class Skipped(Enum):
    """A good message that gives no frame; its value is the name that it counts by."""

    ECHO = "echoes"  # a request
    REFUSED = "lost/error_reply"
    SHORT = "lost/bad_length"  # for what its kind must have
    OTHER = "other_messages"  # acknowledgements, and traffic of others
    HELD = ""  # it says nothing before the next one: it is counted with that


class PortReader:
    """Reads the messages of one device at one port; each protocol has its own.

    `identity` is what the device has said of itself, by name; `incomplete` counts what came in parts, some of
    which did not come.
    """

    def __init__(self) -> None:
        self.identity: dict[str, str] = {}
        self.incomplete = 0

    def identify(self, name: str, letters: bytes) -> None:
        """Keep what the device says of itself: its printable letters, 64 at most; none: it says nothing."""
        said = _printable(letters[:LONGEST_IDENTITY])
        if said:
            self.identity[name] = said
        else:
            self.identity.pop(name, None)

    def before(self, message: bytes) -> Sequence[Heard]:  # noqa: ARG002 - for readers that hold parts
        """Return what was held back and ends with a message that has come; `read` gets it next."""
        return ()

    def read(self, message: bytes) -> Sequence[Heard] | Skipped:
        """Return what a whole, good message says."""
        raise NotImplementedError

    def dropped(self, byte_count: int) -> None:
        """Note bytes that have come and belong to no message."""

    def sent(self, request: bytes) -> Sequence[Heard]:  # noqa: ARG002 - for readers that ask
        """Note a request that was sent. Return what was held back for messages that do not come any more."""
        return self.end()

    def end(self) -> Sequence[Heard]:
        """End what has come. Return what was held back for messages that do not come any more."""
        return ()

    def secrets(self, message: bytes) -> Iterable[Secret]:  # noqa: ARG002 - for devices that have some
        """Return what a good message, a request too, says of who the device is, or who may use it.

        Each stands for itself in the message as it is; where two overlap, the second is replaced last.
        """
        return ()


@dataclass(frozen=True, slots=True)
class Framing:
    """How messages lie on a line.

    padding: bytes that may stand between messages. silence_ns: after so long a pause a message that has begun
    does not go on. frames_per_message: what one message gives at most. has_passwords: some of the secrets
    that its reader finds are passwords.
    """

    shapes: tuple[Shape, ...]
    make_reader: Callable[[], PortReader]
    padding: bytes = b""
    silence_ns: int | None = None
    frames_per_message: int = 1
    has_passwords: bool = False

    def changed(self, message: bytes, changes: Iterable[tuple[slice, bytes]]) -> bytes:
        """Return a good message with other bytes, as many, at these places, and the check that it needs."""
        made = bytearray(message)
        shape = None
        for place, other in changes:
            shape = shape or next(one for one in self.shapes if one.has(message))
            made[place] = other
        return message if shape is None else shape.with_check(bytes(made))


def has_messages_like(framing: object, other: object) -> bool:
    """Return whether messages of both may begin alike, so that a device may seem to be of either."""
    if not isinstance(framing, Framing) or not isinstance(other, Framing):
        return False
    starts = {tuple(shape.start) for shape in framing.shapes}
    return any(tuple(shape.start) in starts for shape in other.shapes)
