"""Memory of arrays: zeroed, of another size, or grown by one item after another. All functions raise MemoryError."""

from libc.stdlib cimport calloc, realloc
from libc.string cimport memset


# `count` zeroed items, one at least.
cdef inline void* zeroed(size_t count, size_t size) except NULL nogil:
    cdef void* memory = calloc(max(count, <size_t>1), size)
    if memory == NULL:
        with gil:
            raise MemoryError
    return memory


# `memory` with room for `count` bytes, perhaps in another place; NULL: new memory.
cdef inline void* resized(void* memory, size_t count) except NULL nogil:
    cdef void* grown = realloc(memory, max(count, <size_t>1))
    if grown == NULL:
        with gil:
            raise MemoryError
    return grown


# `items`, of which there are `before`, with zeroed ones after them up to `count`.
cdef inline void* lengthened(void* items, size_t before, size_t count, size_t size) except NULL nogil:
    cdef char* grown = <char*>resized(items, count * size)
    memset(grown + before * size, 0, (count - before) * size)
    return grown


# `items` with room for one more after `count`, perhaps in another place. `room` is how many there is room for.
cdef inline void* with_room(void* items, size_t* room, size_t count, size_t size) except NULL nogil:
    cdef size_t larger = 2 * room[0] + 16
    if count >= room[0]:
        items = resized(items, larger * size)
        room[0] = larger
    return items
