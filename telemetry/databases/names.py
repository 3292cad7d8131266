"""Names that a database may give and InfluxDB or the data model cannot take, settled when the plan is made.

A field called `time` is dropped by InfluxDB without a word; a field called like a tag makes queries
ambiguous; names beginning with `_` are InfluxDB's own. A measurement of the data model has fields of its own.
"""

from telemetry.model.measurements import MEASUREMENTS, TAGS

_TAGS = frozenset(TAGS) | {"sa"}  # sa: the J1939 source address


def field_name(signal: str) -> str:
    """Return the field that holds a signal: its own name, or the name followed by `_signal`."""
    if signal == "time" or signal in _TAGS or signal.startswith("_"):
        return f"{signal}_signal"
    return signal or "unnamed"


def measurement_name(message: str) -> str:
    """Return the measurement that holds a message: its own name, or `can_` and the name."""
    if message in MEASUREMENTS:
        return f"can_{message}"
    return message or "unnamed"
