"""What of an ARXML is rewritten where cantools would refuse the file for it, or misread it: its scalings,
containers and invalid values.

Silently, cantools applies the last of several segments to all values, and ignores any scaling that it does
not know. It refuses the whole file for a word of several values, a scaling that is not linear, an unknown
container, or an invalid value that is no integer (a float signal may declare 3.5 or NaN). Promises:

- A linear scaling is decoded as linear, under any name of its category.
- Of any other scaling the raw values are left, and a warning names its line.
- In place of such an invalid value cantools sees an integer that no signal can hold; the signal gets the
  file's value back.
- Lines keep their numbers.
"""

import re
from collections.abc import Iterable, Mapping

from cantools.database.can import Message

from telemetry.databases.formats.dbc_mend import Repair

_FIRST_STAND_IN = 1 << 64
_INVALID_VALUE = re.compile(
    r"(<INVALID-VALUE\b[^>]*>(?:(?!</INVALID-VALUE>).){0,1000}?<VALUE\b[^>]*>)([^<]*)", re.DOTALL
)
NOT_LINEAR = "a scaling that is not linear, raw values are written"
MANY_VALUES = "a word for several values, left out"
CONTAINER = "a container of messages, known and not decoded"
_SCALED = "SCALE_LINEAR_AND_TEXTTABLE"  # what cantools reads least strictly
_LINEAR = frozenset(
    (
        *("LINEAR", "SCALE_LINEAR", _SCALED, "TEXTTABLE"),
        *("RAT_FUNC", "SCALE_RATIONAL", "SCALE_RATIONAL_AND_TEXTTABLE"),
    )
)
_RAW = frozenset(("IDENTICAL", "BITFIELD_TEXTTABLE"))
_LIMIT = re.compile(r"<(?:LOWER|UPPER)-LIMIT(?:\s[^<>]*)?(?:/>|>([^<]*)</(?:LOWER|UPPER)-LIMIT>)")
_NAME = re.compile(r"<SHORT-NAME(?:\s[^<>]*)?>([^<]*)</SHORT-NAME>")
_TYPES = ("SYSTEM-SIGNAL", "INTEGER-TYPE", "REAL-TYPE", "BOOLEAN-TYPE")  # that name a signal's scaling
_REFERENCE = re.compile(r"<COMPU-METHOD-REF(?:\s[^<>]*)?>(?:[^<]*/)?([^</]*)</COMPU-METHOD-REF>")


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


def _element(tag: str) -> re.Pattern[str]:
    """Return a pattern for an element without another of its kind inside: beginning, content, end."""
    return re.compile(rf"(<{tag}(?:\s[^<>]*)?>)((?:(?!<{tag}[\s>]).)*?)(</{tag}>)", re.DOTALL)


_COMPU_METHOD = _element("COMPU-METHOD")
_COMPU_SCALE = _element("COMPU-SCALE")
_COEFFICIENTS = _element("COMPU-RATIONAL-COEFFS")
_NUMERATOR = _element("COMPU-NUMERATOR")
_DENOMINATOR = _element("COMPU-DENOMINATOR")
_PHYS_TO_INTERNAL = _element("COMPU-PHYS-TO-INTERNAL")
_CATEGORY = _element("CATEGORY")
_CONTAINER = _element("CONTAINER-I-PDU")
_LENGTH = _element("LENGTH")
_VALUE = _element("V")
_WORD = _element("VT")


def with_plain_scalings(text: str) -> tuple[str, list[Repair]]:
    """Return `text` for cantools, and what had to be left out of it."""
    used = {
        reference[1]
        for tag in _TYPES
        for signal in _element(tag).finditer(text)
        for reference in _REFERENCE.finditer(signal[2])
    }
    found: list[tuple[int, str, str]] = []  # place in the text, kind, statement

    def method(match: re.Match[str]) -> str:
        body, kinds = _plain(match[2])
        name = _name(match[2])
        if name in used:
            found.extend((match.start(), kind, f"COMPU-METHOD {name}") for kind in kinds)
        return _same_lines(match[0], match[1] + body + match[3])

    def container(match: re.Match[str]) -> str:
        found.append((match.start(), CONTAINER, f"CONTAINER-I-PDU {_name(match[2])}"))
        name, length = _NAME.search(match[2]), _LENGTH.search(match[2])
        body = f"{name[0] if name else ''}{length[0] if length else '<LENGTH>0</LENGTH>'}"
        return _same_lines(match[0], f"{match[1]}{body}<HEADER-TYPE>NO-HEADER</HEADER-TYPE>{match[3]}")

    plain = _COMPU_METHOD.sub(method, text)
    faults = _faults(text, found)
    found.clear()
    plain, text = _CONTAINER.sub(container, plain), plain
    return plain, faults + _faults(text, found)


def _faults(text: str, found: list[tuple[int, str, str]]) -> list[Repair]:
    """Add the lines of the places, which are in order."""
    faults = []
    line, counted = 1, 0
    for place, kind, statement in found:
        line += text.count("\n", counted, place)
        counted = place
        faults.append(Repair(line, kind, statement))
    return faults


def _plain(body: str) -> tuple[str, list[str]]:
    """Return the content of a COMPU-METHOD, and the kinds of what was left out of it."""
    category = _CATEGORY.search(body)
    if category is None or category[2].strip() in _RAW:
        return body, []
    kinds: list[str] = []

    def scale(match: re.Match[str]) -> str:
        if not _WORD.search(match[2]):
            return match[1] + _LIMIT.sub("", match[2]) + match[3]  # an infinite one could not be read
        if _is_one_value(match[2]):
            return match[0]
        kinds.append(MANY_VALUES)
        return ""

    forward = _PHYS_TO_INTERNAL.sub("", body)
    is_inverse = forward != body and "<COMPU-INTERNAL-TO-PHYS" not in forward
    body = _COMPU_SCALE.sub(scale, forward)
    lines = {_line_of(coefficients[2]) for coefficients in _COEFFICIENTS.finditer(body)}
    if category[2].strip() not in _LINEAR or is_inverse or None in lines or len(lines) > 1:
        kinds.append(NOT_LINEAR)
        body = _COEFFICIENTS.sub("", body)
    else:
        body = _COEFFICIENTS.sub(_written_anew, body)
    return _CATEGORY.sub(rf"\g<1>{_SCALED}\g<3>", body, count=1), kinds


def _line_of(coefficients: str) -> tuple[float, float, float] | None:
    """Return offset, factor and denominator; None: they do not form a straight line."""
    try:
        numerators, denominators = (
            [float(value[2]) for part in pattern.finditer(coefficients) for value in _VALUE.finditer(part[2])]
            for pattern in (_NUMERATOR, _DENOMINATOR)
        )
    except ValueError:
        return None
    while len(numerators) > 2 and not numerators[-1]:
        numerators.pop()
    while len(denominators) > 1 and not denominators[-1]:
        denominators.pop()
    if len(numerators) != 2 or len(denominators) != 1 or not denominators[0]:
        return None
    return numerators[0], numerators[1], denominators[0]


def _written_anew(match: re.Match[str]) -> str:
    line = _line_of(match[2])
    if line is None:
        return ""
    offset, factor, denominator = line
    return (
        f"{match[1]}<COMPU-NUMERATOR><V>{offset!r}</V><V>{factor!r}</V></COMPU-NUMERATOR>"
        f"<COMPU-DENOMINATOR><V>{denominator!r}</V></COMPU-DENOMINATOR>{match[3]}"
    )


def _is_one_value(scale: str) -> bool:
    """Return whether its limits are one number, or only one of them is there."""
    try:
        return len({float(limit[1]) for limit in _LIMIT.finditer(scale)}) == 1
    except (TypeError, ValueError):  # infinite, or not a decimal
        return False


def _name(body: str) -> str:
    name = _NAME.search(body)
    return name[1] if name else ""


def _same_lines(before: str, after: str) -> str:
    return after + "\n" * (before.count("\n") - after.count("\n"))
