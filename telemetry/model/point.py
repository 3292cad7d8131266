"""Line protocol of single points made in Python: events, sessions, the service about itself.

Promises: every server reads a point in one way, as the type that the data model says: a number is a float,
a flag a boolean, a text a string. `telemetry_core.text.encoder` writes alike, for what comes often.

Source of the syntax: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
"""

import math
import re
from collections.abc import Mapping

from telemetry_core.rows.schema import escape_key, escape_measurement

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")  # a line break would end the line for most readers


def line(
    measurement: str,
    tags: Mapping[str, str],
    fields: Mapping[str, float | bool | str | None],
    time_ns: int,
) -> bytes:
    """Return one line, without a newline: tags sorted by key, fields in their order.

    Empty tags and fields that are None, NaN or infinite are left out. Raises ValueError if no field is left,
    or if `time_ns` leaves 64 bits.
    """
    if not -(2**63) <= time_ns < 2**63:
        raise ValueError(f"a stamp of more than 64 bits: {time_ns}")
    values = [(escape_key(name), _value(value)) for name, value in fields.items()]
    written = [name + b"=" + text for name, text in values if text]
    if not written:
        raise ValueError(f"a point of {measurement} without any field")
    return b"%b%b %b %d" % (escape_measurement(measurement), tag_set(tags), b",".join(written), time_ns)


def tag_set(tags: Mapping[str, str]) -> bytes:
    """Return `tags` as they follow a measurement: `,key=value,key=value`, by key, without the empty ones."""
    return b"".join(
        b",%b=%b" % (escape_key(key), escape_key(value)) for key, value in sorted(tags.items()) if value
    )


def _value(value: float | bool | str | None) -> bytes:
    """Return the field's text; empty for a value that cannot be written."""
    match value:
        case None:
            return b""
        case bool():
            return b"true" if value else b"false"
        case str():
            text = _CONTROL.sub(" ", value).replace("\\", "\\\\").replace('"', '\\"')
            return f'"{text}"'.encode("utf-8", "replace")
        case int():
            return b"%d" % value if -(2**64) < value < 2**64 else _value(_nearest_double(value))
        case _:
            return repr(value + 0.0).removesuffix(".0").encode() if math.isfinite(value) else b""


def _nearest_double(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf
