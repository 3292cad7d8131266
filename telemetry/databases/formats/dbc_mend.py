"""DBC text that cantools refuses, mended in memory before it sees it.

Promises:

- Only a statement that makes no sense is left out. A warning names its line.
- The mended text holds only what a decode plan needs.

Notes keep what cantools loses even from a file that it accepts: a selector's long name, multiplexer ranges
(it lists each value), the mark of each signal, and the statements about messages and signals. They keep
comments, too, which a mended text has not.
`dbc_attributes` looks at attributes, `dbc_statements` at statements about nothing.
"""

import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from telemetry.databases.formats.dbc_attributes import LONG_SIGNAL_NAME, Attributes
from telemetry.databases.formats.dbc_statements import (
    EXTENDED,
    HIGHEST_ID,
    KEYWORDS,
    SUBJECTS,
    Statement,
    dbc_id,
    orphans,
    statements,
)
from telemetry.databases.formats.findings import shortened

# Vector's place for signals without a message: of this name with any id, or of this id.
PSEUDO_MESSAGE = "VECTOR__INDEPENDENT_SIG_MSG"
PSEUDO_MESSAGE_ID = 0xC0000000
LONGEST_LIST = 1024  # of multiplexer values; of a longer one cantools sees one value only

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_ID = re.compile(r"BO_\s+\+?(\d{1,10})\s+(\S+)")
_SIGNAL_NAME = re.compile(r"SG_\s+([^\s:]+)")
_MESSAGE = re.compile(r"BO_\s+(\d{1,10})\s+(\S+?)\s*:\s*(\d{1,5})(?!\d)")
_SIGNAL = re.compile(
    r"SG_\s+(\S+?)(?:\s+(M|m\d{1,20}M?))?\s*:\s*(\d{1,6})\s*\|\s*(\d{1,6})\s*@\s*([01])\s*([-+])"
    rf"\s*\(\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\)"
    rf'(?:\s*\[(?:\s*({_NUMBER})\s*\|\s*({_NUMBER})\s*|[^\]"]*)\]\s*"([^"\\]*)")?'
)
_VALUES = re.compile(r'VAL_\s+(\d{1,10})\s+(\S+)((?:\s+[-+]?\d{1,20}\s*"(?:\\"|[^"])*")*)\s*;?\s*$')
# A quote after a backslash ends the word if the table goes on, or ends, after it.
_WORD = re.compile(r'([-+]?\d{1,20})\s*"((?:\\"|[^"])*?)"(?=\s*(?:[-+]?\d{1,20}\s*"|$))')
_MARKED = re.compile(r"SG_\s+(\S+?)\s+m(\d{1,20})M?\s*:\s*(\d{1,6})\s*\|\s*\d{1,6}\s*@\s*([01])")
_VARIABLE_VALUES = re.compile(r"VAL_\s+[A-Za-z_]\w*\s")
_VALUE_TYPE = re.compile(r"SIG_VALTYPE_\s+(\d{1,10})\s+(\S+?)\s*:?\s+([0-3])\s*;?\s*$")
_MULTIPLEXING = re.compile(
    r"SG_MUL_VAL_\s+(\d{1,10})\s+(\S+)\s+(\S+)\s+(\d{1,20}\s*-\s*\d{1,20}(?:\s*,\s*\d{1,20}\s*-\s*\d{1,20})*)\s*;?\s*$"
)
_SMALL_MARK = re.compile(r"^([ \t]*SG_[ \t]+\S+[ \t]+)m(?=[ \t]*:)", re.MULTILINE)
_RANGE = re.compile(r"(?<!\d)(\d{1,4000})\s*-\s*(\d{1,4000})(?!\d)")
_RANGES = re.compile(r"SG_MUL_VAL_\s(?:(?!SG_MUL_VAL_)[^;])*;")
# Sizes that no payload has, and exponents that no number has, which the parser would multiply out.
_ABSURD_SIZE = re.compile(
    r'BA_[A-Z_]*\s[^;]{0,300}[\s"]\d{1,9}\.?\d{0,9}[eE]\+?\d{4}|'
    r"BO_\s[^:]{0,300}:\s*[-+]?\d{6}|SG_\s[^:]{0,300}:\s*[-+]?(?:\d{7}|\d{1,6}\s*\|\s*[-+]?\d{7})"
)
_LONG_NAME = re.compile(rf'BA_\s+"{LONG_SIGNAL_NAME}"\s+SG_\s+(\d{{1,10}})\s+(\S+)\s+"([^"]*)"\s*;')
_COMMENT = re.compile(r'CM_\s+SG_\s+(\d{1,10})\s+(\S+)\s+"(.*)"\s*;?\s*$', re.DOTALL)
_VALUE_TABLE = re.compile(r'VAL_TABLE_\s+\S+(?:\s+[-+]?\d{1,20}\s*"(?:\\"|[^"])*")*\s*;?\s*$')
_UNDERSTOOD = frozenset(
    (
        *("VERSION", "NS_", "BS_", "BU_", "VAL_TABLE_", "BO_", "SG_", "BO_TX_BU_", "EV_", "ENVVAR_DATA_"),
        *("SIG_GROUP_", "CM_", "BA_DEF_", "BA_DEF_REL_", "BA_DEF_DEF_", "BA_DEF_DEF_REL_", "BA_", "BA_REL_"),
        *("VAL_", "SIG_VALTYPE_", "SG_MUL_VAL_"),
    )
)
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


Ranges = tuple[tuple[int, int], ...]
Place = tuple[str, int, bool]  # a signal's name, start bit, and whether it is little endian


@dataclass(frozen=True, slots=True)
class Selection:
    """One `SG_MUL_VAL_`: the selector, and its values that select."""

    selector: str
    ranges: Ranges


@dataclass(frozen=True, slots=True)
class Notes:
    """What cantools does not pass on from a file, by the message's id with the bit of extended ones."""

    lines: dict[int, int] = field(default_factory=dict)  # of each message
    long_names: dict[int, dict[str, str]] = field(default_factory=dict)  # by the short name
    marks: dict[int, dict[Place, list[int]]] = field(default_factory=dict)  # the n of `m<n>`, in order
    selections: dict[int, dict[str, list[Selection]]] = field(default_factory=dict)  # by the short name
    unplaced: dict[int, set[str]] = field(default_factory=dict)  # signals of Vector's place for them
    comments: dict[int, dict[str, str]] = field(default_factory=dict)  # of signals, by the short name
    about: list[Statement] = field(default_factory=list)  # those about a message or a signal


@dataclass(frozen=True, slots=True)
class Repair:
    """A statement that was left out or mended."""

    line: int
    kind: str
    statement: str


@dataclass(frozen=True, slots=True)
class Mended:
    """A text for cantools, and the changes to it."""

    text: str
    faults: tuple[Repair, ...]
    names: dict[str, str]  # by the name that replaces one that cantools cannot read: that one


def read_notes(text: str) -> Notes:
    """Read the notes of any file, without judging it."""
    notes = Notes()
    marks: dict[Place, list[int]] = {}
    unplaced: set[str] | None = None
    for statement in statements(text):
        if statement.keyword in SUBJECTS:
            notes.about.append(statement)
        if statement.keyword == "SG_":
            if match := _MARKED.match(statement.text):
                marks.setdefault((match[1], int(match[3]), match[4] == "1"), []).append(int(match[2]))
            if unplaced is not None and (match := _SIGNAL_NAME.match(statement.text)):
                unplaced.add(match[1])
        elif statement.keyword == "BO_":
            marks, unplaced = {}, None
            if match := _ID.match(statement.text):
                id = dbc_id(int(match[1]))
                if is_pseudo(id, match[2]):
                    unplaced = notes.unplaced.setdefault(id, set())
                    continue
                notes.lines[id] = statement.line
                notes.marks[id] = marks  # of one id twice the last message counts
        elif statement.keyword == "BA_" and (match := _LONG_NAME.match(statement.text)):
            notes.long_names.setdefault(dbc_id(int(match[1])), {})[match[2]] = match[3]
        elif statement.keyword == "CM_" and (match := _COMMENT.match(statement.text)):
            notes.comments.setdefault(dbc_id(int(match[1])), {})[match[2]] = match[3].replace('\\"', '"')
        elif statement.keyword == "SG_MUL_VAL_" and (match := _MULTIPLEXING.match(statement.text)):
            ranges = tuple((int(low), int(high)) for low, high in _RANGE.findall(match[4]))
            selections = notes.selections.setdefault(dbc_id(int(match[1])), {})
            selections.setdefault(match[2], []).append(Selection(match[3], ranges))
    return notes


def is_pseudo(id: int, name: str) -> bool:
    """Return whether a message is Vector's place for signals without one."""
    return id == PSEUDO_MESSAGE_ID or name.rstrip(":") == PSEUDO_MESSAGE


def shorten_lists(text: str) -> str:
    """Shorten multiplexer ranges so long that cantools, which lists each value, would run out of memory."""

    def shorten(match: re.Match[str]) -> str:
        if int(match[2]) - int(match[1]) < LONGEST_LIST:
            return match[0]
        return f"{match[0][: match.start(2) - match.start()]}{match[1]}"  # on as many lines

    def shorten_statement(match: re.Match[str]) -> str:
        return _RANGE.sub(shorten, match[0])

    return _RANGES.sub(shorten_statement, text)


def mark_multiplexers(text: str) -> str:
    """Write `M` where a multiplexer is marked `m`: cantools would not recognise it."""
    return _SMALL_MARK.sub(r"\1M", text)


def has_absurd_sizes(text: str) -> bool:
    """Return whether a length or place is beyond any payload, or a number beyond what memory can hold."""
    return _ABSURD_SIZE.search(text) is not None


def line_of_absurd_size(text: str) -> int:
    """Return the line of the absurd size in a text that has one."""
    match = _ABSURD_SIZE.search(text)
    return text.count("\n", 0, match.start()) + 1 if match else 1


def mend(text: str) -> Mended:
    """Return all that a decode plan needs, in a form that cantools reads."""
    return _Mending().run(text)


class _Mending:
    """One pass: messages and signals first, as everything else refers to them."""

    def __init__(self) -> None:
        self._faults: list[Repair] = []
        self._signals: dict[int, set[str]] = {}
        self._unplaced: dict[int, set[str]] = {}  # signals without a message
        self._names: dict[str, str] = {}
        self._stand_in = "mended_name_"
        self._message: int | None = None
        self._loose: set[str] | None = None  # in Vector's place: the signals there
        self._out: list[str] = []

    def run(self, text: str) -> Mended:
        found = list(statements(text))
        while self._stand_in in text:
            self._stand_in += "_"
        self._check_symbols(found)
        attributes = Attributes(self._fault, self._name)
        self._apply(found, {"BO_": self._header, "SG_": self._signal})
        known = {id: names | self._unplaced.get(id, set()) for id, names in self._signals.items()}
        left_out = set(orphans(found, {**self._unplaced, **known}))
        for statement in left_out:
            self._fault(f"{statement.keyword} of no message or signal, left out", statement)
        found = [statement for statement in found if statement not in left_out]
        self._apply(found, {"BA_DEF_": attributes.define, "BA_DEF_REL_": attributes.define})
        self._apply(found, {"BA_DEF_DEF_": attributes.set_default, "BA_DEF_DEF_REL_": attributes.set_default})
        self._apply(
            found,
            {
                "VAL_": self._values,
                "VAL_TABLE_": self._value_table,
                "SIG_VALTYPE_": self._value_type,
                "SG_MUL_VAL_": self._multiplexing,
                "BA_": attributes.set_value,
                "BA_REL_": attributes.set_value,
            },
        )
        self._out += attributes.kept()
        for statement in found:
            if statement.keyword not in _UNDERSTOOD:
                self._fault("not a statement that is known, left out", statement)
        text = "\n".join(line for line in self._out if line)
        return Mended(
            text,
            tuple(sorted(self._faults, key=lambda fault: fault.line)),
            {stand_in: name for name, stand_in in self._names.items()},
        )

    def _apply(
        self, found: Iterable[Statement], rules: Mapping[str, Callable[[Statement], str | None]]
    ) -> None:
        """Apply rules, each of which returns the text line that replaces its statement, if any."""
        for statement in found:
            if statement.keyword in rules:
                self._out.append(rules[statement.keyword](statement) or "")

    def _fault(self, kind: str, statement: Statement) -> str:
        self._faults.append(Repair(statement.line, kind, shortened(statement.text, most=80)))
        return ""

    def _check_symbols(self, found: list[Statement]) -> None:
        for statement, following in itertools.pairwise(found):
            if statement.keyword == "NS_" and following.keyword not in ("BS_", "BU_"):
                self._fault("not followed by BS_ and BU_, which is mended", statement)

    def _name(self, name: str, statement: Statement) -> str:
        if _PLAIN_NAME.fullmatch(name) and name not in KEYWORDS:
            return name
        if name not in self._names:
            self._names[name] = f"{self._stand_in}{len(self._names)}"
            self._fault("an unusual name, kept as it is", statement)
        return self._names[name]

    def _header(self, statement: Statement) -> str:
        self._message = self._loose = None
        match = _MESSAGE.match(statement.text)
        if match is None:
            return self._fault("not a message, left out with its signals", statement)
        id = int(match[1])
        if is_pseudo(id, match[2]):
            self._loose = self._unplaced.setdefault(dbc_id(id), set())
            return ""
        if id & ~EXTENDED > HIGHEST_ID:
            return self._fault("an id of more than 29 bits, left out with its signals", statement)
        if id != dbc_id(id):
            self._fault("an extended id without bit 31, taken as extended", statement)
        if match[3] != str(int(match[3])):
            self._fault("a length with zeros before it, read without them", statement)
        self._message = dbc_id(id)
        self._signals.setdefault(self._message, set())
        return f"BO_ {self._message} {self._name(match[2], statement)} : {int(match[3])} Vector__XXX"

    def _signal(self, statement: Statement) -> str:
        match = _SIGNAL.match(statement.text)
        if self._message is None:
            if self._loose is not None and match:
                self._loose.add(match[1])
            return ""
        if match is None:
            return self._fault("not a signal, left out", statement)
        if int(match[4]) == 0:
            return self._fault("a signal of no bits, left out", statement)
        self._signals[self._message].add(match[1])
        name = f"{self._name(match[1], statement)} {match[2] or ''}"
        place = f"{match[3]}|{match[4]}@{match[5]}{match[6]}"
        factor, offset, low, high = (_as_number(match[index] or "0") for index in (7, 8, 9, 10))
        unit = match[11] or ""
        return f' SG_ {name}: {place} ({factor},{offset}) [{low}|{high}] "{unit}" Vector__XXX'

    def _is_placed(self, id: str, name: str, statement: Statement) -> bool:
        if name in self._signals.get(dbc_id(int(id)), ()):
            return True
        self._fault(f"{statement.keyword} of a signal without a message, left out", statement)
        return False

    def _values(self, statement: Statement) -> str:
        match = _VALUES.match(statement.text)
        if match is None:
            is_variable = _VARIABLE_VALUES.match(statement.text)
            return "" if is_variable else self._fault("not a value table, left out", statement)
        if not self._is_placed(match[1], match[2], statement):
            return ""
        words = " ".join(
            f'{value} "{self._word(word, statement)}"' for value, word in _WORD.findall(match[3])
        )
        return f"VAL_ {dbc_id(int(match[1]))} {self._name(match[2], statement)} {words} ;"

    def _word(self, word: str, statement: Statement) -> str:
        if word.endswith("\\"):  # cantools would read on after the quote
            self._fault("a word that ends with a backslash, written without it", statement)
        return word.rstrip("\\")

    def _value_table(self, statement: Statement) -> str:
        """Drop it: tables with a name of their own belong to no signal."""
        is_table = _VALUE_TABLE.match(statement.text)
        return "" if is_table else self._fault("not a value table, left out", statement)

    def _value_type(self, statement: Statement) -> str:
        match = _VALUE_TYPE.match(statement.text)
        if match is None:
            return self._fault("not a value type, left out", statement)
        if not self._is_placed(match[1], match[2], statement):
            return ""
        return f"SIG_VALTYPE_ {dbc_id(int(match[1]))} {self._name(match[2], statement)} : {match[3]};"

    def _multiplexing(self, statement: Statement) -> str:
        match = _MULTIPLEXING.match(statement.text)
        if match is None:
            return self._fault("not a multiplexing range, left out", statement)
        if not all(self._is_placed(match[1], name, statement) for name in (match[2], match[3])):
            return ""
        names = f"{self._name(match[2], statement)} {self._name(match[3], statement)}"
        ranges = ", ".join(f"{low}-{high}" for low, high in _RANGE.findall(match[4]))
        return f"SG_MUL_VAL_ {dbc_id(int(match[1]))} {names} {ranges};"


def _as_number(text: str) -> str:
    """Return the number as cantools' grammar takes it: with a digit before the point."""
    return re.sub(r"^([-+]?)\.", r"\g<1>0.", text)
