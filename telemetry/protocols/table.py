"""What a serial protocol is: a table of plain values, from which everything that handles it is made.

Promises:

- A protocol looks like a bus with a database and a map of its own, so that its messages go through the
  decoder, the mapper, the reducer and the encoder like any frame.
- Rows of its messages are hidden: shown live, while only the mapped fields are sent.

Adding a device is adding a table (docs/serial.md).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from telemetry_core.decode.spec import BusSpec, Condition, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.serial.framing import TextFraming
from telemetry_core.serial.text_framer import TextFramer

from telemetry.framing.framer import MessageFramer
from telemetry.framing.framing import NO_ADDRESS, Framing
from telemetry.protocols.values import Mapped as Mapped  # tables are written with them, as with those below
from telemetry.protocols.values import Signal as Signal
from telemetry.protocols.values import map_entries, number_field
from telemetry.rules.map_entry import MAIN, MapEntry

Framer = MessageFramer | TextFramer


BANK_S = 7.5  # how often to ask for what seldom changes and an aggregate needs, which knows it for 10 s


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """What is sent to the device, how often, and the id of the frame that answers it."""

    data: bytes | Callable[[int], bytes]  # or what it is for a device's address
    every_s: float
    reply_id: int

    def to(self, address: int) -> bytes:
        """Return the bytes for the device of that address."""
        return self.data(address) if callable(self.data) else self.data


@dataclass(frozen=True, slots=True)
class Addresses:
    """Which addresses the devices of one line may have; `digits` hexadecimal ones when written."""

    default: int
    least: int
    most: int
    digits: int = 2


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of message: `id` of its frames and what is in their payload."""

    name: str
    id: int
    signals: tuple[Signal, ...]


@dataclass(frozen=True, slots=True)
class LineSettings:
    """How bytes lie on the line, besides their rate. parity: N, E or O."""

    parity: str = "N"
    stop_bits: int = 1

    def __str__(self) -> str:
        return f"8{self.parity}{self.stop_bits}"


EIGHT_N_ONE = LineSettings()


@dataclass(frozen=True, slots=True)
class Scanned:
    """How `scan` finds a device of this protocol.

    rarity: how seldom one is met, from 1: common ones are tried first. more_rates, more_parities: that some
    devices have beside the usual one. others: addresses to try beside the usual one, each for a tenth of a
    second. has_neighbours: after a device that answers, the next address is asked, too. by_digits: the reply
    to the request by which those are found who answer at once: it takes an address of BCD digits of which
    only the last are given, and AA for each two before; 0: there is none. risk: why its requests are left
    out; empty: they are safe for devices of any protocol.
    """

    rarity: int
    more_rates: tuple[int, ...] = ()
    more_parities: tuple[str, ...] = ()
    others: tuple[int, ...] = ()
    has_neighbours: bool = False
    by_digits: int = 0
    risk: str = ""


UNJUDGED = Scanned(9, risk="nobody has judged yet whether its requests are safe")


@dataclass(frozen=True, slots=True)
class Words:
    """What pages say of a protocol, in a cell of a table each.

    maker: of a battery, as people know it; empty: of something else. devices: which ones, and how many cells.
    how: what is asked, and how often. scrubbed: what `scrub` replaces; empty: nothing. line, addresses: as
    they are, where the table cannot say.
    """

    maker: str
    devices: str
    how: str
    scrubbed: str = ""
    line: str = ""
    addresses: str = ""


@dataclass(frozen=True, slots=True)
class SerialProtocol:
    """One protocol. `requests` is empty where the device talks by itself."""

    name: str  # as in `--protocol NAME` and in the configuration
    title: str
    baud_rate: int
    framing: Framing | TextFraming
    messages: tuple[Message, ...]
    mapped: tuple[Mapped, ...]
    requests: tuple[DeviceRequest, ...] = ()
    reply_timeout_s: float = 0.5  # from a request to its whole answer
    addresses: Addresses | None = None  # None: one device on a line, which has no address
    line: LineSettings = EIGHT_N_ONE
    rest_s: float = 0.02  # of the serial line between an answer and the next request
    scan: Scanned = UNJUDGED
    words: Words = Words("", "", "")

    def make_framer(self, channel: int | Callable[[int], int | None] = 0, *, byte_ns: int = 0) -> Framer:
        """Return a framer for one port. channel: of its frames, or which one is that of an address."""
        channel_of = channel if callable(channel) else lambda _: channel
        if isinstance(self.framing, TextFraming):
            return TextFramer(self.framing, channel_of(NO_ADDRESS) or 0)
        return MessageFramer(self.framing, channel_of, byte_ns=byte_ns)

    @property
    def records(self) -> tuple[RecordSpec, ...]:
        """Return how rows of the messages look, one record a message, hidden."""
        return tuple(_record(message) for message in self.messages)

    def bus(self, name: str, first_record: int = 0) -> BusSpec:
        """Return the messages as a bus called `name`; first_record: index of the first record in the plan."""
        return BusSpec(
            name, tuple(_spec(message, first_record + n) for n, message in enumerate(self.messages))
        )

    def plan(self, bus: str, *, hidden: bool = True) -> PlanSpec:
        """Return a plan of nothing but these messages, on a bus of that name. hidden: without their rows."""
        return PlanSpec(tuple(replace(record, hidden=hidden) for record in self.records), (self.bus(bus),))

    def map_entries(self, bus: str, *, pack: str = MAIN, charger: str = MAIN) -> tuple[MapEntry, ...]:
        """Return what the messages on the bus of that name mean, for `telemetry.rules.resolve.model`."""
        return map_entries(self.mapped, self.name, bus, pack, charger)


def device_words(identity: Mapping[str, str]) -> str:
    """Return what a device says about itself (`Framer.identity`) in one line: `model …, firmware …`."""
    return ", ".join(f"{name} {words}" for name, words in identity.items())


def _record(message: Message) -> RecordSpec:
    selectors = {signal.present for signal in message.signals}
    fields = tuple(
        FieldSpec(signal.name, SlotKind.WORD) if signal.name in selectors else number_field(signal)
        for signal in message.signals
    )  # a missing word is never shown: a field that says whether others are there is not a value
    return RecordSpec(message.name, fields, hidden=True)


def _spec(message: Message, record: int) -> MessageSpec:
    conditions = _conditions(message.signals)
    signals = tuple(
        SignalSpec(
            signal.start_bit,
            signal.bit_count,
            signal.little_endian,
            signal.signed,
            is_float=signal.is_float,
            condition=_condition_of(signal, message.signals, conditions),
            invalid=signal.invalid,
        )
        for signal in message.signals
    )
    byte_count = max(
        ((signal.start_bit + signal.bit_count + 7) // 8 for signal in message.signals), default=0
    )
    return MessageSpec(message.name, message.id, False, byte_count, signals, tuple(conditions), record)


def _conditions(signals: Sequence[Signal]) -> list[Condition]:
    """Return, for each selecting bit, what is there when it is 1, and when it is 0: no unknown value."""
    names = [signal.name for signal in signals]
    selectors = dict.fromkeys(names.index(signal.present) for signal in signals if signal.present)
    return [Condition(selector, ((bit, bit),)) for selector in selectors for bit in (1, 0)]


def _condition_of(signal: Signal, signals: Sequence[Signal], conditions: Sequence[Condition]) -> int:
    if not signal.present:
        return -1
    selector = [other.name for other in signals].index(signal.present)
    return conditions.index(Condition(selector, ((1, 1),)))
