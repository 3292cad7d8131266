"""What a protocol on CAN is: a table of plain values, from which everything that handles it is made.

Promises:

- A protocol looks like a database of its bus and a map of its own. Its messages go through transport,
  decoder, mapper, reducer and encoder like any frame.
- Rows of its messages are hidden unless they are asked for. Hidden rows are shown live, and only what they
  are mapped to is sent.
- Modules that share a bus share nothing: of several that send one message, one is taken, as of J1939 senders.
- A frame is a message where those bits of its id are the same that count, also as a reassembled payload.

Adding a protocol is adding a table (docs/protocols/).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from telemetry_core.decode.spec import BusSpec, Condition, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

from telemetry.model.ids import IsoTpId
from telemetry.protocols.values import Mapped, Signal, map_entries, number_field
from telemetry.rules.find_message import EXTENDED, ID_MASK, STANDARD_MASK
from telemetry.rules.map_entry import MAIN, MapEntry

PDU1_MASK = 0x03FFFFFF  # of a J1939 id: all but the priority
TEXT_SUFFIX = "_text"


@dataclass(frozen=True, slots=True)
class CanSignal(Signal):
    """A signal, and what only messages of CAN have. `page` says when it is there, and not `present`.

    mark: how certain it is, where that is not as the message's.
    """

    words: tuple[tuple[int, str], ...] = ()  # what a raw value means, for people
    is_text: bool = False  # as in SignalSpec, and so are the next four
    is_bcd: bool = False
    valid: tuple[int, int] | None = None
    optional: bool = False
    short_at: int = 0
    page: tuple[int, ...] = ()  # raw values of its selector with which it is there; empty: always
    by: str = ""  # the signal that is its selector; empty: the message's
    present_bit: int = -1  # as in SignalSpec


def flags(byte: int, *names: str | None, mark: str = "") -> tuple[CanSignal, ...]:
    """Return the signals of a byte's bits, from the lowest; None: a bit that is left out."""
    return tuple(
        CanSignal(name, 8 * byte + bit, 1, little_endian=True, mark=mark)
        for bit, name in enumerate(names)
        if name is not None
    )


@dataclass(frozen=True, slots=True)
class CanMessage:
    """One kind of message."""

    code: str  # csv's `message`
    title: str
    ids: tuple[int, ...]  # of its frames; bit 31 set where one has 29 bits, and not all of the protocol have
    signals: tuple[CanSignal, ...]
    id_mask: int = 0  # the bits of the ids that count; 0: all
    sender_mask: int = 0  # the bits of the ids that say which module it is of, where a bus may have several
    selector: str = ""  # the signal that says which others are there, and is no value itself
    together: tuple[tuple[str, ...], ...] = ()  # names of signals that are values only where all of them are
    mark: str = "C2"  # how certain it is, as the page of the protocol says
    begins: bytes = b""  # as in MessageSpec, and so is the next one
    lengths: tuple[int, ...] = ()

    @property
    def selectors(self) -> frozenset[str]:
        """Return the signals that say which others are there."""
        return frozenset((self.selector, *(signal.by for signal in self.signals))) - {""}

    @property
    def byte_count(self) -> int:
        """Return bytes that hold all of its signals."""
        return max((end_byte(signal) for signal in self.signals), default=0)


@dataclass(frozen=True, slots=True)
class CanProtocol:
    """One protocol."""

    name: str  # as in `--protocol NAME` and in the configuration
    title: str
    bit_rate: int
    extended: bool  # its ids have 29 bits
    messages: tuple[CanMessage, ...]
    mapped: tuple[Mapped, ...]
    called: str = ""  # as people know it, for pages
    is_charger: bool = False  # it says what it gives, and nothing of a session: that shows by its power
    periods_ms: Mapping[str, int] = field(default_factory=dict, hash=False)  # of messages by code, for `scan`
    needed: frozenset[str] = frozenset()  # codes without which a bus speaks something else, for `scan`
    carriers: tuple[MessageSpec, ...] = ()  # frames in which it sends what is longer than 8 bytes
    counts_from: int = 0  # the number of the first byte and bit in its document
    isotp: tuple[IsoTpId, ...] = ()  # ids whose frames are parts of its messages

    @property
    def records(self) -> tuple[RecordSpec, ...]:
        """Return how rows of the messages look, one record a message, hidden."""
        return self.records_with()

    def records_with(self, *, hidden: bool = True, value_texts: bool = False) -> tuple[RecordSpec, ...]:
        """Return the same. value_texts: after each signal that has words, a second field holds the word."""
        return tuple(self._record(message, hidden, value_texts) for message in self.messages)

    def bus(self, name: str, first_record: int = 0, *, value_texts: bool = False) -> BusSpec:
        """Return the messages as a bus called `name`; first_record: index of the first record in the plan."""
        return BusSpec(name, tuple(self._specs(first_record, value_texts)))

    def plan(self, bus: str, *, hidden: bool = True, value_texts: bool = False) -> PlanSpec:
        """Return a plan of nothing but these messages, on a bus of that name; otherwise as `records_with`."""
        records = self.records_with(hidden=hidden, value_texts=value_texts)
        return PlanSpec(records, (self.bus(bus, value_texts=value_texts),))

    def map_entries(self, bus: str, *, pack: str = MAIN, charger: str = MAIN) -> tuple[MapEntry, ...]:
        """Return what the messages on the bus of that name mean, for `telemetry.rules.resolve.model`."""
        return map_entries(self.mapped, self.name, bus, pack, charger)

    def _record(self, message: CanMessage, hidden: bool, value_texts: bool) -> RecordSpec:
        selectors = message.selectors
        fields = tuple(_field(signal, selectors) for signal in _with_words(message, value_texts))
        return RecordSpec(f"{self.name}_{message.code}", fields, message=message.code, hidden=hidden)

    def _specs(self, first_record: int, value_texts: bool) -> Iterator[MessageSpec]:
        for number, message in enumerate(self.messages, first_record):
            signals = _with_words(message, value_texts)
            names = [signal.name for signal in signals]
            pages = list(dict.fromkeys(_page(signal, message) for signal in signals if signal.page))
            conditions = tuple(Condition(names.index(by), _ranges(page)) for by, page in pages)
            for id in message.ids:
                yield MessageSpec(
                    message.code,
                    id & ID_MASK,
                    self.extended or bool(id & EXTENDED),
                    message.byte_count,
                    tuple(_spec(signal, message, pages) for signal in signals),
                    conditions,
                    number,
                    id_mask=message.id_mask,
                    sender_mask=message.sender_mask,
                    keeps_empty=bool(signals) and not pages,
                    together=tuple(
                        tuple(names.index(name) for name in together) for together in message.together
                    ),
                    begins=message.begins,
                    lengths=message.lengths,
                )


def claims(one: MessageSpec, other: MessageSpec, standard_mask: int, extended_mask: int) -> bool:
    """Return whether a frame or payload of one bus can be both, where ids are compared in these bits."""
    if one.extended != other.extended or (one.begins and other.begins and not one.overlaps(other)):
        return False
    bits = (one.arbitration_id ^ other.arbitration_id) & _bits(one, standard_mask, extended_mask)
    return not bits & _bits(other, standard_mask, extended_mask)


def _bits(message: MessageSpec, standard_mask: int, extended_mask: int) -> int:
    if message.id_mask:
        return message.id_mask
    if message.by_pgn:  # PDU1 has the destination where PDU2 has the rest of its PGN
        return 0x03FF0000 if message.arbitration_id & 0xFF0000 < 0xF00000 else 0x03FFFF00
    return extended_mask & ID_MASK if message.extended else standard_mask & STANDARD_MASK


def shared_id(bus: BusSpec, messages: Iterable[MessageSpec]) -> tuple[MessageSpec, MessageSpec] | None:
    """Return the first message of `bus` whose frames one of `messages` claims too, and that one, or None."""
    for own in bus.messages:
        for message in messages:
            if claims(own, message, bus.standard_mask, bus.extended_mask):
                return own, message
    return None


def id_words(message: MessageSpec) -> str:
    """Return the message's id as people write it."""
    return f"{message.arbitration_id:08X}" if message.extended else f"{message.arbitration_id:03X}"


def end_byte(signal: CanSignal) -> int:
    """Return how many bytes hold it and what stands before it."""
    if signal.little_endian or signal.is_text:
        return (signal.start_bit + signal.bit_count + 7) // 8
    first = signal.start_bit // 8 * 8 + 7 - signal.start_bit % 8
    return (first + signal.bit_count + 7) // 8


def _with_words(message: CanMessage, value_texts: bool) -> Sequence[CanSignal]:
    """Return the signals, and after each that has words one of the same bits that is written as its word."""
    if not value_texts:
        return message.signals
    signals: list[CanSignal] = []
    for signal in message.signals:
        signals.append(signal)
        if signal.words:
            signals.append(replace(signal, name=signal.name + TEXT_SUFFIX))
    return signals


def _field(signal: CanSignal, selectors: frozenset[str]) -> FieldSpec:
    if signal.is_text:
        return FieldSpec(signal.name, SlotKind.ASCII, characters=signal.bit_count // 8)
    if signal.name in selectors:  # written as the word that it does not have
        return FieldSpec(signal.name, SlotKind.WORD)
    if signal.words and signal.name.endswith(TEXT_SUFFIX):
        return FieldSpec(signal.name, SlotKind.WORD, passes=True, texts=signal.words)
    return number_field(signal, passes=bool(signal.words) or signal.bit_count <= 2)


def _page(signal: CanSignal, message: CanMessage) -> tuple[str, tuple[int, ...]]:
    return signal.by or message.selector, signal.page


def _ranges(page: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Return raw values as ranges: those that follow each other are one."""
    found: list[tuple[int, int]] = []
    for raw in page:
        if found and raw == found[-1][1] + 1:
            found[-1] = (found[-1][0], raw)
        else:
            found.append((raw, raw))
    return tuple(found)


def _spec(signal: CanSignal, message: CanMessage, pages: Sequence[tuple[str, tuple[int, ...]]]) -> SignalSpec:
    return SignalSpec(
        signal.start_bit,
        signal.bit_count,
        signal.little_endian,
        signal.signed,
        is_float=signal.is_float,
        condition=pages.index(_page(signal, message)) if signal.page else -1,
        choices=signal.words,
        invalid=signal.invalid,
        is_text=signal.is_text,
        is_bcd=signal.is_bcd,
        valid=signal.valid,
        optional=signal.optional,
        short_at=signal.short_at,
        present_bit=signal.present_bit,
    )
