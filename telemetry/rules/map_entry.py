"""One `[[map]]` of the configuration: which signal is which field, or which alarm."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from telemetry.model.event_codes import Level
from telemetry.toml_document import Where
from telemetry.toml_table import TomlTable

LEVEL_NAMES = tuple(level.name.lower() for level in Level)
NUMBER = "{n}"  # in a signal's name: any number
LAST_ADDRESS = 0xFD  # of J1939; the two after it belong to no node
_ADDRESS = re.compile("(?:0[xX])?([0-9A-Fa-f]{1,2})")
MAIN = "main"  # pack and charger, until they are named
_FIRST = Where("map[0]")


@dataclass(frozen=True, slots=True)
class MapEntry:
    """Into a number or flag: value = signal * scale + offset. Into a text or an event: by the raw value.

    A value of `absent` or `when`, or a key of `values`, is a raw value or a word of the database's value
    table: all raw values that have it.
    """

    signal: str  # Message.Signal, as the database names them
    to: str  # measurement.field, or event.CODE
    scale: float = 1.0
    offset: float = 0.0
    bus: str | None = None  # None: every bus that has the message
    sender: int | None = None  # the J1939 address that the message comes from; None: the one that is taken
    pack: str = MAIN
    charger: str | None = None
    index_from: int = 1  # what the database calls the first cell or sensor
    absent: tuple[int | str, ...] = ()  # values that are not readings: a sensor that is lost or not fitted
    values: Mapping[int | str, str] = field(default_factory=dict)  # into a text: what each value is
    bit: int | None = None  # of an alarm: the one bit that means it; None: any value but 0
    when: tuple[int | str, ...] = ()  # of an alarm: the values that mean it
    level: str | None = None  # of an alarm; None: as the vocabulary has it
    text: str = ""  # of an alarm: for people; empty: as the vocabulary has it
    per: str = ""  # Message.Signal on the same bus: the number is divided by its last raw value
    where: Where = _FIRST  # key path, for messages


def read_map_entry(table: TomlTable) -> MapEntry:
    """One `[[map]]`. Raises ConfigError; what the databases hold is not looked at."""
    values = table.take_table("values")
    entry = MapEntry(
        signal=table.take_text("signal"),
        to=table.take_text("to"),
        scale=table.take_number("scale", 1.0),
        offset=table.take_number("offset", 0.0),
        index_from=table.take_integer("index_from", 1, least=0, most=1),
        absent=table.take_values("absent"),
        bus=table.take_optional_text("bus"),
        sender=_sender(table),
        pack=table.take_text("pack", MAIN),
        charger=table.take_optional_text("charger"),
        values={_number_or_word(name): values.take_text(name) for name in values.names()},
        bit=table.take_optional_integer("bit", least=0, most=63),
        when=table.take_values("when"),
        level=table.take_optional_text("level", one_of=LEVEL_NAMES),
        text=table.take_optional_text("text") or "",
        where=table.where(),
    )
    table.close()
    return entry


def _sender(table: TomlTable) -> int | None:
    text = table.take_optional_text("sender")
    if text is None:
        return None
    digits = _ADDRESS.fullmatch(text)
    if not digits or int(digits[1], 16) > LAST_ADDRESS:
        raise table.wrong("sender", f'"{text}" is no address of J1939', 'in hexadecimal, "00" to "FD"')
    return int(digits[1], 16)


def _number_or_word(name: str) -> int | str:
    """Keys of TOML are texts, also where they are written as numbers."""
    return int(name) if re.fullmatch(r"-?[0-9]{1,19}", name) else name
