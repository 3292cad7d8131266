"""Data sheet of a message in a decode plan: where its signals are, packed for the loop.

unpack.h has the innermost structs.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from telemetry_core.rows.schema cimport Field, Schema

cdef enum:
    CACHE_LINE_BYTES = 64
    MAX_CAPACITY = 1792          # bytes of payload: the longest J1939 transport message, in whole words

cdef enum Shape:
    SHAPE_PLAIN = 0              # 8 bytes, 64 fields at most, each one op, in their order
    SHAPE_ANY = 1

cdef struct Interval:            # of a selector's raw values, and what it selects
    int64_t low
    int64_t high
    uint32_t first_group         # in Selector.groups
    uint32_t group_count

cdef struct Selector:
    uint64_t bias                # XORed to the raw value, so that unsigned 64-bit values are in order
    Interval* intervals          # disjoint and sorted
    uint32_t* groups             # indexes into Extra.groups
    uint32_t interval_count
    uint16_t slot

cdef enum SpecialKind:
    SPECIAL_LITTLE_9 = 0         # 58 to 64 bits over nine bytes
    SPECIAL_BIG_9 = 1
    SPECIAL_FLOAT_16 = 2
    SPECIAL_FLOAT_32 = 3
    SPECIAL_FLOAT_64 = 4

cdef struct Special:             # what an Op alone cannot do
    uint64_t mask
    uint64_t sign                # the sign bit, 0 when unsigned
    uint16_t slot
    uint16_t byte
    uint8_t shift
    uint8_t kind

cdef struct Text:                # ASCII characters
    uint16_t slot
    uint16_t byte                # of the payload: the first
    uint8_t count
    const Field* field

cdef struct Digits:              # packed BCD
    uint16_t slot
    uint8_t count

cdef struct Short:               # a signal of which a payload of `length` bytes holds all that there is
    uint16_t slot
    uint16_t length
    uint8_t bits                 # of it there

cdef struct Present:             # a signal that has a value where the bit is 1
    uint16_t slot
    uint16_t byte                # of the payload
    uint8_t bit                  # as a mask

cdef struct Limit:               # raw bits from `limit` on, `span` more, are not a value: J1939, declared invalid
    uint64_t mask
    uint64_t limit
    uint64_t span
    uint16_t slot

cdef extern from "telemetry_core/decode/unpack.h":
    enum:
        FOUR
        MOST_FOURS
        SIDE_INTEL
        SIDE_MOTOROLA
        SIGN_NONE
    ctypedef struct Op:
        uint8_t left
        uint8_t right
        uint8_t clear
        uint16_t offset
        uint16_t slot
    ctypedef struct Four:
        uint8_t[4] left
        uint8_t[4] right
        uint8_t[4] sign
        uint8_t[4] side
    ctypedef struct Message:
        uint64_t mask
        void* extra
        uint32_t record
        uint32_t row_words
        uint16_t four_count
        uint16_t need_bytes
        uint8_t shape
        uint8_t by_pgn
        uint8_t is_masked
        Four* fours

cdef struct Group:               # the signals of one condition
    uint64_t* mask               # mask_words words
    Op* ops
    uint16_t op_count
    uint16_t need_bytes          # a payload of so many bytes holds all its signals

cdef struct Extra:
    uint64_t* mask               # mask_words words: the unconditional signals
    uint16_t* ends               # for each field: bytes of payload that it needs
    Group* groups
    Selector* selectors          # a selector comes after the one that it depends on
    Special* specials            # those of nine bytes before the floats
    Limit* limits
    Op* ops                      # the unconditional signals
    uint16_t op_count
    uint16_t mask_words
    uint16_t capacity            # payload bytes of the buffer, a multiple of 8
    uint16_t selector_count
    uint16_t special_count
    uint16_t limit_count
    Text* texts
    Digits* digits
    Short* shorts
    Present* presents
    uint64_t* optional           # mask_words words: signals that a short payload may lack
    uint64_t* together           # mask_words words for each set of signals
    uint16_t text_count
    uint16_t digits_count
    uint16_t short_count
    uint16_t present_count
    uint16_t together_count
    uint32_t sender_mask         # of a masked id: the bits that say which device sent it; 0: none do
    uint8_t makes_values         # of texts, digits or short forms, or has signals that need other bits
    uint8_t reports_protection   # by a flag after the last signal
    uint8_t keeps_empty          # gives a row also where no signal is there
    uint16_t protection_slot

cdef class PlanMemory:
    cdef list pieces
    cdef char* at
    cdef size_t left

    cdef void* take(self, size_t size) except NULL
    cdef char* take_cache_lines(self, size_t count) except NULL

cdef object check(spec, fields)
cdef object cache_line_count(spec)
cdef object pack(Message* message, spec, Schema schema, PlanMemory memory)
