"""Data sheet of chunks: the memory of some rows of a table, and of the words that codes stand for.

Both are counted: a consumer of Arrow arrays may give them back in any thread, without the interpreter's lock, and
after the interpreter has ended.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t

cdef struct ColumnData:
    void* values                 # NULL before the first value
    uint8_t* validity            # bit i: row i has a value; NULL: exactly the first `present` rows have one
    size_t present
    uint32_t bits                # of a value: 1 (packed), 32 or 64

cdef struct Chunk:
    int references
    size_t rows
    size_t room
    uint32_t column_count
    ColumnData* columns

cdef struct Dictionary:          # words, as Arrow lays out utf8
    int references
    int32_t count
    int32_t* offsets
    char* text

cdef Chunk* new_chunk(uint32_t column_count, const uint8_t* bits, size_t room) noexcept nogil
cdef void keep_chunk(Chunk* chunk) noexcept nogil
cdef void drop_chunk(Chunk* chunk) noexcept nogil

# Memory for the values, zeroed; False without memory.
cdef bint make_values(Chunk* chunk, ColumnData* data) noexcept nogil
# Memory for the validity, with what it says so far.
cdef bint make_validity(Chunk* chunk, ColumnData* data) noexcept nogil
# Give every column what an Arrow array must have. The chunk has all its rows.
cdef bint seal(Chunk* chunk) noexcept nogil

cdef void keep_dictionary(Dictionary* words) noexcept nogil
cdef void drop_dictionary(Dictionary* words) noexcept nogil

cdef inline void set_bit(uint8_t* bits, size_t index) noexcept nogil:
    bits[index >> 3] |= <uint8_t>(1 << (index & 7))

cdef inline bint get_bit(const uint8_t* bits, size_t index) noexcept nogil:
    return (bits[index >> 3] >> (index & 7)) & 1

cdef inline bint mark(Chunk* chunk, ColumnData* data, size_t row) noexcept nogil:
    """Say that `row`, which is later than all marked before, has a value. False without memory."""
    if data.validity == NULL:
        if data.present == row:
            data.present += 1
            return True
        if not make_validity(chunk, data):
            return False
    set_bit(data.validity, row)
    data.present += 1
    return True
