"""Which message of a bus an id belongs to, and where a signal's bits are, in plain Python.

The compiled decoder looks up the same in tables; its tests hold the two together.
"""

from telemetry_core.decode.spec import BusSpec, MessageSpec, SignalSpec

EXTENDED = 0x80000000  # the bit that SocketCAN sets in an id of 29 bits
ID_MASK = 0x1FFFFFFF
STANDARD_MASK = 0x7FF


def find_message(bus: BusSpec, id: int) -> MessageSpec | None:
    """Return the first message that a frame's id is of; None: no message is. Answers are payloads, no frames.

    It is found by the bits that count on the bus; otherwise by PGN, with destination and sender, with the
    sender or alone; last by the bits that count in the message's id.
    """
    extended = bool(id & EXTENDED)
    arbitration_id = id & ID_MASK
    mask = bus.extended_mask if extended else bus.standard_mask
    if not extended and arbitration_id > STANDARD_MASK:
        return None
    for message in bus.messages:
        if message.id_mask or message.begins:
            continue
        if message.extended == extended and message.arbitration_id & mask == arbitration_id & mask:
            return message
    if not extended:
        return None
    pgn = pgn_of(arbitration_id)
    same_pgn = [
        message
        for message in bus.messages
        if pgn is not None and message.by_pgn and pgn_of(message.arbitration_id) == pgn
    ]
    same_sender = [message for message in same_pgn if message.arbitration_id & 0xFF == arbitration_id & 0xFF]
    same_pair = [
        message for message in same_sender if message.arbitration_id & 0xFFFF == arbitration_id & 0xFFFF
    ]
    masked = [message for message in bus.messages if message.id_mask and _is_same(message, arbitration_id)]
    return next(iter(same_pair + same_sender + same_pgn + masked), None)


def _is_same(message: MessageSpec, arbitration_id: int) -> bool:
    return message.arbitration_id & message.id_mask == arbitration_id & message.id_mask


def pgn_of(arbitration_id: int) -> int | None:
    """J1939-21: data page, PDU format and, for a broadcast (PDU2), group extension. None: not J1939."""
    extended_data_page = arbitration_id >> 25 & 1
    data_page = arbitration_id >> 24 & 1
    pdu_format = arbitration_id >> 16 & 0xFF
    pdu_specific = arbitration_id >> 8 & 0xFF
    if extended_data_page:
        return None
    return data_page << 16 | pdu_format << 8 | (pdu_specific if pdu_format >= 0xF0 else 0)


def bit_positions(signal: SignalSpec) -> list[int]:
    """Return where the signal's bits are, most significant first; bit n is bit n % 8 of byte n // 8."""
    if signal.little_endian:
        return [signal.start_bit + weight for weight in reversed(range(signal.bit_count))]
    position = signal.start_bit
    positions = []
    for _ in range(signal.bit_count):
        positions.append(position)
        position = position - 1 if position % 8 else position + 15  # after bit 0 comes the next byte's bit 7
    return positions
