"""How messages are packed into frames, compiled from a DBC once so that a frame costs little.

Promises: values are rounded to the nearest raw value and clamped to the signal's bits; counter and checksum
are filled in by each frame, as the comment in vehicle.dbc defines them. Relies on databases of our own: every
signal is little endian and a message has at most one multiplexer. cantools reads them, at start only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from firmware_sim.errors import NotValidError
from firmware_sim.units import MS_NS
from firmware_sim.wire.crc import crc8, crc8_remainder

if TYPE_CHECKING:
    from cantools.database.can import Message
    from cantools.database.can.signal import Signal

CAN_EFF_FLAG, CAN_ERR_FLAG = 0x80000000, 0x20000000  # of an id in SocketCAN's struct can_frame

CHECKSUM = "Checksum"
COUNTER = "Counter"


@dataclass(frozen=True, slots=True)
class SignalBits:
    """Where a signal's raw value stands, and what values it can take."""

    name: str
    shift: int
    mask: int
    factor: float
    offset: float
    lowest: int  # raw
    highest: int

    def raw_bits(self, value: float) -> int:
        """Return the nearest raw value's bits, in place."""
        raw = min(max(round((value - self.offset) / self.factor), self.lowest), self.highest)
        return (raw & self.mask) << self.shift


@dataclass(frozen=True, slots=True)
class SentMessage:
    """One message. `pages`: the signals at each multiplexer value; a plain message has page 0 only."""

    name: str
    arbitration_id: int  # with CAN_EFF_FLAG
    byte_count: int
    period_ns: int
    delay_ns: int  # of the first frame
    pages: Mapping[int, tuple[SignalBits, ...]]
    page_shift: int | None
    counter_shift: int | None
    checksum_start: int | None  # CRC remainder after the id; the checksum is byte 0

    def pack(self, values: Mapping[str, float], page: int = 0) -> int:
        """Return the payload as a little endian integer, without counter and checksum."""
        payload = page << self.page_shift if self.page_shift is not None else 0
        for signal in self.pages[page]:
            payload |= signal.raw_bits(values[signal.name])
        return payload

    def protect(self, payload: int, count: int) -> bytes:
        """Return the frame: `payload` with the alive counter `count` (its low four bits) and checksum."""
        if self.counter_shift is not None:
            payload |= (count & 0xF) << self.counter_shift
        data = payload.to_bytes(self.byte_count, "little")
        if self.checksum_start is None:
            return data
        return bytes((crc8(data[1:], self.checksum_start),)) + data[1:]


def load_layouts(file: Path) -> dict[str, SentMessage]:
    """Return the layouts of a DBC's messages, by name. Raises NotValidError for what cannot be played."""
    import cantools  # by what plays alone: it takes 0.2 s

    try:
        database = cantools.database.load_file(file, strict=True)
    except (OSError, cantools.Error) as error:
        raise NotValidError(f"cannot be loaded: {error}", where=str(file)) from error
    if not isinstance(database, cantools.database.Database):
        raise NotValidError("is no CAN database", where=str(file))
    return {message.name: _layout(message, file) for message in database.messages}


def _layout(message: "Message", file: Path) -> SentMessage:
    where = f"{file}: {message.name}"
    signals = {signal.name: signal for signal in message.signals}
    for signal in message.signals:
        if signal.byte_order != "little_endian" or signal.is_float:
            raise NotValidError(f"{signal.name} is no little endian integer", where=where)
    if not message.cycle_time:
        raise NotValidError("has no GenMsgCycleTime", where=where)
    multiplexers = [signal for signal in message.signals if signal.is_multiplexer]
    if len(multiplexers) > 1:
        raise NotValidError("has several multiplexers", where=where)
    checksum, counter = signals.get(CHECKSUM), signals.get(COUNTER)
    if checksum is not None and (checksum.start, checksum.length) != (0, 8):
        raise NotValidError(f"{CHECKSUM} is not the first byte", where=where)
    attributes = message.dbc.attributes if message.dbc is not None else {}
    delay_ms = int(attributes["GenMsgStartDelayTime"].value) if "GenMsgStartDelayTime" in attributes else 0
    return SentMessage(
        name=message.name,
        arbitration_id=message.frame_id | (CAN_EFF_FLAG if message.is_extended_frame else 0),
        byte_count=message.length,
        period_ns=message.cycle_time * MS_NS,
        delay_ns=delay_ms * MS_NS,
        pages=_pages(message),
        page_shift=multiplexers[0].start if multiplexers else None,
        counter_shift=None if counter is None else counter.start,
        checksum_start=None
        if checksum is None
        else crc8_remainder(message.frame_id.to_bytes(4, "little")[:2]),
    )


def _pages(message: "Message") -> dict[int, tuple[SignalBits, ...]]:
    filled_elsewhere = (CHECKSUM, COUNTER)
    plain = [s for s in message.signals if not s.is_multiplexer and s.name not in filled_elsewhere]
    numbers = sorted({number for signal in plain for number in signal.multiplexer_ids or ()})
    return {
        page: tuple(_bits(s) for s in plain if s.multiplexer_ids is None or page in s.multiplexer_ids)
        for page in numbers or [0]
    }


def _bits(signal: "Signal") -> SignalBits:
    span = 1 << signal.length
    return SignalBits(
        name=signal.name,
        shift=signal.start,
        mask=span - 1,
        factor=float(signal.scale),
        offset=float(signal.offset),
        lowest=-span // 2 if signal.is_signed else 0,
        highest=(span // 2 if signal.is_signed else span) - 1,
    )
