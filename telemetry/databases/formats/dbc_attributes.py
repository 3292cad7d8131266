"""The attributes of a DBC: which of them cantools sees, and what is wrong with any.

Promises:

- Only the attributes that a decode plan needs (`KEPT`) are passed on, as far as cantools takes them.
- A statement for which it would refuse the file is a fault, even of an attribute that is not passed on.

Relies on seeing all definitions, then all defaults, then all values.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from telemetry.databases.formats.dbc_statements import Statement, dbc_id

LONG_SIGNAL_NAME = "SystemSignalLongSymbol"
FRAME_FORMAT = "VFrameFormat"
KEPT = frozenset((FRAME_FORMAT, "ProtocolType", LONG_SIGNAL_NAME, "SystemMessageLongSymbol"))
_FRAME_FORMATS = 16  # that a number can mean, where the file has no words for them

_NUMBER = r"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?"
_LITERAL = rf'("(?:\\"|[^"])*"|{_NUMBER})\s*(?:;|$)'
_OWNER = (
    r"(?:BO_\s+(\d{1,10})\s+|SG_\s+(\d{1,10})\s+(\S+)\s+|(?:BU_|EV_)\s+\S+\s+"
    r"|BU_SG_REL_\s+\S+\s+SG_\s+\d+\s+\S+\s+|BU_BO_REL_\s+\S+\s+\d+\s+)?"
)
_DEFINITION = re.compile(
    r'BA_DEF_(?:REL_)?\s+(?:(BO_|SG_|BU_|EV_|BU_SG_REL_|BU_BO_REL_|BU_EV_REL_)\s+)?"([^"]*)"\s+'
    rf'(?:ENUM\s+("[^"]*"(?:\s*,\s*"[^"]*")*)|(INT|HEX|FLOAT)((?:\s+{_NUMBER})*)|STRING)\s*(?:;|$)'
)
_DEFAULT = re.compile(rf'BA_DEF_DEF_(?:REL_)?\s+"([^"]*)"\s+{_LITERAL}')
_VALUE = re.compile(rf'BA_(?:REL_)?\s+"([^"]*)"\s+{_OWNER}{_LITERAL}')
_QUOTED = re.compile(r'"([^"]*)"')
_NUMBERS = ("INT", "HEX", "FLOAT")


@dataclass(slots=True)
class _Definition:
    statement: Statement
    kind: str  # INT, HEX, FLOAT, ENUM, STRING
    words: tuple[str, ...]  # of an ENUM
    text: str
    default: str = ""


class Attributes:
    """What a file says about its attributes, statement by statement."""

    def __init__(self, fault: Callable[[str, Statement], str], name: Callable[[str, Statement], str]) -> None:
        """`fault` notes a fault; `name` gives a signal's name as cantools sees it."""
        self._fault = fault
        self._name = name
        self._definitions: dict[tuple[str, bool], _Definition] = {}  # those of relations apart
        self._values: list[tuple[str, str]] = []  # attribute and statement

    def define(self, statement: Statement) -> None:
        """Take a `BA_DEF_` or `BA_DEF_REL_`."""
        match = _DEFINITION.match(statement.text)
        if match is None:
            self._fault("not the definition of an attribute, left out", statement)
            return
        owner, name, words, numbers, limits = match.groups()
        if numbers and (len(limits.split()) == 1 or not all(map(_is_number, limits.split()))):
            self._fault("an attribute without both its limits, left out", statement)
            return
        kind = numbers or ("ENUM" if words else "STRING")
        text = f'BA_DEF_ {owner or ""} "{name}" {kind} {words or limits or ""};'
        self._definitions[name, _is_relation(statement)] = _Definition(
            statement, kind, tuple(_QUOTED.findall(words or "")), text
        )

    def set_default(self, statement: Statement) -> None:
        """Take a `BA_DEF_DEF_` or `BA_DEF_DEF_REL_`."""
        match = _DEFAULT.match(statement.text)
        if match is None:
            self._fault("not the default of an attribute, left out", statement)
            return
        name, value = match.groups()
        definition = self._definitions.get((name, _is_relation(statement)))
        if definition and definition.kind in _NUMBERS and not _is_number(value):
            self._fault("a default that is no number, left out", statement)
        elif definition:
            definition.default = value

    def set_value(self, statement: Statement) -> None:
        """Take a `BA_` or `BA_REL_`."""
        match = _VALUE.match(statement.text)
        if match is None:
            self._fault("not an attribute, left out", statement)
            return
        name, message, signal_message, signal, value = match.groups()
        definition = self._definitions.get((name, _is_relation(statement)))
        if definition is None:
            self._fault("an attribute that is not defined, left out", statement)
            return
        end = math.inf
        if definition.kind == "ENUM":
            value, end = self._as_number(value, definition, statement), len(definition.words)
        elif name == FRAME_FORMAT:
            end = _FRAME_FORMATS
        if definition.kind in ("ENUM", *_NUMBERS) and not _is_number(value, end):
            what = (
                "word that the attribute does not know"
                if definition.kind == "ENUM"
                else "value that is no number"
            )
            self._fault(f"a {what}, left out", statement)
        elif name in KEPT and not _is_relation(statement):
            place = f"BO_ {dbc_id(int(message))} " if message else ""
            if signal:
                place = f"SG_ {dbc_id(int(signal_message))} {self._name(signal, statement)} "
            self._values.append((name, f'BA_ "{name}" {place}{value};'))

    def _as_number(self, value: str, definition: _Definition, statement: Statement) -> str:
        """Return the value of an ENUM as cantools takes it."""
        word = value.strip('"')
        if value.startswith('"') and word in definition.words:
            self._fault("a word in place of its number, taken", statement)
            return str(definition.words.index(word))
        return word

    def kept(self) -> list[str]:
        """Return the statements that are passed on."""
        lines, taken = [], set()
        for (name, is_relation), definition in self._definitions.items():
            if name not in KEPT or is_relation:
                continue
            if name == FRAME_FORMAT and not _is_format(definition):
                self._fault("a frame format without words or a default, left out", definition.statement)
                continue
            taken.add(name)
            lines.append(definition.text)
            if definition.default:
                lines.append(f'BA_DEF_DEF_ "{name}" {definition.default};')
        return lines + [text for name, text in self._values if name in taken]


def _is_format(definition: _Definition) -> bool:
    """Return whether cantools accepts the definition: words, or numbers with a default."""
    if definition.kind == "ENUM":
        return bool(definition.words)
    return definition.kind == "INT" and _is_number(definition.default, _FRAME_FORMATS)


def _is_relation(statement: Statement) -> bool:
    return statement.keyword.endswith("REL_")


def _is_number(text: str, end: float = math.inf) -> bool:
    """Return whether the number is finite and, where it has an end, from 0 to below that."""
    try:
        number = float(text.strip('"'))
    except ValueError:
        return False
    return math.isfinite(number) and (end == math.inf or 0 <= number < end)
