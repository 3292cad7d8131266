"""The words of a row (`batch.pxd`): which fields are there, and what their slots hold."""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcpy

from telemetry_core.rows.batch cimport ROW_OTHER_SENDER, RowHead
from telemetry_core.rows.schema cimport HEAD_WORDS, SLOT_FLOAT, SLOT_UINT, Field, Schema

cdef extern from *:
    """
    static const double POWERS_OF_TEN[19] = {  /* exact as doubles, by the decimals of a number */
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18};
    """
    const double POWERS_OF_TEN[19]
    int lowest_bit "__builtin_ctzll" (uint64_t word) noexcept nogil

cdef enum:
    J1939_SENDER = 0xFF          # the bits of an id that say who sent it


cdef inline bint has_field(const uint64_t* row, uint32_t field) noexcept nogil:
    return (row[HEAD_WORDS + field // 64] >> (field % 64)) & 1


cdef inline const uint64_t* slots_of(Schema schema, const uint64_t* row) noexcept nogil:
    return row + HEAD_WORDS + schema.records[(<const RowHead*>row).record].mask_words


cdef inline void set_word(uint64_t* row, uint32_t mask_words, uint32_t field, uint64_t word) noexcept nogil:
    row[HEAD_WORDS + field // 64] |= <uint64_t>1 << (field % 64)
    row[HEAD_WORDS + mask_words + field] = word


cdef inline void set_double(uint64_t* row, uint32_t mask_words, uint32_t field, double value) noexcept nogil:
    cdef uint64_t word
    value += 0.0  # no negative zero
    memcpy(&word, &value, 8)
    set_word(row, mask_words, field, word)


cdef inline double get_double(const uint64_t* row, uint32_t mask_words, uint32_t field) noexcept nogil:
    cdef double value
    memcpy(&value, &row[HEAD_WORDS + mask_words + field], 8)
    return value


cdef inline double value_of(const Field* field, uint64_t slot) noexcept nogil:
    # The nearest double of what a slot stands for, of a field of numbers.
    cdef double number
    if field.kind == SLOT_FLOAT:
        memcpy(&number, &slot, 8)
    elif field.decimal:
        return <double>(<int64_t>slot * field.multiplier + field.bias) / POWERS_OF_TEN[field.decimals]
    else:
        number = <double>slot if field.kind == SLOT_UINT else <double><int64_t>slot
    return number * field.factor + field.offset


cdef inline bint reports_fault(Schema schema, const uint64_t* row, int32_t protection) noexcept nogil:
    # Whether the row's field `protection` (-1: it has none) says that its frame failed its checks.
    return protection >= 0 and has_field(row, protection) and not slots_of(schema, row)[protection]


cdef inline uint32_t sender_in(uint32_t id, uint32_t mask) noexcept nogil:
    # The address of the device that sent a frame: these bits of its id, from three bytes laid into one. 0xFF: J1939.
    cdef uint32_t bits = id & mask
    return (bits | bits >> 8 | bits >> 16) & 0xFF


cdef inline bint is_of_sender(const RowHead* head, int32_t sender, uint32_t mask) noexcept nogil:
    # Whether the row is of the address `sender`; -1: of a sender that is not ignored, or of none.
    return sender_in(head.id, mask) == <uint32_t>sender if sender >= 0 else not head.id & ROW_OTHER_SENDER
