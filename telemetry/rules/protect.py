"""`[[protect]]`: which frames are checked, and how, for the messages of a plan.

Promises:

- Every entry is resolved against the databases when the plan is made, or refused with its key path and the
  nearest name that exists.
- A message has one protection on a bus. An entry is for one message there, which may have many ids (a range
  of a SYM).

The result is a plan and its rules. Records of messages that report the check (`on_error = "flag"`) have one
more flag. The compiled stage carries out the rules (`telemetry_core.rules.protection`).

Where a profile of AUTOSAR has its checksum and its counter, unless an entry names signals: profiles 1 and 2
in byte 0 and in the low nibble of byte 1, profile 5 in bytes 0 and 1 and in byte 2 (AUTOSAR_PRS_E2EProtocol).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from telemetry_core.decode.spec import BusSpec, MessageSpec, PlanSpec, SignalSpec
from telemetry_core.rows.spec import FieldSpec, RecordSpec, SlotKind
from telemetry_core.rules.protection_spec import Action, Checksum, DataId, ProtectionRule

from telemetry.errors import ConfigError, Faults
from telemetry.model.ids import id_text
from telemetry.rules.find_message import EXTENDED, bit_positions, find_message
from telemetry.rules.protect_entry import (
    COUNTER,
    CRC8_J1850,
    E2E_1_LOW,
    E2E_1A,
    E2E_1B,
    E2E_1C,
    E2E_2,
    E2E_5,
    ProtectEntry,
)
from telemetry.rules.signals import check_bus, choice, no_message

FLAG = "protection_ok"  # the field that reports the check
MOST_COUNTER_BITS = 16
MOST_IDS_NAMED = 8
_NIBBLE_BIT = 12  # of profile 1C, where the counter is in the profile's own place
_COUNTER_NIBBLE = (11, 10, 9, 8)
_COUNTER_BYTE = (23, 22, 21, 20, 19, 18, 17, 16)


@dataclass(frozen=True, slots=True)
class _Profile:
    """What a profile fixes by itself. `counter_most` None: all that its bits hold."""

    checksum: Checksum
    data_id: DataId
    counter_bits: tuple[int, ...] = ()
    counter_most: int | None = None


_PROFILES = {
    CRC8_J1850: _Profile(Checksum.CRC8_J1850, DataId.NONE),
    E2E_1A: _Profile(Checksum.CRC8_PROFILE_1, DataId.BOTH, _COUNTER_NIBBLE, 14),
    E2E_1B: _Profile(Checksum.CRC8_PROFILE_1, DataId.ALTERNATING, _COUNTER_NIBBLE, 14),
    E2E_1C: _Profile(Checksum.CRC8_PROFILE_1, DataId.NIBBLE, _COUNTER_NIBBLE, 14),
    E2E_1_LOW: _Profile(Checksum.CRC8_PROFILE_1, DataId.LOW, _COUNTER_NIBBLE, 14),
    E2E_2: _Profile(Checksum.CRC8_H2F, DataId.BY_COUNTER, _COUNTER_NIBBLE, 15),
    E2E_5: _Profile(Checksum.CRC16_CCITT, DataId.AFTER, _COUNTER_BYTE, 255),
    COUNTER: _Profile(Checksum.NONE, DataId.NONE),
}
_CHECKSUM_BITS = {Checksum.NONE: 0, Checksum.CRC16_CCITT: 16}  # 8 of all others


@dataclass(frozen=True, slots=True)
class ProtectedPlan:
    """A plan with room for the reports of its rules, and the rules."""

    spec: PlanSpec
    rules: tuple[ProtectionRule, ...]


def protect(spec: PlanSpec, entries: Iterable[ProtectEntry]) -> ProtectedPlan:
    """Return what `entries` mean for the messages of `spec`. Raises ConfigError, of all entries at once."""
    origins: dict[tuple[int, int], ProtectEntry] = {}
    rules: list[ProtectionRule] = []
    faults = Faults()
    for entry in entries:
        with faults.gathered():
            rules += _rules(entry, spec, origins)
    faults.raise_any()
    return ProtectedPlan(_with_flags(spec, rules), tuple(rules))


def _rules(
    entry: ProtectEntry, spec: PlanSpec, origins: dict[tuple[int, int], ProtectEntry]
) -> Iterator[ProtectionRule]:
    """Yield the rules of one entry. origins: by message, which entry protects it."""
    for bus, index in _messages(entry, spec):
        other = origins.setdefault((bus, index), entry)
        if other is not entry:
            raise ConfigError(
                f"{_named(spec, bus, index)} is protected already",
                where=entry.where_subject,
                hint=f"see {other.where}",
            )
        yield _rule(entry, spec, bus, index)


def _messages(entry: ProtectEntry, spec: PlanSpec) -> Iterator[tuple[int, int]]:
    """Yield bus and index of each message of the entry's name or id; of a range of ids each is a message."""
    check_bus(entry.bus, [bus.name for bus in spec.buses], entry.where)
    found = False
    for number, bus in enumerate(spec.buses):
        matching = _matching(entry, bus) if entry.bus in (None, bus.name) else ()
        _require_one(entry, bus, matching, spec)
        for index in matching:
            found = True
            yield number, index
    if not found:
        subject = f'"{entry.message}"' if entry.id is None else f"with the id {id_text(entry.id)}"
        raise ConfigError(no_message(subject, entry.bus), where=entry.where_subject, hint=_hint(entry, spec))


def _matching(entry: ProtectEntry, bus: BusSpec) -> Sequence[int]:
    """Return indexes of the messages of that name, or of the one that frames of that id become."""
    if entry.id is None:
        return [index for index, message in enumerate(bus.messages) if message.name == entry.message]
    message = find_message(bus, entry.id)
    return () if message is None else (bus.messages.index(message),)


def _require_one(entry: ProtectEntry, bus: BusSpec, matching: Sequence[int], spec: PlanSpec) -> None:
    """Raise ConfigError where they differ in more than their ids: another message has another protection."""
    messages = [bus.messages[index] for index in matching]
    alike = {
        (replace(message, arbitration_id=0, record=0), spec.records[message.record].fields)
        for message in messages
    }
    if len(alike) > 1:
        ids = [id_text(message.arbitration_id | EXTENDED * message.extended) for message in messages]
        named = ", ".join(ids[:MOST_IDS_NAMED])
        more = f" and {len(ids) - MOST_IDS_NAMED} more" if len(ids) > MOST_IDS_NAMED else ""
        raise ConfigError(
            f'"{entry.message}" is the name of several messages on {bus.name}, with the ids {named}{more}',
            where=entry.where_subject,
            hint=f'say which one in place of message, as id = "{ids[0]}"',
        )


def _hint(entry: ProtectEntry, spec: PlanSpec) -> str:
    if entry.id is None:
        names = [message.name for bus in spec.buses for message in bus.messages]
        return choice(entry.subject, names)
    if any(find_message(bus, entry.id ^ EXTENDED) for bus in spec.buses):
        return f'did you mean "{id_text(entry.id ^ EXTENDED)}"?'
    return "what no database describes is not decoded, and not checked"


def _named(spec: PlanSpec, bus: int, index: int) -> str:
    """Return the message's name; as its measurement has it where the bus has another one of that name."""
    messages = spec.buses[bus].messages
    name = messages[index].name
    is_unique = [message.name for message in messages].count(name) == 1
    return name if name and is_unique else spec.records[messages[index].record].measurement


def _rule(entry: ProtectEntry, spec: PlanSpec, bus: int, index: int) -> ProtectionRule:
    profile = _PROFILES[entry.profile]
    message = spec.buses[bus].messages[index]
    fields = spec.records[message.record].fields
    checksum_byte = 0
    if entry.crc is not None:
        signal = _signal(entry.crc, message, fields, entry.where.key("crc"))
        checksum_byte = _checksum_byte(signal, _CHECKSUM_BITS.get(profile.checksum, 8), entry)
    counter_bits = profile.counter_bits
    if entry.counter is not None:
        signal = _signal(entry.counter, message, fields, entry.where.key("counter"))
        counter_bits = _counter_bits(signal, entry)
    data_id = profile.data_id
    if entry.profile == CRC8_J1850 and entry.data_id is not None:
        data_id = DataId.BOTH
    rule = ProtectionRule(
        bus=bus,
        message=index,
        name=_named(spec, bus, index),
        byte_count=message.byte_count if entry.byte_count is None else entry.byte_count,
        checksum=profile.checksum,
        checksum_byte=checksum_byte,
        data_id=data_id,
        data_ids=entry.data_id_list if entry.data_id is None else (entry.data_id,),
        nibble_bit=_NIBBLE_BIT if data_id is DataId.NIBBLE else 0,
        counter_bits=counter_bits,
        counter_most=_counter_most(entry, profile, counter_bits),
        most_skipped=entry.max_skip,
        timeout_ns=round(entry.timeout_s * 1e9),
        action=entry.on_error,
    )
    _check_places(rule, entry)
    return rule


def _signal(name: str, message: MessageSpec, fields: Sequence[FieldSpec], where: object) -> SignalSpec:
    names = [field.signal_name for field in fields[: len(message.signals)]]
    if name not in names:
        raise ConfigError(
            f'message {message.name} has no signal "{name}"', where=where, hint=choice(name, names)
        )
    signal = message.signals[names.index(name)]
    if signal.condition >= 0 or signal.is_float:
        raise ConfigError(
            f"{message.name}.{name} is multiplexed, or a float: every frame must have it", where=where
        )
    return signal


def _checksum_byte(signal: SignalSpec, bit_count: int, entry: ProtectEntry) -> int:
    lowest = min(bit_positions(signal))
    if signal.bit_count != bit_count or lowest % 8 or not (signal.little_endian or bit_count == 8):
        raise ConfigError(
            f"{entry.crc} is no checksum of {entry.profile}",
            where=entry.where.key("crc"),
            hint=f"it has {bit_count} bits from a byte's lowest one on"
            + (", the low byte first" if bit_count > 8 else ""),
        )
    return lowest // 8


def _counter_bits(signal: SignalSpec, entry: ProtectEntry) -> tuple[int, ...]:
    if signal.bit_count > MOST_COUNTER_BITS:
        raise ConfigError(
            f"{entry.counter} has {signal.bit_count} bits; a counter has at most {MOST_COUNTER_BITS}",
            where=entry.where.key("counter"),
        )
    return tuple(bit_positions(signal))


def _counter_most(entry: ProtectEntry, profile: _Profile, counter_bits: tuple[int, ...]) -> int:
    room = (1 << len(counter_bits)) - 1
    most = profile.counter_most if entry.counter_max is None else entry.counter_max
    if entry.counter_max is not None and entry.counter_max > room:
        raise ConfigError(
            f"{entry.counter_max} is beyond the counter's {len(counter_bits)} bits",
            where=entry.where.key("counter_max"),
        )
    return room if most is None else min(most, room)


def _check_places(rule: ProtectionRule, entry: ProtectEntry) -> None:
    ends = [rule.checksum_byte + _CHECKSUM_BITS.get(rule.checksum, 8) // 8]
    ends += [bit // 8 + 1 for bit in (*rule.counter_bits, rule.nibble_bit)]
    if max(ends) > rule.byte_count:
        raise ConfigError(
            f"{rule.name}: checksum and counter take {max(ends)} bytes, protected are {rule.byte_count}",
            where=entry.where_subject if entry.byte_count is None else entry.where.key("byte_count"),
        )


def _with_flags(spec: PlanSpec, rules: Iterable[ProtectionRule]) -> PlanSpec:
    """Return the plan with one more flag in the records of messages that report their check."""
    reporting = {(rule.bus, rule.message) for rule in rules if rule.action is Action.FLAG}
    if not reporting:
        return spec
    records = list(spec.records)

    def flagged(message: MessageSpec) -> MessageSpec:
        # A record may be shared with a message that does not report.
        records.append(_with_flag(spec.records[message.record]))
        return replace(message, record=len(records) - 1, reports_protection=True)

    buses = [
        replace(
            bus,
            messages=tuple(
                flagged(message) if (number, index) in reporting else message
                for index, message in enumerate(bus.messages)
            ),
        )
        for number, bus in enumerate(spec.buses)
    ]
    return PlanSpec(tuple(records), tuple(buses))


def _with_flag(record: RecordSpec) -> RecordSpec:
    name = FLAG
    while any(field.name == name for field in record.fields):
        name = f"frame_{name}"
    return replace(record, fields=(*record.fields, FieldSpec(name, SlotKind.BOOL, passes=True)))
