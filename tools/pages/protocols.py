"""The field tables of the pages in docs/protocols/, made from the tables that the decoder works by.

They stand between `<!-- fields of PROTOCOL -->` and `<!-- end -->`; prose around them is the page's own.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from telemetry.protocols.can.table import CanMessage, CanProtocol, CanSignal
from telemetry.protocols.known import CAN_PROTOCOLS, PROTOCOLS
from tools.pages import serial_protocols

ROOT = Path(__file__).parents[2]
PAGES = tuple(sorted((ROOT / "docs" / "protocols").glob("*.md")))
_BLOCK = re.compile(r"(?<=<!-- fields of )(\w+)( -->\n).*?(?=<!-- end -->)", re.DOTALL)
_NUMBERED = re.compile(r"\d+$")
_MOST_OF_A_LIST = 2  # entries of a list that are shown, before the last one


def rewritten(page: str) -> str:
    """Return the page with its tables as the code has them now."""
    return _BLOCK.sub(lambda found: f"{found[1]}{found[2]}{_tables_of(found[1])}", page)


def _tables_of(name: str) -> str:
    if name in PROTOCOLS:
        return serial_protocols.fields_of(PROTOCOLS[name])
    return fields_of(CAN_PROTOCOLS[name])


def fields_of(protocol: CanProtocol) -> str:
    """Return the messages of a protocol and their fields, as Markdown."""
    return "\n".join(line for message in protocol.messages for line in _message(message, protocol)) + "\n\n"


def _message(message: CanMessage, protocol: CanProtocol) -> Iterator[str]:
    digits = 8 if protocol.extended else 3
    ids = ", ".join(f"`{id:0{digits}X}`" for id in message.ids if id >> 8 & 0xFF != 0xFF or digits == 3)
    mask = f" in the bits `{message.id_mask:08X}`" if message.id_mask else ""
    yield ""
    yield f"**{message.code}**, {message.title}: {ids}{mask}; mark: {message.mark}"
    yield ""
    signals = [signal for signal in message.signals if signal.name != message.selector]
    if not signals:
        yield "No fields: a request."
        return
    yield "| signal | where | value | mark |"
    yield "| --- | --- | --- | --- |"
    for signal in _shortened(signals):
        if signal is None:
            yield "| … | | | |"
        else:
            value = "; ".join(_value(signal, message))
            yield f"| `{signal.name}` | {_place(signal, protocol.counts_from)} | {value} | {signal.mark} |"


def _shortened(signals: list[CanSignal]) -> Iterator[CanSignal | None]:
    """Return the signals; of a long list of numbered ones the first and the last, with None between."""
    numbers = [int(found[0]) for signal in signals if (found := _NUMBERED.search(signal.name))]
    last = max(numbers, default=0)
    if len(numbers) < len(signals) or last <= _MOST_OF_A_LIST + 1:
        yield from signals
        return
    for signal, number in zip(signals, numbers, strict=True):
        if number <= _MOST_OF_A_LIST:
            yield signal
    yield None
    yield from (signal for signal, number in zip(signals, numbers, strict=True) if number == last)


def _place(signal: CanSignal, first: int) -> str:
    byte, bit = divmod(signal.start_bit, 8)
    if signal.bit_count % 8 == 0:
        count = signal.bit_count // 8
        return f"byte {byte + first}" if count == 1 else f"bytes {byte + first}-{byte + first + count - 1}"
    if bit + signal.bit_count <= 8:
        return _bits(byte + first, bit + first, signal.bit_count)
    return f"{_bits(byte + first, bit + first, 0)}, {signal.bit_count} bits upwards"


def _bits(byte: int, bit: int, count: int) -> str:
    return f"byte {byte}, bit {bit}" if count < 2 else f"byte {byte}, bits {bit}-{bit + count - 1}"


def _value(signal: CanSignal, message: CanMessage) -> Iterator[str]:
    if signal.is_text:
        yield f"text of {signal.bit_count // 8} characters"
        return
    if signal.page:
        yield f"with {message.selector} 0x{signal.page[0]:04X}"
    if signal.is_float:
        yield "float, IEEE 754"
    elif signal.is_bcd:
        yield "packed BCD"
    if signal.bit_count > 8 and not signal.little_endian:
        yield "big endian"
    if (scale := _scale(signal)) or signal.unit:
        yield ", ".join(filter(None, (scale or "raw", signal.unit)))
    if signal.words:
        yield ", ".join(f"{_raw(raw)} {word}" for raw, word in signal.words)
    if signal.valid:
        yield f"raw {signal.valid[0]} to {signal.valid[1]}, otherwise absent"
    if signal.invalid:
        yield f"{', '.join(map(_raw, signal.invalid))} absent"
    if signal.short_at:
        yield f"one byte where the message ends after {signal.short_at}"


def _scale(signal: CanSignal) -> str:
    factor = (
        ""
        if signal.factor == 1
        else "1/1024 x raw"
        if signal.factor == 1 / 1024
        else f"{signal.factor:g} x raw"
    )
    if not signal.offset:
        return factor
    return f"{factor or 'raw'} {'+' if signal.offset > 0 else '-'} {abs(signal.offset):g}"


def _raw(raw: int) -> str:
    return str(raw) if raw < 10 else f"{raw:02X}h"
