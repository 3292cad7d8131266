"""Signals and messages of GB/T 27930 as its tables write them: kinds of fields, and who sends to whom.

Bytes and bits count from 1, as in the standard. All ones are no value.
"""

from dataclasses import replace

from telemetry.protocols.can.table import PDU1_MASK, CanMessage, CanSignal

Words = tuple[tuple[int, str], ...]

CHARGER, VEHICLE, EVERYONE = 0x56, 0xF4, 0xFF

_CURRENT_OFFSET_A = -400.0
_TEMPERATURE_OFFSET_C = -50.0
SINGLE = "single source"


def number(
    name: str,
    byte: int,
    byte_count: int,
    factor: float = 1.0,
    offset: float = 0.0,
    unit: str = "",
    words: Words = (),
    *,
    optional: bool = False,
    mark: str = "",
    secret: str = "",
) -> CanSignal:
    """Return the signal of whole bytes, of which all ones are no value."""
    signal = bits(
        name, byte, 1, 8 * byte_count, words, factor=factor, unit=unit, optional=optional, mark=mark
    )
    return replace(signal, offset=offset, secret=secret)


def bits(
    name: str,
    byte: int,
    bit: int,
    bit_count: int = 2,
    words: Words = (),
    *,
    factor: float = 1.0,
    unit: str = "",
    optional: bool = False,
    mark: str = "",
) -> CanSignal:
    return CanSignal(
        name,
        8 * (byte - 1) + bit - 1,
        bit_count,
        little_endian=True,
        factor=factor,
        invalid=((1 << bit_count) - 1,),
        unit=unit,
        words=words,
        optional=optional,
        mark=mark,
    )


def volts(name: str, byte: int) -> CanSignal:
    return number(name, byte, 2, 0.1, unit="V")


def amperes(name: str, byte: int) -> CanSignal:
    return number(name, byte, 2, 0.1, _CURRENT_OFFSET_A, "A")


def cell_volts(name: str, byte: int) -> CanSignal:
    return number(name, byte, 2, 0.01, unit="V")


def degrees(name: str, byte: int, *, optional: bool = False) -> CanSignal:
    return number(name, byte, 1, 1.0, _TEMPERATURE_OFFSET_C, "degC", optional=optional)


def percent(name: str, byte: int) -> CanSignal:
    return number(name, byte, 1, unit="%")


def text(name: str, byte: int, characters: int, *, secret: str = "") -> CanSignal:
    place = 8 * (byte - 1)
    return CanSignal(name, place, 8 * characters, little_endian=True, is_text=True, secret=secret)


def within(
    name: str, byte: int, byte_count: int, low: int, high: int, offset: float = 0.0, *, optional: bool = False
) -> CanSignal:
    """Return the signal of a part of a date: a raw value out of its range is no value."""
    return CanSignal(
        name,
        8 * (byte - 1),
        8 * byte_count,
        little_endian=True,
        offset=offset,
        valid=(low, high),
        optional=optional,
    )


def digits(name: str, byte: int, byte_count: int, low: int, high: int) -> CanSignal:
    return CanSignal(name, 8 * (byte - 1), 8 * byte_count, little_endian=True, is_bcd=True, valid=(low, high))


def states(words: Words, byte: int, bit: int, *names: str, mark: str = "") -> tuple[CanSignal, ...]:
    """Return the signals of two bits each, one after the other from this bit on."""
    first = 8 * (byte - 1) + bit - 1
    places = range(first, first + 2 * len(names), 2)
    return tuple(
        bits(name, place // 8 + 1, place % 8 + 1, words=words, mark=mark)
        for name, place in zip(names, places, strict=True)
    )


def to_vehicle(priority: int, pdu_format: int) -> tuple[int, ...]:
    return _ids(priority, pdu_format, VEHICLE, CHARGER)


def to_charger(priority: int, pdu_format: int) -> tuple[int, ...]:
    return _ids(priority, pdu_format, CHARGER, VEHICLE)


def _ids(priority: int, pdu_format: int, destination: int, sender: int) -> tuple[int, ...]:
    """Return the ids to that destination, and to everyone: some nodes send so."""
    return tuple(priority << 26 | pdu_format << 16 | each << 8 | sender for each in (destination, EVERYONE))


def message(
    code: str,
    title: str,
    ids: tuple[int, ...],
    *signals: CanSignal,
    together: tuple[tuple[str, ...], ...] = (),
    mark: str = "CAP",
) -> CanMessage:
    return CanMessage(code, title, ids, signals, PDU1_MASK, together=together, mark=mark)
