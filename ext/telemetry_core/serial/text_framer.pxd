"""Data sheet of the framer of text blocks."""

from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from telemetry_core.serial.framer cimport MAX_TEXTS, Framer, Text
from telemetry_core.frames.batch cimport FrameBatch

cdef enum:
    LABEL_ROOM = 16              # bytes of the longest label
    VALUE_ROOM = 33              # bytes of the longest value, and one more: it was too long
    MAX_NUMBERS = 64

cdef enum State:
    STATE_BEGIN                  # nothing is known: a block begins here, or this is the middle of one
    STATE_SEARCH                 # in the middle of a block: until the next `Checksum`
    STATE_SEARCH_SUM             # its byte
    STATE_BETWEEN                # a block has ended: the next one begins with CR
    STATE_LABEL                  # from here on within a block
    STATE_VALUE
    STATE_SUM                    # the byte after `Checksum`, of any value

cdef struct Label:               # framing.TextLabel
    char name[LABEL_ROOM]
    uint8_t length
    uint8_t form                 # framing.ValueForm
    int16_t number               # its place in the payload; -1: none
    int16_t text                 # its place in Framer.texts; -1: none

cdef struct Kind:                # framing.TextKind
    uint64_t labels              # mask of places in the payload
    uint16_t id
    uint16_t first_product       # in TextFramer.products
    uint16_t product_count

cdef struct Role:                # framing.TextRole
    int16_t number               # of its label, the place in the payload; -1: there is none
    uint16_t kind
    uint16_t id

cdef struct Products:
    uint32_t low
    uint32_t high

cdef class TextFramer(Framer):
    cdef readonly object framing
    cdef Label* labels
    cdef Py_ssize_t label_count
    cdef Py_ssize_t number_count
    cdef Kind* kinds
    cdef Py_ssize_t kind_count
    cdef Products* products
    cdef int16_t product         # its place in the payload
    cdef Role role
    cdef int64_t silence_ns
    cdef Py_ssize_t longest_block
    cdef State state
    cdef bint in_hex             # a HEX message has interrupted `state`
    cdef int64_t last_ns
    cdef uint8_t sum
    cdef char label[LABEL_ROOM]
    cdef Py_ssize_t label_length # over LABEL_ROOM: it was too long
    cdef char value[VALUE_ROOM]
    cdef Py_ssize_t value_length
    cdef Py_ssize_t matched      # letters of `Checksum` and its tab that were seen while searching
    cdef uint64_t present        # mask of the numbers that the block has
    cdef uint32_t numbers[MAX_NUMBERS]
    cdef Text block_texts[MAX_TEXTS] # of the block so far
    cdef Py_ssize_t kind         # of the last block
    cdef bint has_role           # likewise
    cdef int64_t incomplete
    cdef int64_t oversized
    cdef int64_t hex_messages
    cdef int64_t unknown_labels
    cdef int64_t unreadable_values
    cdef int64_t block_unknown   # the same of the block so far
    cdef int64_t block_unreadable

    cdef object _pack_labels(self, labels, names)
    cdef object _pack_kinds(self, kinds, names)
    cdef bint take_text(self, uint8_t byte, int64_t time_ns, FrameBatch frames) noexcept nogil
    cdef bint take_in_block(self, uint8_t byte, int64_t time_ns, FrameBatch frames) noexcept nogil
    cdef void begin_block(self) noexcept nogil
    cdef void give_up(self, State next_state) noexcept nogil
    cdef void give_up_oversized(self) noexcept nogil
    cdef void end_value(self) noexcept nogil
    cdef void keep_texts(self) noexcept nogil
    cdef const Label* find_label(self) noexcept nogil
    cdef bint end_block(self, int64_t time_ns, FrameBatch frames) noexcept nogil
    cdef Py_ssize_t kind_of_block(self) noexcept nogil
    cdef uint16_t id_of_block(self) noexcept nogil
