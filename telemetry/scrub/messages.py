"""What messages of a vehicle's buses say of who and where it is, and the same messages with something else.

Sources of the facts: SAE J1939-71 (VI, CI, VP), ISO 15031-5 and 14229-1 (services 09, 22 and 2E), KWP 2000,
and NMEA 2000, as open projects read them. What tables of protocols mark as secret follows from them.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from telemetry.framing.secrets import POSITION
from telemetry.protocols.can.table import PDU1_MASK, CanSignal
from telemetry.protocols.known import CAN_PROTOCOLS
from telemetry.scrub.replacements import VIN_LETTERS, Order, Replacements

NOT_AVAILABLE = 0xFF  # the byte that stands for what is not known
VEHICLE_IDENTIFICATION, COMPONENT_IDENTIFICATION, ECU_IDENTIFICATION = 0xFEEC, 0xFEEB, 0xFDC5
VEHICLE_POSITION, POSITION_RAPID_UPDATE, GNSS_POSITION = 0xFEF3, 0x1F801, 0x1F805
_FIRST_PDU2 = 0xF0  # of a PGN's second byte: the destination is no part of such an id
_FRAME_BYTES = 8
_FIELD_END = b"*"
_SERIAL_FIELDS = {COMPONENT_IDENTIFICATION: (2, 3), ECU_IDENTIFICATION: (1,)}  # of make*model*serial*unit*
_NOWHERE = b"\xff" * 8  # latitude and longitude that are not available
_NOWHERE_SIGNED = b"\xff\xff\xff\x7f" * 2  # the same of NMEA's, which have a sign
_FAST_PACKET_HEAD = 2  # bytes of the first frame before its data; of others one

Change = Callable[[bytes, Replacements], bytes]


def _end(signal: CanSignal) -> int:
    """Return the byte after those of a signal of whole bytes."""
    return (signal.start_bit + signal.bit_count) // 8


def _by_table() -> Mapping[int, Sequence[CanSignal]]:
    """Return the signals of known protocols that are marked as secret, by what of J1939's ids counts."""
    return {
        id & PDU1_MASK: secret
        for protocol in CAN_PROTOCOLS.values()
        for message in protocol.messages
        if protocol.extended and (secret := [one for one in message.signals if one.secret])
        for id in message.ids
    }


_SECRET = _by_table()
_LONG_FROM_TO = {
    (id & 0xFF, id >> 8 & 0xFF) for id, signals in _SECRET.items() if _end(signals[-1]) > _FRAME_BYTES
}


def is_of_a_charge(source: int, destination: int) -> bool:
    """Return whether a packet between these may be of a message that has numbers which are no text."""
    return (source, destination) in _LONG_FROM_TO


def change_j1939(pgn: int, destination: int, source: int) -> Change | None:
    """Return what replaces numbers in messages of a PGN from one node to another; None: none."""
    signals = _SECRET.get(pgn << 8 | (destination << 8 if pgn >> 8 & 0xFF < _FIRST_PDU2 else 0) | source)
    if signals is not None:
        return partial(_marked, signals)
    if pgn == VEHICLE_IDENTIFICATION:
        return _vehicle_identification
    if pgn in _SERIAL_FIELDS:
        return lambda payload, new: _fields(payload, _SERIAL_FIELDS[pgn], new)
    if pgn == VEHICLE_POSITION:
        return lambda payload, new: _place(payload, _NOWHERE, new)
    if pgn == POSITION_RAPID_UPDATE:
        return lambda payload, new: _place(payload, _NOWHERE_SIGNED, new)
    if pgn == GNSS_POSITION:
        return _fast_packet
    return None


def _marked(signals: Sequence[CanSignal], payload: bytes, new: Replacements) -> bytes:
    made = bytearray(payload)
    for signal in signals:
        place = slice(signal.start_bit // 8, _end(signal))
        if signal.is_text or len(payload) >= place.stop:
            order: Order = "big" if signal.is_text else "little"
            made[place] = new.text(signal.secret, payload[place], order)
    return bytes(made)


def _vehicle_identification(payload: bytes, new: Replacements) -> bytes:
    vin, end, rest = payload.partition(_FIELD_END)
    return new.vin(vin) + end + new.vins(rest)


def _fields(payload: bytes, numbers: tuple[int, ...], new: Replacements) -> bytes:
    fields = payload.split(_FIELD_END)
    for number in numbers:
        if number < len(fields):
            fields[number] = new.serial_number(fields[number])
    return _FIELD_END.join(fields)


def _place(payload: bytes, nowhere: bytes, new: Replacements) -> bytes:
    made = nowhere[: len(payload)] + payload[len(nowhere) :]
    new.counts[POSITION] += made != payload
    return made


def _fast_packet(payload: bytes, new: Replacements) -> bytes:
    """Return one frame of a message that NMEA 2000 spreads over several: its numbers stay, and no data."""
    head = _FAST_PACKET_HEAD if payload and not payload[0] & 0x1F else 1
    new.counts[POSITION] += 1
    return payload[:head] + bytes((NOT_AVAILABLE,)) * (len(payload) - head)


_VIN_SERVICES = (b"\x49\x02\x01", b"\x62\xf1\x90", b"\x2e\xf1\x90", b"\x61\x81", b"\x5a\x90")
_VIN_IDENTIFIER, _SERIAL_IDENTIFIER = b"\xf1\x90", b"\xf1\x8c"
_ANSWER = b"\x62"  # to a request to read one identifier or several
_SERIAL_SERVICES = (_ANSWER + _SERIAL_IDENTIFIER,)
_IDENTIFYING = (*_VIN_SERVICES, *_SERIAL_SERVICES)
_IDENTIFIER_BYTES = 2
_LEAST_NUMBER = 4  # bytes of a serial number, after an identifier that may be two bytes of a value
_FILL = b"\x00\xff\x55\xaa\xcc "


def holds_identity(payload: bytes) -> bool:
    """Return whether a message of ISO-TP, or the beginning of one, says who it is of."""
    return payload.startswith(_IDENTIFYING) or (payload.startswith(_ANSWER) and _SERIAL_IDENTIFIER in payload)


def change_diagnostic(payload: bytes, new: Replacements) -> bytes:
    """Return a message of ISO-TP with other numbers: in answers to VIN and serial number, and any VIN.

    An answer may have several identifiers, and does not say how long their values are.
    """
    for service in _VIN_SERVICES:
        if payload.startswith(service):
            at, end = len(service), len(service) + VIN_LETTERS
            has_more = service.endswith(_VIN_IDENTIFIER)
            rest = _after_vin(payload[end:], new) if has_more else new.vins(payload[end:])
            return service + new.vin(payload[at:end]) + rest
    serial_at = _serial_at(payload)
    if serial_at is not None:
        return new.vins(payload[:serial_at]) + new.serial_number(payload[serial_at:])
    return new.vins(payload)


def _after_vin(rest: bytes, new: Replacements) -> bytes:
    """Return what follows in the answer: identifiers that say who it is of.

    From another one on nothing is known.
    """
    head, data = rest[:_IDENTIFIER_BYTES], rest[_IDENTIFIER_BYTES:]
    if head == _VIN_IDENTIFIER:
        return head + new.vin(data[:VIN_LETTERS]) + _after_vin(data[VIN_LETTERS:], new)
    if head == _SERIAL_IDENTIFIER:
        return head + new.serial_number(data)
    if not rest.strip(_FILL):
        return rest
    return head + bytes((NOT_AVAILABLE,)) * len(data)


def _serial_at(payload: bytes) -> int | None:
    """Return where the serial number is in an answer: first, or after values of other identifiers."""
    if not payload.startswith(_ANSWER):
        return None
    at = payload.find(_SERIAL_IDENTIFIER, 1)
    is_first = at == 1
    begins = at + _IDENTIFIER_BYTES
    if at < 0 or not (is_first or len(payload) - begins >= _LEAST_NUMBER):
        return None
    return begins
