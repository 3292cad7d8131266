"""Invalid values of an ARXML that are not integers: a float signal may declare 3.5 or NaN.

cantools reads each as an integer and refuses the whole file for any other. In their place it sees an integer
that no signal can hold, and the signal gets the file's value back.
"""

import re
from collections.abc import Iterable, Mapping

from cantools.database.can import Message

_FIRST_STAND_IN = 1 << 64
_INVALID_VALUE = re.compile(
    r"(<INVALID-VALUE\b[^>]*>(?:(?!</INVALID-VALUE>).){0,1000}?<VALUE\b[^>]*>)([^<]*)", re.DOTALL
)


def with_stand_ins(text: str) -> tuple[str, Mapping[int, float]]:
    """Return `text` for cantools, and the value that each stand-in replaces."""
    values: dict[int, float] = {}

    def stand_in(match: re.Match[str]) -> str:
        try:
            value = float(match[2])
        except ValueError:
            return match[0]
        if value.is_integer():
            return match[0]
        number = _FIRST_STAND_IN + len(values)
        values[number] = value
        return f"{match[1]}{number}"

    return _INVALID_VALUE.sub(stand_in, text), values


def restore_invalid_values(messages: Iterable[Message], values: Mapping[int, float]) -> None:
    """Give the signals the values back that `with_stand_ins` took from them."""
    for message in messages:
        for signal in message.signals:
            if isinstance(signal.raw_invalid, int):
                signal.raw_invalid = values.get(signal.raw_invalid, signal.raw_invalid)
