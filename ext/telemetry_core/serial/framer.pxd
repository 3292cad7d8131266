"""Data sheet of the framers: the bytes of a serial line as frames."""

from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t

from telemetry_core.frames.batch cimport FrameBatch

cdef enum:
    LONGEST_MESSAGE = 512        # bytes, in any framing
    MAX_TEXTS = 8
    TEXT_ROOM = 64               # bytes of a text; what is longer is cut

cdef struct Text:
    uint8_t length               # 0: never heard
    char letters[TEXT_ROOM]

cdef class Framer:
    cdef readonly uint16_t channel
    cdef Py_ssize_t shortest     # bytes of the shortest message
    cdef Py_ssize_t kept         # bytes that may still become part of one
    cdef int64_t messages
    cdef int64_t bad_checksum
    cdef int64_t garbage_bytes
    cdef tuple text_names        # of `texts`
    cdef Py_ssize_t text_count
    cdef Text texts[MAX_TEXTS]   # the last of each

    cdef object _name_texts(self, names)
    cdef void keep_text(self, Py_ssize_t index, const char* letters, Py_ssize_t length) noexcept nogil
    cdef object _check_room(self, Py_ssize_t byte_count, FrameBatch frames)
    cdef void begin_feed(self, int64_t time_ns) noexcept nogil
    # One byte more; false without memory for a frame.
    cdef bint take(self, uint8_t byte, int64_t time_ns, FrameBatch frames) noexcept nogil
    cdef bint end(self, FrameBatch frames) noexcept nogil

cdef enum Size:                  # of a message that begins at a place; others are bytes
    SIZE_NONE = 0                # none begins there
    SIZE_UNKNOWN = -1            # too few bytes to say

cdef enum Verdict:
    VERDICT_GOOD
    VERDICT_WRONG_CHECK
    VERDICT_WRONG_END

cdef struct Piece:
    uint16_t offset
    uint16_t length

cdef struct Shape:               # framing.ReplyShape of one kind
    uint16_t first_piece
    uint16_t piece_count
    uint16_t ahead_bytes         # of all its pieces
    uint16_t least_bytes         # of data, so that all pieces are there
    int16_t count_at             # -1: data are handed on as they are
    uint16_t head_bytes
    uint16_t item_bytes

cdef class MessageFramer(Framer):
    cdef readonly object framing
    cdef uint8_t start
    cdef uint8_t last
    cdef uint8_t good_status
    cdef uint8_t error_status
    cdef uint8_t is_request[256] # by kind
    cdef int16_t text_of[256]    # by kind: its place in `texts`; -1: none
    cdef Py_ssize_t kind_at
    cdef Py_ssize_t status_at
    cdef Py_ssize_t length_at
    cdef Py_ssize_t data_at
    cdef Py_ssize_t check_from
    cdef Shape shapes[256]       # by kind
    cdef Piece* pieces
    cdef uint8_t buffer[2 * LONGEST_MESSAGE]
    cdef int64_t stamps[2 * LONGEST_MESSAGE] # of each byte of the buffer
    cdef Py_ssize_t head         # the buffer's first byte that is kept
    cdef int64_t bad_lengths
    cdef int64_t echoes
    cdef int64_t error_replies

    cdef object _pack_shapes(self, replies)
    cdef Py_ssize_t size_at(self, const uint8_t* at, Py_ssize_t count) noexcept nogil
    cdef Verdict judge(self, const uint8_t* at, Py_ssize_t size) noexcept nogil
    cdef bint is_given_up(self, uint8_t byte) noexcept nogil
    cdef bint settle(self, uint8_t byte, bint is_end, FrameBatch frames) noexcept nogil
    cdef bint hand_on(self, const uint8_t* at, Py_ssize_t size, int64_t time_ns, FrameBatch frames) noexcept nogil
    cdef void drop(self, Py_ssize_t count) noexcept nogil
