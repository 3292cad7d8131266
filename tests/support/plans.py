"""Plans out of a random number generator: any layout, any multiplexing, any float."""

from random import Random

from telemetry_core.decode.spec import BusSpec, Condition, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind

EXTENDED = 0x80000000
REMOTE = 0x40000000
ERROR = 0x20000000


def random_plan(random: Random, most_buses: int = 3, most_messages: int = 6) -> PlanSpec:
    """Make a plan of a few buses, each with a few messages of up to 80 signals."""
    records: list[RecordSpec] = []
    buses = []
    for bus in range(random.randint(1, most_buses)):
        ids: set[tuple[int, int]] = set()
        messages = []
        masks = random.choice(
            ((0x7FF, 0x1FFFFFFF), (0x7FF, 0x1FFFFFFF), (0x7F0, 0x1FFFFFFF), (0x7FF, 0x3FFFF00))
        )
        for _ in range(random.randint(0, most_messages)):
            extended = random.random() < 0.5
            arbitration_id = random_id(random, extended)
            key = (extended, arbitration_id & masks[extended])
            if key in ids:
                continue
            message = _random_message(random, records, arbitration_id, extended)
            ids.add(key)
            if message.id_mask:
                masked = (message.id_mask, arbitration_id & message.id_mask)
                if masked in ids:  # its record stays unused
                    continue
                ids.add(masked)
            messages.append(message)
        buses.append(BusSpec(f"bus{bus}", tuple(messages), *masks))
    return PlanSpec(tuple(records), tuple(buses))


def random_plain_plan(random: Random, most_signals: int = 64) -> PlanSpec:
    """Make a few eight-byte messages of up to `most_signals` signals that need only their bits."""
    records = []
    messages = []
    for arbitration_id in range(random.randint(1, 8)):
        signals = []
        for _ in range(random.randint(1, most_signals)):
            start_bit = random.randrange(64)
            little_endian = random.random() < 0.5
            place = start_bit if little_endian else start_bit // 8 * 8 + 7 - start_bit % 8
            bits = random.randint(1, 64 - place)
            signals.append(SignalSpec(start_bit, bits, little_endian, random.random() < 0.5, is_float=False))
        name = f"M{arbitration_id}"
        records.append(
            RecordSpec(
                name,
                tuple(FieldSpec(f"s{index}", _integer_kind(signal)) for index, signal in enumerate(signals)),
            )
        )
        messages.append(MessageSpec(name, arbitration_id, False, 8, tuple(signals), (), arbitration_id))
    return PlanSpec(tuple(records), (BusSpec("bus0", tuple(messages)),))


def random_id(random: Random, extended: bool) -> int:
    """Few different ones, so that PGNs meet."""
    if not extended:
        return random.choice((0, 1, 0x123, 0x7FF))
    page = random.choice((0, 1, 2, 3))
    pdu_format = random.choice((0x10, 0xEF, 0xF0, 0xFF))
    specific = random.choice((0x00, 0x21, 0xFF))
    return (
        random.choice((3, 6)) << 26 | page << 24 | pdu_format << 16 | specific << 8 | random.choice((0, 0xFE))
    )


def _random_message(
    random: Random, records: list[RecordSpec], arbitration_id: int, extended: bool
) -> MessageSpec:
    name = f"M{len(records)}"
    byte_count = random.choice((1, 2, 8, 8, 8, 8, 12, 64, 200))
    signals: list[SignalSpec] = []
    conditions: list[Condition] = []
    multiplexed = random.random() < 0.4
    for index in range(random.choice((0, 1, 3, 8, 20, 80))):
        if multiplexed and _selectors(signals) and len(conditions) < 8 and random.random() < 0.5:
            conditions.append(_random_condition(random, signals))
        condition = random.randrange(-1, len(conditions))
        signals.append(_random_signal(random, byte_count, condition, may_be_float=index % 4 == 3))
    fields = tuple(_field(f"s{index}", signal) for index, signal in enumerate(signals))
    reports_protection = random.random() < 0.2
    if reports_protection:
        fields += (FieldSpec("protection_ok", SlotKind.BOOL),)
    records.append(RecordSpec(name, fields))
    has_mask = extended and random.random() < 0.2
    return MessageSpec(
        name=name,
        arbitration_id=arbitration_id,
        extended=extended,
        byte_count=byte_count,
        signals=tuple(signals),
        conditions=tuple(conditions),
        record=len(records) - 1,
        by_pgn=extended and not has_mask and random.random() < 0.5,
        drops_not_available=random.random() < 0.3,
        reports_protection=reports_protection,
        id_mask=random.choice((0x3FFFFFF, 0x3FFFF00)) if has_mask else 0,
        together=_random_sets(random, signals),
    )


def _random_sets(random: Random, signals: list[SignalSpec]) -> tuple[tuple[int, ...], ...]:
    numbers = [index for index, signal in enumerate(signals) if not signal.is_text]
    sizes = [random.choice((1, 2, 3)) for _ in range(random.choice((0, 0, 0, 1, 2)))]
    return tuple(tuple(random.sample(numbers, size)) for size in sizes if size <= len(numbers))


def _field(name: str, signal: SignalSpec) -> FieldSpec:
    if signal.is_text:
        return FieldSpec(name, SlotKind.ASCII, characters=signal.bit_count // 8)
    return FieldSpec(name, SlotKind.FLOAT if signal.is_float else _integer_kind(signal))


def _integer_kind(signal: SignalSpec) -> SlotKind:
    return SlotKind.UINT if signal.bit_count == 64 and not signal.signed else SlotKind.INT


def _random_signal(random: Random, byte_count: int, condition: int, may_be_float: bool) -> SignalSpec:
    if random.random() < 0.1:
        return _random_text(random, byte_count, condition)
    if random.random() < 0.1:
        return _random_digits(random, byte_count, condition)
    is_float = may_be_float and random.random() < 0.5
    bit_count = random.choice((16, 32, 64)) if is_float else random.choice((1, 2, 3, 8, 12, 16, 33, 60, 64))
    return SignalSpec(
        start_bit=random.randrange(8 * byte_count),  # may reach past the message: that is legal
        bit_count=bit_count,
        little_endian=random.random() < 0.5,
        signed=random.random() < 0.5,
        is_float=is_float,
        condition=condition,
        invalid=random.choice(((),) * 4 + ((0,), (1,), (3, 0), (-1, 1, 2))),
        present_bit=_random_present_bit(random, byte_count),
    )


def _random_present_bit(random: Random, byte_count: int) -> int:
    """Return mostly none; of a payload that ends early it may be past the end."""
    return random.randrange(8 * byte_count) if random.random() < 0.1 else -1


def _random_text(random: Random, byte_count: int, condition: int) -> SignalSpec:
    return SignalSpec(
        8 * random.randrange(byte_count),
        8 * random.choice((1, 3, 8, 9, 17, 24)),
        True,
        False,
        is_float=False,
        condition=condition,
        is_text=True,
        optional=random.random() < 0.5,
        present_bit=_random_present_bit(random, byte_count),
    )


def _random_digits(random: Random, byte_count: int, condition: int) -> SignalSpec:
    """Packed BCD, or a number of which a short payload holds all."""
    start_byte = random.randrange(byte_count)
    is_bcd = random.random() < 0.5
    bit_count = random.choice((4, 8, 16, 32))
    is_cut = not is_bcd and bit_count > 8  # where a payload ends after its first byte
    return SignalSpec(
        8 * start_byte,
        bit_count,
        True,
        False,
        is_float=False,
        condition=condition,
        is_bcd=is_bcd,
        valid=random.choice((None, (0, 59), (1, 12), (2, 3))),
        optional=random.random() < 0.5,
        short_at=random.choice((0, start_byte + 1)) if is_cut else 0,
    )


def _selectors(signals: list[SignalSpec]) -> list[int]:
    """Those whose bits alone are the value."""
    return [
        index
        for index, signal in enumerate(signals)
        if not (signal.is_float or signal.is_text or signal.is_bcd or signal.short_at)
    ]


def _random_condition(random: Random, signals: list[SignalSpec]) -> Condition:
    ranges = []
    for _ in range(random.randint(0, 3)):
        low = random.choice((-8, -1, 0, 0, 1, 2, 3, 100, 1 << 63))
        ranges.append((low, low + random.choice((0, 0, 1, 5, 1 << 40))))
    return Condition(random.choice(_selectors(signals)), tuple(ranges))


def random_payload(random: Random) -> bytes:
    """Make a payload of any length a frame may have; often with small numbers or with all bits set."""
    length = random.choice((0, 1, 3, 7, 8, 8, 8, 8, 12, 20, 48, 64))
    kind = random.random()
    if kind < 0.2:
        return bytes(random.choice((0, 0, 1, 2)) for _ in range(length))
    if kind < 0.3:
        return bytes(random.choice((0xFF, 0xFE, 0x7F, 0xF8)) for _ in range(length))
    return random.randbytes(length)
