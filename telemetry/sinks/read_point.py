"""As much of line protocol as it takes to find the lines that a server's answer names.

Relies on lines as our encoder writes them: one point a line, no newline inside a text, a stamp at the end. A
line that is not well formed has no measurement, no fields and no stamp: it is found by its text alone.
"""

import re
from typing import NamedTuple

_NAME = rb"(?:[^\\,= \n]|\\.|\\$)+"
_SERIES = re.compile(rb"((?:[^\\, \n]|\\.)+)((?:,(?:[^\\ \n]|\\.)*)?) ", re.DOTALL)
_FIELD = re.compile(rb"(" + _NAME + rb')=("(?:[^"\\]|\\.)*"|[^", \n]+)(,|$| )', re.DOTALL)
_STAMP = re.compile(rb"-?\d{1,19}")
_ESCAPED = re.compile(rb'\\([,= "])')

_BOOLEANS = {b"t", b"T", b"true", b"True", b"TRUE", b"f", b"F", b"false", b"False", b"FALSE"}


class Point(NamedTuple):
    """What a line says: names without escapes; of each field only the type, as InfluxDB calls it."""

    measurement: str
    field_types: dict[str, str]
    time_ns: int | None


def read_point(line: bytes) -> Point | None:
    """None if the line is not well formed."""
    series = _SERIES.match(line)
    if series is None:
        return None
    types: dict[str, str] = {}
    at = series.end()
    while True:
        field = _FIELD.match(line, at)
        if field is None:
            return None
        types[_plain(field[1])] = _type_of(field[2])
        at = field.end()
        if field[3] != b",":
            break
    rest = line[at:]
    if rest and not _STAMP.fullmatch(rest):
        return None
    return Point(_plain(series[1]), types, int(rest) if rest else None)


def _plain(name: bytes) -> str:
    return _ESCAPED.sub(rb"\1", name).decode("utf-8", "replace")


def _type_of(value: bytes) -> str:
    if value.startswith(b'"'):
        return "string"
    if value in _BOOLEANS:
        return "boolean"
    return {b"i": "integer", b"u": "unsigned"}.get(value[-1:], "float")
