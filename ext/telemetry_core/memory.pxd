"""Memory of arrays: zeroed, or grown by one item after another. Both functions raise MemoryError."""

from libc.stdlib cimport calloc, realloc


# `count` zeroed items, one at least.
cdef inline void* zeroed(size_t count, size_t size) except NULL nogil:
    cdef void* memory = calloc(max(count, <size_t>1), size)
    if memory == NULL:
        with gil:
            raise MemoryError
    return memory


# `items` with room for one more after `count`, perhaps in another place. `room` is how many there is room for.
cdef inline void* with_room(void* items, size_t* room, size_t count, size_t size) except NULL nogil:
    cdef size_t larger = 2 * room[0] + 16
    cdef void* grown
    if count < room[0]:
        return items
    grown = realloc(items, larger * size)
    if grown == NULL:
        with gil:
            raise MemoryError
    room[0] = larger
    return grown
