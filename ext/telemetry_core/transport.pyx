"""The transport stage: payloads of J1939 (BAM, RTS/CTS) and ISO-TP sessions, put together by listening alone.

Promises: frames come out in their order, a payload right behind the frame that completed it and with its
stamp, exact to the announced length; a session's frames go no further (`absorbed`, or lost with it), those of
no session do; one whose id the channel's database knows does both. What comes out depends on the frames and
their stamps alone, not on how they were batched. Memory is bounded by Sessions.

Relies on SAE J1939-21 and ISO 15765-2. Sessions are told apart by sender and receiver (J1939) or by the id of
their frames and, with extended addressing, their address (ISO-TP, only ids that are named). A listener hears both
directions or only one: clear-to-send, acknowledgement and flow control help where they are heard and are not
waited for.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy

from telemetry_core.frames cimport (
    FLAG_BY_PGN, FLAG_PAYLOAD, ID_ERROR, ID_EXTENDED, ID_MASK, ID_REMOTE, INLINE_PAYLOAD, Frame, FrameBatch, payload,
)
from telemetry_core.plan cimport EXTENDED_DATA_PAGE, Bus, find_extended
from telemetry_core.sessions cimport (
    CHANNELS, END_ABORTED, END_COMPLETE, END_LOST_PACKETS, END_MALFORMED, END_RESTARTED, END_TOO_LONG, END_UNFINISHED,
    Session, Sessions,
)

cdef enum:
    TP_CONTROL = 0xEC            # PDU format of the J1939 frames that open and close sessions
    TP_DATA = 0xEB
    REQUEST_TO_SEND = 16
    CLEAR_TO_SEND = 17
    END_OF_MESSAGE = 19
    BROADCAST_ANNOUNCE = 32
    ABORT = 255
    MAX_J1939_BYTES = 1785
    PACKET_BYTES = 7
    MAX_ISOTP_BYTES = 65534      # one byte less than a batch takes: its length may come in front
    FIRST_ROOM = 4096            # bytes: what a longer session announces is believed as it comes
    CLASSIC_BYTES = 8            # of a frame without CAN FD
    SINGLE = 0
    FIRST = 1
    CONSECUTIVE = 2
    FLOW_CONTROL = 3
    OVERFLOW = 0x32              # flow control: the receiver takes none of it
    NO_KIND = 16
    NO_PGN = 0x3FFFF             # an abort that names none
    DATA_PAGE = 0x01000000

cdef int64_t BETWEEN_PACKETS_NS = 750_000_000   # T1 of J1939-21
cdef int64_t AFTER_CONTROL_NS = 1_250_000_000   # T2 and T3: after RTS, CTS and the end of a block
cdef int64_t ISOTP_NS = 2_000_000_000           # twice N_Cr of ISO 15765-2: generous costs nothing

_ENDS = ("complete", "timeout", "restarted", "aborted", "lost_packets", "malformed", "too_long", "evicted",
         "unfinished")


cdef inline uint8_t pdu_format(uint32_t id) noexcept nogil:
    return (id >> 16) & 0xFF


cdef inline uint32_t pair(uint32_t sender, uint32_t receiver) noexcept nogil:
    return sender << 8 | receiver


cdef inline uint32_t sender_first(const Frame* frame) noexcept nogil:
    """The key of the session whose sender has sent this frame."""
    return pair(frame.id & 0xFF, (frame.id >> 8) & 0xFF)


cdef inline uint32_t receiver_first(const Frame* frame) noexcept nogil:
    """The key of the session whose receiver has sent this frame."""
    return pair((frame.id >> 8) & 0xFF, frame.id & 0xFF)


cdef inline uint32_t carried_pgn(const Frame* frame) noexcept nogil:
    cdef uint32_t pgn = frame.data[5] | <uint32_t>frame.data[6] << 8 | <uint32_t>(frame.data[7] & 3) << 16
    return pgn & 0x3FF00 if (pgn & 0xFF00) < 0xF000 else pgn


cdef inline uint32_t payload_id(const Session* session) noexcept nogil:
    """Priority 6, the announced PGN with its destination if it has room for one, the sender."""
    cdef uint32_t key = <uint32_t>session.key
    cdef uint32_t id = <uint32_t>ID_EXTENDED | 6 << 26 | session.pgn << 8 | key >> 8
    return id | (key & 0xFF) << 8 if (session.pgn & 0xFF00) < 0xF000 else id


cdef inline void copy_head(Frame* to, const Frame* frame) noexcept nogil:
    """All but length and payload."""
    to.time_ns = frame.time_ns
    to.nudge_ns = frame.nudge_ns
    to.id = frame.id
    to.channel = frame.channel
    to.flags = frame.flags


cdef void store_packet(Session* session, const Frame* frame) noexcept nogil:
    """The next packet of a J1939 session, or one that is sent again."""
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
    """Whether a packet has other bytes than it had: it is the next message's, whose announcement was lost."""
    cdef uint32_t number = frame.data[0]
    return (not session.is_done and 0 < number <= session.packets
            and (session.seen[number // 64] >> (number % 64)) & 1
            and memcmp(session.payload + (number - 1) * PACKET_BYTES, frame.data + 1, PACKET_BYTES) != 0)


cdef bint is_repeated(const Session* session, const uint8_t* data, Py_ssize_t length) noexcept nogil:
    """Whether a consecutive frame brings what the last one brought."""
    cdef Py_ssize_t count = length - 1
    return (0 < count <= <Py_ssize_t>session.stored
            and memcmp(session.payload + session.stored - count, data + 1, count) == 0)


cdef inline uint64_t isotp_key(const Frame* frame, const IsoTpRule* rule, const uint8_t* data) noexcept nogil:
    """The key of the session that this frame is part of."""
    return <uint64_t>data[0] << 32 | frame.id if rule.address_bytes and frame.length else frame.id


cdef inline bint answers(uint64_t receiver, uint64_t sender, bint has_address) noexcept nogil:
    """Whether the keys are, by the usual numbering of ids, those of the two directions of one conversation."""
    cdef uint32_t here = <uint32_t>receiver
    cdef uint32_t there = <uint32_t>sender
    if has_address:  # each names the other by the last byte of its id
        return receiver >> 32 == (there & 0xFF) and sender >> 32 == (here & 0xFF)
    if here & ID_EXTENDED:  # normal fixed addressing: receiver and sender are the last bytes
        return here == ((there & <uint32_t>0xFFFF0000) | (there & 0xFF) << 8 | (there >> 8 & 0xFF))
    return here ^ there == 8  # ISO 15765-4: 7E0 and 7E8


cdef class Transport:
    """Follows sessions on any number of channels; relies on `plan` for which ids are known."""

    def __cinit__(self, Plan plan not None):
        self.plan = plan
        self.sessions = Sessions()
        self.channel_counts = self.sessions.counts
        self.listening = <Listening*>calloc(CHANNELS, sizeof(Listening))
        if self.listening == NULL:
            raise MemoryError
        self.is_idle = True
        self.out = FrameBatch(1)

    def __dealloc__(self):
        cdef Py_ssize_t channel
        if self.listening != NULL and not self.is_idle:
            for channel in range(CHANNELS):
                free(self.listening[channel].rules)
        free(self.listening)

    def bind(self, uint16_t channel, Py_ssize_t bus, *, bint j1939=False, isotp=()):
        """Say what to listen for on a channel, and which bus of the plan it is (-1: none).

        isotp: (id with its ID_* bits, whether addressing is extended, whether the payload is preceded by the
        low byte of its length), each id once.
        """
        if not -1 <= bus < self.plan.bus_count:
            raise IndexError(f"the plan has no bus {bus}")
        cdef Listening* listening = &self.listening[channel]
        cdef IsoTpRule* rules = <IsoTpRule*>calloc(max(len(isotp), 1), sizeof(IsoTpRule))
        if rules == NULL:
            raise MemoryError
        free(listening.rules)
        listening.rules = rules
        listening.rule_count = len(isotp)
        for index, (id, extended_addressing, with_length) in enumerate(isotp):
            rules[index].id = id
            rules[index].address_bytes = bool(extended_addressing)
            rules[index].with_length = bool(with_length)
        listening.bus = <uint16_t>(bus + 1)
        listening.j1939 = j1939
        if j1939 or isotp:
            self.is_idle = False

    def reassemble(self, FrameBatch frames not None):
        """The frames for the decoder: `frames` itself where no session is concerned, else a batch that is
        valid until the next call.
        """
        cdef Py_ssize_t first
        cdef bint done
        if self.is_idle:
            return frames
        with nogil:
            first = self._first(frames)
        if first == frames.count:
            return frames
        if self.out.capacity < 2 * frames.count:  # each frame completes one payload at most
            self.out = FrameBatch(2 * frames.count)
        self.out.clear()
        self.out.position = frames.position
        with nogil:
            done = self._run(frames)
        if not done:
            raise MemoryError
        return self.out

    def counts(self, uint16_t channel):
        """Frames that went no further: absorbed by sessions, or lost with those that were not completed."""
        return {
            "absorbed": self.channel_counts[channel].absorbed,
            "lost/incomplete_session": self.channel_counts[channel].lost,
        }

    def session_counts(self, uint16_t channel):
        """Sessions by what became of them, and `orphans`: packets that belong to no session."""
        counts = {name: self.channel_counts[channel].ends[index] for index, name in enumerate(_ENDS)}
        counts["orphans"] = self.channel_counts[channel].orphans
        return counts

    def open_frames(self, uint16_t channel):
        """Frames of the channel's sessions that are open."""
        cdef Py_ssize_t index
        cdef long long frames = 0
        for index in range(self.sessions.count):
            if self.sessions.items[index].channel == channel:
                frames += self.sessions.items[index].frames
        return frames

    def end_sessions(self, uint16_t channel):
        """Nothing more will come on this channel: what is open there was not finished."""
        cdef Py_ssize_t index = self.sessions.count
        while index:
            index -= 1
            if self.sessions.items[index].channel == channel:
                self.sessions.end(&self.sessions.items[index], END_UNFINISHED)

    cdef const IsoTpRule* _rule(self, const Frame* frame) noexcept nogil:
        cdef const Listening* listening = &self.listening[frame.channel]
        cdef uint16_t index
        for index in range(listening.rule_count):
            if listening.rules[index].id == frame.id:
                return &listening.rules[index]
        return NULL

    cdef bint _hears(self, const Frame* frame) noexcept nogil:
        """Whether it may be a frame of a J1939 session."""
        cdef uint32_t flags = frame.id & (<uint32_t>ID_EXTENDED | ID_REMOTE | ID_ERROR | EXTENDED_DATA_PAGE)
        return (flags == <uint32_t>ID_EXTENDED
                and (pdu_format(frame.id) == TP_CONTROL or pdu_format(frame.id) == TP_DATA)
                and (frame.id & DATA_PAGE) == 0 and frame.length == 8
                and self.listening[frame.channel].j1939)

    cdef Py_ssize_t _first(self, FrameBatch frames) noexcept nogil:
        """Index of the first frame that a session may be concerned with; their number if there is none."""
        cdef Py_ssize_t index
        for index in range(frames.count):
            if self._hears(&frames.frames[index]) or self._rule(&frames.frames[index]) != NULL:
                return index
        return frames.count

    cdef bint _run(self, FrameBatch frames) noexcept nogil:
        cdef Py_ssize_t index
        cdef const Frame* frame
        cdef const IsoTpRule* rule
        for index in range(frames.count):
            frame = &frames.frames[index]
            rule = self._rule(frame)
            if rule != NULL:
                self.sessions.expire(frame.channel, frame.time_ns)
                if not self._isotp(frame, rule, payload(frame, frames.payloads)):
                    return False
            elif self._hears(frame):
                self.sessions.expire(frame.channel, frame.time_ns)
                if not self._j1939(frame):
                    return False
            elif not self._pass(frame, frames.payloads):
                return False
        return True

    cdef bint _pass(self, const Frame* frame, const uint8_t* payloads) noexcept nogil:
        """The frame itself goes on."""
        cdef Frame* copy = self.out.add(frame.length)
        if copy == NULL:
            return False
        if frame.length <= INLINE_PAYLOAD:
            copy[0] = frame[0]
            return True
        memcpy(<uint8_t*>payload(copy, self.out.payloads), payload(frame, payloads), frame.length)
        copy_head(copy, frame)
        return True

    cdef bint _emit(self, const Frame* last, uint32_t id, uint8_t flags, const uint8_t* data, uint32_t size,
                    bint with_length) noexcept nogil:
        """A payload goes on, with the stamp of the frame that completed it."""
        cdef Frame* frame = self.out.add(<uint16_t>(size + with_length))
        cdef uint8_t* to
        if frame == NULL:
            return False
        copy_head(frame, last)
        frame.id = id
        frame.flags = flags
        to = <uint8_t*>payload(frame, self.out.payloads)
        if with_length:
            to[0] = size & 0xFF
        memcpy(to + with_length, data, size)
        return True

    # -- J1939

    cdef bint _j1939(self, const Frame* frame) noexcept nogil:
        """Take one frame of a session, or let it go on. False without memory."""
        cdef const Bus* bus = &self.plan.buses[self.listening[frame.channel].bus]
        cdef bint is_known = find_extended(bus, frame.id & ID_MASK) != 0
        cdef Session* session
        if is_known and not self._pass(frame, NULL):  # before what it completes
            return False
        if pdu_format(frame.id) == TP_DATA:
            session = self.sessions.find(frame.channel, True, sender_first(frame))
            self.channel_counts[frame.channel].orphans += session == NULL
        elif frame.data[0] == REQUEST_TO_SEND or frame.data[0] == BROADCAST_ANNOUNCE:
            session = self._announced(frame)
        elif frame.data[0] == CLEAR_TO_SEND or frame.data[0] == END_OF_MESSAGE:
            session = self.sessions.find(frame.channel, True, receiver_first(frame))
        elif frame.data[0] == ABORT:
            session = self._to_abort(frame)
        else:
            session = NULL
        if session == NULL:
            return is_known or self._pass(frame, NULL)
        session.last_ns = frame.time_ns
        if not is_known:
            self.sessions.count_frame(session)
        if pdu_format(frame.id) == TP_DATA:
            if is_of_another(session, frame):
                self.sessions.end(session, END_LOST_PACKETS)
                return True
            store_packet(session, frame)
        elif frame.data[0] == CLEAR_TO_SEND:
            session.block = frame.data[1]
            session.limit_ns = AFTER_CONTROL_NS
        elif frame.data[0] == END_OF_MESSAGE:
            self.sessions.end(session, END_LOST_PACKETS)  # which has no effect on one that is complete
            return True
        elif frame.data[0] == ABORT:
            self.sessions.end(session, END_ABORTED)
            return True
        if session.is_done or session.stored < session.packets:
            return True
        if not self._emit(frame, payload_id(session), FLAG_PAYLOAD | FLAG_BY_PGN, session.payload, session.size, False):
            return False
        self.sessions.complete(session)
        return True

    cdef Session* _announced(self, const Frame* frame) noexcept nogil:
        """The session that RTS or BAM begins; NULL when it makes no sense, or without memory."""
        cdef uint32_t size = frame.data[1] | <uint32_t>frame.data[2] << 8
        cdef uint32_t packets = frame.data[3]
        cdef Session* session
        if not 0 < size <= MAX_J1939_BYTES or packets != (size + PACKET_BYTES - 1) // PACKET_BYTES:
            self.channel_counts[frame.channel].ends[END_MALFORMED] += 1
            return NULL
        session = self.sessions.open(frame.channel, True, sender_first(frame), packets * PACKET_BYTES)
        if session != NULL:
            session.pgn = carried_pgn(frame)
            session.size = size
            session.packets = packets
            session.is_broadcast = frame.data[0] == BROADCAST_ANNOUNCE
            session.limit_ns = BETWEEN_PACKETS_NS if session.is_broadcast else AFTER_CONTROL_NS
        return session

    cdef Session* _to_abort(self, const Frame* frame) noexcept nogil:
        """The session of its sender or receiver, whichever is of the PGN that the frame names."""
        cdef uint32_t pgn = carried_pgn(frame)
        cdef Session* session = self.sessions.find(frame.channel, True, sender_first(frame))
        if session == NULL or (session.pgn != pgn and pgn != NO_PGN):
            session = self.sessions.find(frame.channel, True, receiver_first(frame))
        return session if session != NULL and (session.pgn == pgn or pgn == NO_PGN) else NULL

    # -- ISO-TP

    cdef bint _isotp(self, const Frame* frame, const IsoTpRule* rule, const uint8_t* data) noexcept nogil:
        """Take one frame of an id that is named: none of them goes on. False without memory."""
        cdef Py_ssize_t length = frame.length - rule.address_bytes
        cdef uint64_t key = isotp_key(frame, rule, data)
        cdef Session* session = self.sessions.find(frame.channel, False, key)
        cdef uint8_t kind
        data += rule.address_bytes
        kind = data[0] >> 4 if length > 0 else NO_KIND
        if kind == SINGLE:
            return self._single(frame, rule, session, data, length)
        if kind == FIRST:
            return self._first_frame(frame, key, session, data, length)
        if kind == CONSECUTIVE and session != NULL:
            return self._consecutive(frame, rule, session, data, length)
        if kind == CONSECUTIVE:
            self.channel_counts[frame.channel].orphans += 1
            self.channel_counts[frame.channel].lost += 1
        elif kind == FLOW_CONTROL:  # of the other direction
            self.channel_counts[frame.channel].absorbed += 1
            session = self._refused(frame, rule, key) if data[0] == OVERFLOW else NULL
            if session != NULL:
                self.sessions.end(session, END_ABORTED)
        else:
            self._refuse(frame, END_MALFORMED)
        return True

    cdef Session* _refused(self, const Frame* frame, const IsoTpRule* rule, uint64_t key) noexcept nogil:
        """The session that an overflow is the answer to. It follows a first frame and does not name that one's id:
        of several that wait the one whose id goes with this frame's is meant, one that waits alone is.
        """
        cdef Session* found = NULL
        cdef Session* session
        cdef Py_ssize_t index, count = 0
        cdef bint is_pair, is_found_pair = False
        for index in range(self.sessions.count):
            session = &self.sessions.items[index]
            if (session.channel == frame.channel and not session.is_j1939 and session.frames == 1
                    and <uint32_t>session.key != frame.id):
                is_pair = answers(key, session.key, rule.address_bytes)
                if found == NULL or is_pair > is_found_pair:
                    found = session
                    is_found_pair = is_pair
                    count = 0
                count += is_pair == is_found_pair
        return found if count == 1 else NULL

    cdef void _refuse(self, const Frame* frame, int how) noexcept nogil:
        self.channel_counts[frame.channel].ends[how] += 1
        self.channel_counts[frame.channel].lost += 1

    cdef bint _single(self, const Frame* frame, const IsoTpRule* rule, Session* session, const uint8_t* data,
                      Py_ssize_t length) noexcept nogil:
        cdef Py_ssize_t size = data[0] & 0xF
        cdef Py_ssize_t head = 1
        if size == 0 and frame.length > CLASSIC_BYTES:  # CAN FD: the length has a byte of its own
            size = data[1]
            head = 2
        if size == 0 or head + size > length:
            self._refuse(frame, END_MALFORMED)
            return True
        if session != NULL:
            self.sessions.end(session, END_RESTARTED)
        self.channel_counts[frame.channel].absorbed += 1
        self.channel_counts[frame.channel].ends[END_COMPLETE] += 1
        return self._emit(frame, frame.id, FLAG_PAYLOAD, data + head, <uint32_t>size, rule.with_length)

    cdef bint _first_frame(self, const Frame* frame, uint64_t key, Session* session, const uint8_t* data,
                           Py_ssize_t length) noexcept nogil:
        cdef Py_ssize_t single_head = 2 if frame.length > CLASSIC_BYTES else 1
        cdef Py_ssize_t head = 2
        cdef uint64_t size = 0
        if length > 6:
            size = <uint64_t>(data[0] & 0xF) << 8 | data[1]
            if size == 0:  # longer than 12 bits can say
                head = 6
                size = <uint64_t>data[2] << 24 | <uint64_t>data[3] << 16 | <uint64_t>data[4] << 8 | data[5]
        if session != NULL:
            self.sessions.end(session, END_RESTARTED)
        if size <= <uint64_t>(length - single_head):  # a single frame would have held it
            self._refuse(frame, END_MALFORMED)
            return True
        if size > MAX_ISOTP_BYTES:
            self._refuse(frame, END_TOO_LONG)
            return True
        session = self.sessions.open(frame.channel, False, key, <uint32_t>min(size, <uint64_t>FIRST_ROOM))
        if session == NULL:
            return False
        self.sessions.count_frame(session)
        session.last_ns = frame.time_ns
        session.limit_ns = ISOTP_NS
        session.size = <uint32_t>size
        session.stored = <uint32_t>(length - head)
        session.next_sequence = 1
        session.frame_bytes = <uint8_t>length
        memcpy(session.payload, data + head, length - head)
        return True

    cdef bint _consecutive(self, const Frame* frame, const IsoTpRule* rule, Session* session, const uint8_t* data,
                           Py_ssize_t length) noexcept nogil:
        cdef uint32_t missing = session.size - session.stored
        cdef uint32_t count = <uint32_t>min(<Py_ssize_t>missing, length - 1)
        cdef bint is_cut_off = count < missing and length < session.frame_bytes
        session.last_ns = frame.time_ns
        self.sessions.count_frame(session)
        if data[0] & 0xF == (session.next_sequence - 1) & 0xF and is_repeated(session, data, length):
            return True  # an error on the wire has made the controller send it twice
        if data[0] & 0xF != session.next_sequence or count == 0 or is_cut_off:
            self.sessions.end(session, END_LOST_PACKETS)
            return True
        if not self.sessions.make_room(session, session.stored + count):
            return False
        memcpy(session.payload + session.stored, data + 1, count)
        session.stored += count
        session.next_sequence = (session.next_sequence + 1) & 0xF
        if session.stored < session.size:
            return True
        if not self._emit(frame, frame.id, FLAG_PAYLOAD, session.payload, session.size, rule.with_length):
            return False
        self.sessions.complete(session)
        self.sessions.end(session, END_COMPLETE)
        return True
