"""One database file into messages, by cantools; a DBC that it refuses is mended first.

Promises: the messages say what the file says, even where cantools loses it (names that it cannot read, long
names of multiplexers, very long multiplexer ranges). Raises ConfigError for a file that is missing, of an
unknown kind, or beyond mending.
"""

import contextlib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cantools.database
import cantools.database.can.message
from cantools.database.can import Database, Message, Signal

from telemetry.databases.formats.arxml import restore_invalid_values, with_plain_scalings, with_stand_ins
from telemetry.databases.formats.dbc_mend import (
    Mended,
    Notes,
    Ranges,
    has_absurd_sizes,
    line_of_absurd_size,
    mark_multiplexers,
    mend,
    read_notes,
    shorten_lists,
)
from telemetry.databases.formats.dbc_multiplexing import restore_selection
from telemetry.databases.formats.dbc_statements import EXTENDED, HIGHEST_ID, Statement, orphans, statements
from telemetry.databases.formats.encodings import text_of
from telemetry.databases.formats.findings import Findings, shortened
from telemetry.errors import ConfigError

FORMATS = {".dbc": "dbc", ".arxml": "arxml", ".kcd": "kcd", ".sym": "sym"}
_J1939_FRAME_FORMATS = ("J1939PG", "J1939PGN")  # the second is a common slip
_END_OF_DBC = "\nBS_:\n"  # cantools silently leaves out a last statement that does not end
_LINE = re.compile(r"\bline:? (\d+)")
_RANKS = {"BO_": 0, "SG_": 0, "BA_DEF_DEF_": 1, "BA_DEF_DEF_REL_": 1, "BA_DEF_": 2, "BA_DEF_REL_": 2}
_PLACE = re.compile(r"\bline (\d+), column (\d+)")
LONGEST_MESSAGE_BYTES = 65535
MOST_IDS_OF_RANGES = 8192  # of a SYM, where each id of a range becomes a message
_ID_RANGE = re.compile(r"\bID\s*=\s*([0-9A-Fa-f]+)h\s*-?([0-9A-Fa-f]+)h")


@dataclass(frozen=True, slots=True)
class ParsedMessage:
    """A message of a file, and what the file says about it beyond cantools."""

    message: Message
    file: Path
    line: int | None
    ranges: Mapping[Signal, Ranges]  # of multiplexed signals, where cantools lacks them
    declares_j1939: bool


def parse(file: Path, findings: Findings) -> list[ParsedMessage]:
    """Return all messages of a file."""
    kind = FORMATS.get(file.suffix.lower())
    if kind is None:
        raise ConfigError("not a database", where=str(file), hint=f"known are {', '.join(FORMATS)}")
    text = _read(file)
    if not text.strip():
        raise ConfigError("is empty", where=f"{file}:1")
    messages = _parse_dbc(file, text, findings) if kind == "dbc" else _parse_other(file, text, kind, findings)
    if not messages:
        findings.add(str(file), 1, "nothing to decode", "no message found")
    return messages


def _parse_other(file: Path, text: str, kind: str, findings: Findings) -> list[ParsedMessage]:
    if kind == "sym":
        _check_id_ranges(file, text)
    invalid_values: Mapping[int, float] = {}
    if kind == "arxml":
        text, invalid_values = with_stand_ins(text)
        text, faults = with_plain_scalings(text)
        for fault in faults:
            findings.add(str(file), fault.line, fault.kind, fault.statement)
    database = _load(file, text, kind)
    restore_invalid_values(database.messages, invalid_values)
    messages = []
    for message in database.messages:
        if _can_be(message):
            messages.append(ParsedMessage(message, file, None, {}, _declares_j1939(message, database)))
        else:
            kind = "without a name, or with an id or a length that no frame has, left out"
            findings.add(str(file), None, kind, shortened(str(message.name)))
    return messages


def _can_be(message: Message) -> bool:
    """Return whether names, id and length are possible: cantools checks them in a DBC only."""
    names = (message.name, *(signal.name for signal in message.signals))
    highest = HIGHEST_ID if message.is_extended_frame else 0x7FF
    return all(names) and 0 <= message.frame_id <= highest and 0 <= message.length <= LONGEST_MESSAGE_BYTES


def _check_id_ranges(file: Path, text: str) -> None:
    count = 0
    for match in _ID_RANGE.finditer(text):
        count += max(0, int(match[2], 16) - int(match[1], 16) + 1)
        if count > MOST_IDS_OF_RANGES:
            what = f"more than {MOST_IDS_OF_RANGES} ids in ranges: ID={match[1]}h-{match[2]}h"
            line = text.count("\n", 0, match.start()) + 1
            raise ConfigError(what, where=f"{file}:{line}", hint="name the ids that there are")


def _read(file: Path) -> str:
    try:
        return text_of(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", where=str(file)) from error


def _parse_dbc(file: Path, text: str, findings: Findings) -> list[ParsedMessage]:
    if "\n" not in text:
        text = text.replace("\r", "\n")
    notes = read_notes(text)
    text = mark_multiplexers(shorten_lists(text))
    names: Mapping[str, str] = {}
    try:
        if has_absurd_sizes(text):
            raise ConfigError("sizes that no payload has", where=f"{file}:{line_of_absurd_size(text)}")
        database = _load(file, text + _END_OF_DBC, "dbc")
        for orphan in orphans(notes.about, _signals(database, notes)):
            kind = f"{orphan.keyword} of no message or signal, left out"
            findings.add(str(file), orphan.line, kind, orphan.text)
    except ConfigError as refusal:
        mended = mend(text)
        names = mended.names
        database = _load_mended(file, text, mended, refusal)
        for fault in mended.faults:
            findings.add(str(file), fault.line, fault.kind, fault.statement)
        if not mended.faults:
            line, what = _explained(file, text, refusal)
            findings.add(str(file), line, "mended", what)
    return [_restore(message, file, database, notes, names) for message in database.messages]


def _signals(database: Database, notes: Notes) -> dict[int, set[str]]:
    """Return the names in the file, by the id of the message; also those of signals without a message."""
    signals = {id: set(names) for id, names in notes.unplaced.items()}
    for message in database.messages:
        id = dbc_id_of(message)
        short_names = {long: short for short, long in notes.long_names.get(id, {}).items()}
        names = signals.setdefault(id, set())
        names.update(short_names.get(signal.name, signal.name) for signal in message.signals)
    return signals


def _explained(file: Path, text: str, refusal: ConfigError) -> tuple[int, str]:
    """Return line and words of the fault for which cantools refuses the text.

    cantools notices a statement without an end where the next one begins, and often names no line at all.
    """
    text += _END_OF_DBC
    found = list(statements(text))
    place = _PLACE.search(refusal.what)
    if place is None:
        named = refusal.where.removeprefix(f"{file}:")
        return int(named) if named.isdecimal() else _line_of_refused(file, found), refusal.what
    number, column = int(place[1]), int(place[2])
    before = [each for each in found if each.line < number]
    following = [each.keyword for each in found if each.line == number]
    is_inside = text.split("\n")[number - 1][: column - 1].strip()
    if is_inside or not following or not before or before[-1].text.endswith(";"):
        return number, refusal.what
    if following[0] == "SG_" and before[-1].keyword not in ("BO_", "SG_"):
        return number, refusal.what
    which = "the last" if number == text.count("\n") else "a"
    return before[-1].line, f"{which} statement does not end"


def _line_of_refused(file: Path, found: Sequence[Statement]) -> int:
    """Return the line of the statement with which cantools begins to refuse them.

    Statements that others refer to come first.
    """
    in_order = sorted(found, key=lambda each: _RANKS.get(each.keyword, len(_RANKS)))
    accepted, refused = 0, len(in_order)
    while refused - accepted > 1:
        middle = (accepted + refused) // 2
        try:
            _load(file, "\n".join(each.text for each in in_order[:middle]) + _END_OF_DBC, "dbc")
            accepted = middle
        except ConfigError:
            refused = middle
    return in_order[refused - 1].line


def _load_mended(file: Path, text: str, mended: Mended, refusal: ConfigError) -> Database:
    try:
        database = _load(file, mended.text, "dbc")
        if database.messages:
            return database
        is_hopeless = True
    except ConfigError:
        is_hopeless = not mended.text
    if is_hopeless and mended.faults:
        fault = mended.faults[0]
        line, what = fault.line, f"no message in it makes sense: {fault.kind}: {shortened(fault.statement)}"
    else:
        line, what = _explained(file, text, refusal)
    raise ConfigError(what, where=f"{file}:{line}") from refusal


def _restore(
    message: Message, file: Path, database: Database, notes: Notes, names: Mapping[str, str]
) -> ParsedMessage:
    """Give the message back what mending and cantools removed."""
    id = dbc_id_of(message)
    long_names = notes.long_names.get(id, {})
    short_names = {long: short for short, long in long_names.items()}
    message.name = names.get(message.name, message.name)
    for signal in message.signals:
        signal.name = names.get(signal.name, signal.name)
        short_name = short_names.get(signal.name, signal.name)
        signal.comment = notes.comments.get(id, {}).get(short_name)
        if signal.multiplexer_signal is None:
            continue
        selector = names.get(signal.multiplexer_signal, signal.multiplexer_signal)
        signal.multiplexer_signal = long_names.get(selector, selector)
    ranges = restore_selection(
        message.signals, short_names, notes.marks.get(id, {}), notes.selections.get(id, {})
    )
    return ParsedMessage(message, file, notes.lines.get(id), ranges, _declares_j1939(message, database))


def dbc_id_of(message: Message) -> int:
    """Return the id as a DBC writes it."""
    return message.frame_id | (EXTENDED if message.is_extended_frame else 0)


def _declares_j1939(message: Message, database: Database) -> bool:
    """Return whether the message declares J1939, by VFrameFormat, its own or the default.

    ProtocolType decides where the file has no VFrameFormat.
    """
    if not message.is_extended_frame:
        return False
    if message.protocol == "j1939":
        return True
    if message.dbc is None or database.dbc is None:
        return False
    for name, attributes, words in (
        ("VFrameFormat", message.dbc.attributes, _J1939_FRAME_FORMATS),
        ("ProtocolType", database.dbc.attributes, ("J1939",)),
    ):
        definition = database.dbc.attribute_definitions.get(name)
        if definition is not None:
            value = attributes[name].value if attributes and name in attributes else definition.default_value
            return _word(value, definition.choices) in words
    return False


def _word(value: object, words: Sequence[str] | None) -> str:
    """Return the value of an attribute. For an ENUM files hold the word or its number."""
    text = str(value)
    return words[int(text)] if words and text.isdecimal() and int(text) < len(words) else text


def _load(file: Path, text: str, kind: str) -> Database:
    logging.getLogger("cantools").setLevel(logging.ERROR)  # its warnings name no file: ours do
    try:
        with _without_codecs():
            database = cantools.database.load_string(text, kind, strict=False)
    except Exception as error:
        what = f"cannot be read as {kind}: {shortened(str(error))}"
        line = _LINE.search(str(error))
        raise ConfigError(what, where=f"{file}:{line[1]}" if line else str(file)) from error
    if not isinstance(database, Database):
        raise ConfigError("not a database of CAN messages", where=str(file))
    return database


@contextlib.contextmanager
def _without_codecs() -> Iterator[None]:
    """Keep cantools from making a codec of any message.

    Nothing here decodes with it, and it takes memory for each bit of the length that the file claims.
    """
    module = vars(cantools.database.can.message)
    make_codec = module["create_encode_decode_formats"]
    module["create_encode_decode_formats"] = lambda *_: None
    try:
        yield
    finally:
        module["create_encode_decode_formats"] = make_codec
