"""Data sheet of transport sessions: what is remembered of one, and how it may end."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum:
    CHANNELS = 65536
    MAX_SESSIONS = 256           # open at once, over all channels

cdef enum:                       # how a session may end
    END_COMPLETE = 0
    END_TIMEOUT = 1
    END_RESTARTED = 2            # another one began in its place
    END_ABORTED = 3
    END_LOST_PACKETS = 4         # it ended before all of its packets had come, or they were out of order (see `end`)
    END_MALFORMED = 5            # it announced what cannot be
    END_TOO_LONG = 6             # it announced more than is kept
    END_EVICTED = 7              # more were open than are followed
    END_UNFINISHED = 8           # the log ended, or the service
    END_KINDS = 9

cdef struct Session:
    uint16_t channel
    uint8_t is_j1939
    uint8_t is_done              # its payload has gone out: further frames of it are absorbed
    uint8_t next_sequence        # ISO-TP: of the next consecutive frame
    uint8_t frame_bytes          # ISO-TP: of the first frame, and so of each but the last one, without an address
    uint8_t is_broadcast         # J1939: announced by BAM
    uint8_t last_packet          # J1939: the highest number that has come
    uint64_t key                 # J1939: sender << 8 | receiver; ISO-TP: address byte << 32 | id with its ID_* bits
    uint32_t pgn                 # J1939
    uint32_t size                # bytes announced
    uint32_t stored              # J1939: packets that have come; ISO-TP: bytes
    uint32_t packets             # J1939: announced
    uint32_t block               # J1939: packets left of those that the receiver asked for; 0: not known
    uint32_t frames              # taken so far, and not passed on
    int64_t first_ns             # of its first frame
    int64_t last_ns
    int64_t limit_ns             # how long its next frame may take
    uint64_t seen[4]             # J1939: packets by number
    uint8_t* payload
    uint32_t room                # bytes at `payload`

cdef struct SessionCounts:       # of a channel
    uint64_t absorbed            # frames of sessions that were completed
    uint64_t lost                # frames of sessions that were not
    uint64_t orphans             # packets of no session; they go on as frames like any other
    uint64_t ends[END_KINDS]     # sessions

cdef class Sessions:
    cdef Session* items
    cdef Py_ssize_t count
    cdef int64_t* least_ns       # of a channel: no limit is shorter than this
    cdef SessionCounts* counts   # one for each 16-bit channel number: untouched pages cost nothing

    cdef Session* find(self, uint16_t channel, bint is_j1939, uint64_t key) noexcept nogil
    # A new session in place of an earlier one of the same key. Raises MemoryError.
    cdef Session* open(self, uint16_t channel, bint is_j1939, uint64_t key, uint32_t room) except NULL nogil
    cdef int make_room(self, Session* session, uint32_t room) except -1 nogil
    # One more frame belongs to it, and does not go on.
    cdef void count_frame(self, Session* session) noexcept nogil
    cdef void complete(self, Session* session) noexcept nogil
    # A broadcast that has a gap ends by lost packets, whatever `how` says.
    cdef void end(self, Session* session, int how) noexcept nogil
    cdef void expire(self, uint16_t channel, int64_t now_ns) noexcept nogil
    cdef Session* _oldest(self) noexcept nogil
