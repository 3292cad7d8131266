"""Memory of columns, counted in C.

Promises:

- A chunk never moves and never grows: what a consumer has been given stays where it is.
- Memory of a column is taken with its first value, and of its validity with the first gap.
- Any thread may give a reference back, with or without the interpreter.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

cdef extern from *:
    """
    #define count_up(counter) __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED)
    #define count_down(counter) __atomic_sub_fetch(counter, 1, __ATOMIC_ACQ_REL)
    """
    int count_up(int* counter) noexcept nogil
    int count_down(int* counter) noexcept nogil


cdef Chunk* new_chunk(uint32_t column_count, const uint8_t* bits, size_t room) noexcept nogil:
    cdef uint32_t index
    cdef Chunk* chunk = <Chunk*>calloc(1, sizeof(Chunk))
    if chunk == NULL:
        return NULL
    chunk.columns = <ColumnData*>calloc(column_count, sizeof(ColumnData))
    if chunk.columns == NULL:
        free(chunk)
        return NULL
    for index in range(column_count):
        chunk.columns[index].bits = bits[index]
    chunk.references = 1
    chunk.room = room
    chunk.column_count = column_count
    return chunk


cdef void keep_chunk(Chunk* chunk) noexcept nogil:
    count_up(&chunk.references)


cdef void drop_chunk(Chunk* chunk) noexcept nogil:
    cdef uint32_t index
    if chunk == NULL or count_down(&chunk.references):
        return
    for index in range(chunk.column_count):
        free(chunk.columns[index].values)
        free(chunk.columns[index].validity)
    free(chunk.columns)
    free(chunk)


cdef bint make_values(Chunk* chunk, ColumnData* data) noexcept nogil:
    if data.values == NULL:
        data.values = calloc((chunk.room * data.bits + 63) // 64, 8)
    return data.values != NULL


cdef bint make_validity(Chunk* chunk, ColumnData* data) noexcept nogil:
    cdef size_t index
    data.validity = <uint8_t*>calloc((chunk.room + 63) // 64, 8)
    if data.validity == NULL:
        return False
    memset(data.validity, 0xFF, data.present // 8)
    for index in range(data.present // 8 * 8, data.present):
        set_bit(data.validity, index)
    return True


cdef bint seal(Chunk* chunk) noexcept nogil:
    cdef uint32_t index
    cdef ColumnData* data
    for index in range(chunk.column_count):
        data = &chunk.columns[index]
        if not make_values(chunk, data):
            return False
        if data.validity == NULL and data.present < chunk.rows and not make_validity(chunk, data):
            return False
    return True


cdef void keep_dictionary(Dictionary* words) noexcept nogil:
    count_up(&words.references)


cdef void drop_dictionary(Dictionary* words) noexcept nogil:
    if words == NULL or count_down(&words.references):
        return
    free(words.offsets)
    free(words.text)
    free(words)
