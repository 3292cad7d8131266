"""DBC text that cantools refuses, mended in memory before it sees it.

Promises: what makes sense is kept, and only that statement is left out which makes none; each fault is told
with its line. The mended text holds what a decode plan needs and nothing else. Notes are read from every
file, also from those that cantools accepts, of what it loses: a selector's long name, multiplexer ranges
(it lists each value), and what each signal is marked with.
"""

import itertools
import re
from dataclasses import dataclass, field

from telemetry.protocols.statements import KEYWORDS, Statement, statements

EXTENDED = 0x80000000  # of a DBC's ids
HIGHEST_ID = 0x1FFFFFFF
PSEUDO_MESSAGE_ID = 0xC0000000  # Vector's place for signals without a message
LONGEST_LIST = 1024  # of multiplexer values, before cantools is shown one of them only

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_ID = re.compile(r"BO_\s+\+?(\d{1,10})\s")
_MESSAGE = re.compile(r"BO_\s+(\d{1,10})\s+(\S+?)\s*:\s*(\d{1,5})(?!\d)")
_SIGNAL = re.compile(
    r"SG_\s+(\S+?)(?:\s+(M|m\d{1,20}M?))?\s*:\s*(\d{1,6})\s*\|\s*(\d{1,6})\s*@\s*([01])\s*([-+])"
    rf"\s*\(\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\)"
)
_VALUES = re.compile(r'VAL_\s+(\d{1,10})\s+(\S+)((?:\s+[-+]?\d{1,20}\s*"(?:\\"|[^"])*")*)\s*;?\s*$')
# A quote behind a backslash ends the word if the table goes on, or ends, behind it.
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
_ATTRIBUTES = "VFrameFormat|ProtocolType|SystemSignalLongSymbol|SystemMessageLongSymbol"
_DEFINITION = re.compile(
    rf'BA_DEF_\s+(?:(?:BO_|SG_)\s+)?"({_ATTRIBUTES})"\s+(?:ENUM\s+"[^"]*"(?:\s*,\s*"[^"]*")*|STRING|INT\s+\d+\s+\d+)\s*;'
)
_DEFAULT = re.compile(rf'BA_DEF_DEF_\s+"({_ATTRIBUTES})"\s+("[^"]*"|\d{{1,10}})\s*;')
_ATTRIBUTE = re.compile(
    rf'BA_\s+"({_ATTRIBUTES})"\s+'
    r'(?:BO_\s+(\d{1,10})\s+|SG_\s+(\d{1,10})\s+(\S+)\s+)?("[^"]*"|\d{1,10})\s*;'
)
_QUOTED = re.compile(r'"([^"]*)"')
_COMMENT = re.compile(r"CM_\s+(?:BO_\s+(\d{1,10})|SG_\s+(\d{1,10})\s+(\S+))\s")
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
    """What a file says and cantools does not pass on, by the message's id with the bit of extended ones."""

    lines: dict[int, int] = field(default_factory=dict)  # of each message
    long_names: dict[int, dict[str, str]] = field(default_factory=dict)  # by the short name
    marks: dict[int, dict[Place, list[int]]] = field(default_factory=dict)  # the n of `m<n>`, in order
    selections: dict[int, dict[str, list[Selection]]] = field(default_factory=dict)  # by the short name


@dataclass(frozen=True, slots=True)
class Fault:
    """A statement that was left out or mended."""

    line: int
    kind: str
    statement: str


@dataclass(frozen=True, slots=True)
class Mended:
    """A text for cantools, and what was done to it."""

    text: str
    faults: tuple[Fault, ...]
    names: dict[str, str]  # a name that stands in for one which cantools cannot read: that one


def read_notes(text: str) -> Notes:
    """Of any file: nothing is judged."""
    notes = Notes()
    marks: dict[Place, list[int]] = {}
    for statement in statements(text):
        if statement.keyword == "SG_":
            if match := _MARKED.match(statement.text):
                marks.setdefault((match[1], int(match[3]), match[4] == "1"), []).append(int(match[2]))
        elif statement.keyword == "BO_":
            marks = {}
            if match := _ID.match(statement.text):
                id = dbc_id(int(match[1]))
                notes.lines[id] = statement.line
                notes.marks[id] = marks  # of one id twice the last message counts
        elif statement.keyword == "BA_" and (match := _ATTRIBUTE.match(statement.text)):
            if match[1] == "SystemSignalLongSymbol" and match[3]:
                notes.long_names.setdefault(dbc_id(int(match[3])), {})[match[4]] = match[5].strip('"')
        elif statement.keyword == "SG_MUL_VAL_" and (match := _MULTIPLEXING.match(statement.text)):
            ranges = tuple((int(low), int(high)) for low, high in _RANGE.findall(match[4]))
            selections = notes.selections.setdefault(dbc_id(int(match[1])), {})
            selections.setdefault(match[2], []).append(Selection(match[3], ranges))
    return notes


def dbc_id(id: int) -> int:
    """With the bit of extended ids, which some files leave out."""
    return id | EXTENDED if 0x7FF < id <= HIGHEST_ID else id


def shorten_lists(text: str) -> str:
    """Without multiplexer ranges so long that cantools, which lists each value, would run out of memory."""

    def shorten(match: re.Match[str]) -> str:
        low, high = int(match[1]), int(match[2])
        return f"{low}-{low}" if high - low >= LONGEST_LIST else match[0]

    def shorten_statement(match: re.Match[str]) -> str:
        return _RANGE.sub(shorten, match[0])

    return _RANGES.sub(shorten_statement, text)


def mark_multiplexers(text: str) -> str:
    """With `M` where a multiplexer is marked `m`: cantools would not take it for one."""
    return _SMALL_MARK.sub(r"\1M", text)


def has_absurd_sizes(text: str) -> bool:
    """Whether a length or a place is beyond any payload, or a number beyond what memory can hold."""
    return _ABSURD_SIZE.search(text) is not None


def mend(text: str) -> Mended:
    """All that a decode plan needs, in a form that cantools reads."""
    return _Mending().run(text)


class _Mending:
    """One pass: messages and signals first, as everything else refers to them."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._signals: dict[int, set[str]] = {}
        self._definitions: dict[str, list[str]] = {}  # attributes, and the words of an ENUM
        self._names: dict[str, str] = {}
        self._stand_in = "mended_name_"
        self._message: int | None = None
        self._out: list[str] = []

    def run(self, text: str) -> Mended:
        found = list(statements(text))
        while self._stand_in in text:
            self._stand_in += "_"
        self._check_symbols(found)
        layout = {"BO_": self._header, "SG_": self._signal}
        others = {
            "VAL_": self._values,
            "SIG_VALTYPE_": self._value_type,
            "SG_MUL_VAL_": self._multiplexing,
            "BA_DEF_": self._definition,
            "BA_DEF_DEF_": self._default,
            "BA_": self._attribute,
            "CM_": self._comment,
        }
        for rules in (layout, others):
            for statement in found:
                if statement.keyword in rules:
                    self._out.append(rules[statement.keyword](statement))
        for statement in found:
            if statement.keyword not in _UNDERSTOOD:
                self._fault("not a statement that is known, left out", statement)
        text = "\n".join(line for line in self._out if line)
        return Mended(text, tuple(self._faults), {stand_in: name for name, stand_in in self._names.items()})

    def _fault(self, kind: str, statement: Statement) -> str:
        self._faults.append(Fault(statement.line, kind, " ".join(statement.text.split())[:80]))
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
        self._message = None
        match = _MESSAGE.match(statement.text)
        if match is None:
            return self._fault("not a message, left out with its signals", statement)
        id = int(match[1])
        if id == PSEUDO_MESSAGE_ID:
            return ""
        if id & ~EXTENDED > HIGHEST_ID:
            return self._fault("an id of more than 29 bits, left out with its signals", statement)
        if id != dbc_id(id):
            self._fault("an extended id without bit 31, taken as extended", statement)
        self._message = dbc_id(id)
        self._signals.setdefault(self._message, set())
        return f"BO_ {self._message} {self._name(match[2], statement)} : {int(match[3])} Vector__XXX"

    def _signal(self, statement: Statement) -> str:
        if self._message is None:
            return ""
        match = _SIGNAL.match(statement.text)
        if match is None:
            return self._fault("not a signal, left out", statement)
        if int(match[4]) == 0:
            return self._fault("a signal of no bits, left out", statement)
        self._signals[self._message].add(match[1])
        name = f"{self._name(match[1], statement)} {match[2] or ''}"
        place = f"{match[3]}|{match[4]}@{match[5]}{match[6]}"
        factor, offset = (_as_number(number) for number in (match[7], match[8]))
        return f' SG_ {name}: {place} ({factor},{offset}) [0|0] "" Vector__XXX'

    def _known(self, id: str, name: str | None) -> bool:
        if int(id) == PSEUDO_MESSAGE_ID:
            return True
        signals = self._signals.get(dbc_id(int(id)))
        return signals is not None and (name is None or name in signals)

    def _values(self, statement: Statement) -> str:
        match = _VALUES.match(statement.text)
        if match is None:
            is_variable = _VARIABLE_VALUES.match(statement.text)
            return "" if is_variable else self._fault("not a value table, left out", statement)
        if int(match[1]) == PSEUDO_MESSAGE_ID:
            return ""
        if not self._known(match[1], match[2]):
            return self._fault(f"{statement.keyword} of no message or signal, left out", statement)
        words = " ".join(
            f'{value} "{self._word(word, statement)}"' for value, word in _WORD.findall(match[3])
        )
        return f"VAL_ {dbc_id(int(match[1]))} {self._name(match[2], statement)} {words} ;"

    def _word(self, word: str, statement: Statement) -> str:
        if word.endswith("\\"):  # cantools would read on behind the quote
            self._fault("a word that ends with a backslash, written without it", statement)
        return word.rstrip("\\")

    def _value_type(self, statement: Statement) -> str:
        match = _VALUE_TYPE.match(statement.text)
        if match is None:
            return self._fault("not a value type, left out", statement)
        if int(match[1]) == PSEUDO_MESSAGE_ID:
            return ""
        if not self._known(match[1], match[2]):
            return self._fault(f"{statement.keyword} of no message or signal, left out", statement)
        return f"SIG_VALTYPE_ {dbc_id(int(match[1]))} {self._name(match[2], statement)} : {match[3]};"

    def _multiplexing(self, statement: Statement) -> str:
        match = _MULTIPLEXING.match(statement.text)
        if match is None:
            return self._fault("not a multiplexing range, left out", statement)
        if not (self._known(match[1], match[2]) and self._known(match[1], match[3])):
            return self._fault(f"{statement.keyword} of no message or signal, left out", statement)
        names = f"{self._name(match[2], statement)} {self._name(match[3], statement)}"
        ranges = ", ".join(f"{low}-{high}" for low, high in _RANGE.findall(match[4]))
        return f"SG_MUL_VAL_ {dbc_id(int(match[1]))} {names} {ranges};"

    def _definition(self, statement: Statement) -> str:
        match = _DEFINITION.match(statement.text)
        if match is None:
            return ""
        self._definitions[match[1]] = _QUOTED.findall(match[0])[1:]
        return match[0]

    def _default(self, statement: Statement) -> str:
        match = _DEFAULT.match(statement.text)
        return match[0] if match and match[1] in self._definitions else ""

    def _attribute(self, statement: Statement) -> str:
        match = _ATTRIBUTE.match(statement.text)
        if match is None or match[1] not in self._definitions:
            return ""
        id = match[2] or match[3]
        if id and not self._known(id, match[4]):
            return self._fault(f"{statement.keyword} of no message or signal, left out", statement)
        place = ""
        if match[3]:
            place = f"SG_ {dbc_id(int(id))} {self._name(match[4], statement)} "
        elif match[2]:
            place = f"BO_ {dbc_id(int(id))} "
        words, value = self._definitions[match[1]], match[5]
        if words and value.startswith('"'):  # cantools wants the number of the word
            if value.strip('"') not in words:
                return self._fault("a word that the attribute does not know, left out", statement)
            value = str(words.index(value.strip('"')))
        return f'BA_ "{match[1]}" {place}{value};'

    def _comment(self, statement: Statement) -> str:
        match = _COMMENT.match(statement.text)
        if match and not self._known(match[1] or match[2], match[3]):
            self._fault(f"{statement.keyword} of no message or signal, left out", statement)
        return ""


def _as_number(text: str) -> str:
    """As cantools' grammar wants it: with a digit before the point."""
    return re.sub(r"^([-+]?)\.", r"\g<1>0.", text)
