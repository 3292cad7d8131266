"""One `[[map]]` of the configuration: which signal is which field, or which alarm."""

import re
from collections.abc import Mapping

from telemetry.model.event_codes import Level
from telemetry.settings.declared import key, settings
from telemetry.settings.document import Where
from telemetry.settings.table import Key

LEVEL_NAMES = tuple(level.name.lower() for level in Level)
NUMBER = "{n}"  # in a signal's name: any number
LAST_ADDRESS = 0xFD  # of J1939; the two after it belong to no node
_ADDRESS = re.compile("(?:0[xX])?([0-9A-Fa-f]{1,2})")
MAIN = "main"  # pack and charger, until they are named
_NUMBER = re.compile(r"-?[0-9]{1,19}")
_FIRST = Where("map[0]")


def _sender(text: str) -> int:
    digits = _ADDRESS.fullmatch(text)
    if not digits or int(digits[1], 16) > LAST_ADDRESS:
        raise ValueError(f'"{text}" is no address of J1939')
    return int(digits[1], 16)


def _by_value(values: Mapping[str, str]) -> dict[int | str, str]:
    """Keys of TOML are texts, also where they are written as numbers."""
    return {int(name) if _NUMBER.fullmatch(name) else name: text for name, text in values.items()}


@settings
class MapEntry:
    """Into a number or flag: value = signal * scale + offset. Into a text or an event: by the raw value.

    A value of `absent` or `when`, or a key of `values`, is a raw value or a word of the database's value
    table: all raw values that have it.
    """

    signal: str = key("`Message.Signal`, as the database names them; `{n}` stands for a number")
    to: str = key("`measurement.field` of the [data model](data-model.md), or `event.CODE`")
    scale: float = key(
        "from the signal's unit to the field's; -1 where the database counts discharging positive",
        default=1.0,
    )
    offset: float = key("added after scaling", default=0.0)
    index_from: int = key("0 where the database counts cells from 0", default=1, least=0, most=1)
    absent: tuple[int | str, ...] = key(
        "the raw values, or their words in the database's value table, that mean no value: they fill no"
        " field, and neither begin nor end an alarm",
        default=(),
        shown="none",
    )
    bus: str | None = key("the source whose databases are meant", default=None, shown="all")
    sender: int | None = key(
        'the J1939 device that the message comes from: its address in hexadecimal, `"00"` to `"FD"`;'
        " only of messages that are matched by PGN, or of charging modules",
        kind="text",
        default=None,
        shown="the first one heard",
        convert=_sender,
        hint='in hexadecimal, "00" to "FD"',
    )
    pack: str = key("the tag `pack`", default=MAIN)
    within_s: float | None = key(
        "of cells: somebody asks for them page by page, and two pages of a round are no further apart",
        default=None,
        shown="10 for cells that come by ISO-TP; otherwise they are taken as sent over and over",
        above=0.0,
        most=86_400.0,
    )
    charger: str | None = key(
        "the tag `charger`, of fields of `charger` and `meter`", default=None, shown='`"main"`'
    )
    values: Mapping[int | str, str] = key(
        "into a text: what each raw value, or word of the database's value table, is:"
        ' `values = { 3 = "cc", Float = "float" }`',
        kind="free",
        of=Key(""),
        default={},
        shown="the words of the value table",
        convert=_by_value,
    )
    bit: int | None = key(
        "of an alarm: the one bit that means it", default=None, shown="any value but 0", least=0, most=63
    )
    when: tuple[int | str, ...] = key(
        "of an alarm: the raw values, or their words in the database's value table, that mean it",
        default=(),
        shown="any value but 0",
    )
    level: str | None = key("of an alarm", default=None, shown="the code's", one_of=LEVEL_NAMES)
    text: str = key("of an alarm: for people", default="", shown="the code's meaning and the signal")
    per: str = ""  # Message.Signal on the same bus: the number is divided by its last raw value
    rank: int | None = None  # of entries of one field: the least that was heard lately fills it
    optional: bool = False  # of cells that are asked for: not each device answers this page
    where: Where = _FIRST  # key path, for messages
