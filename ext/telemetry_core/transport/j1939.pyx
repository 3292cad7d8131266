"""Messages of several packets by SAE J1939-21: broadcasts (BAM) and sessions of two (RTS/CTS), by listening alone.

Promises:

- A session's frames go no further (`absorbed`, or lost with it). Frames of no session go on.
- A session's frame whose id the channel's database knows is both absorbed and passed on.

Sender and receiver identify a session. A listener hears both directions or only one. Clear-to-send and
acknowledgement help where they are heard, but no session waits for them.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from telemetry_core.frames.batch cimport FLAG_BY_PGN, FLAG_PAYLOAD, ID_EXTENDED, ID_MASK, Frame, FrameBatch
from telemetry_core.decode.plan cimport Bus, find_extended
from telemetry_core.transport.reassembled cimport emit, pass_on
from telemetry_core.transport.sessions cimport END_ABORTED, END_LOST_PACKETS, END_MALFORMED, Session, Sessions

cdef enum:
    REQUEST_TO_SEND = 16
    CLEAR_TO_SEND = 17
    END_OF_MESSAGE = 19
    BROADCAST_ANNOUNCE = 32
    ABORT = 255
    MAX_BYTES = 1785
    PACKET_BYTES = 7
    NO_PGN = 0x3FFFF             # an abort that names none

cdef int64_t BETWEEN_PACKETS_NS = 750_000_000   # T1 of J1939-21
cdef int64_t AFTER_CONTROL_NS = 1_250_000_000   # T2 and T3: after RTS, CTS and the end of a block


cdef inline uint32_t pair(uint32_t sender, uint32_t receiver) noexcept nogil:
    return sender << 8 | receiver


cdef inline uint32_t sender_first(const Frame* frame) noexcept nogil:
    """Return the key of the session whose sender has sent this frame."""
    return pair(frame.id & 0xFF, (frame.id >> 8) & 0xFF)


cdef inline uint32_t receiver_first(const Frame* frame) noexcept nogil:
    """Return the key of the session whose receiver has sent this frame."""
    return pair((frame.id >> 8) & 0xFF, frame.id & 0xFF)


cdef inline uint32_t carried_pgn(const Frame* frame) noexcept nogil:
    cdef uint32_t pgn = frame.data[5] | <uint32_t>frame.data[6] << 8 | <uint32_t>(frame.data[7] & 3) << 16
    return pgn & 0x3FF00 if (pgn & 0xFF00) < 0xF000 else pgn


cdef inline uint32_t payload_id(const Session* session) noexcept nogil:
    """Return an id of priority 6, the announced PGN with its destination if it has room for one, the sender."""
    cdef uint32_t key = <uint32_t>session.key
    cdef uint32_t id = <uint32_t>ID_EXTENDED | 6 << 26 | session.pgn << 8 | key >> 8
    return id | (key & 0xFF) << 8 if (session.pgn & 0xFF00) < 0xF000 else id


cdef void store_packet(Session* session, const Frame* frame) noexcept nogil:
    """Store the next packet of a J1939 session, or one that is sent again."""
    cdef uint32_t number = frame.data[0]
    if session.block:
        session.block -= 1
        session.limit_ns = BETWEEN_PACKETS_NS if session.block else AFTER_CONTROL_NS
    else:
        session.limit_ns = BETWEEN_PACKETS_NS
    if session.is_done or not 0 < number <= session.packets:
        return
    memcpy(session.payload + (number - 1) * PACKET_BYTES, frame.data + 1, PACKET_BYTES)
    if not (session.seen[number // 64] >> (number % 64)) & 1:
        session.seen[number // 64] |= <uint64_t>1 << (number % 64)
        session.stored += 1
        session.last_packet = <uint8_t>max(number, <uint32_t>session.last_packet)


cdef bint is_of_another(const Session* session, const Frame* frame) noexcept nogil:
    """Return whether a packet's bytes have changed: then it belongs to the next message, whose announcement was lost."""
    cdef uint32_t number = frame.data[0]
    return (not session.is_done and 0 < number <= session.packets
            and (session.seen[number // 64] >> (number % 64)) & 1
            and memcmp(session.payload + (number - 1) * PACKET_BYTES, frame.data + 1, PACKET_BYTES) != 0)


cdef int take_j1939(Sessions sessions, const Frame* frame, const Bus* bus, FrameBatch out) except -1 nogil:
    """Take one frame that `may_concern`, or pass it on."""
    cdef bint is_known = find_extended(bus, frame.id & ID_MASK) != 0
    cdef Session* session
    if is_known:  # before what it completes
        pass_on(out, frame, NULL)
    if pdu_format(frame.id) == TP_DATA:
        session = sessions.find(frame.channel, True, sender_first(frame))
        sessions.counts[frame.channel].orphans += session == NULL
    elif frame.data[0] == REQUEST_TO_SEND or frame.data[0] == BROADCAST_ANNOUNCE:
        session = _announced(sessions, frame)
    elif frame.data[0] == CLEAR_TO_SEND or frame.data[0] == END_OF_MESSAGE:
        session = sessions.find(frame.channel, True, receiver_first(frame))
    elif frame.data[0] == ABORT:
        session = _to_abort(sessions, frame)
    else:
        session = NULL
    if session == NULL:
        return 0 if is_known else pass_on(out, frame, NULL)
    session.last_ns = frame.time_ns
    if not is_known:
        sessions.count_frame(session)
    if pdu_format(frame.id) == TP_DATA:
        if is_of_another(session, frame):
            sessions.end(session, END_LOST_PACKETS)
            return 0
        store_packet(session, frame)
    elif frame.data[0] == CLEAR_TO_SEND:
        session.block = frame.data[1]
        session.limit_ns = AFTER_CONTROL_NS
    elif frame.data[0] == END_OF_MESSAGE:
        sessions.end(session, END_LOST_PACKETS)  # this has no effect on a complete one
        return 0
    elif frame.data[0] == ABORT:
        sessions.end(session, END_ABORTED)
        return 0
    if session.is_done or session.stored < session.packets:
        return 0
    emit(out, frame, payload_id(session), FLAG_PAYLOAD | FLAG_BY_PGN, session.payload, session.size, False)
    sessions.complete(session)
    return 0


cdef Session* _announced(Sessions sessions, const Frame* frame) except? NULL nogil:
    """Return the session that RTS or BAM begins; NULL when it makes no sense."""
    cdef uint32_t size = frame.data[1] | <uint32_t>frame.data[2] << 8
    cdef uint32_t packets = frame.data[3]
    cdef Session* session
    if not 0 < size <= MAX_BYTES or packets != (size + PACKET_BYTES - 1) // PACKET_BYTES:
        sessions.counts[frame.channel].ends[END_MALFORMED] += 1
        return NULL
    session = sessions.open(frame.channel, True, sender_first(frame), packets * PACKET_BYTES)
    session.first_ns = frame.time_ns
    session.pgn = carried_pgn(frame)
    session.size = size
    session.packets = packets
    session.is_broadcast = frame.data[0] == BROADCAST_ANNOUNCE
    session.limit_ns = BETWEEN_PACKETS_NS if session.is_broadcast else AFTER_CONTROL_NS
    return session


cdef Session* _to_abort(Sessions sessions, const Frame* frame) noexcept nogil:
    """Return the session of its sender or its receiver that carries the PGN that the frame names."""
    cdef uint32_t pgn = carried_pgn(frame)
    cdef Session* session = sessions.find(frame.channel, True, sender_first(frame))
    if session == NULL or (session.pgn != pgn and pgn != NO_PGN):
        session = sessions.find(frame.channel, True, receiver_first(frame))
    return session if session != NULL and (session.pgn == pgn or pgn == NO_PGN) else NULL
