"""How messages are protected, as plain values.

`telemetry.rules.protect` writes them. The compiled Protection reads them, and so does its readable model in
the tests. Names are those of AUTOSAR's E2E protocol specification (AUTOSAR_PRS_E2EProtocol, profiles 1, 2 and
5) where it has one.
"""

from dataclasses import dataclass
from enum import IntEnum


class Checksum(IntEnum):
    """Which checksum a message carries; (polynomial, start, xor of the result)."""

    NONE = 0
    CRC8_J1850 = 1  # (0x1D, 0xFF, 0xFF)
    CRC8_PROFILE_1 = 2  # (0x1D, 0x00, 0x00): the same polynomial, as profile 1 starts it
    CRC8_H2F = 3  # (0x2F, 0xFF, 0xFF)
    CRC16_CCITT = 4  # (0x1021, 0xFFFF, 0x0000), low byte first in the payload


class DataId(IntEnum):
    """Which bytes outside the frame the checksum also covers."""

    NONE = 0
    BOTH = 1  # before the payload: low byte, high byte
    ALTERNATING = 2  # before it: the low byte with even counters, the high byte with odd ones
    LOW = 3  # before it: the low byte
    NIBBLE = 4  # before it: the low byte and a zero; the low nibble of the high byte is in the frame
    BY_COUNTER = 5  # after it: the byte of a list of 16 that the counter points to
    AFTER = 6  # after it: low byte, high byte


class Action(IntEnum):
    """What becomes of a frame whose checksum or counter is wrong. It is counted in any case."""

    KEEP = 0
    FLAG = 1
    DROP = 2


@dataclass(frozen=True, slots=True)
class ProtectionRule:
    """How one message of one bus is protected."""

    bus: int
    message: int  # index into the messages of the bus
    name: str  # what its counts are called
    byte_count: int  # a shorter frame is wrong; of a longer one these bytes are covered
    checksum: Checksum
    checksum_byte: int  # where it is in the payload; of CRC16_CCITT two bytes
    data_id: DataId
    data_ids: tuple[int, ...]  # one of 16 bits, or with BY_COUNTER 16 of 8 bits
    nibble_bit: int  # with NIBBLE: where the lowest bit of the nibble is
    counter_bits: tuple[int, ...]  # bit n % 8 of byte n // 8, the highest first; none: there is no counter
    counter_most: int  # 0 follows it
    most_skipped: int  # so many missing frames in a row are no fault
    timeout_ns: int  # after such a silence any counter is right
    action: Action
