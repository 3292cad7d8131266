"""Line protocol read back: what `telemetry.model.point` and the encoder have written.

Relies on lines as we write them: one point a line, no newline inside a text, a stamp at the end. Any other
line is not a point, and is a row of its own.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

_NAME = rb"((?:[^\\,= \n]|\\.)+)"
_LINE = re.compile(rb"((?:[^\\, \n]|\\.)+)((?:,(?:[^\\ \n]|\\.)*)?) (.+) (-?\d{1,19})", re.DOTALL)
_TAG = re.compile(rb"," + _NAME + rb"=" + _NAME)
_FIELD = re.compile(_NAME + rb'=("(?:[^"\\]|\\.)*"|[^", \n]+)(?:,(?!$)|$)', re.DOTALL)
_IN_TEXT = re.compile(rb'\\(["\\])')
_ESCAPED = re.compile(rb'\\([,= "])')

_BOOLEANS = {b"t", b"T", b"true", b"True", b"TRUE", b"f", b"F", b"false", b"False", b"FALSE"}


class ReadPoint(NamedTuple):
    """What a line says: names and tags without escapes, values as they stand."""

    measurement: str
    tags: dict[str, str]
    fields: dict[str, bytes]
    time_ns: int


def read_point(line: bytes) -> ReadPoint | None:
    """Return the point of a line; None if it is not well formed."""
    parts = _LINE.fullmatch(line)
    if parts is None:
        return None
    measurement, tags, written, stamp = parts.groups()
    fields: dict[str, bytes] = {}
    at = 0
    while at < len(written):
        field = _FIELD.match(written, at)
        if field is None:
            return None
        fields[_plain(field[1])] = field[2]
        at = field.end()
    named = {_plain(key): _plain(value) for key, value in _TAG.findall(tags)}
    return ReadPoint(_plain(measurement), named, fields, int(stamp))


def row_key(line: bytes) -> bytes:
    """Return what a later row must have in common with this one to replace it: series and stamp."""
    parts = _LINE.fullmatch(line)
    return b"%b%b %b" % parts.group(1, 2, 4) if parts else line


def without_fields(line: bytes, later: Iterable[bytes]) -> bytes:
    """Return the line without the fields that `later` lines of its row have; empty: they have all."""
    rows = [found for found in map(_LINE.fullmatch, later) if found]
    names = {field[1] for row in rows for field in _FIELD.finditer(row[3])}
    parts = _LINE.fullmatch(line)
    left = [field for field in _FIELD.finditer(parts[3]) if field[1] not in names] if parts else []
    written = b",".join(b"%b=%b" % field.groups() for field in left)
    return b"%b%b %b %b" % (*parts.group(1, 2), written, parts[4]) if parts and left else b""


def measurement_of(line: bytes) -> str:
    """Return the measurement of a line; `unknown` if the line is not well formed."""
    parts = _LINE.fullmatch(line)
    return _plain(parts[1]) if parts else "unknown"


def value_of(value: bytes) -> float | bool | str:
    """Return the value of a field, as Python has it."""
    if value.startswith(b'"'):
        return _IN_TEXT.sub(rb"\1", value[1:-1]).decode("utf-8", "replace")
    return value[:1].lower() == b"t" if value in _BOOLEANS else float(value.rstrip(b"iu"))


def type_of(value: bytes) -> str:
    """Return the type of a field, as InfluxDB calls it."""
    if value.startswith(b'"'):
        return "string"
    if value in _BOOLEANS:
        return "boolean"
    return {b"i": "integer", b"u": "unsigned"}.get(value[-1:], "float")


def _plain(name: bytes) -> str:
    return (_ESCAPED.sub(rb"\1", name) if b"\\" in name else name).decode("utf-8", "replace")
