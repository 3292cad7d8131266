"""A strict reader of line protocol: takes only what every server takes, in the form that we promise to write.

Stricter than the servers: tags sorted and not empty, no key twice in a line, numbers without the suffixes of
integers and in JSON's grammar, no control character, a stamp on each line.
"""

import re
from dataclasses import dataclass
from typing import TypeVar

_V = TypeVar("_V")

_NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?")
_STAMP = re.compile(rb"-?(?:0|[1-9][0-9]*)")
_WORD = re.compile(rb"[^, ]*")
_PLAIN = {stops: re.compile(rb"[^%b\\]*" % stops) for stops in (b", ", b",= ")}
_PLAIN_TEXT = re.compile(rb'[^"\\]*')
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


class MalformedLineError(Exception):
    """A line that is not as promised."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it stands in the line."""

    text: str

    def __float__(self) -> float:
        return float(self.text)


@dataclass(frozen=True, slots=True)
class Line:
    """What one line says."""

    measurement: str
    tags: dict[str, str]
    fields: dict[str, Number | bool | str]
    time_ns: int


class _Reader:
    def __init__(self, line: bytes) -> None:
        self.line = line
        self.at = 0

    def fail(self, why: str) -> MalformedLineError:
        return MalformedLineError(f"{why} at byte {self.at} of {self.line!r}")

    def next_is(self, byte: bytes) -> bool:
        return self.line[self.at : self.at + 1] == byte

    def take(self, byte: bytes) -> None:
        if not self.next_is(byte):
            raise self.fail(f"{byte!r} expected")
        self.at += 1

    def name(self, stops: bytes) -> str:
        """Up to one of `stops`; a backslash stands only before one of them."""
        text = self.unescaped(_PLAIN[stops], stops)
        if not text:
            raise self.fail("empty name")
        return text.decode()

    def text(self) -> str:
        self.take(b'"')
        text = self.unescaped(_PLAIN_TEXT, b'\\"')
        if self.at >= len(self.line):
            raise self.fail("open text")
        self.take(b'"')
        return text.decode()

    def unescaped(self, plain: re.Pattern[bytes], escapes: bytes) -> bytes:
        """Read on while bytes are plain, or one of `escapes` after a backslash."""
        text = b""
        while match := plain.match(self.line, self.at):
            text += match[0]
            self.at = match.end()
            if not self.next_is(b"\\"):
                break
            self.at += 1
            if self.at == len(self.line) or self.line[self.at] not in escapes:
                raise self.fail("stray backslash")
            text += self.line[self.at : self.at + 1]
            self.at += 1
        return text

    def value(self) -> Number | bool | str:
        if self.next_is(b'"'):
            return self.text()
        match = _WORD.match(self.line, self.at)
        assert match is not None
        word = match[0]
        self.at += len(word)
        if word in (b"true", b"false"):
            return word == b"true"
        if not _NUMBER.fullmatch(word) or re.fullmatch(rb"-[0.]+(?:e.*)?", word):
            raise self.fail(f"no number: {word!r}")
        return Number(word.decode())


def _put(into: dict[str, _V], key: str, value: _V, reader: _Reader) -> None:
    if key in into:
        raise reader.fail(f"{key!r} twice")
    into[key] = value


def parse_line(line: bytes) -> Line:
    """Parse one line without its newline, or raise MalformedLineError."""
    if _CONTROL.search(line):
        raise MalformedLineError(f"control character in {line!r}")
    if line.startswith(b"#"):
        raise MalformedLineError(f"a comment: {line!r}")
    reader = _Reader(line)
    measurement = reader.name(b", ")
    tags: dict[str, str] = {}
    while reader.next_is(b","):
        reader.take(b",")
        key = reader.name(b",= ")
        reader.take(b"=")
        _put(tags, key, reader.name(b",= "), reader)
    if list(tags) != sorted(tags, key=lambda key: key.encode()):
        raise reader.fail("tags out of order")
    fields: dict[str, Number | bool | str] = {}
    reader.take(b" ")
    while True:
        key = reader.name(b",= ")
        reader.take(b"=")
        _put(fields, key, reader.value(), reader)
        if not reader.next_is(b","):
            break
        reader.take(b",")
    reader.take(b" ")
    stamp = line[reader.at :]
    if not _STAMP.fullmatch(stamp) or stamp == b"-0" or not -(2**63) <= int(stamp) < 2**63:
        raise reader.fail("no stamp")
    return Line(measurement, tags, fields, int(stamp))


def parse_lines(lines: bytes) -> list[Line]:
    """Parse a whole batch: each line ends with a newline."""
    if lines and not lines.endswith(b"\n"):
        raise MalformedLineError("the last line is cut off")
    return [parse_line(line) for line in lines.split(b"\n")[:-1]]
