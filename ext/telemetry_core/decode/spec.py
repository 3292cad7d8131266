"""What a plan is made of, as plain values.

`telemetry.databases` and `telemetry.protocols` write them. The compiled core and the readable reference
decoder read them. They hold no state, so a plan can be cached.
"""

from dataclasses import dataclass
from typing import Self

from telemetry_core.rows.spec import RecordSpec

FLOAT_FORMATS = {16: "<e", 32: "<f", 64: "<d"}  # of the struct module, by the number of bits


@dataclass(frozen=True, slots=True)
class Condition:
    """When multiplexed signals are present: `selector` is, and its raw value lies in one of `ranges`."""

    selector: int  # index of the selecting signal in its message
    ranges: tuple[tuple[int, int], ...]  # inclusive


@dataclass(frozen=True, slots=True)
class SignalSpec:
    """Where one signal's bits are. The field and slot of the same index hold its value."""

    # In DBC numbering (bit n is bit n % 8 of byte n // 8): of the least significant bit when little endian,
    # of the most significant when big endian.
    start_bit: int
    bit_count: int  # 1..64; of a text 8 for each character, 192 at most
    little_endian: bool
    signed: bool
    is_float: bool  # bit_count is 16, 32 or 64
    condition: int = -1  # index into the message's conditions, -1: always present
    choices: tuple[tuple[int, str], ...] = ()  # the value table: raw value and word, ascending
    invalid: tuple[int, ...] = ()  # raw values that are declared invalid; of a float its bits
    minimum: float | None = None  # the declared range, for people: values outside it are decoded all the same
    maximum: float | None = None
    is_text: bool = False  # whole bytes of ASCII: others are `?`; 00, FF and blanks at its end go
    is_bcd: bool = False  # packed BCD: the number that its digits write; no value where one is not a digit
    valid: tuple[int, int] | None = None  # raw values (of BCD the number) outside of it are no values
    optional: bool = False  # a payload that ends before it is not short
    short_at: int = 0  # a payload of exactly so many bytes ends within it, and has all of it; 0: none
    present_bit: int = -1  # in DBC numbering: it is there only with this bit of the payload; -1: always


@dataclass(frozen=True, slots=True)
class MessageSpec:
    """One message: which frames it matches and where its signals are."""

    name: str
    arbitration_id: int  # without flag bits
    extended: bool
    byte_count: int  # as declared
    signals: tuple[SignalSpec, ...]
    conditions: tuple[Condition, ...]
    record: int  # index into the plan's records
    by_pgn: bool = False  # J1939: matches by PGN, with any priority, destination and sender
    drops_not_available: bool = False  # J1939: "not available" and "error" are left out
    reports_protection: bool = False  # its record has a flag after the signals: the frame passed its checks
    id_mask: int = 0  # the bits of its id (29 bits) that count, where others do not; by_pgn is False then
    sender_mask: int = 0  # the bits of its id that say which device it is of; with an id_mask. 0: none do
    together: tuple[tuple[int, ...], ...] = ()  # signals that are values only where all of them are; no texts
    keeps_empty: bool = False  # gives a row also where no signal is there: that it came says something
    begins: bytes = b""  # of an answer, a payload by ISO-TP, that begins with these bytes; no frame is one
    lengths: tuple[int, ...] = ()  # and has one of these numbers of bytes; (): any

    def overlaps(self, other: Self) -> bool:
        """Return whether one payload of their ids can be both answers."""
        shorter, longer = sorted((self.begins, other.begins), key=len)
        has_lengths = bool(self.lengths or other.lengths)
        lengths = set(self.lengths or other.lengths) & set(other.lengths or self.lengths)
        return longer.startswith(shorter) and (not has_lengths or max(lengths, default=0) >= len(longer))


@dataclass(frozen=True, slots=True)
class BusSpec:
    """The messages that may occur on one bus."""

    name: str
    messages: tuple[MessageSpec, ...]
    standard_mask: int = 0x7FF  # the bits in which ids are compared
    extended_mask: int = 0x1FFFFFFF


@dataclass(frozen=True, slots=True)
class PlanSpec:
    """Everything the compiled core needs: how rows look, and how frames fill them."""

    records: tuple[RecordSpec, ...]
    buses: tuple[BusSpec, ...]
