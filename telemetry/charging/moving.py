"""A clock that was wrong: all stamps that are known of sessions move here, and nowhere else.

Promises: a name that ends in `_ns` is a stamp, or holds some, unless it is in LASTED. 0 stands for never, and
so does what is earlier than any clock.
"""

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

if TYPE_CHECKING:  # a service that follows no charge imports none of it
    from telemetry_core.charge.follow_spec import Numbers

LASTED: Final = (
    *("phase_before_ns", "charging_ns", "paused_ns"),
    *("covered_ns", "window_covered_ns", "percent_covered_ns", "reach_ns"),
)
_NEVER_NS = -(2**61)
_WINDOW_NS = 10_000_000_000
Known = TypeVar("Known")


def moved(known: Known, by_ns: int) -> Known:
    """Return `known`, of values, lists and records in any depth, with `by_ns` added to all its stamps."""
    return cast(Known, _moved("", known, by_ns))


def _moved(name: str, value: Any, by_ns: int) -> Any:
    if isinstance(value, dict):
        return {key: _moved(name if name.endswith("_ns") else key, one, by_ns) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_moved(name, one, by_ns) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value)]
        return replace(value, **{each: _moved(each, getattr(value, each), by_ns) for each in names})
    if name == "station_clock_offset_s" and value is not None:
        return value - by_ns / 1e9
    is_stamp = name.endswith("_ns") and name not in LASTED and value and value > _NEVER_NS
    return value + by_ns if is_stamp else value


def found_again(numbers: "Numbers") -> "Numbers":
    """Return the numbers of a `Follower.state` whose stamps have moved, with what follows from them."""
    window_ns = (numbers["last_ns"] // _WINDOW_NS + 1) * _WINDOW_NS
    return {**numbers, "due_ns": 0, "calm_until_ns": 0, "window_ns": window_ns}
