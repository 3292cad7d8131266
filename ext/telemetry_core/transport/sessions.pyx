"""Transport sessions: a bounded table of the unfinished ones, and counts of how each ended.

Promises:

- At most MAX_SESSIONS are open at once: the one that has been silent longest gives way.
- A session ends once. Its end counts by reason, together with the frames that it took.
- Times are those of the frames, so that a log gives the same sessions at any speed.
- Nothing expires where time steps back.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memset

from telemetry_core.memory cimport resized, zeroed


cdef class Sessions:

    def __cinit__(self):
        self.items = <Session*>zeroed(MAX_SESSIONS, sizeof(Session))
        self.counts = <SessionCounts*>zeroed(CHANNELS, sizeof(SessionCounts))
        self.least_ns = <int64_t*>zeroed(CHANNELS, sizeof(int64_t))

    def __dealloc__(self):
        cdef Py_ssize_t index
        for index in range(self.count):
            free(self.items[index].payload)
        free(self.items)
        free(self.counts)
        free(self.least_ns)

    cdef Session* find(self, uint16_t channel, bint is_j1939, uint64_t key) noexcept nogil:
        cdef Py_ssize_t index
        cdef Session* session
        for index in range(self.count):
            session = &self.items[index]
            if session.key == key and session.channel == channel and session.is_j1939 == is_j1939:
                return session
        return NULL

    cdef Session* open(self, uint16_t channel, bint is_j1939, uint64_t key, uint32_t room) except NULL nogil:
        cdef Session* session = self.find(channel, is_j1939, key)
        if session != NULL:
            self.end(session, END_RESTARTED)
        elif self.count == MAX_SESSIONS:
            self.end(self._oldest(), END_EVICTED)
        session = &self.items[self.count]
        memset(session, 0, sizeof(Session))
        self.make_room(session, room)
        session.channel = channel
        session.is_j1939 = is_j1939
        session.key = key
        self.count += 1
        return session

    cdef Session* _oldest(self) noexcept nogil:
        cdef Session* oldest = &self.items[0]
        cdef Py_ssize_t index
        for index in range(self.count):
            if self.items[index].is_done:
                return &self.items[index]
            if self.items[index].last_ns < oldest.last_ns:
                oldest = &self.items[index]
        return oldest

    cdef int make_room(self, Session* session, uint32_t room) except -1 nogil:
        if room > session.room:
            session.payload = <uint8_t*>resized(session.payload, room)
            session.room = room
        return 0

    cdef void count_frame(self, Session* session) noexcept nogil:
        if session.is_done:
            self.counts[session.channel].absorbed += 1
        else:
            session.frames += 1

    cdef void complete(self, Session* session) noexcept nogil:
        self.counts[session.channel].ends[END_COMPLETE] += 1
        self.counts[session.channel].absorbed += session.frames
        session.frames = 0
        session.is_done = True
        free(session.payload)
        session.payload = NULL
        session.room = 0

    cdef void end(self, Session* session, int how) noexcept nogil:
        if not session.is_done:
            if session.is_broadcast and session.stored < session.last_packet:  # nobody asks for it again
                how = END_LOST_PACKETS
            self.counts[session.channel].ends[how] += 1
            self.counts[session.channel].lost += session.frames
        free(session.payload)
        self.count -= 1
        session[0] = self.items[self.count]
        self.items[self.count].payload = NULL

    cdef void expire(self, uint16_t channel, int64_t now_ns) noexcept nogil:
        cdef Py_ssize_t index = self.count
        cdef Session* session
        while index:
            index -= 1
            session = &self.items[index]
            if (session.channel == channel and now_ns > session.last_ns
                    and <uint64_t>now_ns - <uint64_t>session.last_ns
                        > <uint64_t>max(session.limit_ns, self.least_ns[channel])):
                self.end(session, END_TIMEOUT)
