"""Messages of several frames by ISO 15765-2 (ISO-TP), on the ids that the caller names, by listening alone.

Promises:

- None of their frames goes on: each is absorbed, or lost with its session.
- A payload is exact to the announced length.

The id of its frames identifies a session, together with their address where addressing is extended. A listener
hears both directions or only one. Flow control helps where it is heard, but no session waits for it.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy

from telemetry_core.frames.batch cimport FLAG_PAYLOAD, ID_EXTENDED, Frame, FrameBatch
from telemetry_core.transport.reassembled cimport emit
from telemetry_core.transport.sessions cimport (
    END_ABORTED, END_COMPLETE, END_LOST_PACKETS, END_MALFORMED, END_RESTARTED, END_TOO_LONG, Session, Sessions,
)

cdef enum:
    MAX_BYTES = 65534            # one byte less than a batch takes: its length may come in front
    FIRST_ROOM = 4096            # bytes: what a longer session announces is believed as it comes
    CLASSIC_BYTES = 8            # of a frame without CAN FD
    SINGLE = 0
    FIRST = 1
    CONSECUTIVE = 2
    FLOW_CONTROL = 3
    OVERFLOW = 0x32              # flow control: the receiver takes none of it
    NO_KIND = 16

cdef int64_t LIMIT_NS = 2_000_000_000           # twice N_Cr of ISO 15765-2: generous costs nothing


cdef bint is_repeated(const Session* session, const uint8_t* data, Py_ssize_t length) noexcept nogil:
    """Return whether a consecutive frame brings what the last one brought."""
    cdef Py_ssize_t count = length - 1
    return (0 < count <= <Py_ssize_t>session.stored
            and memcmp(session.payload + session.stored - count, data + 1, count) == 0)


cdef inline uint64_t isotp_key(const Frame* frame, const IsoTpRule* rule, const uint8_t* data) noexcept nogil:
    """Return the key of the session that this frame is part of."""
    return <uint64_t>data[0] << 32 | frame.id if rule.address_bytes and frame.length else frame.id


cdef inline bint answers(uint64_t receiver, uint64_t sender, bint has_address) noexcept nogil:
    """Return whether the keys belong, by the usual numbering of ids, to the two directions of one conversation."""
    cdef uint32_t here = <uint32_t>receiver
    cdef uint32_t there = <uint32_t>sender
    if has_address:  # each names the other by the last byte of its id
        return receiver >> 32 == (there & 0xFF) and sender >> 32 == (here & 0xFF)
    if here & ID_EXTENDED:  # normal fixed addressing: receiver and sender are the last bytes
        return here == ((there & <uint32_t>0xFFFF0000) | (there & 0xFF) << 8 | (there >> 8 & 0xFF))
    return here ^ there == 8  # ISO 15765-4: 7E0 and 7E8


cdef int take_isotp(Sessions sessions, const Frame* frame, const IsoTpRule* rule, const uint8_t* data,
                    FrameBatch out) except -1 nogil:
    """Take one frame of a named id. It does not go on."""
    cdef Py_ssize_t length = frame.length - rule.address_bytes
    cdef uint64_t key = isotp_key(frame, rule, data)
    cdef Session* session = sessions.find(frame.channel, False, key)
    cdef uint8_t kind
    data += rule.address_bytes
    kind = data[0] >> 4 if length > 0 else NO_KIND
    if kind == SINGLE:
        return _single(sessions, frame, rule, session, data, length, out)
    if kind == FIRST:
        return _first_frame(sessions, frame, key, session, data, length)
    if kind == CONSECUTIVE and session != NULL:
        return _consecutive(sessions, frame, rule, session, data, length, out)
    if kind == CONSECUTIVE:
        sessions.counts[frame.channel].orphans += 1
        sessions.counts[frame.channel].lost += 1
    elif kind == FLOW_CONTROL:  # of the other direction
        sessions.counts[frame.channel].absorbed += 1
        session = _refused(sessions, frame, rule, key) if data[0] == OVERFLOW else NULL
        if session != NULL:
            sessions.end(session, END_ABORTED)
    else:
        _refuse(sessions, frame, END_MALFORMED)
    return 0


cdef Session* _refused(Sessions sessions, const Frame* frame, const IsoTpRule* rule, uint64_t key) noexcept nogil:
    """Return the session that an overflow answers; NULL if that is not clear.

    It follows a first frame and does not name that one's id. A session that waits alone is meant. Of several
    that wait, the one whose id goes with this frame's is meant.
    """
    cdef Session* found = NULL
    cdef Session* session
    cdef Py_ssize_t index, count = 0
    cdef bint is_pair, is_found_pair = False
    for index in range(sessions.count):
        session = &sessions.items[index]
        if (session.channel == frame.channel and not session.is_j1939 and session.frames == 1
                and <uint32_t>session.key != frame.id):
            is_pair = answers(key, session.key, rule.address_bytes)
            if found == NULL or is_pair > is_found_pair:
                found = session
                is_found_pair = is_pair
                count = 0
            count += is_pair == is_found_pair
    return found if count == 1 else NULL


cdef void _refuse(Sessions sessions, const Frame* frame, int how) noexcept nogil:
    sessions.counts[frame.channel].ends[how] += 1
    sessions.counts[frame.channel].lost += 1


cdef int _single(Sessions sessions, const Frame* frame, const IsoTpRule* rule, Session* session, const uint8_t* data,
                 Py_ssize_t length, FrameBatch out) except -1 nogil:
    cdef Py_ssize_t size = data[0] & 0xF
    cdef Py_ssize_t head = 1
    if size == 0 and frame.length > CLASSIC_BYTES:  # CAN FD: the length has a byte of its own
        size = data[1]
        head = 2
    if size == 0 or head + size > length:
        _refuse(sessions, frame, END_MALFORMED)
        return 0
    if session != NULL:
        sessions.end(session, END_RESTARTED)
    sessions.counts[frame.channel].absorbed += 1
    sessions.counts[frame.channel].ends[END_COMPLETE] += 1
    return emit(out, frame, frame.id, FLAG_PAYLOAD, data + head, <uint32_t>size, rule.with_length)


cdef int _first_frame(Sessions sessions, const Frame* frame, uint64_t key, Session* session, const uint8_t* data,
                      Py_ssize_t length) except -1 nogil:
    cdef Py_ssize_t single_head = 2 if frame.length > CLASSIC_BYTES else 1
    cdef Py_ssize_t head = 2
    cdef uint64_t size = 0
    if length > 6:
        size = <uint64_t>(data[0] & 0xF) << 8 | data[1]
        if size == 0:  # longer than 12 bits can hold
            head = 6
            size = <uint64_t>data[2] << 24 | <uint64_t>data[3] << 16 | <uint64_t>data[4] << 8 | data[5]
    if session != NULL:
        sessions.end(session, END_RESTARTED)
    if size <= <uint64_t>(length - single_head):  # a single frame would have held it
        _refuse(sessions, frame, END_MALFORMED)
        return 0
    if size > MAX_BYTES:
        _refuse(sessions, frame, END_TOO_LONG)
        return 0
    session = sessions.open(frame.channel, False, key, <uint32_t>min(size, <uint64_t>FIRST_ROOM))
    sessions.count_frame(session)
    session.first_ns = session.last_ns = frame.time_ns
    session.limit_ns = LIMIT_NS
    session.size = <uint32_t>size
    session.stored = <uint32_t>(length - head)
    session.next_sequence = 1
    session.frame_bytes = <uint8_t>length
    memcpy(session.payload, data + head, length - head)
    return 0


cdef int _consecutive(Sessions sessions, const Frame* frame, const IsoTpRule* rule, Session* session,
                      const uint8_t* data, Py_ssize_t length, FrameBatch out) except -1 nogil:
    cdef uint32_t missing = session.size - session.stored
    cdef uint32_t count = <uint32_t>min(<Py_ssize_t>missing, length - 1)
    cdef bint is_cut_off = count < missing and length < session.frame_bytes
    session.last_ns = frame.time_ns
    sessions.count_frame(session)
    if data[0] & 0xF == (session.next_sequence - 1) & 0xF and is_repeated(session, data, length):
        return 0  # an error on the wire has made the controller send it twice
    if data[0] & 0xF != session.next_sequence or count == 0 or is_cut_off:
        sessions.end(session, END_LOST_PACKETS)
        return 0
    sessions.make_room(session, session.stored + count)
    memcpy(session.payload + session.stored, data + 1, count)
    session.stored += count
    session.next_sequence = (session.next_sequence + 1) & 0xF
    if session.stored < session.size:
        return 0
    emit(out, frame, frame.id, FLAG_PAYLOAD, session.payload, session.size, rule.with_length)
    sessions.complete(session)
    sessions.end(session, END_COMPLETE)
    return 0
